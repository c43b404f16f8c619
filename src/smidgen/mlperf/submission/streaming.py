# SPDX-License-Identifier: Apache-2.0
"""Checks of a streaming wakeword run: what it prints, against the detections and pulses recorded."""

from __future__ import annotations

import math
import statistics
from dataclasses import dataclass, replace

from smidgen.mlperf.formats.results_types import WakewordEntry
from smidgen.mlperf.submission.findings import Severity
from smidgen.mlperf.submission.layout import Context, Place
from smidgen.mlperf.submission.measured import check_trace
from smidgen.mlperf.submission.rounds import WORDS
from smidgen.mlperf.submission.runs import ModeRun
from smidgen.mlperf.tasks import Task
from smidgen.mlperf.wakeword.edges import MOST_DETECTIONS
from smidgen.mlperf.wakeword.score import score


@dataclass(frozen=True, slots=True)
class Streaming:
    """What a streaming run measured; power in milliwatts."""

    throughput: float | None = None
    f1: float | None = None
    false_positives: int | None = None
    false_negatives: int | None = None
    duty_cycle: float | None = None
    milliwatts: float | None = None
    milliwatts_recomputed: float | None = None
    met: bool = False


def check_streaming(c: Context, place: Place, task: Task, run: ModeRun) -> Streaming:
    """A streaming run: the official checker's lines, the target, and the same from results.json."""
    printed, path = run.printed, run.path("results.txt")
    if printed is None:
        return Streaming()
    counts, rate, duty = printed.wakeword, printed.estimated_throughput, printed.duty_cycle
    for name, found in (("Estimated throughput", rate), ("Accuracy", counts), ("Average duty cycle", duty)):
        if found is None:
            c.findings.add("sww-lines", path, f"no line `{name}: ...`")
    power = printed.energy_windows[-1].power_uw if printed.energy_windows else None
    if run.mode == "energy" and power is None:
        c.findings.add("no-energy", path, "no line `Power : ... mW`")
    report = check_trace(c, run) if run.mode == "energy" else None
    for entry in run.json.wakeword if run.json else ():
        _check_recorded(c, run, entry)
    result = Streaming(
        throughput=rate.value if rate else None,
        duty_cycle=duty.value if duty else None,
        milliwatts=None if power is None else power / 1e3,
        milliwatts_recomputed=report.mean_power_mw if report else None,
    )
    if counts is None:
        return result
    tp, fn, fp = counts.true_positives, counts.false_negatives, counts.false_positives
    if tp + fn != WORDS:
        c.findings.add("sww-words", path, f"{tp} true positives and {fn} false negatives are not {WORDS}", counts.line)
    most_fp, most_fn = task.most_errors or (0, 0)
    met = fp <= most_fp and fn <= most_fn
    if not met:
        what = f"{fp} false positives and {fn} false negatives; at most {most_fp} and {most_fn}"
        severity: Severity | None = None if place.submission.closed else "note"
        c.findings.add("target-missed", path, what, counts.line, severity)
    f1 = 2 * tp / (2 * tp + fp + fn) if tp + fp + fn else None
    return replace(result, f1=f1, false_positives=fp, false_negatives=fn, met=met)


def _check_score(c: Context, run: ModeRun, entry: WakewordEntry) -> None:
    """Found, missed and false detections, counted again from those recorded."""
    counts = run.printed.wakeword if run.printed else None
    if counts is None or not entry.detections_ms or not entry.detection_windows_s:
        return
    if len(entry.detections_ms) > MOST_DETECTIONS:
        c.findings.add("sww-recomputed", run.path("results.json"), f"{len(entry.detections_ms):,} detections")
        return
    again = score([round(t) for t in entry.detections_ms], entry.detection_windows_s)
    found = (len(again.found_s), len(again.missed_s), len(again.false_s))
    printed = (counts.true_positives, counts.false_negatives, counts.false_positives)
    if found != printed:
        what = f"{printed} true positives, false negatives and false positives printed, {found} from the detections"
        c.findings.add("sww-recomputed", run.path("results.txt"), what, counts.line)


def _check_recorded(c: Context, run: ModeRun, entry: WakewordEntry) -> None:
    """Throughput and duty cycle from the recorded pulses, as the runner computes them."""
    printed = run.printed
    assert printed is not None  # check_streaming
    _check_score(c, run, entry)
    pulses = min(len(entry.start_times_s), len(entry.stop_times_s))
    if pulses < 2:
        return
    starts, stops = entry.start_times_s[:pulses], entry.stop_times_s[:pulses]
    busy_s = statistics.fmean(b - a for a, b in zip(starts, stops, strict=True))
    period_s = (starts[-1] - starts[0]) / (pulses - 1)
    if busy_s <= 0 or period_s <= 0:
        c.findings.add("sww-recomputed", run.path("results.json"), "the processing pulses are not in order")
        return
    for name, figure, again in (
        ("throughput", printed.estimated_throughput, 1 / busy_s),
        ("duty cycle", printed.duty_cycle, busy_s / period_s),
    ):
        if figure is not None and not math.isclose(figure.value, again, rel_tol=1e-4):
            what = f"{name} {figure.text} printed, {again:.5g} from the pulses recorded"
            c.findings.add("sww-recomputed", run.path("results.txt"), what, figure.line)
