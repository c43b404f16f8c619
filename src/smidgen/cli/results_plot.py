# SPDX-License-Identifier: Apache-2.0
"""Published results as horizontal bars, ours below them in another colour, with the range silicon is expected in."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smidgen.cli.plot import finish, new_figure
from smidgen.cli.results_text import Ours, software
from smidgen.errors import UsageError
from smidgen.results import Published

_MOST = 60
"""Bars that one picture has room for."""

_LABELS = {
    "latency": "latency, ms",
    "round": "latency, ms",
    "energy": "energy an inference, uJ",
    "cycles-per-mac": "cycles per MAC",
}

Bar = tuple[str, float, tuple[float, float] | None]
"""Name, length, and the range it is expected in."""


def save_plot(path: Path, rows: Sequence[Published], ours: Sequence[Ours], by: str) -> None:
    """Draws what ``by`` sorts by into ``path``; UsageError for too many bars or none. A logarithmic axis where the
    longest bar is more than 30 times the shortest."""
    measured = [(b, _bar(r, by)) for r in rows if (b := r.benchmark) and _figure(r, by) is not None]
    modelled = [bar for o in ours if (bar := _our_bar(o, by)) is not None]
    if not measured:
        raise UsageError(
            f"none of these results has {_LABELS[by].split(',')[0]}: nothing to plot. Choose another --sort"
        )
    if len(measured) > _MOST:
        raise UsageError(
            f"{len(measured)} bars are too many for one plot ({_MOST}). Ask for less: --benchmark, --board"
        )
    figure, axes = new_figure(path)
    _draw(axes, measured, modelled)
    lengths = [bar[1] for _, bar in measured] + [bar[1] for bar in modelled]
    if max(lengths) > 30 * min(lengths):
        axes.set_xscale("log")
    figure.set_size_inches(9, max(2.5, 0.22 * (len(measured) + len(modelled) + 1) + 1.4))
    title = f"MLPerf Tiny: published results, measured{'; ours apart, modelled' if modelled else ''}"
    finish(path, figure, axes, title, (_LABELS[by], ""))


def _draw(axes: Any, measured: Sequence[tuple[str, Bar]], modelled: Sequence[Bar]) -> None:  # Any: matplotlib's
    names = [bar[0] for _, bar in measured]
    for benchmark in dict.fromkeys(b for b, _ in measured):
        at = [i for i, (b, _) in enumerate(measured) if b == benchmark]
        axes.barh(at, [measured[i][1][1] for i in at], height=0.7, label=f"{benchmark}, measured")
    first = len(names) + 1  # an empty line: ours are not part of the ranking
    places = list(range(first, first + len(modelled)))
    if modelled:
        bars = axes.barh(
            places, [bar[1] for bar in modelled], height=0.7, color="white", edgecolor="black", hatch="///"
        )
        bars.set_label("smidgen, modelled")
        for place, (_, _, span) in zip(places, modelled, strict=True):
            if span is not None:
                axes.plot(span, [place, place], "|-", color="black", linewidth=1)
    ticks = [*range(len(names)), *places]
    axes.set_yticks(ticks, [*names, *(bar[0] for bar in modelled)], fontsize=7)
    axes.invert_yaxis()
    axes.legend(fontsize=8)


def _bar(row: Published, by: str) -> Bar:
    figure = _figure(row, by)
    assert figure is not None, "rows without a figure are left out"
    return f"{row.board}, {software(row)}, {row.submitter} {row.round}", figure, None


def _figure(row: Published, by: str) -> float | None:
    if by == "energy":
        return row.energy_uj
    return row.cycles_per_mac if by == "cycles-per-mac" else row.latency_ms


def _our_bar(ours: Ours, by: str) -> Bar | None:
    name = f"{ours.board}, {ours.model}, modelled"
    if by == "energy":
        return None if ours.energy_uj is None else (name, ours.energy_uj, ours.energy_uj_range)
    if by == "cycles-per-mac":
        return None if ours.cycles_per_mac is None else (name, ours.cycles_per_mac, None)
    return name, ours.latency_ms, ours.latency_ms_range
