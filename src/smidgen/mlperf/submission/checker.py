# SPDX-License-Identifier: Apache-2.0
"""Checks a whole submission tree: every rule the official checker has, and those that it lacks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.errors import UsageError
from smidgen.mlperf.submission.answers import Quality, check_accuracy, check_builds, check_data_set, check_device
from smidgen.mlperf.submission.answers import answers as answers_of
from smidgen.mlperf.submission.documents import check_documents
from smidgen.mlperf.submission.findings import Finding, Findings, printable
from smidgen.mlperf.submission.layout import (
    MODES,
    Context,
    Place,
    Submission,
    check_names,
    places,
    submissions,
)
from smidgen.mlperf.submission.measured import Energy, Measured, check_energy, check_performance
from smidgen.mlperf.submission.rounds import DIVISIONS, LATEST, ROUNDS
from smidgen.mlperf.submission.rules import RULES
from smidgen.mlperf.submission.runs import RUNNERS, ModeRun, check_runner, read_run
from smidgen.mlperf.submission.streaming import Streaming, check_streaming
from smidgen.mlperf.submission.system import System, check_system
from smidgen.mlperf.submission.tree import Unreadable, read_json, scan


@dataclass(frozen=True, slots=True)
class Result:
    """One benchmark of one system, with the values found. ``counts`` is False where the official checker would drop
    it; ``errors`` is the number of errors in its folders. Energy in microjoules an inference, sww in milliwatts.
    """

    division: str
    submitter: str
    system: str
    benchmark: str
    task: str | None
    status: str
    runner: str
    throughput: float | None
    throughput_recomputed: float | None
    windows: int | None
    shortest_window_s: float | None
    fewest_inferences: int | None
    metric: str
    accuracy: float | None
    accuracy_recomputed: float | None
    data_set: str | None
    energy: float | None
    energy_recomputed: float | None
    shortest_energy_window_s: float | None
    supply_v: float | None
    false_positives: int | None
    false_negatives: int | None
    duty_cycle: float | None
    counts: bool
    errors: int
    description: Mapping[str, str]

    @property
    def latency_ms(self) -> float | None:
        """What is published: 1000 over the median throughput."""
        return 1e3 / self.throughput if self.throughput else None


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found: every result, and every finding, errors first."""

    round: str
    results: tuple[Result, ...]
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> int:
        return sum(f.severity == "error" for f in self.findings)

    @property
    def warnings(self) -> int:
        return sum(f.severity == "warning" for f in self.findings)


def check(
    root: Path,
    round_name: str = LATEST,
    *,
    division: str | None = None,
    submitter: str | None = None,
    progress: Callable[[int, int, str], None] = lambda done, total, what: None,
) -> Report:
    """Check the tree under ``root`` (the folder with closed/ and open/). Nothing in it can make this raise.

    UsageError for a round or division that is none, and where ``root`` is no folder.
    """
    if round_name not in ROUNDS:
        raise UsageError(f"unknown round {round_name!r}. Choose one of {', '.join(ROUNDS)}")
    if division not in (None, *DIVISIONS):
        raise UsageError(f"unknown division {division!r}. Choose one of {', '.join(DIVISIONS)}")
    c = Context(root, ROUNDS[round_name], Findings(RULES))
    tree = scan(root)
    if tree.kind == "unreadable":
        c.findings.add("unreadable", "", tree.problem)
    found = submissions(c, tree, division, submitter)
    work = [(s, list(places(c, s, _mapping(c, s)))) for s in found]
    total = sum(len(p) for _, p in work)
    checks: list[tuple[Place, _Found]] = []
    for s, benchmarks in work:
        check_names(c, s)
        systems = {name: check_system(c, s, name) for name in dict.fromkeys(p.system for p in benchmarks)}
        _check_systems_folders(c, s, systems)
        for place in benchmarks:
            progress(len(checks), total, f"{place.submission.submitter} {place.system} {place.benchmark}")
            checks.append((place, _check_place(c, place, systems[place.system])))
        check_documents(c, s, systems, any(r.energy is not None for p, r in checks if p.submission is s))
    if not checks and not c.findings.sorted():
        whose = f" of {submitter}" if submitter else ""
        c.findings.add("nothing-here", "", f"no results{whose} in {f'{division}/' if division else 'closed/ or open/'}")
    findings = c.findings.sorted()
    return Report(round_name, tuple(_judged(p, r, findings) for p, r in checks), findings)


def _mapping(c: Context, s: Submission) -> Mapping[str, str]:
    """The open division's own names of benchmarks, from model_mapping.json."""
    entry = s.entry.file("model_mapping.json")
    if entry is None or s.closed:
        return {}
    try:
        value = read_json(c.root, entry)
    except Unreadable as e:
        c.findings.add("file-broken", entry.path, str(e))
        return {}
    if not isinstance(value, dict) or not all(isinstance(v, str) for v in value.values()):
        c.findings.add("file-broken", entry.path, "an object with names of benchmarks is expected")
        return {}
    return {str(k): str(v) for k, v in value.items()}


def _check_systems_folders(c: Context, s: Submission, systems: Mapping[str, System | None]) -> None:
    """Systems without any benchmark's folder: results/<system>/ that is empty of results."""
    results = s.entry.folder("results")
    for folder in results.folders if results else ():
        if not any(name.split("/")[0] == folder.name for name in systems) and not folder.name.startswith("."):
            c.findings.add("no-results", folder.path, "no benchmark in it")


@dataclass(frozen=True, slots=True)
class _Found:
    """What the checks of one benchmark found."""

    system: System | None
    runner: str
    measured: Measured | None
    quality: Quality | None
    energy: Energy | None
    streaming: Streaming | None


def _check_place(c: Context, place: Place, system: System | None) -> _Found:
    runs = {m: r for m in MODES if (r := read_run(c, place, m)) is not None}
    _check_modes(c, place, runs)
    check_runner(c, place, runs)
    for run in runs.values():
        if place.task is not None:
            check_device(c, place.task, run, place.submission.closed)
    check_builds(c, place, runs)
    runner = " and ".join(sorted({RUNNERS[r.layout] for r in runs.values()}))
    if place.task is not None and place.task.name == "sww":
        run_ = runs.get("energy") or runs.get("performance")
        streaming = check_streaming(c, place, place.task, run_) if run_ else None
        if "energy" in runs and "performance" in runs:
            check_streaming(c, place, place.task, runs["performance"])
        energy = Energy(streaming.milliwatts, streaming.milliwatts_recomputed, None, None) if streaming else None
        return _Found(system, runner, None, None, energy if "energy" in runs else None, streaming)
    measured = check_performance(c, runs["performance"]) if "performance" in runs else None
    quality = _check_quality(c, place, runs)
    energy = check_energy(c, runs["energy"], measured.throughput if measured else None) if "energy" in runs else None
    return _Found(system, runner, measured, quality, energy, None)


def _check_quality(c: Context, place: Place, runs: Mapping[str, ModeRun]) -> Quality | None:
    if place.task is None:
        return None
    if "accuracy" in runs:
        return check_accuracy(c, place, place.task, runs["accuracy"])
    for run in runs.values():
        if given := answers_of(run):
            check_data_set(c, place.task, run, given)
    return None


def _check_modes(c: Context, place: Place, runs: Mapping[str, ModeRun]) -> None:
    entry = place.entry
    streaming = place.task is not None and place.task.name == "sww"
    needed = () if streaming else ("performance", "accuracy")
    for mode in needed:
        if mode not in entry.children:
            c.findings.add("mode-missing", f"{entry.path}/{mode}", f"no {mode} run")
    if streaming and not runs:
        c.findings.add("mode-missing", f"{entry.path}/performance", "neither a performance nor an energy run")
    for folder in entry.folders:
        if folder.name not in MODES and not folder.name.startswith("."):
            c.findings.add("mode-folder", folder.path, f"{folder.name} is none of {', '.join(MODES)}")
    if place.task is not None and place.task.name == "ic2":
        results = place.submission.entry.folder("results")
        system = results.folder(place.system) if results else None
        if system is None or system.folder("ic") is None:
            c.findings.add("ic2-without-ic", entry.path, f"no results of ic for {place.system}")


_DROPS_SUBMITTER = frozenset(("symlink", "file-too-large", "pycache", "empty-folder"))
_DROPS_SYSTEM = frozenset(("system-missing", "system-broken", "system-status", "system-type"))
_DROPS_RESULT = frozenset(
    (
        "benchmark-name", "layout-nested", "ic2-without-ic", "mode-missing", "no-median", "no-accuracy",
        "target-missed", "no-energy", "file-name", "sww-lines", "sww-words",
    )
)  # fmt: skip
"""Rules for which the official checker gives no result; others it only mentions."""


def _judged(place: Place, found: _Found, findings: tuple[Finding, ...]) -> Result:
    m, q, e, w = found.measured, found.quality, found.energy, found.streaming
    streaming = place.task is not None and place.task.name == "sww"
    inside = [f for f in findings if f.severity == "error" and _within(f.path, place.entry.path)]
    metric = "F1" if streaming else {"top1": "top-1", "auc": "AUC"}.get(q.metric, q.metric) if q else ""
    return Result(
        division=place.submission.division,
        submitter=printable(place.submission.submitter),
        system=printable(place.system),
        benchmark=printable(place.benchmark),
        task=place.task.name if place.task else None,
        status=printable(found.system.status) if found.system else "",
        runner=found.runner,
        throughput=w.throughput if w else m.throughput if m else None,
        throughput_recomputed=m.recomputed if m else None,
        windows=len(m.windows) if m else None,
        shortest_window_s=m.shortest_s if m else None,
        fewest_inferences=m.fewest if m else None,
        metric=metric,
        accuracy=w.f1 if w else q.printed if q else None,
        accuracy_recomputed=q.recomputed if q else None,
        data_set=q.data_set if q else None,
        energy=e.printed if e else None,
        energy_recomputed=e.recomputed if e else None,
        shortest_energy_window_s=e.shortest_s if e else None,
        supply_v=e.supply_v if e else None,
        false_positives=w.false_positives if w else None,
        false_negatives=w.false_negatives if w else None,
        duty_cycle=w.duty_cycle if w else None,
        counts=_counts(place, found, findings),
        errors=len(inside),
        description={k: printable(v) for k, v in found.system.values.items()} if found.system else {},
    )


def _within(path: str, folder: str) -> bool:
    shown = printable(folder)
    return path == shown or path.startswith(f"{shown}/")


def _counts(place: Place, found: _Found, findings: tuple[Finding, ...]) -> bool:
    """Whether the official checker would give a result."""
    if found.system is None:
        return False
    for f in findings:
        if f.severity != "error":
            continue
        dropped = (
            (f.rule in _DROPS_SUBMITTER and _within(f.path, place.submission.entry.path))
            or (f.rule in _DROPS_SYSTEM and f.path == printable(found.system.path))
            or (f.rule in _DROPS_RESULT and (_within(f.path, place.entry.path)))
        )
        if dropped:
            return False
    return True
