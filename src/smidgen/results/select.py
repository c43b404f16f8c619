# SPDX-License-Identifier: Apache-2.0
"""Which published results a question is about, and in which order they stand."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from smidgen.errors import UsageError
from smidgen.results.boards import family, find_board
from smidgen.results.published import BENCHMARKS, Published, published


@dataclass(frozen=True, slots=True)
class Question:
    """What results have to be of; None: any. ``board`` also means its variants."""

    benchmark: str | None = None
    board: str | None = None
    round: str | None = None
    submitter: str | None = None
    core: str | None = None
    division: str | None = None
    engine: str | None = None


SORTED_BY: Mapping[str, str] = MappingProxyType(
    {
        "latency": "ms",
        "energy": "uJ",
        "cycles-per-mac": "cycles per MAC",
        "round": "",
    }
)
"""What results can be sorted by, and its unit."""


def select(question: Question, rows: Sequence[Published] | None = None) -> tuple[Published, ...]:
    """The results that the question is about, in the table's order.

    UsageError for a word that no result has, with the words that some have.
    """
    found = published() if rows is None else tuple(rows)
    if question.board is not None:
        names = family(find_board(question.board))
        found = tuple(r for r in found if r.board_name in names)
    words: tuple[tuple[str, str | None, Callable[[Published], str]], ...] = (
        ("benchmark", question.benchmark, lambda r: r.benchmark),
        ("round", question.round, lambda r: r.round),
        ("submitter", question.submitter, lambda r: r.submitter),
        ("core", question.core, lambda r: r.core),
        ("division", question.division, lambda r: r.division),
        ("engine", question.engine, lambda r: r.engine),
    )
    for what, wanted, of in words:
        if wanted is not None:
            known = _known(what, wanted, {of(r) for r in published()})
            found = tuple(r for r in found if of(r) in known)
    return found


def _known(what: str, wanted: str, known: Iterable[str]) -> frozenset[str]:
    """Those of ``known`` that are ``wanted``, whatever the case and signs; else those that begin with or contain it."""
    by_fold: dict[str, set[str]] = {}
    for k in known:
        by_fold.setdefault(_folded(k), set()).add(k)
    fold = _folded(wanted)
    if what == "round" and fold and fold[0] != "v":
        fold = f"v{fold}"
    if fold in by_fold:
        return frozenset(by_fold[fold])
    begins = {k for f, ks in by_fold.items() if len(fold) >= 2 and f.startswith(fold) for k in ks}
    inside = {k for f, ks in by_fold.items() if len(fold) >= 2 and fold in f for k in ks}
    if inside and what in ("submitter", "core", "engine"):
        return frozenset(begins or inside)
    near = difflib.get_close_matches(fold, by_fold, n=2, cutoff=0.5)
    hint = f"did you mean {' or '.join(min(by_fold[n]) for n in near)}? " if near else ""
    every = sorted({min(ks) for ks in by_fold.values()}, key=str.lower)
    raise UsageError(f"no published result has the {what} {wanted!r}: {hint}there are {', '.join(every)}")


def ordered(rows: Iterable[Published], by: str) -> tuple[Published, ...]:
    """By benchmark, and in each by ``by`` of SORTED_BY; those without that figure last, ties by round and source."""
    keys: dict[str, Callable[[Published], float]] = {
        "latency": lambda r: r.latency_ms,
        "energy": lambda r: math.inf if r.energy_uj is None else r.energy_uj,
        "cycles-per-mac": lambda r: math.inf if r.cycles_per_mac is None else r.cycles_per_mac,
        "round": lambda r: float(r.round[1:]),
    }
    if by not in keys:
        raise UsageError(f"results are not sorted by {by!r}; there are {', '.join(keys)}")
    return tuple(sorted(rows, key=lambda r: (BENCHMARKS.index(r.benchmark), keys[by](r), float(r.round[1:]), r.source)))


def _folded(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
