# SPDX-License-Identifier: Apache-2.0
"""Reads results.txt, in the layout of the MLCommons runner or of EnergyRunner; nothing malformed raises."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from smidgen.mlperf.formats.results_types import (
    EnergyWindow,
    Figure,
    Layout,
    PerformanceWindow,
    Remark,
    ResultsText,
    WakewordFigures,
)

_NUMBER = r"(\S+)"

Fields = dict[str, tuple[str, int]]
"""Texts by name, with their lines."""


@dataclass(slots=True)
class _Block:
    """A window being read: which kind, its number and line, and what its lines said."""

    energy: bool
    number: int
    line: int
    fields: Fields = field(default_factory=dict)
    met: bool = False


@dataclass(slots=True)
class _State:
    blocks: list[_Block] = field(default_factory=list)
    figures: Fields = field(default_factory=dict)
    wakeword: WakewordFigures | None = None
    layouts: set[Layout] = field(default_factory=set)
    errors: list[Remark] = field(default_factory=list)
    remarks: list[Remark] = field(default_factory=list)

    def number(self, fields: Fields, name: str) -> float | None:
        """The finite number called ``name``; a remark if it is not one."""
        if name not in fields:
            return None
        text, line = fields[name]
        value = finite(text)
        if value is None:
            self.remarks.append(Remark(line, f"{name} is not a number: {text!r}"))
        return value

    def whole(self, fields: Fields, name: str) -> int | None:
        value = self.number(fields, name)
        if value is not None and value != int(value):
            self.remarks.append(Remark(fields[name][1], f"{name} is not a whole number: {fields[name][0]!r}"))
            return None
        return None if value is None else int(value)

    def figure(self, name: str) -> Figure | None:
        value = self.number(self.figures, name)
        return None if value is None else Figure(value, *self.figures[name])


def finite(text: str) -> float | None:
    """``text`` as a number, None if it is none that can be printed by a runner."""
    try:
        value = float(text)
    except ValueError:
        return None
    return value if math.isfinite(value) else None


_Handler = Callable[[_State, re.Match[str], int], None]


def _opens(energy: bool, layout: Layout) -> _Handler:
    def handle(state: _State, m: re.Match[str], line: int) -> None:
        state.layouts.add(layout)
        block = _Block(energy, int(m[1]), line)
        if energy and layout == "eembc":
            block.fields |= {"start": (m[2], line), "runtime": (m[3], line)}
        state.blocks.append(block)

    return handle


def _says(name: str, *, energy: bool | None = None) -> _Handler:
    """A line inside a window (of the kind given)."""

    def handle(state: _State, m: re.Match[str], line: int) -> None:
        if not state.blocks or (energy is not None and state.blocks[-1].energy != energy):
            state.remarks.append(Remark(line, f"{name} outside a window"))
            return
        fields = state.blocks[-1].fields
        if name in fields:
            state.remarks.append(Remark(line, f"{name} of window {state.blocks[-1].number} is there twice"))
        fields.setdefault(name, (m[1], line))

    return handle


def _ends(name: str, layout: Layout | None = None) -> _Handler:
    def handle(state: _State, m: re.Match[str], line: int) -> None:
        state.figures[name] = (m[1], line)
        if layout:
            state.layouts.add(layout)

    return handle


def _met(state: _State, m: re.Match[str], line: int) -> None:
    if state.blocks:
        state.blocks[-1].met = True


def _error(state: _State, m: re.Match[str], line: int) -> None:
    state.errors.append(Remark(line, m[1].strip()))


def _wakeword(state: _State, m: re.Match[str], line: int) -> None:
    state.wakeword = WakewordFigures(int(m[1]), int(m[2]), int(m[3]), line)
    state.layouts.add("mlc")


_MOST_DIGITS = r"(\d{1,15})"

_LINES: tuple[tuple[re.Pattern[str], _Handler], ...] = tuple(
    (re.compile(pattern), handler)
    for pattern, handler in (
        (rf"Performance results for window {_MOST_DIGITS}:\s*$", _opens(False, "eembc")),
        (rf"Performance results for window {_MOST_DIGITS}\s*$", _opens(False, "mlc")),
        (rf"Energy data for window {_MOST_DIGITS} at time {_NUMBER} for {_NUMBER} sec", _opens(True, "eembc")),
        (rf"Energy data for trial {_MOST_DIGITS}\s*$", _opens(True, "mlc")),
        (rf"# Inferences\s*:\s*{_NUMBER}", _says("inferences", energy=False)),
        (rf"Runtime\s*:\s*{_NUMBER} sec\.", _says("runtime", energy=False)),
        (rf"Estimated throughput\s*:\s*{_NUMBER} inf", _ends("estimated throughput", "mlc")),
        (rf"Throughput\s*:\s*{_NUMBER} inf\./sec", _says("throughput", energy=False)),
        (r"Runtime requirements have been met", _met),
        (rf"Median throughput is\s+{_NUMBER} inf\./sec\.", _ends("median throughput")),
        (rf"Elapsed time\s*:\s*{_NUMBER}", _says("runtime", energy=True)),
        (rf"(?:^|\s)Inferences\s*:\s*{_NUMBER}", _says("inferences", energy=True)),
        (rf"Total Energy\s*:\s*{_NUMBER} uJ", _says("energy", energy=True)),
        (rf"Energy/Inf\.?\s*:\s*{_NUMBER} uJ/inf", _says("energy per inference", energy=True)),
        (rf"(?:^|\s)Energy\s*:\s*{_NUMBER} uJ", _says("energy", energy=True)),
        (rf"Power\s*:\s*{_NUMBER} mW", _says("power in mW", energy=True)),
        (rf"Power\s*:\s*{_NUMBER} uW", _says("power in uW", energy=True)),
        (rf"Median energy cost is\s+{_NUMBER} uJ/inf", _ends("median energy")),
        (r"Top 1%\s?= ([\d.]+)", _ends("top-1", "mlc")),
        (r"Top-1\s?: ([\d.]+)", _ends("top-1", "eembc")),
        (r"AUC\s?= ([\d.]+)", _ends("AUC", "mlc")),
        (r"AUC\s?: ([\d.]+)", _ends("AUC", "eembc")),
        (
            rf"{_MOST_DIGITS} True positives, {_MOST_DIGITS} False negatives, {_MOST_DIGITS} False positives",
            _wakeword,
        ),
        (rf"Average duty cycle:\s*{_NUMBER}", _ends("duty cycle", "mlc")),
        (rf"Average period:\s*{_NUMBER}", _ends("period", "mlc")),
        (r"(ERROR.*)", _error),
        (r"(?<![a-z])e-\[(.*)\]", _error),
    )
)


def parse_results(text: str, first_line: int = 1) -> ResultsText:
    """What a results.txt (or the summary inside a log) says. Remarks carry line numbers; nothing raises."""
    state = _State()
    for number, line in enumerate(text.splitlines(), first_line):
        for pattern, handler in _LINES:
            if m := pattern.search(line):
                handler(state, m, number)
                break
    return _result(state)


def _result(state: _State) -> ResultsText:
    layout: Layout | None = next(iter(state.layouts)) if len(state.layouts) == 1 else None
    if len(state.layouts) > 1:
        state.remarks.append(Remark(0, "lines of both runners' layouts are mixed"))
    return ResultsText(
        layout,
        windows=tuple(_performance(state, b) for b in state.blocks if not b.energy),
        median_throughput=state.figure("median throughput"),
        energy_windows=tuple(_energy(state, b) for b in state.blocks if b.energy),
        median_energy_uj=state.figure("median energy"),
        top1=state.figure("top-1"),
        auc=state.figure("AUC"),
        wakeword=state.wakeword,
        duty_cycle=state.figure("duty cycle"),
        period_s=state.figure("period"),
        estimated_throughput=state.figure("estimated throughput"),
        errors=tuple(state.errors),
        remarks=tuple(sorted(state.remarks, key=lambda r: r.line)),
    )


def _missing(state: _State, block: _Block, names: Sequence[str]) -> None:
    absent = [n for n in names if n not in block.fields]
    if absent:
        state.remarks.append(Remark(block.line, f"window {block.number} has no {', '.join(absent)}"))


def _performance(state: _State, b: _Block) -> PerformanceWindow:
    _missing(state, b, ("inferences", "runtime", "throughput"))
    return PerformanceWindow(
        b.number,
        state.whole(b.fields, "inferences"),
        state.number(b.fields, "runtime"),
        state.number(b.fields, "throughput"),
        b.met,
        b.line,
    )


def _energy(state: _State, b: _Block) -> EnergyWindow:
    _missing(state, b, ("runtime", "energy", "energy per inference"))
    milliwatts = state.number(b.fields, "power in mW")
    return EnergyWindow(
        b.number,
        state.whole(b.fields, "inferences"),
        state.number(b.fields, "start"),
        state.number(b.fields, "runtime"),
        state.number(b.fields, "energy"),
        1e3 * milliwatts if milliwatts is not None else state.number(b.fields, "power in uW"),
        state.number(b.fields, "energy per inference"),
        b.line,
    )
