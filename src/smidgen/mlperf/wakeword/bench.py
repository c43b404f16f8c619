# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword benchmark from beginning to end: a model and recordings in, the official files out."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from smidgen.compiler import TOOLCHAINS, Compiled
from smidgen.errors import InvalidInput, ProtocolError, TargetError, UsageError
from smidgen.mlperf.board.energy import IDLE_SHARE
from smidgen.mlperf.firmware import Firmware, firmware
from smidgen.mlperf.formats.picture import trace_picture
from smidgen.mlperf.formats.results_json import wakeword_object
from smidgen.mlperf.formats.results_types import MODE_LETTERS, EnergyWindow, Mode
from smidgen.mlperf.formats.results_write import MODELLED_LINE, energy_results, energy_window, log_head
from smidgen.mlperf.runner.bench import Outcome, Provenance
from smidgen.mlperf.runner.journal import write_whole
from smidgen.mlperf.runner.virtual import BoardMonitor
from smidgen.mlperf.tasks import Task
from smidgen.mlperf.wakeword.files import WakewordTest, read_tests, read_wav
from smidgen.mlperf.wakeword.run import Progress, WakewordResult, run_wakeword, wakeword_board

_TESTS = ("sww_long_test.json", "sww_med_test.json", "sww_short_test.json")
"""Of the official data folder, best first; the first whose recordings are there is run."""

_PROFILE = "ULPMark for tinyML Firmware V0.0.1"


@dataclass(frozen=True, slots=True)
class Recordings:
    """Tests, and the folder of their recordings. ``official``: those that a submission needs."""

    tests: tuple[WakewordTest, ...]
    folder: Path
    official: bool


def find_recordings(data: Path, *, held: bool = True) -> Recordings:
    """Of ``data``, a folder or the one sww01 in it, or a test file. ``held``: with the recordings themselves.
    InvalidInput if nothing there can be run."""
    if data.is_file():
        return Recordings(read_tests(data), data.parent, data.name == _TESTS[0])
    for folder in (data / "sww01", data):
        for name in _TESTS:
            if (folder / name).is_file():
                tests = read_tests(folder / name)
                if not held or all((folder / t.wav_file).is_file() for t in tests):
                    return Recordings(tests, folder, name == _TESTS[0])
    raise InvalidInput(
        f"{data}: no {_TESTS[0]} with its recording (nor a shorter one). The benchmark's data folder is "
        "benchmark/runner/sww_data_dir of github.com/mlcommons/tiny; long_wav.wav is built by its training scripts"
    )


def bench_wakeword(
    compiled: Compiled, task: Task, mode: Mode, folder: Path, data: Path, toolchain: str, progress: Progress
) -> Outcome:
    """Plays the recordings to a virtual board of the model's target; writes log.txt, results.txt and results.json."""
    if mode == "energy" and compiled.target.energy is None:
        raise TargetError(f"{compiled.target.name}: no energy per cycle is known of it, so none can be modelled")
    if toolchain not in TOOLCHAINS:
        raise UsageError(f"no toolchain {toolchain!r}; there are {', '.join(TOOLCHAINS)}")
    found = find_recordings(data)
    made = firmware(compiled, task, mode="energy" if mode == "energy" else "performance")
    results = _play_all(made, toolchain, found, progress)
    write_files(folder, task, mode, (MODELLED_LINE, made.baud, "smidgen", _PROFILE), results)
    return outcome(task, mode, folder, found, results, "smidgen", "modelled")


def write_files(
    folder: Path, task: Task, mode: Mode, line: tuple[str, int, str, str], results: Sequence[WakewordResult]
) -> None:
    """log.txt, results.txt, results.json, and pictures of an energy run's traces. ``line``: port, baud rate, the
    device's name and its profile."""
    energy = energy_results(_windows(results)).splitlines() if mode == "energy" else []
    lines = [*energy, *(line for r in results for line in r.lines)]
    log = [*log_head("log.txt", *line, task.model_id), *(text for r in results for text in r.recorded)]
    log += [text.strip() for text in energy]
    for i, r in enumerate(results):
        if mode == "energy" and r.power is not None:
            write_whole(folder / f"energy_inf_{i:03d}.png", trace_picture(r.power))
    write_whole(folder / "log.txt", "\n".join([*log, *(text for r in results for text in r.log_lines)]) + "\n")
    write_whole(folder / "results.txt", "\n".join(lines) + "\n")
    items = [wakeword_object(r.entry(MODE_LETTERS[mode]), r.activations) for r in results]
    write_whole(folder / "results.json", json.dumps(items, allow_nan=False))


def _windows(results: Sequence[WakewordResult]) -> list[EnergyWindow]:
    """The energy from ``start`` to ``stop`` of each recording, as one inference; numbered from 0, as there."""
    windows = []
    for i, r in enumerate(results):
        if r.power is None or len(r.power.events) < 2 or r.power.events[-1][1] <= r.power.events[-2][1]:
            raise ProtocolError(
                f"{r.test.wav_file}: the timestamp pin did not move at start and at stop: is it energy firmware?"
            )
        windows.append(energy_window(r.power, 1, i))
    return windows


def _play_all(made: Firmware, toolchain: str, found: Recordings, progress: Progress) -> list[WakewordResult]:
    elf = made.build(toolchain)
    total = sum(test.length_s for test in found.tests)
    results: list[WakewordResult] = []

    def played(done: float, _: float) -> None:
        progress(sum(r.test.length_s for r in results) + done, total)

    for test in found.tests:
        results.append(_play(made, elf, test, found.folder, played))
    return results


def _play(made: Firmware, elf: Path, test: WakewordTest, folder: Path, progress: Progress) -> WakewordResult:
    samples = read_wav(folder / test.wav_file)
    with wakeword_board(elf, made.target, samples, baud=made.baud) as board:
        monitor = BoardMonitor(board) if made.mode == "energy" else None
        return run_wakeword(board, test, progress=progress, monitor=monitor)


def outcome(
    task: Task,
    mode: Mode,
    folder: Path,
    found: Recordings,
    results: Sequence[WakewordResult],
    device: str,
    provenance: Provenance,
) -> Outcome:
    """What the command shows of a run; ``device`` is its name."""
    missed, wrong = sum(len(r.score.missed_s) for r in results), sum(len(r.score.false_s) for r in results)
    most_false, most_missed = task.most_errors or (0, 0)
    throughput = results[0].duty.throughput
    notes = [f"{t.test.wav_file}: {t.score.line}; duty cycle {t.duty.duty_cycle:1.5}" for t in results]
    notes += [remark for r in results for remark in r.remarks]
    windows = _windows(results) if mode == "energy" else []
    if windows:
        notes.append(f"mean power {(windows[0].power_uw or 0.0) / 1e3:.4f} mW")
        notes.append(f"assumed: between frames the core draws {IDLE_SHARE:g} of what it draws at work")
    if not found.official:
        notes.append(f"not the recording of submissions, {_TESTS[0]}: nothing is said about the quality target")
    return Outcome(
        task=task.name,
        mode=mode,
        provenance=provenance,
        device=device,
        folder=folder,
        inputs=len(results),
        median_throughput=throughput,
        latency_ms=1e3 / throughput,
        power_mw=(windows[0].power_uw or 0.0) / 1e3 if windows else None,
        met=(wrong <= most_false and missed <= most_missed) if found.official else None,
        valid=found.official,
        notes=tuple(notes),
    )
