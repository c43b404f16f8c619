# SPDX-License-Identifier: Apache-2.0
"""Checks of performance and energy runs: five windows, ten seconds, medians and energy computed again."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.energy.traces import analyse
from smidgen.energy.windows import LEAST_INFERENCES, LEAST_SECONDS, WINDOWS, TraceReport
from smidgen.errors import InvalidInput
from smidgen.mlperf.formats.results_types import Figure, PerformanceWindow, Remark
from smidgen.mlperf.submission.layout import Context
from smidgen.mlperf.submission.runs import TRACE, ModeRun

_OFFICIAL_MEDIAN = re.compile(r".* Median throughput is\s+([\d\.]+) inf\./sec\.")
_OFFICIAL_ENERGY = re.compile(r"Median energy cost is ([\d\.]+) uJ/inf")

_HALF_MILLI = 0.5001e-3
"""Half of the last digit printed, and a little for its binary form."""

_SPEED_TOLERANCE = 0.05
"""Published energy and performance runs differ by less than 2 % in time, with few exceptions."""


@dataclass(frozen=True, slots=True)
class Window:
    """A measured window, wherever it was read from; ``digits``: how its seconds are rounded, in seconds."""

    inferences: int | None
    seconds: float | None
    rounding_s: float
    line: int | None

    @property
    def rate(self) -> float | None:
        """Inferences a second."""
        return self.inferences / self.seconds if self.inferences and self.seconds else None


@dataclass(frozen=True, slots=True)
class Measured:
    """What a run measured: throughput as printed and computed again, and its windows."""

    throughput: float | None
    recomputed: float | None
    windows: tuple[Window, ...]

    @property
    def shortest_s(self) -> float | None:
        return min((w.seconds for w in self.windows if w.seconds is not None), default=None)

    @property
    def fewest(self) -> int | None:
        return min((w.inferences for w in self.windows if w.inferences is not None), default=None)


def check_performance(c: Context, run: ModeRun) -> Measured:
    """A performance run's windows and median."""
    path = run.path("results.txt")
    median = _median(c, run)
    printed = tuple(map(_printed, run.printed.windows if run.printed else ()))
    logged = logged_windows(run)
    if run.printed is not None:
        _check_printed_median(c, path, run.printed.windows, median)
        _check_said(c, path, run.printed.errors)
    _check_json_errors(c, run)
    _check_against_log(c, run, printed, logged)
    rates = [w.rate for w in logged if w.rate is not None]
    again = statistics.median(rates) if rates else None
    if median is not None and again is not None and not _agrees(median.value, again, logged):
        c.findings.add(
            "median-log", path, f"median {median.text} inf./s printed, {again:.3f} from {_source(run)}", median.line
        )
    windows = printed or logged
    check_windows(c, path if printed else run.path("log.txt"), windows)
    _check_inputs(c, run)
    _check_script(c, run)
    return Measured(median.value if median else None, again, windows)


def _median(c: Context, run: ModeRun) -> Figure | None:
    median = run.printed.median_throughput if run.printed else None
    path = run.path("results.txt")
    if median is None:
        c.findings.add("no-median", path, "no line `Median throughput is ... inf./sec.`")
    elif not _OFFICIAL_MEDIAN.match(_line(run, median)):
        c.findings.add("no-median", path, "the checker does not recognise the line: text precedes it", median.line)
    elif median.value <= 0:
        c.findings.add("no-median", path, f"the median is {median.text}", median.line)
        return None
    return median


def _line(run: ModeRun, figure: Figure) -> str:
    return run.text[figure.line - 1] if 0 < figure.line <= len(run.text) else ""


def _printed(w: PerformanceWindow) -> Window:
    return Window(w.inferences, w.runtime_s, _HALF_MILLI, w.line)


def logged_windows(run: ModeRun) -> tuple[Window, ...]:
    """What the log (better: results.json) has of each window, in order."""
    if run.json is not None and any(e.elapsed_us is not None for e in run.json.entries):
        return tuple(
            Window(e.iterations, None if e.elapsed_us is None else e.elapsed_us / 1e6, 1e-6, None)
            for e in run.json.entries
        )
    rounding = 1e-6 if run.layout == "eembc" else _HALF_MILLI
    timed = (r for r in (run.log.runs if run.log else ()) if r.runtime_s is not None)
    return tuple(Window(r.iterations, r.runtime_s, rounding, r.line) for r in timed)


def _source(run: ModeRun) -> str:
    return "results.json" if run.json is not None and run.json.entries else "log.txt"


def _agrees(printed: float, again: float, windows: Sequence[Window]) -> bool:
    """Whether two medians agree within three decimals and what rounding the seconds does."""
    relative = max((w.rounding_s / w.seconds for w in windows if w.seconds), default=0.0)
    return abs(printed - again) <= _HALF_MILLI + again * (relative + 1e-7)


def _check_printed_median(c: Context, path: str, windows: Sequence[PerformanceWindow], median: Figure | None) -> None:
    rates = [w.throughput for w in windows if w.throughput is not None]
    if median is None or not rates:
        return
    again = statistics.median(rates)
    if abs(again - median.value) > 2 * _HALF_MILLI + 1e-7 * abs(again):
        c.findings.add(
            "median-printed", path, f"median {median.text} inf./s printed, {again:.3f} from its windows", median.line
        )


def _check_said(c: Context, path: str, errors: Sequence[Remark]) -> None:
    """What the runner itself complained of, each text once."""
    texts = Counter(e.text for e in errors)
    for text, times in texts.most_common(20):
        first = next(e.line for e in errors if e.text == text)
        c.findings.add("runner-error", path, text if times == 1 else f"{text} ({times} times)", first or None)


def _check_json_errors(c: Context, run: ModeRun) -> None:
    meanings = {"error 1": "the loop did not have five windows", "error 2": "the loop took less than 10 s"}
    for error in (run.json.errors if run.json else ())[:20]:
        c.findings.add("runner-error", run.path("results.json"), meanings.get(error, error))


def _check_against_log(c: Context, run: ModeRun, printed: Sequence[Window], logged: Sequence[Window]) -> None:
    if not printed or not logged:
        return
    path = run.path("results.txt")
    if len(printed) != len(logged):
        c.findings.add("windows-log", path, f"{len(printed)} windows printed, {len(logged)} in {_source(run)}")
        return
    for i, (p, log) in enumerate(zip(printed, logged, strict=True), 1):
        if p.inferences is None or p.seconds is None or log.seconds is None:
            continue
        if p.inferences != log.inferences or abs(p.seconds - log.seconds) > p.rounding_s + log.rounding_s:
            what = f"window {i}: {p.inferences} in {p.seconds:.3f} s printed, {log.inferences} in {log.seconds:.3f} s"
            c.findings.add("windows-log", path, f"{what} in {_source(run)}", p.line)


def check_windows(c: Context, path: str, windows: Sequence[Window], mode: str = "") -> None:
    """Their number, and what each must have at least."""
    if len(windows) != WINDOWS:
        c.findings.add("windows", path, f"{len(windows)} {mode}windows instead of {WINDOWS}")
    short = [w for w in windows if w.seconds is not None and w.seconds < LEAST_SECONDS]
    few = [w for w in windows if w.inferences is not None and w.inferences < LEAST_INFERENCES]
    if short:
        least = min(w.seconds for w in short if w.seconds is not None)
        what = f"{len(short)} of {len(windows)} {mode}windows under 10 s, the shortest {least:.3f} s"
        c.findings.add("window-too-short", path, what, short[0].line)
    if few:
        least_inferences = min(w.inferences for w in few if w.inferences is not None)
        what = f"{len(few)} of {len(windows)} {mode}windows under 10 inferences, the fewest {least_inferences}"
        c.findings.add("window-too-few", path, what, few[0].line)


def _check_inputs(c: Context, run: ModeRun) -> None:
    files = [r.file for r in (run.log.runs if run.log else ()) if r.file]
    if len(files) == WINDOWS and len(set(files)) < WINDOWS:
        c.findings.add("same-inputs", run.path("log.txt"), f"{WINDOWS} windows on {len(set(files))} files")


_INFER = re.compile(r"(?:io )?dut infer (\d{1,9})")


def _check_script(c: Context, run: ModeRun) -> None:
    if run.script is None or run.log is None or not run.log.runs:
        return
    asked = [int(m.group(1)) for command in run.script if (m := _INFER.match(command))]
    logged = [r.iterations for r in run.log.runs]
    if asked and asked != logged:
        what = f"the script asks for {asked[:5]} inferences, the log has {logged[:5]}"
        c.findings.add("script-log", run.path("script.async"), what)


@dataclass(frozen=True, slots=True)
class Energy:
    """What an energy run measured, in microjoules an inference (sww: milliwatts)."""

    printed: float | None
    recomputed: float | None
    shortest_s: float | None
    supply_v: float | None


def check_energy(c: Context, run: ModeRun, throughput: float | None) -> Energy:
    """An energy run's windows and median, and the trace they come from."""
    path = run.path("results.txt")
    median = run.printed.median_energy_uj if run.printed else None
    if median is None or not _OFFICIAL_ENERGY.search(_line(run, median)):
        c.findings.add("no-energy", path, "no line `Median energy cost is ... uJ/inf`")
    if run.printed is not None:
        _check_said(c, path, run.printed.errors)
        each = [w.energy_per_inference_uj for w in run.printed.energy_windows]
        known = [e for e in each if e is not None]
        if median is not None and known and abs(statistics.median(known) - median.value) > 2 * _HALF_MILLI:
            what = f"median {median.text} uJ printed, {statistics.median(known):.3f} from its windows"
            c.findings.add("energy-printed", path, what, median.line)
    report = check_trace(c, run)
    windows = _energy_windows(run, report)
    check_windows(c, path, windows, "energy ")
    _check_speed(c, path, windows, throughput)
    again = report.median_uj_per_inference if report else None
    shortest = min((w.seconds for w in windows if w.seconds is not None), default=None)
    return Energy(median.value if median else None, again, shortest, report.supply_v if report else None)


def check_trace(c: Context, run: ModeRun) -> TraceReport | None:
    """The trace of an energy run against what is printed; None without a trace that can be read."""
    names = TRACE if run.layout == "eembc" else ("results.json",)
    missing = [n for n in names if n not in run.files]
    if missing:
        c.findings.add("trace-missing", f"{run.entry.path}/{missing[0]}", f"no {' and no '.join(missing)}")
        return None
    if run.layout == "mlc" and (run.entry.children.get(TRACE[0]) or run.json is None or run.json.remarks):
        return None  # said where it was read
    try:
        report = analyse(c.root / run.entry.path)
    except InvalidInput as e:
        c.findings.add("trace-broken", run.path(names[0]), _without_root(c, str(e)))
        return None
    for difference in report.differences:
        what = f"{difference.what}: {difference.printed:g} printed, {difference.recomputed:.3f} from the trace"
        c.findings.add("energy-trace", run.path("results.txt"), what)
    return report


def _without_root(c: Context, message: str) -> str:
    return message.replace(f"{c.root}/", "")


def _energy_windows(run: ModeRun, report: TraceReport | None) -> tuple[Window, ...]:
    """From the trace if there is one, else as printed; with the lines where they are printed."""
    printed = run.printed.energy_windows if run.printed else ()
    lines: Mapping[int, int] = {w.number: w.line for w in printed}
    if report is not None:
        return tuple(Window(w.inferences, w.seconds + 1e-9, 1e-3, lines.get(w.number)) for w in report.windows)
    counts = {w.number: w.inferences for w in (run.printed.windows if run.printed else ())}
    return tuple(Window(w.inferences or counts.get(w.number), w.runtime_s, 5e-3, w.line) for w in printed)


def _check_speed(c: Context, path: str, windows: Sequence[Window], throughput: float | None) -> None:
    rates = [w.rate for w in windows if w.rate is not None]
    if not rates or not throughput:
        return
    change = statistics.median(rates) / throughput - 1
    if abs(change) > _SPEED_TOLERANCE:
        what = f"{statistics.median(rates):.4g} inferences a second here, {throughput:.4g} in the performance run"
        c.findings.add("energy-speed", path, f"{what} ({change:+.1%})")
