# SPDX-License-Identifier: Apache-2.0
"""Where smidgen energy takes an inference's energy from: a model, a published result, or the command line."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import click

from smidgen.cli.common import Choosing, progress
from smidgen.cli.energy_text import Consumer
from smidgen.compiler import compile as compile_model
from smidgen.compiler import profile as profile_model
from smidgen.energy.model import cycle_energy, inference_energy
from smidgen.errors import UsageError
from smidgen.report import latency_range
from smidgen.results import COMPARABLE, Published, published
from smidgen.targets import Target, load_target


@dataclass(frozen=True, slots=True)
class Asked:
    """What the options say about the inference, in SI units."""

    model: str | None
    target: str
    state: str | None
    supply: float | None
    clock: float | None
    energy: float | None
    latency: float | None
    result: str | None
    toolchain: str
    choosing: Choosing
    models: Path | None


@dataclass(frozen=True, slots=True)
class Source:
    """An inference, the supply that its energy is of (None: not known), and the board if one was asked for."""

    consumer: Consumer
    supply_v: float | None
    board: Target | None
    notes: tuple[str, ...] = ()


def source_of(asked: Asked, *, quiet: bool) -> Source:
    """The one source that is asked for; click.UsageError for none or several."""
    by_hand = asked.energy is not None or asked.latency is not None
    if (asked.model is not None) + (asked.result is not None) + by_hand != 1:
        raise click.UsageError("give one of MODEL, --result, --energy with --latency, --trace and --monitor")
    if asked.model is None and (asked.clock is not None or asked.state is not None):
        raise click.UsageError("--clock and --state are for a MODEL")
    if asked.model is not None:
        return _modelled(asked, asked.model, quiet=quiet)
    if asked.result is not None:
        return _of_result(asked, _find(asked.result))
    if asked.energy is None or asked.latency is None:
        raise click.UsageError("--energy and --latency go together")
    return Source(Consumer("given", asked.energy, None, asked.latency, "given", "by hand"), asked.supply, None)


def _modelled(asked: Asked, model: str, *, quiet: bool) -> Source:
    board = load_target(asked.target)
    cycle = cycle_energy(board, asked.state, None if asked.supply is None else round(asked.supply * 1000))
    with progress(f"profiling {model}", None, quiet=quiet):
        compiled = compile_model(model, asked.target, models_dir=asked.models, **asked.choosing.arguments())
        report = profile_model(compiled, toolchain=asked.toolchain)
    cycles = report.cycles if report.board_cycles is None else report.board_cycles
    if cycles is None:
        raise UsageError(f"{board.name} counts instructions, not cycles: there is no energy of a cycle to multiply")
    clock = asked.clock or board.clock_hz
    span = latency_range(board, report.cycles, report.board_cycles)
    if span is not None:
        span = (span[0] * board.clock_hz / clock, span[1] * board.clock_hz / clock)
    energy = inference_energy(cycles, clock, cycle, span)
    notes = []
    if clock != board.clock_hz:
        notes.append(
            f"at {clock / 1e6:g} MHz with what a cycle takes at {board.clock_hz / 1e6:g} MHz: no energy of this board "
            f"was published at other clocks, where flash waits less and leakage weighs more"
        )
    off = "" if cycle.mean_error_percent is None else f", +-{cycle.mean_error_percent:g} % on average"
    source = f"{cycles:,} cycles at {clock / 1e6:g} MHz x {cycle.picojoules:g} pJ ({board.name}, {cycle.state}{off})"
    joules = None if energy.range_uj is None else (energy.range_uj[0] / 1e6, energy.range_uj[1] / 1e6)
    consumer = Consumer(model, energy.energy_uj / 1e6, joules, cycles / clock, energy.kind, source)
    supply = asked.supply if asked.supply is not None or cycle.supply_mv is None else cycle.supply_mv / 1000
    return Source(consumer, supply, board, tuple(notes))


def _find(text: str) -> Published:
    """The result whose source holds every part of ``text``; UsageError for none, or for several."""
    parts = [p for p in text.lower().split("/") if p]
    with_energy = [r for r in published() if r.energy_uj is not None and r.benchmark in COMPARABLE]
    found = [r for r in with_energy if _holds(r, parts)] if parts else []
    if len(found) == 1:
        return found[0]
    if not found:
        raise UsageError(
            f"no published result with energy has a source like {text!r}. Parts of its path are wanted: "
            f"v1.2/STMicroelectronics/NUCLEO_U575ZI_Q/kws (smidgen results lists sources with --json)"
        )
    shown = ", ".join("/".join(r.source.split("/")[-5:]) for r in found[:4])
    raise UsageError(f"{len(found)} published results with energy are like {text!r}: {shown}... Give more of the path")


def _holds(result: Published, parts: list[str]) -> bool:
    steps = [*result.source.lower().split("/"), result.round]
    return all(any(part == step or part in step.split("_") for step in steps) for part in parts)


def _of_result(asked: Asked, row: Published) -> Source:
    assert row.energy_uj is not None, "only results with energy are found"
    supply = row.supply_mv
    if supply is None:  # the Python runner's log lacks it, those of the same system by the other runner have it
        same = {r.supply_mv for r in published() if r.published_system == row.published_system} - {None}
        supply = same.pop() if len(same) == 1 else None
    volts = None if supply is None else supply / 1000
    if asked.supply is not None and volts is not None and asked.supply != volts:
        raise UsageError(f"this result was measured at {volts:g} V, not at {asked.supply:g} V: leave --supply out")
    where = f"{row.submitter}, {row.software}, {row.board}, {row.benchmark}, {row.round}"
    consumer = Consumer(row.source, row.energy_uj / 1e6, None, row.latency_ms / 1e3, "measured", where)
    return Source(consumer, asked.supply or volts, None, row.notes)
