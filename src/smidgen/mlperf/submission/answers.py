# SPDX-License-Identifier: Apache-2.0
"""Checks of what devices answered: accuracy computed again, the data set used, one build in all modes."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from smidgen.errors import InvalidInput
from smidgen.mlperf.accuracy import Scored, accuracy
from smidgen.mlperf.formats.results_types import Figure
from smidgen.mlperf.submission.findings import Severity
from smidgen.mlperf.submission.labels import DataSet, expected_inferences, label_files
from smidgen.mlperf.submission.layout import Context, Place
from smidgen.mlperf.submission.runs import ModeRun
from smidgen.mlperf.tasks import Task

_OFFICIAL: Mapping[str, re.Pattern[str]] = {
    "top1": re.compile(r".* Top[- ]1%?\s?[:=] ([\d\.]+)"),
    "auc": re.compile(r".* AUC\s?[:=] ([\d\.]+)"),
}
_NAMES = {"top1": "top-1", "auc": "AUC"}


@dataclass(frozen=True, slots=True)
class Answer:
    """One inference: the file's name, which of its inferences, and what the device answered."""

    file: str
    index: int
    iterations: int | None
    warmups: int | None
    label: int | None
    results: tuple[float, ...]
    line: int | None


@dataclass(frozen=True, slots=True)
class Quality:
    """The accuracy of a run, as printed and computed again."""

    metric: str
    printed: float | None
    recomputed: float | None
    data_set: DataSet | None
    met: bool


def answers(run: ModeRun) -> tuple[Answer, ...]:
    """All that was inferred, from results.json if there is one, else from the log."""
    found = tuple(_entries(run)) or tuple(_runs(run))
    seen: dict[str, int] = {}
    numbered = []
    for a in found:
        index = seen[a.file] = seen.get(a.file, -1) + 1
        numbered.append(Answer(a.file, index, a.iterations, a.warmups, a.label, a.results, a.line))
    return tuple(numbered)


def _entries(run: ModeRun) -> Iterator[Answer]:
    for e in run.json.entries if run.json else ():
        if e.file and e.results:
            yield Answer(e.file, 0, e.iterations, e.warmups, e.label, e.results, None)


def _runs(run: ModeRun) -> Iterator[Answer]:
    for r in run.log.runs if run.log else ():
        if r.file and r.results:
            yield Answer(r.file, 0, r.iterations, r.warmups, None, r.results, r.line)


def check_accuracy(c: Context, place: Place, task: Task, run: ModeRun) -> Quality:
    """An accuracy run: its figure, the target, and the same computed from what was logged."""
    figure = _figure(c, task, run)
    met = figure is not None and task.target is not None and figure.value >= task.target
    if figure is not None and not met:
        what = f"{_NAMES[task.metric]} {figure.text} is under the target of {task.target:g}"
        severity: Severity | None = None if place.submission.closed else "note"
        c.findings.add("target-missed", run.path("results.txt"), what, figure.line, severity)
    given = answers(run)
    if not given:
        if run.log is not None or run.json is not None:  # else said where they were read
            c.findings.add("accuracy-unchecked", run.entry.path, "neither log.txt nor results.json holds answers")
        return Quality(task.metric, figure.value if figure else None, None, None, met)
    data_set = check_data_set(c, task, run, given)
    _check_count(c, task, run, given, data_set)
    again = _recompute(c, task, run, given, figure)
    return Quality(task.metric, figure.value if figure else None, again, data_set, met)


def _figure(c: Context, task: Task, run: ModeRun) -> Figure | None:
    path = run.path("results.txt")
    figures = {"top1": run.printed.top1, "auc": run.printed.auc} if run.printed else {}
    figure = figures.get(task.metric)
    if figure is None:
        c.findings.add("no-accuracy", path, f"no line with {_NAMES[task.metric]}")
        return None
    line = run.text[figure.line - 1] if 0 < figure.line <= len(run.text) else ""
    if not _OFFICIAL[task.metric].match(line):
        c.findings.add("no-accuracy", path, "the checker does not recognise the line: text precedes it", figure.line)
    return figure


def check_data_set(c: Context, task: Task, run: ModeRun, given: Sequence[Answer]) -> DataSet:
    """Which data set the files are of, and whether the round takes it."""
    data_set = label_files(task, {a.file for a in given}).data_set
    path = run.path("log.txt")
    if data_set == "old images" and not c.round.old_images:
        c.findings.add("dataset-old", path, "the 200 images of v0.5", given[0].line)
    elif data_set == "alternative list":
        severity: Severity | None = None if c.round.fewer_recordings else "warning"
        c.findings.add("dataset-alternative", path, "the list of 72 recordings", given[0].line, severity)
    elif data_set == "unknown":
        c.findings.add("dataset-unknown", path, f"{given[0].file} and others", given[0].line)
    return data_set


def _check_count(c: Context, task: Task, run: ModeRun, given: Sequence[Answer], data_set: DataSet) -> None:
    path = run.path("results.json" if run.json else "log.txt")
    expected = expected_inferences(task, data_set)
    if len(given) != expected:
        c.findings.add("inputs-missing", path, f"{len(given):,} answers, the set has {expected:,} inputs")
    repeated = [a for a in given if a.iterations != 1]
    if repeated:
        what = f"{len(repeated)} inputs with infer {repeated[0].iterations} {repeated[0].warmups}"
        c.findings.add("accuracy-iterations", path, what, repeated[0].line)


def _recompute(c: Context, task: Task, run: ModeRun, given: Sequence[Answer], figure: Figure | None) -> float | None:
    known = label_files(task, {a.file for a in given}).labels
    groups: dict[str, list[Answer]] = {}
    for a in given:
        groups.setdefault(a.file, []).append(a)
    labels = {f: known.get(f, group[0].label) for f, group in groups.items()}
    unlabelled = [f for f, label in labels.items() if label is None]
    if unlabelled:
        c.findings.add("accuracy-unchecked", run.entry.path, f"no labels for {len(unlabelled)} files")
        return None
    _check_labels(c, run, known, given)
    scored = [Scored(f, labels[f] or 0, tuple(a.results for a in group)) for f, group in groups.items()]
    try:
        again = accuracy(scored, run.layout)
    except InvalidInput as e:
        c.findings.add("accuracy-unchecked", run.entry.path, str(e))
        return None
    text, value = (again.top1_text, again.top1_percent) if task.metric == "top1" else (again.auc_text, again.auc)
    if figure is not None and abs(float(text) - figure.value) > 1e-9:
        what = f"{_NAMES[task.metric]} {figure.text} printed, {text} from the {len(given):,} answers logged"
        c.findings.add("accuracy-log", run.path("results.txt"), what, figure.line)
    return value


def _check_labels(c: Context, run: ModeRun, known: Mapping[str, int], given: Sequence[Answer]) -> None:
    wrong = [a for a in given if a.label is not None and known.get(a.file, a.label) != a.label]
    if wrong:
        what = f"{len(wrong)} files with another label than the data set's: {wrong[0].file} is {known[wrong[0].file]}"
        c.findings.add("dataset-unknown", run.path("results.json"), f"{what}, not {wrong[0].label}")


def check_device(c: Context, task: Task, run: ModeRun, closed: bool) -> None:
    """That the device ran the right model in the right mode."""
    path = run.path("log.txt")
    if run.virtual is not None:
        c.findings.add("modelled", path, "measured on a virtual board", run.virtual)
    model = run.log.model_id if run.log else None
    expected = ("sww01", "strww01") if task.name == "sww" else (task.model_id,)
    if model is not None and model not in expected:
        severity: Severity | None = None if closed else "warning"
        c.findings.add("wrong-model", path, f"the device says {model}, not {task.model_id}", severity=severity)
    wanted = "energy" if run.mode == "energy" else "performance"
    if run.banner is not None and run.banner[0] != wanted:
        what = f"the device booted in {run.banner[0]} mode in a run of {run.mode}"
        c.findings.add("wrong-mode", path, what, run.banner[1])


def check_builds(c: Context, place: Place, runs: Mapping[str, ModeRun]) -> None:
    """That all modes ran on one device with one build, as far as names and answers show."""
    names = {r.log.name for r in runs.values() if r.log and r.log.name}
    if len(names) > 1:
        c.findings.add("wrong-vendor", place.entry.path, f"devices called {', '.join(sorted(names))}")
    first = {mode: {(a.file, a.index): a for a in answers(r) if not a.index} for mode, r in runs.items()}
    reference = first.get("accuracy", {})
    for mode in ("performance", "energy"):
        common = sorted(first.get(mode, {}).keys() & reference.keys())
        different = [k for k in common if first[mode][k].results != reference[k].results]
        if different:
            what = f"{len(different)} of {len(common)} inputs give other scores than in the accuracy run"
            line = first[mode][different[0]].line
            c.findings.add("build-mismatch", runs[mode].path("log.txt"), f"{what}: {different[0][0]}", line)
