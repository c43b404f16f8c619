# SPDX-License-Identifier: Apache-2.0
"""Scatter plots with matplotlib, which is an extra: the same points give the same bytes of SVG."""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from io import BytesIO
from pathlib import Path
from typing import Any

from smidgen.codegen.folder import write_file
from smidgen.errors import ToolNotFound, UsageError

Point = tuple[float, float, str]
"""x, y and what stands beside it."""

FORMATS = (".svg", ".png", ".pdf")


def save_scatter(path: Path, title: str, labels: tuple[str, str], points: Sequence[Point], *, series: str = "") -> None:
    """Draws ``points`` into ``path``; ToolNotFound without matplotlib, UsageError for a format it does not know."""
    figure, axes = new_figure(path)
    add_series(axes, points, series or title, marker="o")
    finish(path, figure, axes, title, labels)


def new_figure(path: Path) -> tuple[Any, Any]:  # Any: matplotlib is optional and not typed here
    """A figure and its axes, drawn without a display."""
    if path.suffix not in FORMATS:
        raise UsageError(f"a plot is one of {', '.join(FORMATS)}, not {path.name!r}")
    try:
        matplotlib = import_module("matplotlib")
        figures = import_module("matplotlib.figure")
    except ImportError:
        raise ToolNotFound("plots need matplotlib: pip install 'smidgen[plot]', or leave the plot out") from None
    matplotlib.rcParams["svg.hashsalt"] = "smidgen"  # ids in the file: random otherwise
    matplotlib.rcParams["svg.fonttype"] = "none"  # text as text: no outlines of this machine's fonts
    figure = figures.Figure(figsize=(8, 5), layout="constrained")
    return figure, figure.subplots()


def add_series(axes: Any, points: Sequence[Point], name: str, *, marker: str) -> None:  # Any: as above
    axes.plot([p[0] for p in points], [p[1] for p in points], marker, label=name)
    for x, y, text in points:
        if text:
            axes.annotate(text, (x, y), textcoords="offset points", xytext=(5, 4), fontsize=8)


def finish(path: Path, figure: Any, axes: Any, title: str, labels: tuple[str, str]) -> None:  # Any: as above
    axes.set_title(title)
    axes.set_xlabel(labels[0])
    axes.set_ylabel(labels[1])
    axes.grid(alpha=0.3)
    buffer = BytesIO()
    metadata = {"Date": None} if path.suffix == ".svg" else None
    figure.savefig(buffer, format=path.suffix[1:], metadata=metadata)
    write_file(path, lambda stream: _copy(stream.write, buffer.getvalue()))


def _copy(write: Any, data: bytes) -> None:  # Any: a file's write
    write(data)


def save_bars(path: Path, title: str, label: str, bars: Sequence[tuple[str, Sequence[tuple[str, float]]]]) -> None:
    """Horizontal bars, a group of them for each name from the top: (name, its (series, length) pairs)."""
    figure, axes = new_figure(path)
    series = list(dict.fromkeys(s for _, group in bars for s, _ in group))
    height = 0.8 / max(len(series), 1)
    for i, one in enumerate(series):
        points = [(row + i * height, dict(group)[one]) for row, (_, group) in enumerate(bars) if one in dict(group)]
        axes.barh([y for y, _ in points], [x for _, x in points], height=height, label=one)
    axes.set_yticks([row + 0.4 - height / 2 for row in range(len(bars))], [name for name, _ in bars], fontsize=7)
    axes.invert_yaxis()
    figure.set_size_inches(8, max(2.5, 0.28 * len(bars) + 1.2))
    if len(series) > 1:
        axes.legend(fontsize=8)
    finish(path, figure, axes, title, (label, ""))
