# SPDX-License-Identifier: Apache-2.0
"""Writes log.txt, results.txt and script.async in the layout of EEMBC's EnergyRunner, from what a run has kept.

The layout is that of the logs in published submissions of rounds v0.5 to v1.2. Who ran it is told: neither the name of
EEMBC's benchmark plug-in nor its version is claimed. Times are seconds since the first result.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime

from smidgen.energy.windows import LEAST_INFERENCES, LEAST_SECONDS
from smidgen.mlperf.formats.results_types import Entry
from smidgen.mlperf.tasks import Task

_CODE = "ulp-mlperf"
_RULE = "-" * 57
_BLOAD_MS_A_BYTE = 16
_SHORT = "e-[The run must take at least 10 seconds and 10 iterations to be valid]"

_SCRIPT_HEAD = ("umount", "mountc dut dut", "dut profile", "version", f"bm cfg {_CODE}", "dut profile", "dut timestamp")


def stamp(seconds: float) -> str:
    """What begins each line."""
    return f"{max(seconds, 0.0):09.3f}"


def log_head(
    line: str, baud: int, name: str, profile: str, model_id: str, *, stamp_us: int | None, started: datetime
) -> list[str]:
    """The lines until the first input. ``stamp_us``: what the device answered to ``timestamp``."""
    at = stamp(0.0)
    lap = [f"{at} dut: m-lap-us-{stamp_us}"] if stamp_us is not None else []
    return [
        f"{at} session: m-session-start-id[{started:%Y%m%d%H%M%S}]",
        f"{at} parser: m-bmark-run-name[smidgen bench]-code[{_CODE}]",
        f"{at} session: Initializing SerialDevice on port: {line} at {baud} baud",
        f"{at} sequencer: m-sequencer-start",
        f'{at} parser: Command "dut name"',
        f"{at} dut: m-name-dut-[{name}]",
        f"{at} dut: m-ready",
        f'{at} parser: Command "dut profile"',
        f"{at} dut: m-profile-[{profile}]",
        f"{at} dut: m-model-[{model_id}]",
        f"{at} dut: m-ready",
        f'{at} parser: Command "dut timestamp"',
        *lap,
        f"{at} dut: m-ready",
    ]


def _bload(entry: Entry, task: Task, piece: int) -> str:
    """The command that downloads an input: a part of a file where the task's files hold several."""
    part = "" if task.window is None else f" {piece * task.window.stride_bytes} {task.window.nbytes}"
    return f'bload dut "{entry.file}"{part}'


def _infer(entry: Entry) -> str:
    return f"dut infer {entry.iterations} {entry.warmups}"


def log_entry(entry: Entry, task: Task, piece: int, seconds: float) -> list[str]:
    """The lines of one input: loaded, run, and what came out."""
    at = stamp(seconds)
    device = (
        f"m-warmup-start-{entry.warmups}",
        "m-warmup-done",
        f"m-infer-start-{entry.iterations}",
        f"m-lap-us-{entry.start_us}",
        f"m-lap-us-{entry.end_us}",
        "m-infer-done",
        f"m-results-[{','.join(map(_value, entry.results or ()))}]",
        "m-ready",
    )
    return [
        f'{at} parser: Command "{_bload(entry, task, piece)}"',
        f"{at} parser: m-bload-done",
        f"{at} parser: m-ready-finished[bload]",
        f'{at} parser: Command "{_infer(entry)}"',
        f"{at} parser: m-ready-finished[dut]",
        *(f"{at} dut: {line}" for line in device),
    ]


def _value(number: float) -> str:
    """With three decimals, as devices print; with all there are if there are more."""
    short = f"{number:.3f}"
    return short if float(short) == number else repr(number)


def log_tail(started: datetime, seconds: float) -> list[str]:
    at = stamp(seconds)
    return [f"{at} sequencer: m-sequencer-stop", f"{at} session: m-session-stop-id[{started:%Y%m%d%H%M%S}]"]


def performance_results(entries: Sequence[Entry], seconds: float) -> str:
    """results.txt of a performance run. Gaps between stamps are counted as well: windows have the even numbers."""
    at = f"{stamp(seconds)} {_CODE}:"
    lines = []
    for number, e in enumerate(entries, 1):
        elapsed, count = e.elapsed_us or 0, e.iterations or 0
        valid = elapsed >= 1e6 * LEAST_SECONDS and count >= LEAST_INFERENCES
        lines += [
            f"{at} Performance results for window {2 * number}:",
            f"{at}   # Inferences : {count:>12}",
            f"{at}   Runtime      : {elapsed / 1e6:>12.3f} sec.",
            f"{at}   Throughput   : {e.throughput or 0.0:>12.3f} inf./sec.",
            f"{at} {'Runtime requirements have been met.' if valid else _SHORT}",
        ]
    median = statistics.median([e.throughput or 0.0 for e in entries])
    lines += [f"{at} {_RULE}", f"{at} Median throughput is {median:.3f} inf./sec.", f"{at} {_RULE}"]
    return "\n".join([*lines, f"{at} Cannot compute accuracy metrics in single-run mode."]) + "\n"


def accuracy_results(top1_text: str, auc_text: str, seconds: float) -> str:
    """results.txt of an accuracy run."""
    at = f"{stamp(seconds)} {_CODE}:"
    return f"{at} Top-1: {top1_text}%\n{at} AUC: {auc_text}\n"


def script(entries: Sequence[tuple[int, Entry]], task: Task) -> str:
    """script.async: what was run, (piece, entry) each, as the array literal that EnergyRunner makes of its settings."""
    items = [f"    {{\n        cmd: '{c}'\n    }}" for c in _SCRIPT_HEAD]
    for piece, e in entries:
        load = _bload(e, task, piece).replace("\\", "\\\\").replace("'", "\\'")
        items.append(f"    {{\n        cmd: '{load}',\n        ms: {_BLOAD_MS_A_BYTE * task.file_bytes}\n    }}")
        items.append(f"    {{\n        cmd: '{_infer(e)}',\n        ms: -1,\n        ack: /dut.?: m-ready/\n    }}")
    return "[\n" + ",\n".join(items) + "\n]\n"
