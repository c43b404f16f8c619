# SPDX-License-Identifier: Apache-2.0
"""What smidgen results prints: a table with footnotes, and ours in one of their own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal

from smidgen.cli.common import output, show, table
from smidgen.results import SORTED_BY, Published

_SHORT = 34
"""Characters of a software's name in the table; JSON and CSV have it whole."""


_FIGURES = ("MHz", "ms", "Mcycles", "cyc/MAC", "uJ", "mW", "V")
_LEAST_TELLING = ("Mcycles", "mW", "MHz", "V", "quality", "cyc/MAC", "submitter", "bench", "board")
"""Columns that a narrow terminal goes without, in this order."""
_SORTED: Mapping[str, str] = MappingProxyType({"energy": "uJ", "cycles-per-mac": "cyc/MAC"})
"""The column that a sort is by, where it is not ms."""


@dataclass(frozen=True, slots=True)
class Ours:
    """One of our programs on a board: modelled, with the ranges in which silicon is expected."""

    model: str
    source: str
    board: str
    clock_mhz: float
    latency_ms: float
    latency_ms_range: tuple[float, float] | None
    cycles: int
    cycles_per_mac: float | None
    energy_uj: float | None
    energy_uj_range: tuple[float, float] | None
    kind: Literal["modelled"] = "modelled"


def show_published(rows: Sequence[Published], by: str, said: str) -> None:
    """The results, their caveats as footnotes."""
    notes = footnotes(rows)
    unit = f" ({SORTED_BY[by]})" if SORTED_BY[by] else ""
    title = f"{len(rows)} published MLPerf Tiny results{f' of {said}' if said else ''}, by {by}{unit}: measured"
    names = ("bench", "board", "MHz", "software", "submitter", "round", *_FIGURES[1:], "quality", "notes")
    cells = [dict(zip(names, _cells(r, notes), strict=True)) for r in rows]
    shown = fitting(cells, output.width if output.is_terminal else None, _SORTED.get(by, "ms"))
    t = table(title, *shown, right=_FIGURES)
    for row in cells:
        t.add_row(*(row[name] for name in shown))
    show(t)
    if len(shown) < len(names):
        left_out = ", ".join(n for n in names if n not in shown)
        show(f"for want of width without: {left_out} (a wider terminal, --csv or --json has them)")
    if notes:
        show("\n".join(f"{mark:>2}  {text}" for text, mark in notes.items()))


def _cells(r: Published, notes: Mapping[str, str]) -> tuple[str, ...]:
    """A row of the table."""
    return (
        r.benchmark,
        r.board,
        _number(r.clock_mhz, "{:g}"),
        software(r),
        r.submitter,
        r.round if r.division == "closed" else f"{r.round} {r.division}",
        f"{r.latency_ms:,.4g}" if r.latency_ms < 1000 else f"{r.latency_ms:,.0f}",
        _number(None if r.clock_mhz is None else r.mcycles, "{:,.3f}"),
        _number(r.cycles_per_mac, "{:.2f}"),
        _number(r.energy_uj, "{:,.1f}"),
        _number(r.power_mw, "{:,.3g}"),
        _number(None if r.supply_mv is None else r.supply_mv / 1000, "{:g}"),
        quality(r),
        " ".join(notes[n] for n in r.notes),
    )


def fitting(cells: Sequence[Mapping[str, str]], width: int | None, keep: str = "ms") -> tuple[str, ...]:
    """The columns that fit into ``width`` characters (None: all), the least telling left out first, but ``keep``."""
    shown = list(cells[0])
    wide = {name: max(len(name), *(len(row[name]) for row in cells)) for name in shown}
    for name in (n for n in _LEAST_TELLING if n != keep):
        if width is None or sum(wide[n] for n in shown) + 2 * (len(shown) - 1) <= width:
            break
        shown.remove(name)
    return tuple(shown)


def footnotes(rows: Sequence[Published]) -> Mapping[str, str]:
    """Each note of the rows and the mark that stands for it: a to z, then aa, ab..."""
    texts = list(dict.fromkeys(n for r in rows for n in r.notes))
    letters = "abcdefghijklmnopqrstuvwxyz"
    return {text: letters[i] if i < 26 else letters[i // 26 - 1] + letters[i % 26] for i, text in enumerate(texts)}


def software(row: Published) -> str:
    """Its name, short enough for a table, with the variant of the system where there are several."""
    name = row.software if row.software and row.engine in ("X-CUBE-AI", "Plumerai") else _versioned(row)
    name = f"{name} ({row.variant})" if row.variant else name
    return name if len(name) <= _SHORT else f"{name[: _SHORT - 3]}..."


def _versioned(row: Published) -> str:
    version = next((w for w in row.software.split() if w.lstrip("v")[:1].isdigit()), "")
    return f"{row.engine} {version}".strip()


def quality(row: Published) -> str:
    """As submitted, in few characters: percent, area under the curve, or true and false detections."""
    if row.metric == "TP/FN/FP":
        return row.accuracy.replace(";", " ").replace("=", " ")
    if not row.accuracy:
        return "-"
    return f"{float(row.accuracy):g} %" if row.metric == "top1" else f"{row.accuracy} AUC"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)


def show_ours(made: Sequence[Ours]) -> None:
    """Ours, apart from the ranking."""
    columns = ("MHz", "ms", "silicon expected, ms", "Mcycles", "cyc/MAC", "uJ", "expected, uJ")
    t = table(
        "smidgen: modelled, not measured: no place in the ranking above", "model", "board", *columns, right=columns
    )
    for o in made:
        t.add_row(
            o.source,
            o.board,
            f"{o.clock_mhz:g}",
            f"{o.latency_ms:,.4g}",
            _span(o.latency_ms_range, "{:,.4g}"),
            f"{o.cycles / 1e6:,.3f}",
            _number(o.cycles_per_mac, "{:.2f}"),
            _number(o.energy_uj, "{:,.1f}"),
            _span(o.energy_uj_range, "{:,.1f}"),
        )
    show(t)


def _span(span: tuple[float, float] | None, form: str) -> str:
    return "-" if span is None else f"{form.format(span[0])} to {form.format(span[1])}"
