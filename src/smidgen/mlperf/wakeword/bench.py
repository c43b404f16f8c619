# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword benchmark from beginning to end: a model and recordings in, the official files out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from smidgen.compiler import TOOLCHAINS, Compiled
from smidgen.errors import InvalidInput, UsageError
from smidgen.mlperf.firmware import Firmware, firmware
from smidgen.mlperf.formats.results_json import wakeword_object
from smidgen.mlperf.formats.results_types import MODE_LETTERS, Mode
from smidgen.mlperf.formats.results_write import MODELLED_LINE, log_head
from smidgen.mlperf.runner.bench import Outcome
from smidgen.mlperf.runner.journal import write_whole
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


def find_recordings(data: Path) -> Recordings:
    """Of ``data``, a folder or the one sww01 in it, or a test file. InvalidInput if nothing there can be run."""
    if data.is_file():
        return Recordings(read_tests(data), data.parent, data.name == _TESTS[0])
    for folder in (data / "sww01", data):
        for name in _TESTS:
            if (folder / name).is_file():
                tests = read_tests(folder / name)
                if all((folder / t.wav_file).is_file() for t in tests):
                    return Recordings(tests, folder, name == _TESTS[0])
    raise InvalidInput(
        f"{data}: no {_TESTS[0]} with its recording (nor a shorter one). The benchmark's data folder is "
        "benchmark/runner/sww_data_dir of github.com/mlcommons/tiny; long_wav.wav is built by its training scripts"
    )


def bench_wakeword(
    compiled: Compiled, task: Task, mode: Mode, folder: Path, data: Path, toolchain: str, progress: Progress
) -> Outcome:
    """Plays the recordings to a virtual board of the model's target; writes log.txt, results.txt and results.json."""
    if mode == "energy":
        raise UsageError(f"energy of {task.name} is not measured yet: run --mode performance")
    if toolchain not in TOOLCHAINS:
        raise UsageError(f"no toolchain {toolchain!r}; there are {', '.join(TOOLCHAINS)}")
    found = find_recordings(data)
    made = firmware(compiled, task)
    elf = made.build(toolchain)
    results = [_play(made, elf, test, found.folder, progress) for test in found.tests]
    head = log_head("log.txt", MODELLED_LINE, made.baud, "smidgen", _PROFILE, task.model_id)
    lines = [line for r in results for line in r.lines]
    items = [wakeword_object(r.entry(MODE_LETTERS[mode]), r.activations) for r in results]
    write_whole(folder / "log.txt", "\n".join([*head, *(line for r in results for line in r.log_lines)]) + "\n")
    write_whole(folder / "results.txt", "\n".join(lines) + "\n")
    write_whole(folder / "results.json", json.dumps(items, allow_nan=False))
    return _outcome(task, mode, folder, found, results)


def _play(made: Firmware, elf: Path, test: WakewordTest, folder: Path, progress: Progress) -> WakewordResult:
    samples = read_wav(folder / test.wav_file)
    with wakeword_board(elf, made.target, samples, baud=made.baud) as board:
        return run_wakeword(board, test, progress=progress)


def _outcome(task: Task, mode: Mode, folder: Path, found: Recordings, results: list[WakewordResult]) -> Outcome:
    missed, wrong = sum(len(r.score.missed_s) for r in results), sum(len(r.score.false_s) for r in results)
    most_false, most_missed = task.most_errors or (0, 0)
    throughput = results[0].duty.throughput
    notes = [f"{t.test.wav_file}: {t.score.line}; duty cycle {t.duty.duty_cycle:1.5}" for t in results]
    notes += [remark for r in results for remark in r.remarks]
    if not found.official:
        notes.append(f"not the recording of submissions, {_TESTS[0]}: nothing is said about the quality target")
    return Outcome(
        task=task.name,
        mode=mode,
        provenance="modelled",
        device="smidgen",
        folder=folder,
        inputs=len(results),
        median_throughput=throughput,
        latency_ms=1e3 / throughput,
        met=(wrong <= most_false and missed <= most_missed) if found.official else None,
        valid=found.official,
        notes=tuple(notes),
    )
