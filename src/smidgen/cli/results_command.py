# SPDX-License-Identifier: Apache-2.0
"""smidgen results: what others have published in MLPerf Tiny, and ours beside it."""

from __future__ import annotations

import csv
import sys
from collections.abc import Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

import click

from smidgen.cli.common import json_option, models_option, print_json, progress, toolchain_option
from smidgen.cli.results_plot import save_plot
from smidgen.cli.results_text import Ours, show_ours, show_published
from smidgen.compiler import compile as compile_model
from smidgen.compiler import profile as profile_model
from smidgen.errors import UsageError
from smidgen.results import BENCHMARKS, SORTED_BY, Published, Question, find_board, ordered, select
from smidgen.targets import list_targets

_EPILOG = """\b
Examples:
  smidgen results --board nucleo-l4r5zi --benchmark ic
  smidgen results --benchmark kws --core m33 --sort energy
  smidgen results --board u575 --plot u575.svg
  smidgen results --board nucleo-l4r5zi --ours zoo --sort cycles-per-mac
"""

_REFERENCE = "nucleo-l4r5zi"


@click.command("results", epilog=_EPILOG)
@click.option("--board", "-b", metavar="BOARD", help="Only of this board and its variants: nucleo-l4r5zi, u575.")
@click.option("--benchmark", metavar="NAME", help=f"Only this one: {', '.join(BENCHMARKS)}.")
@click.option("--round", metavar="ROUND", help="Only this one: v0.5, v0.7, v1.0 to v1.3.")
@click.option("--submitter", metavar="NAME", help="Only of this one: STMicroelectronics, plumerai, bosch.")
@click.option("--engine", metavar="NAME", help="Only with this software: X-CUBE-AI, microTVM, TensorFlow Lite Micro.")
@click.option("--core", metavar="NAME", help="Only of this one: m4, m33, risc-v.")
@click.option("--division", metavar="NAME", help="Only of this one: closed or open.")
@click.option(
    "--sort", type=click.Choice(list(SORTED_BY)), default="latency", show_default=True, help="Within a benchmark."
)
@click.option("--plot", type=click.Path(path_type=Path), metavar="FILE", help="Draw them: .svg, .png or .pdf.")
@click.option("--ours", metavar="MODEL", help="Put ours beside them, modelled: a model, or zoo for every benchmark's.")
@click.option("--csv", "as_csv", is_flag=True, help="The published results as CSV on stdout, every column.")
@toolchain_option
@models_option
@json_option
def command(
    sort: str,
    plot: Path | None,
    ours: str | None,
    as_csv: bool,
    toolchain: str,
    models: Path | None,
    as_json: bool,
    **words: Any,  # Any: click's values
) -> None:
    """Published MLPerf Tiny results, measured by their submitters, with what to know before comparing them.

    Ours stand apart: they are modelled, not measured, and have no place in the ranking.
    """
    if as_csv and (as_json or ours is not None):
        raise click.UsageError("--csv holds published results only: leave --json and --ours out")
    question = Question(**words)
    rows = ordered(select(question), sort)
    if not rows:
        raise UsageError(f"no published result is of all of that: {_said(question)}. Leave something out")
    made = () if ours is None else _ours(ours, question, rows, (toolchain, models), quiet=as_json)
    if plot is not None:
        save_plot(plot, rows, made, sort)
    if as_csv:
        _print_csv(rows)
    elif as_json:
        print_json({"published": [_json(r) for r in rows], "ours": made})
    else:
        show_published(rows, sort, _said(question))
        if made:
            show_ours(made)


def _said(question: Question) -> str:
    return ", ".join(f"{name} {value}" for name, value in asdict(question).items() if value is not None)


def _json(row: Published) -> dict[str, Any]:  # Any: JSON
    cycles = None if row.clock_mhz is None else round(row.mcycles, 6)
    return {"kind": "measured", **asdict(row), "mcycles": cycles, "cycles_per_mac": row.cycles_per_mac}


def _print_csv(rows: Sequence[Published]) -> None:
    names = [f.name for f in fields(Published)]
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(names)
    for row in rows:
        values = asdict(row) | {"notes": "; ".join(row.notes)}
        writer.writerow(["" if values[n] is None else values[n] for n in names])


def _ours(
    what: str, question: Question, rows: Sequence[Published], how: tuple[str, Path | None], *, quiet: bool
) -> tuple[Ours, ...]:
    """What is asked for, compiled and profiled for the board in question, if it is one that programs are built for."""
    name = _REFERENCE if question.board is None else find_board(question.board).name
    if name not in list_targets():
        raise UsageError(
            f"--ours needs a board that smidgen models: {', '.join(list_targets())}; results are of {name}. "
            f"Leave --ours out or ask for another --board"
        )
    shown = [b for b in BENCHMARKS if any(r.benchmark == b for r in rows)]
    names = shown if what == "zoo" else [what]
    found = []
    with progress("profiling", len(names), quiet=quiet) as advance:
        for i, model in enumerate(names):
            advance(i, text=f"profiling {model}")
            found.append(_profiled(model, name, how))
    return tuple(found)


def _profiled(model: str, target: str, how: tuple[str, Path | None]) -> Ours:
    compiled = compile_model(model, target, models_dir=how[1])
    r = profile_model(compiled, toolchain=how[0])
    cycles = r.cycles if r.board_cycles is None else r.board_cycles
    milliseconds = r.latency_ms if r.board_latency_ms is None else r.board_latency_ms
    if cycles is None or milliseconds is None:
        raise UsageError(f"{target} counts instructions, not cycles, so there is no latency to compare; take a board")
    return Ours(
        model=model,
        source=compiled.origin.source,
        board=target,
        clock_mhz=r.clock_hz / 1e6,
        latency_ms=milliseconds,
        latency_ms_range=r.latency_ms_range,
        cycles=cycles,
        cycles_per_mac=cycles / r.macs if r.macs else None,
        energy_uj=None if r.energy is None else r.energy.energy_uj,
        energy_uj_range=None if r.energy is None else r.energy.range_uj,
    )
