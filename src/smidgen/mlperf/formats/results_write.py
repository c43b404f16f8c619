# SPDX-License-Identifier: Apache-2.0
"""Writes log.txt and results.txt line for line as the MLCommons Python runner prints them.

Source of every line: benchmark/runner/{main,script,device_under_test}.py of github.com/mlcommons/tiny.
"""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from datetime import datetime

import numpy as np

from smidgen.energy.windows import LEAST_SECONDS
from smidgen.mlperf.formats.results_types import EnergyWindow, Entry, Power

MODELLED_LINE = "modelled board"
"""The serial port that the log of a virtual board names: what tells a modelled run from a measured one."""

_RULE = "-" * 57
_SAMPLES_PER_S = 1000  # energy samples are one a millisecond


def stamp(when: datetime) -> str:
    """MMDD.HHMMSS, what begins the runner's lines."""
    return f"{when:%m%d.%H%M%S}"


def log_head(path: str, line: str, baud: int, name: str, profile: str, model_id: str) -> list[str]:
    """The lines until the first input."""
    return [
        f"Logging initialized. Writing output to {path}",
        f"Initializing SerialDevice on port: {line} at {baud} baud",
        "Retrieving name from DUT ...",
        f"Device name retrieved: {name}",
        f"Device profile retrieved: {profile}",
        f"Device model retrieved: {model_id}",
    ]


def log_entry(entry: Entry, number: int, segment: int, when: datetime) -> list[str]:
    """The lines of one input: loaded, run, and what came out. ``number`` counts from 1."""
    at = f"{stamp(when)} ulp-mlperf:"
    lines = [
        f"{at} Loading file {entry.file} segment {segment}",
        f"{at} Load complete.",
        f"Running inference with {entry.warmups}/{entry.iterations} (warmup/measured) iterations ...",
        "done",
    ]
    if entry.power is not None:
        power = entry.power
        return [*lines, f"Captured samples:{len(power.samples_j)} timestamps:{len(power.events)}"]
    seconds = (entry.elapsed_us or 0) / 1_000_000
    throughput = (entry.iterations or 0) / seconds if seconds else 0
    return [
        *lines,
        f"{at} Performance results for window {number}:",
        f"{at}   # Inferences : {entry.iterations:>13}",
        f"{at}   Runtime      : {seconds:>10.3f} sec.",
        f"{at}   Throughput   : {throughput:>10.3f} inf./sec.",
        f"{at}   m-results    : {list(entry.results or ())}",
    ]


def log_tail(results: str, log_path: str) -> list[str]:
    """The lines after the last input: the summary, as in results.txt but with its lines stripped, as the log is."""
    return ["-" * 20, *(line.strip() for line in results.splitlines()), f"Session logged in file {log_path}"]


def performance_results(entries: Sequence[Entry], when: datetime) -> str:
    """results.txt of a performance run."""
    at = f"{stamp(when)} ulp-mlperf: "
    lines = []
    for number, e in enumerate(entries, 1):
        seconds = (e.elapsed_us or 0) / 1e6
        lines += [
            f"Performance results for window {number}",
            f"    # Inferences : {e.iterations}",
            f"    Runtime: {seconds} sec.",
            f"    Throughput: {e.throughput} inf./sec.",
        ]
        if seconds > LEAST_SECONDS:
            lines.append("    Runtime requirements have been met.")
    median = statistics.median([e.throughput or 0.0 for e in entries])
    lines += [f"{at}{_RULE}", f"{at}Median throughput is {median:>10.3f} inf./sec.", f"{at}{_RULE}"]
    return "\n".join(lines) + "\n"


def accuracy_results(top1_percent: float, auc: float, when: datetime) -> str:
    """results.txt of an accuracy run. The runner calls top-1 in percent "Top 1%"."""
    at = f"{stamp(when)} ulp-mlperf: "
    return f"{at}Top 1% = {top1_percent:2.1f}\n{at}AUC = {auc:.3f}\n"


def energy_window(power: Power, iterations: int, number: int) -> EnergyWindow:
    """What the samples between the last two events hold. ValueError if there are fewer than two."""
    if len(power.events) < 2:
        raise ValueError(f"{len(power.events)} edges of the timestamp pin, two are needed")
    first, last = power.events[-2][1], power.events[-1][1]
    seconds = float(np.float64(last) / _SAMPLES_PER_S - np.float64(first) / _SAMPLES_PER_S)
    joules = float(np.sum(np.array(power.samples_j[first:last])))
    return EnergyWindow(
        number,
        iterations,
        first / _SAMPLES_PER_S,
        seconds,
        joules * 1e6,
        1e6 * joules / seconds if seconds else None,
        joules / iterations * 1e6,
        0,
    )


def energy_results(windows: Sequence[EnergyWindow]) -> str:
    """results.txt of an energy run."""
    lines = ["Power Edition Output"]
    for w in windows:
        short = "" if (w.runtime_s or 0.0) >= LEAST_SECONDS else "  <<<< below minimum duration"
        lines += [
            f"Energy data for trial {w.number}",
            f"  Elapsed time  : {w.runtime_s}{short}",
            f"  Inferences    : {w.inferences}",
            f"  Power         : {(w.power_uw or 0.0) / 1e3:5.4f} mW.",
            f"  Total Energy  : {w.energy_uj:.3f} uJ",
            f"  Energy/Inf    : {w.energy_per_inference_uj:.3f} uJ/inf",
        ]
    median = statistics.median([w.energy_per_inference_uj or 0.0 for w in windows])
    lines += [_RULE, f"Median energy cost is {median:5.4f} uJ/inf.", _RULE]
    return "\n".join(lines) + "\n"
