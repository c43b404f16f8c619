# SPDX-License-Identifier: Apache-2.0
"""A benchmark in one mode from beginning to end: inputs in, the three official files and an outcome out."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from smidgen.energy.windows import LEAST_INFERENCES, LEAST_SECONDS, WINDOWS
from smidgen.errors import InvalidInput, UsageError
from smidgen.mlperf.accuracy import Scored, accuracy
from smidgen.mlperf.formats.results_types import EnergyWindow, Entry, Layout
from smidgen.mlperf.formats.results_write import (
    MODELLED_LINE,
    accuracy_results,
    energy_results,
    energy_window,
    performance_results,
)
from smidgen.mlperf.runner.datasets import DataSet
from smidgen.mlperf.runner.journal import Done, Journal, OrderedLog, Subject, disk, when_of, write_whole
from smidgen.mlperf.runner.measure import WINDOW_US, Bench, Job, Order
from smidgen.mlperf.runner.protocol import Identity
from smidgen.mlperf.runner.run_files import RUN_FILES, THIRD_FILES, Session
from smidgen.mlperf.runner.workers import Note, Opener, bench, run_apart, run_here

Provenance = Literal["modelled", "measured"]
"""Of latencies and energies: on a virtual board they are modelled, on a real one measured. Accuracy is neither: the
network is executed in both cases."""

OnProgress = Callable[[int, int], None]
"""Told how many inputs are done, of how many."""

_BATCH = 8

_SHORT = "a window is shorter than 10 s or 10 inferences: not valid for a submission"


@dataclass(frozen=True, slots=True)
class Run:
    """What to run, and where its files go. ``firmware``: a digest of what the device runs, where known."""

    order: Order
    data: DataSet
    opener: Opener
    folder: Path
    provenance: Provenance
    baud: int
    firmware: str = ""
    processes: int = 1
    resume: bool = False
    layout: Layout = "mlc"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a run found. Figures that its mode does not give are None. ``valid``: all rules of the benchmark are met.

    ``met`` compares the printed figure with the quality target, as the official checker does.
    """

    task: str
    mode: str
    provenance: Provenance
    device: str
    folder: Path
    inputs: int
    iterations: int | None = None
    window_s: tuple[float, ...] = ()
    median_throughput: float | None = None
    latency_ms: float | None = None
    energy_uj: float | None = None
    power_mw: float | None = None
    top1: str | None = None
    auc: str | None = None
    target: float | None = None
    met: bool | None = None
    valid: bool = True
    notes: tuple[str, ...] = ()


def run(what: Run, on_progress: OnProgress, note: Note) -> Outcome:
    """Run what is not done yet, and write log.txt, results.txt and results.json into ``what.folder``.

    An interruption leaves the journal, from which the next call goes on. DeviceError, InvalidInput, OutputError.
    """
    if what.layout == "eembc" and what.order.mode == "energy":
        raise UsageError("energy has no EnergyRunner layout here: its trace is one recording. Leave --layout away")
    count = _inputs(what)
    with bench(what.opener, what.order, note) as made:
        assert made.identity is not None
        subject = _subject(what, made.identity, count)
        path = what.folder.parent / f"{what.folder.name}.journal"
        with Journal(path, subject, resume=what.resume) as journal:
            keeper = _Keeper(what, made, journal, on_progress, count)
            try:
                rest = [] if keeper.complete else _rest(what, count, keeper.done)
                if keeper.complete:
                    pass
                elif what.processes > 1:
                    made.device.link.close()
                    run_apart(
                        what.opener,
                        what.order,
                        made.identity,
                        _first(what),
                        rest,
                        keeper.add,
                        processes=what.processes,
                        note=note,
                    )
                else:
                    run_here(made, _first(what), rest, keeper.add)
                return keeper.finish()
            finally:
                keeper.close()


def _inputs(what: Run) -> int:
    """How many files are run: five, or (accuracy) all."""
    count = len(what.data.samples)
    if what.order.mode == "accuracy":
        if what.data.synthetic:
            raise InvalidInput(
                f"accuracy of {what.order.task.name} needs its data set: --data DIR (random inputs have no labels)"
            )
        _every_class(what.data)
        return count
    if count < WINDOWS:
        raise InvalidInput(f"{what.data.source}: {count} files; {what.order.mode} needs the first {WINDOWS}")
    return WINDOWS


def _every_class(data: DataSet) -> None:
    """InvalidInput, before hours of inference, for labels that no AUC can be computed from."""
    named, classes = len({s.label for s in data.samples}), data.samples[0].classes
    if named < classes:
        raise InvalidInput(
            f"{data.source}: its labels name {named} of {classes} classes: AUC is not defined without files of each. "
            "Run the whole data set, or choose files of every class"
        )


def _subject(what: Run, identity: Identity, count: int) -> Subject:
    return Subject(
        what.order.task.name,
        what.order.mode,
        what.provenance,
        identity.name,
        identity.profile,
        identity.model_id,
        what.firmware,
        what.data.digest(count),
        what.baud,
    )


def _pieces(what: Run) -> int:
    """Inputs run of each file: the first window of it, or (accuracy) all."""
    return what.order.task.inputs_per_file if what.order.mode == "accuracy" else 1


def _jobs(what: Run, index: int) -> list[Job]:
    sample, pieces = what.data.samples[index], _pieces(what)
    data = what.data.pieces(index)[:pieces]
    return [
        Job(index * pieces + p, sample.file, sample.classes, sample.label, p, pieces, d) for p, d in enumerate(data)
    ]


def _first(what: Run) -> Job:
    return _jobs(what, 0)[0]


def _rest(what: Run, count: int, done: set[int]) -> Iterator[Sequence[Job]]:
    """What is still to run, in batches that are read from disk when they are due."""
    files = _BATCH if what.order.mode == "accuracy" and _pieces(what) == 1 else 1
    for start in range(0, count, files):
        batch = [j for i in range(start, min(start + files, count)) for j in _jobs(what, i) if j.index not in done]
        if batch:
            yield batch


class _Keeper:
    """Takes entries as they come: journal at once, log in order, and all files at the end."""

    def __init__(self, what: Run, made: Bench, journal: Journal, on_progress: OnProgress, count: int) -> None:
        assert made.identity is not None
        self._what = what
        self._identity = made.identity
        self._journal = journal
        self._on_progress = on_progress
        self._all: dict[int, Done] = {d.index: d for d in journal.done}
        self._total = count * _pieces(what)
        line = MODELLED_LINE if what.provenance == "modelled" else "serial"
        session = Session(what.order.task, what.order.mode, line, what.baud, made.identity, made.device.stamp_us)
        self._files = RUN_FILES[what.layout](session)
        self._log = OrderedLog(what.folder / "log.txt", self._files.head(), self._files.entry)
        self._log.add(journal.done)
        on_progress(len(self._all), self._total)

    @property
    def done(self) -> set[int]:
        return set(self._all)

    @property
    def complete(self) -> bool:
        return len(self._all) >= self._total

    def add(self, job: Job, entry: Entry) -> None:
        done = self._journal.add(job.index, job.piece, entry)
        self._all[job.index] = done
        self._log.add([done])
        self._on_progress(len(self._all), self._total)

    def finish(self) -> Outcome:
        done = [self._all[i] for i in sorted(self._all)]
        text, outcome = summary(self._what, self._identity, [d.entry for d in done], when_of(done[-1]))
        text = self._files.results(done, outcome.top1, outcome.auc, text)
        name, contents = self._files.third(done)
        write_whole(self._what.folder / name, contents)
        for other in THIRD_FILES - {name}:  # of a run that is resumed in another layout
            with disk(self._what.folder / other):
                (self._what.folder / other).unlink(missing_ok=True)
        self._log.end(self._files.tail(text))
        write_whole(self._what.folder / "results.txt", text)
        return outcome

    def close(self) -> None:
        self._log.close()


def summary(what: Run, identity: Identity, entries: Sequence[Entry], when: datetime) -> tuple[str, Outcome]:
    """results.txt, and the outcome."""
    maker = {"performance": _performance, "accuracy": _accuracy, "energy": _energy}[what.order.mode]
    return maker(what, identity, entries, when)


def _performance(what: Run, identity: Identity, entries: Sequence[Entry], when: datetime) -> tuple[str, Outcome]:
    median = statistics.median([e.throughput or 0.0 for e in entries])
    seconds = tuple((e.elapsed_us or 0) / 1e6 for e in entries)
    long = all((e.elapsed_us or 0) >= WINDOW_US and (e.iterations or 0) >= LEAST_INFERENCES for e in entries)
    notes = () if long else (_SHORT,)
    return performance_results(entries, when), Outcome(
        what.order.task.name,
        what.order.mode,
        what.provenance,
        identity.name,
        what.folder,
        len(entries),
        entries[0].iterations,
        seconds,
        median,
        1e3 / median if median else None,
        valid=long and not what.data.synthetic,
        notes=(*what.data.notes[: what.data.synthetic], *notes),
    )


def scored_files(entries: Sequence[Entry]) -> tuple[Scored, ...]:
    """Results by file, in the order in which files first occur; entries without results are passed over."""
    files: dict[str, tuple[int, list[tuple[float, ...]]]] = {}
    for e in entries:
        if e.file is not None and e.label is not None and e.results:
            files.setdefault(e.file, (e.label, []))[1].append(e.results)
    return tuple(Scored(name, label, tuple(results)) for name, (label, results) in files.items())


def _accuracy(what: Run, identity: Identity, entries: Sequence[Entry], when: datetime) -> tuple[str, Outcome]:
    found = accuracy(scored_files(entries), what.layout)
    task = what.order.task
    printed = found.auc_text if task.metric == "auc" else found.top1_text
    whole = len(what.data.samples) == task.files
    return accuracy_results(found.top1_percent, found.auc, when), Outcome(
        task.name,
        what.order.mode,
        what.provenance,
        identity.name,
        what.folder,
        len(entries),
        1,
        top1=found.top1_text,
        auc=found.auc_text,
        target=task.target,
        met=None if task.target is None else float(printed) >= task.target,
        valid=whole,
        notes=what.data.notes,
    )


def _energy(what: Run, identity: Identity, entries: Sequence[Entry], when: datetime) -> tuple[str, Outcome]:
    windows = [_window(e, i) for i, e in enumerate(entries)]
    median = statistics.median([w.energy_per_inference_uj or 0.0 for w in windows])
    seconds = tuple(w.runtime_s or 0.0 for w in windows)
    rates = [(w.inferences or 0) / s for w, s in zip(windows, seconds, strict=True) if s]
    powers = [(w.power_uw or 0.0) / 1e3 for w in windows]
    throughput = statistics.median(rates) if rates else None
    long = all(
        s >= LEAST_SECONDS and (w.inferences or 0) >= LEAST_INFERENCES for w, s in zip(windows, seconds, strict=True)
    )
    notes = () if long else (_SHORT,)
    return energy_results(windows), Outcome(
        what.order.task.name,
        what.order.mode,
        what.provenance,
        identity.name,
        what.folder,
        len(entries),
        entries[0].iterations,
        seconds,
        throughput,
        1e3 / throughput if throughput else None,
        median,
        statistics.median(powers),
        valid=long and not what.data.synthetic,
        notes=(*what.data.notes[: what.data.synthetic], *notes),
    )


def _window(entry: Entry, number: int) -> EnergyWindow:
    if entry.power is None or entry.iterations is None:
        raise InvalidInput(f"window {number}: no energy samples")
    try:
        return energy_window(entry.power, entry.iterations, number)
    except ValueError as e:
        raise InvalidInput(f"window {number}: {e}") from e
