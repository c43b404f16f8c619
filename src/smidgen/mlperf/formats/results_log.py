# SPDX-License-Identifier: Apache-2.0
"""Reads log.txt, in the layout of the MLCommons runner or of EnergyRunner; nothing malformed raises."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import PureWindowsPath

from smidgen.mlperf.formats.results_text import finite, parse_results
from smidgen.mlperf.formats.results_types import Layout, Log, LogRun, Remark

COUNTER = 1 << 32
"""The device's microsecond counter wraps here: differences are taken modulo this."""

_SEPARATOR = "-" * 20
_INT = r"(\d{1,15})"
_SUMMARY = re.compile(r"^\S+ ulp-(?:mlperf|ml): ")


@dataclass(slots=True)
class _State:
    layout: Layout
    name: str | None = None
    profile: str | None = None
    model_id: str | None = None
    runs: list[LogRun] = field(default_factory=list)
    stamps: list[int] = field(default_factory=list)
    loaded: tuple[str, int] | None = None
    open: LogRun | None = None
    remarks: list[Remark] = field(default_factory=list)

    def close(self) -> None:
        """The run being read is over."""
        if self.open is not None:
            self.runs.append(self.open)
        self.open = None


_Handler = Callable[[_State, re.Match[str], int], None]


def _name(state: _State, m: re.Match[str], line: int) -> None:
    state.name = m[1]


def _profile(state: _State, m: re.Match[str], line: int) -> None:
    state.profile = m[1]


def _model(state: _State, m: re.Match[str], line: int) -> None:
    if state.model_id not in (None, m[1]):
        state.remarks.append(Remark(line, f"the model changes from {state.model_id} to {m[1]}"))
    state.model_id = m[1]


def _load(state: _State, m: re.Match[str], line: int) -> None:
    state.close()
    state.loaded = (PureWindowsPath(m[1]).name, int(m[2] or 0))  # its separators include the slash


def _begin(state: _State, m: re.Match[str], line: int) -> None:
    state.close()
    warmups, iterations = (int(m[1]), int(m[2])) if state.layout == "mlc" else (int(m[2]), int(m[1]))
    name, offset = state.loaded or (None, 0)
    if name is None:
        state.remarks.append(Remark(line, "an inference before any input was loaded"))
    state.open = LogRun(name, offset, iterations, warmups, None, None, None, None, None, line)


def _stamp(state: _State, m: re.Match[str], line: int) -> None:
    stamp = int(m[1])
    state.stamps.append(stamp)
    run = state.open
    if run is None:
        return
    if run.start_us is None:
        state.open = replace(run, start_us=stamp)
    elif run.end_us is None:
        runtime = (stamp - run.start_us) % COUNTER / 1e6
        rate = run.iterations / runtime if runtime and run.iterations else None
        state.open = replace(run, end_us=stamp, runtime_s=runtime, throughput=rate)
    else:
        state.remarks.append(Remark(line, "a third lap stamp in one inference command"))


def _results(state: _State, m: re.Match[str], line: int) -> None:
    values = [finite(v) for v in m[1].split(",") if v.strip()]
    if None in values:
        state.remarks.append(Remark(line, f"results are not numbers: [{m[1]}]"))
    elif state.open is None:
        state.remarks.append(Remark(line, "results without an inference"))
    else:
        state.open = replace(state.open, results=tuple(v for v in values if v is not None))


def _figure(name: str) -> _Handler:
    def handle(state: _State, m: re.Match[str], line: int) -> None:
        value = finite(m[1])
        if value is None:
            state.remarks.append(Remark(line, f"{name} is not a number: {m[1]!r}"))
        elif state.open is not None:
            state.open = replace(
                state.open, runtime_s=value if name == "runtime" else state.open.runtime_s,
                throughput=value if name == "throughput" else state.open.throughput,
            )  # fmt: skip

    return handle


def _error(state: _State, m: re.Match[str], line: int) -> None:
    state.remarks.append(Remark(line, f"the device answered e-[{m[1]}]"))


_MLC = (
    (r"^Device name retrieved: (.*)$", _name),
    (r"^Device profile retrieved: (.*)$", _profile),
    (r"^Device model retrieved: (.*)$", _model),
    (rf"ulp-mlperf: Loading file (.+?)(?: segment {_INT})?\s*$", _load),
    (rf"^Running inference with {_INT}/{_INT} \(warmup/measured\)", _begin),
    (r"ulp-mlperf:\s+Runtime\s*: +(\S+) sec", _figure("runtime")),
    (r"ulp-mlperf:\s+Throughput\s*: +(\S+) inf", _figure("throughput")),
    (r"ulp-mlperf:\s+m-results\s*: \[([^\]]*)\]", _results),
)

_DEVICE = r"(?:dut|io): .*?"  # devices that echo their commands put them before the answer

_EEMBC = (
    (rf"{_DEVICE}m-name-dut-\[([^\]]+)\]", _name),
    (rf"{_DEVICE}m-profile-\[([^\]]+)\]", _profile),
    (rf"{_DEVICE}m-model-\[([^\]]+)\]", _model),
    (rf'parser: Command "bloadp? (?:dut )?"(.+?)"(?: {_INT} \d+)?"', _load),
    (rf'parser: Command "(?:io )?dut infer {_INT} {_INT}"', _begin),
    (r"(?:dut|io|emon): .*?m-lap-us-(\d{1,20})", _stamp),
    (rf"{_DEVICE}m-results-\[([^\]]*)\]", _results),
    (rf"{_DEVICE}e-\[(.*)\]", _error),
)

_LINES: dict[Layout, tuple[tuple[re.Pattern[str], _Handler], ...]] = {
    "mlc": tuple((re.compile(p), h) for p, h in _MLC),
    "eembc": tuple((re.compile(p), h) for p, h in _EEMBC),
}


def parse_log(text: str) -> Log:
    """What a log.txt says. Remarks carry line numbers; nothing raises."""
    lines = text.splitlines()
    layout = _layout(lines)
    if layout is None:
        return Log(None, summary=parse_results(text), remarks=(Remark(0, "neither runner's log: no line of either"),))
    cut = _summary_start(lines) if layout == "mlc" else len(lines)
    state = _State(layout)
    for number, line in enumerate(lines[:cut], 1):
        for pattern, handler in _LINES[layout]:
            if m := pattern.search(line):
                handler(state, m, number)
                break
    state.close()
    summary = [line if i >= cut or (layout == "eembc" and _SUMMARY.match(line)) else "" for i, line in enumerate(lines)]
    return Log(
        layout,
        state.name,
        state.profile,
        state.model_id,
        tuple(state.runs),
        tuple(state.stamps),
        parse_results("\n".join(summary)),
        tuple(state.remarks),
    )


def _layout(lines: list[str]) -> Layout | None:
    for line in lines:
        if line.startswith("Logging initialized.") or "(warmup/measured)" in line:
            return "mlc"
        if re.match(r"^\d+\.\d+ (?:session|parser|sequencer|dut): ", line):
            return "eembc"
    return None


def _summary_start(lines: list[str]) -> int:
    """The MLC runner prints twenty dashes before it sums up; failing that, after the last results."""
    for i in range(len(lines) - 1, -1, -1):
        if lines[i].strip() == _SEPARATOR:
            return i
    ends = [i for i, line in enumerate(lines) if "m-results" in line or line.startswith("Captured samples")]
    return ends[-1] + 1 if ends else len(lines)
