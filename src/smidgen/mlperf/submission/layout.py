# SPDX-License-Identifier: Apache-2.0
"""Finds submissions and their results in a tree, and says what lies where it should not."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.mlperf.submission.findings import Findings
from smidgen.mlperf.submission.rounds import DIVISIONS, LONG_NAMES, Round
from smidgen.mlperf.submission.tree import Entry
from smidgen.mlperf.tasks import TASKS, Task

MODES = ("performance", "accuracy", "energy")

_BESIDE_DIVISIONS = (".git", ".github", "assets", ".vscode")
"""Folders that the official checker passes over at the top."""

_LARGEST_BYTES = 500 * 1024 * 1024
_BENCHMARK_NAMES = frozenset((*TASKS, *LONG_NAMES))


@dataclass(frozen=True, slots=True)
class Context:
    """What every check needs: the tree's root, the round, and where findings go."""

    root: Path
    round: Round
    findings: Findings


@dataclass(frozen=True, slots=True)
class Submission:
    """A submitter's folder in a division. ``mapping``: the open division's own names of benchmarks."""

    division: str
    submitter: str
    entry: Entry

    @property
    def closed(self) -> bool:
        return self.division == "closed"


@dataclass(frozen=True, slots=True)
class Place:
    """A benchmark's folder: results/<system>/<benchmark>. ``task`` is None where its name says none."""

    submission: Submission
    system: str
    benchmark: str
    task: Task | None
    entry: Entry


def submissions(c: Context, tree: Entry, division: str | None, submitter: str | None) -> tuple[Submission, ...]:
    """Every submitter's folder with results, of the division and submitter asked for."""
    if tree.folder("results") or tree.folder("systems"):
        c.findings.add("nothing-here", "", "this is a submitter's folder; the tree begins two folders above it")
        return ()
    found = []
    for entry in tree.children.values():
        if entry.name not in DIVISIONS:
            if entry.kind == "folder" and entry.name not in _BESIDE_DIVISIONS:
                c.findings.add("division-folder", entry.path, f"{entry.name} is no division")
            continue
        if entry.kind != "folder":
            c.findings.add("not-a-folder", entry.path, f"{entry.name} is a {entry.kind}")
        elif division in (None, entry.name):
            found += [
                Submission(entry.name, s.name, s) for s in entry.folders if submitter in (None, s.name) and s.name
            ]
    return tuple(s for s in found if _has_results(c, s))


def _has_results(c: Context, s: Submission) -> bool:
    results = s.entry.children.get("results")
    if results is None:
        c.findings.add("no-results", s.entry.path, "no folder results")
    elif results.kind != "folder":
        c.findings.add("not-a-folder", results.path, f"results is a {results.kind}")
    return results is not None and results.kind == "folder"


def check_names(c: Context, s: Submission) -> None:
    """Names, sizes and kinds of everything that a submitter hands in."""
    for entry in s.entry.walk():
        _check_kind(c, entry)
        name = entry.name
        if name.startswith("."):
            c.findings.add("hidden-file", entry.path, _hidden(name))
        if " " in name:
            c.findings.add("space-in-name", entry.path, "a space in its name")
        if not name.isprintable():
            c.findings.add("odd-name", entry.path, "characters in its name that do not print")
        if name.endswith("__pycache__") and entry.kind == "folder":
            c.findings.add("pycache", entry.path, "compiled Python")


def _hidden(name: str) -> str:
    if name.startswith("._") or name == ".DS_Store":
        return "left by macOS (AppleDouble or Finder); the official checker counts it among the files"
    return "a hidden name"


def _check_kind(c: Context, entry: Entry) -> None:
    if entry.kind == "unreadable":
        c.findings.add("unreadable", entry.path, entry.problem)
    elif entry.kind == "link":
        c.findings.add("symlink", entry.path, "a symbolic link")
    elif entry.kind == "special":
        c.findings.add("special-file", entry.path, "a pipe, socket or device")
    elif entry.kind == "folder" and not entry.children:
        c.findings.add("empty-folder", entry.path, "nothing in it")
    elif entry.nbytes > _LARGEST_BYTES:
        c.findings.add("file-too-large", entry.path, f"{entry.nbytes / 1024**2:,.0f} MB")


def places(c: Context, s: Submission, mapping: Mapping[str, str]) -> Iterator[Place]:
    """The benchmarks of every system, also those nested too deep; names that are none are found wanting."""
    results = s.entry.folder("results")
    assert results is not None  # _has_results
    for entry in results.children.values():
        if entry.kind == "folder":
            yield from _system(c, s, entry, entry.name, mapping)
        elif not entry.name.startswith("."):
            c.findings.add("stray-file", entry.path, "not a system's folder")


def _system(c: Context, s: Submission, entry: Entry, name: str, mapping: Mapping[str, str]) -> Iterator[Place]:
    nested = [
        f for f in entry.folders if not _is_benchmark(f, mapping) and any(_is_benchmark(g, mapping) for g in f.folders)
    ]
    for folder in nested:
        c.findings.add("layout-nested", folder.path, f"benchmarks lie below {name}/{folder.name}")
        yield from _system(c, s, folder, f"{name}/{folder.name}", mapping)
    for child in entry.children.values():
        if child in nested or child.name.startswith("."):
            continue
        if child.kind == "folder":
            yield from _benchmark(c, s, child, name, mapping)
        elif _is_name(child.name, mapping):
            c.findings.add("not-a-folder", child.path, f"{child.name} is a {child.kind}")
        else:
            c.findings.add("stray-file", child.path, "not a benchmark's folder")


def _is_name(name: str, mapping: Mapping[str, str]) -> bool:
    return name in _BENCHMARK_NAMES or name in mapping


def _is_benchmark(entry: Entry, mapping: Mapping[str, str]) -> bool:
    return _is_name(entry.name, mapping) or _has_modes(entry)


def _has_modes(entry: Entry) -> bool:
    return any(f.name in MODES for f in entry.folders)


def _benchmark(c: Context, s: Submission, entry: Entry, system: str, mapping: Mapping[str, str]) -> Iterator[Place]:
    task = c.round.task(mapping.get(entry.name, entry.name))
    if task is None:
        names = ", ".join(c.round.benchmarks)
        c.findings.add(
            "benchmark-name", entry.path, f"{entry.name} is no benchmark of {c.round.name} ({names})",
            severity="error" if s.closed else "warning",
        )  # fmt: skip
    variants = [] if _has_modes(entry) else [f for f in entry.folders if _has_modes(f)]
    for variant in variants:
        c.findings.add("layout-nested", variant.path, f"a variant of {entry.name} is a system of its own")
        yield Place(s, system, f"{entry.name}/{variant.name}", task, variant)
    if not variants:
        yield Place(s, system, entry.name, task, entry)
