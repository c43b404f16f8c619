# SPDX-License-Identifier: Apache-2.0
"""smidgen profile: what a model, or any firmware, costs."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import click

from smidgen.cli.common import (
    Choosing,
    choice_fact,
    choosing_options,
    json_option,
    macs_fact,
    models_option,
    print_json,
    progress,
    show,
    table,
    target_option,
    toolchain_option,
    weights_fact,
    weights_kind,
)
from smidgen.compiler import compile as compile_model
from smidgen.compiler import profile as profile_model
from smidgen.energy.model import InferenceEnergy
from smidgen.profile import ElfProfile, profile_elf
from smidgen.report import LayerReport, ProfileReport, energy_of, latency_range
from smidgen.sim import Limits
from smidgen.targets import load_target
from smidgen.verify import load_inputs

_FUNCTIONS_SHOWN = 5


@click.command(
    "profile",
    epilog="\b\nExamples:\n  smidgen profile kws\n  smidgen profile model.tflite --no-memory-system --json\n"
    "  smidgen profile sww --streaming\n"
    "  smidgen profile --elf firmware.elf --begin infer_begin --end infer_end",
)
@click.argument("model", metavar="[MODEL]", required=False)
@target_option
@click.option(
    "--elf",
    type=click.Path(path_type=Path),
    metavar="F",
    help="Profile a firmware of the target instead of a model.",
)
@click.option("--begin", metavar="SYM", help="With --elf: counting starts when this symbol is reached.")
@click.option("--end", metavar="SYM", help="With --elf: counting ends when this symbol is reached.")
@click.option(
    "--input", "-i", "source", type=click.Path(path_type=Path), metavar="F", help=".npy or .npz; default: random."
)
@click.option(
    "--memory-system/--no-memory-system",
    default=True,
    show_default=True,
    help="Also model flash wait states and caches.",
)
@click.option("--timeout", type=click.FloatRange(1), default=300.0, show_default=True, help="With --elf: seconds.")
@toolchain_option
@click.option(
    "-O", "level", default="3", show_default=True, metavar="LEVEL", help="Compiler optimisation: 0 1 2 3 s z."
)
@choosing_options
@models_option
@json_option
def command(
    model: str | None,
    target: str,
    elf: Path | None,
    begin: str | None,
    end: str | None,
    source: Path | None,
    memory_system: bool,
    timeout: float,
    toolchain: str,
    level: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Count one inference of MODEL on the simulated core, layer by layer, or any firmware between two symbols.

    Instructions are counted. Cycles are counted on the core's RTL where that is simulated, or modelled by the core's
    published timings with zero wait states, the board's flash, prefetch and caches on top as a second figure; where
    there is neither, there are none. With --streaming one step of a stream counts.
    """
    if (model is None) == (elf is None):
        raise click.UsageError("give either MODEL or --elf F.elf --begin SYM --end SYM")
    if elf is not None:
        if begin is None or end is None:
            raise click.UsageError("--elf needs --begin SYM and --end SYM")
        if source is not None or choosing.used or models is not None:
            raise click.UsageError("--input, --models and the choice of kernels are for a MODEL, not for --elf")
        with progress(f"running {elf.name}", None, quiet=as_json):
            board = load_target(target)
            found = profile_elf(elf, begin, end, board, memory_system=memory_system, limits=Limits(timeout))
        _show_elf(found, as_json)
        return
    if begin is not None or end is not None:
        raise click.UsageError("--begin and --end go with --elf")
    with progress(f"profiling {model}", None, quiet=as_json):
        compiled = compile_model(model or "", target, models_dir=models, **choosing.arguments())
        inputs = load_inputs(compiled.graph, source)[0] if source is not None else None
        report = profile_model(
            compiled, inputs=inputs, memory_system=memory_system, toolchain=toolchain, optimize=f"-O{level}"
        )
    if as_json:
        print_json(report)
    else:
        _show(report, compiled.origin.source)


def _columns(r: ProfileReport) -> dict[str, Callable[[LayerReport], str]]:
    """The table's columns: a layer's cell by title. Of figures that the target does not give there is no column."""
    first: dict[str, Callable[[LayerReport], str]] = {
        "#": lambda v: str(v.index),
        "layer": lambda v: v.name,
        "kernel": lambda v: v.kernel.removeprefix("smg_"),
        "out": lambda v: "x".join(map(str, v.shape[1:] or v.shape)),
        "MACs": lambda v: f"{v.macs:,}",
        "live": lambda v: f"{v.live_macs:,}",
        "instr": lambda v: f"{v.instructions:,}",
    }
    if r.cycles is None:
        first["i/MAC"] = lambda v: f"{v.instructions / v.macs:.2f}" if v.macs else "-"
    else:
        first["cycles"] = lambda v: "-" if v.cycles is None else f"{v.cycles:,}"
        first["c/MAC"] = lambda v: "-" if v.cycles_per_mac is None else f"{v.cycles_per_mac:.2f}"
    if r.board_cycles is not None:
        first["stalls"] = lambda v: "-" if v.stall_cycles is None else f"{v.stall_cycles:,}"
    return first | {
        "RAM": lambda v: f"{v.ram_bytes:,}",
        "flash": lambda v: f"{v.flash_bytes:,}",
        "packing": lambda v: f"{v.growth_bytes:+,}" if v.growth_bytes else "-",
    }


def _show(r: ProfileReport, source: str) -> None:
    columns = _columns(r)
    t = table(f"{source} on {r.target} ({r.numerics})", *columns, right=tuple(columns)[4:])
    for layer in r.layers:
        t.add_row(*(cell(layer) for cell in columns.values()))
    show(t)
    lines = [
        f"MACs          {macs_fact(r.macs, r.live_macs)}",
        f"instructions  {r.instructions:,} (counted{_per_mac(r.instructions_per_mac)})",
        f"cycles        {_cycles_fact(r)}",
    ]
    if r.board_cycles is not None:
        lines.append(
            f"on the board  {r.board_cycles:,} cycles (modelled, with flash and caches): {r.board_latency_ms:.3f} ms"
        )
    lines += _function_lines(r)
    if r.cycles_kind == "modelled":  # of RTL there is no silicon to be off from, and instructions tell no time
        lines.append(f"silicon       {expected(r.latency_ms_range)}")
    if r.cycles_kind == "modelled" or r.energy is not None:
        lines.append(f"energy        {energy_fact(r.energy)}")
    ram, flash, kind = r.ram, r.flash, weights_kind([layer.weight_bits for layer in r.layers])
    state = f"state {ram.state:,} + " if ram.state else ""
    lines.append(
        f"RAM           {ram.total:,} bytes: {state}arena {ram.arena:,} + scratch {ram.scratch:,} + static "
        f"{ram.static:,} + stack {ram.stack:,}; no arena plan can need less than {r.ram_lower_bound:,}"
    )
    lines.append(
        f"flash         {flash.total:,} bytes: code {flash.code:,} + constants {flash.weights:,} ({kind} "
        f"{flash.live_weights:,}, packing {flash.growth:+,}, tables {flash.tables:,})"
    )
    staged = [layer.staged_bytes for layer in r.layers]
    lines.append(f"weights       {weights_fact(r.weights, staged, ram.static)}")
    lines.append(f"choice        {choice_fact(r.optimize, r.max_ram_bytes, r.max_flash_bytes)}")
    if r.library is not None:
        lines.append(f"library       {r.library}")
    if r.unknown_instructions:
        lines.append(f"not priced    {r.unknown_instructions}: these instructions have no rule in the cycle model")
    show("\n".join(lines))


def _function_lines(r: ProfileReport) -> list[str]:
    """The functions with the most cycles, where they are known."""
    shown = [f for f in r.functions if f.cycles is not None and r.cycles][:_FUNCTIONS_SHOWN]
    heads = ["functions     ", *["              "] * len(shown)]
    return [
        f"{head}{f.cycles:,} cycles ({100 * (f.cycles or 0) / (r.cycles or 1):.1f} %): {f.name}"
        for head, f in zip(heads, shown, strict=False)
    ]


def _per_mac(ratio: float | None) -> str:
    return "" if ratio is None else f", {ratio:.2f} a nominal MAC"


def _cycles_fact(r: ProfileReport) -> str:
    if r.cycles is None:
        return "not known: this core has no documented timing model, so neither time nor energy can be told"
    if r.cycles_kind == "counted":
        how = f"counted on the core's RTL, memory answers at once{_per_mac(r.cycles_per_mac)}"
        return f"{r.cycles:,} ({how}): {r.latency_ms:.3f} ms at {r.clock_hz / 1e6:g} MHz"
    how = f"{r.cycles_kind}, zero wait states{_per_mac(r.cycles_per_mac)}"
    return f"{r.cycles:,} ({how}): {r.latency_ms:.3f} ms at {r.clock_hz / 1e6:g} MHz"


def expected(span: tuple[float, float] | None) -> str:
    """The range in which silicon's time is expected, in words."""
    if span is None:
        return "how far off these times are is not known: no measured latency of this board was compared"
    return f"expected between {span[0]:.3f} and {span[1]:.3f} ms"


def energy_fact(energy: InferenceEnergy | None) -> str:
    """Energy of an inference, where it comes from and how far off it may be, in words."""
    if energy is None:
        return "not known: nobody has published a measurement of this board"
    cycle = energy.cycle
    supply = "" if cycle.supply_mv is None else f" at {cycle.supply_mv / 1000:g} V"
    off = "" if cycle.mean_error_percent is None else f", +-{cycle.mean_error_percent:g} % on average"
    text = f"{energy.energy_uj:,.1f} uJ (modelled: {cycle.picojoules:g} pJ a cycle{supply}{off})"
    if energy.range_uj is None:
        return text
    return f"{text}: expected between {energy.range_uj[0]:,.1f} and {energy.range_uj[1]:,.1f} uJ"


def _show_elf(r: ElfProfile, as_json: bool) -> None:
    board = None if r.stalls is None else r.cycles.value + r.stalls.value
    milliseconds = 1e3 / r.target.clock_hz
    if as_json:
        print_json(
            {
                "elf": r.elf_path.name,
                "target": r.target.name,
                "begin": r.begin,
                "end": r.end,
                "clock_hz": r.target.clock_hz,
                "instructions": r.instructions.value,
                "instructions_kind": r.instructions.kind,
                "cycles": r.cycles.value,
                "cycles_kind": r.cycles.kind,
                "latency_ms": r.cycles.value * milliseconds,
                "board_cycles": board,
                "board_latency_ms": None if board is None else board * milliseconds,
                "latency_ms_range": latency_range(r.target, r.cycles.value, board),
                "energy": energy_of(r.target, r.cycles.value, board),
                "stack_bytes": r.stack.value,
                "functions": r.functions,
                "mix": r.mix,
                "cycles_by_rule": r.cycles_by_rule,
                "unknown_instructions": r.unknown,
                "notes": r.notes,
            }
        )
        return
    t = table(
        f"{r.elf_path.name}, {r.begin} to {r.end}", "function", "instr", "cycles", "%", right=("instr", "cycles", "%")
    )
    for f in r.functions[:20]:
        share = 100 * f.cycles / max(r.cycles.value, 1)
        t.add_row(f.name, f"{f.instructions:,}", f"{f.cycles:,}", f"{share:.1f}")
    show(t)
    show(f"instructions  {r.instructions.value:,} (counted)")
    how = "zero wait states" if r.cycles.kind == "modelled" else "on the core's RTL, memory answers at once"
    show(f"cycles        {r.cycles.value:,} ({r.cycles.kind}, {how}): {r.cycles.value * milliseconds:.3f} ms")
    if board is not None:
        show(f"on the board  {board:,} cycles (modelled, flash and caches included): {board * milliseconds:.3f} ms")
    if r.cycles.kind == "modelled":
        show(f"silicon       {expected(latency_range(r.target, r.cycles.value, board))}")
        show(f"energy        {energy_fact(energy_of(r.target, r.cycles.value, board))}")
    show(f"stack         {r.stack.value:,} bytes (counted)")
    for note in r.notes:
        show(f"note: {note}")
    if r.unknown:
        show(f"not priced    {dict(r.unknown)}: these instructions have no rule in the cycle model")
