# SPDX-License-Identifier: Apache-2.0
"""What a check of a submission finds: one rule broken, in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Severity = Literal["error", "warning", "note"]

SEVERITIES: tuple[Severity, ...] = ("error", "warning", "note")
"""Worst first. error: the official checker or the rules reject it; warning: a reviewer will ask; note: worth a look."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that is checked. ``official`` says that the official checker looks at it as well."""

    name: str
    severity: Severity
    official: bool
    why: str
    remedy: str


@dataclass(frozen=True, slots=True)
class Finding:
    """One rule broken: ``path`` is relative to the folder checked, ``line`` counts from 1."""

    severity: Severity
    rule: str
    path: str
    line: int | None
    what: str
    why: str
    remedy: str
    official: bool

    @property
    def place(self) -> str:
        """file:line, as tools print it."""
        return self.path if self.line is None else f"{self.path}:{self.line}"


class Findings:
    """Collects what the checks find, under the rules known to it."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = {r.name: r for r in rules}
        self._found: dict[tuple[str, str, int | None, str], Finding] = {}

    def add(self, rule: str, path: str, what: str, line: int | None = None, severity: Severity | None = None) -> None:
        """Note that ``rule`` is broken at ``path``; the same finding again is dropped."""
        r = self._rules[rule]
        where, text = printable(path), printable(what)
        self._found.setdefault(
            (rule, where, line, text),
            Finding(severity or r.severity, r.name, where, line, text, r.why, r.remedy, r.official),
        )

    def sorted(self) -> tuple[Finding, ...]:
        """All of them: errors first, then by place."""
        return tuple(
            sorted(
                self._found.values(),
                key=lambda f: (SEVERITIES.index(f.severity), f.path, f.line or 0, f.rule, f.what),
            )
        )


_LONGEST = 300


def printable(text: str) -> str:
    """``text`` fit for a terminal, JSON and CSV: control characters and undecodable bytes escaped, not endless."""
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape", "backslashreplace").decode() for c in text)
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}... ({len(safe)} characters)"
