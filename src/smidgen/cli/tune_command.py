# SPDX-License-Identifier: Apache-2.0
"""smidgen tune: measures the kernels that a model could use, and shows the programs worth choosing from."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import click

from smidgen.cli.common import (
    console,
    json_option,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    table,
    target_option,
    toolchain_option,
)
from smidgen.cli.plot import new_figure, save_scatter
from smidgen.codegen.folder import write_file
from smidgen.compiler import Tuned
from smidgen.compiler import tune as tune_model
from smidgen.tune import Program, result_text

_SHOWN_PROGRAMS = 20


@click.command(
    "tune",
    epilog="\b\nExamples:\n  smidgen tune kws\n  smidgen tune model.tflite -o model.tune.json --plot model.svg",
)
@model_argument
@target_option
@click.option("-o", "--output", type=click.Path(path_type=Path), metavar="F", help="Save the result: --tune-result F.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="F", help="Latency against RAM, .svg or .png.")
@toolchain_option
@models_option
@json_option
def command(
    model: str,
    target: str,
    output: Path | None,
    plot: Path | None,
    toolchain: str,
    models: Path | None,
    as_json: bool,
) -> None:
    """Measure, rather than predict, the kernels that MODEL could use on the emulated core, flash and caches included.

    Shows the programs that no other beats in latency, RAM and flash at once, and what each setting of --optimize would
    take. Measurements are kept by content, so a second run is quick and an interrupted one goes on where it stopped;
    compile, run, verify and profile choose by them with --tuned.
    """
    if plot is not None:
        new_figure(plot)  # complain before any work
    with progress(f"tuning {model}", 0, quiet=as_json) as bar:
        tuned = tune_model(model, target, models_dir=models, toolchain=toolchain, progress=bar)
    if tuned.tuning.damaged:
        count = len(tuned.tuning.damaged)
        console.print(f"note: {count} damaged or alien {'file' if count == 1 else 'files'} in the cache, measured anew")
    if output is not None:
        write_file(output, lambda stream: _write(stream.write, result_text(tuned.result)))
    if plot is not None:
        counts = tuned.target.core.counts
        timed = counts != "instructions"
        heights = [_milliseconds(p, tuned) if timed else p.cycles / 1e6 for p in tuned.programs]
        points = [(p.ram_bytes / 1024, y, _label(p)) for p, y in zip(tuned.programs, heights, strict=True)]
        title = f"{tuned.origin.source} on {tuned.target.name}"
        kind = "counted" if counts == "cycles" else "modelled"
        label = f"latency, ms ({kind})" if timed else "million instructions (counted)"
        save_scatter(plot, title, ("RAM, KB", label), points)
    if as_json:
        print_json(_report(tuned))
    else:
        _show(tuned)


def _write(write: Callable[[bytes], int], text: str) -> None:
    write(text.encode())


def _milliseconds(program: Program, tuned: Tuned) -> float:
    return program.cycles / tuned.target.clock_hz * 1e3


def _label(program: Program) -> str:
    return ", ".join(program.settings)


def _report(tuned: Tuned) -> dict[str, object]:
    result, tuning = tuned.result, tuned.tuning
    return {
        "model": result.model,
        "source": tuned.origin.source,
        "target": result.target,
        "toolchain": result.toolchain,
        "clock_hz": tuned.target.clock_hz,
        "digest": result.digest,
        "programs_run": tuning.runs,
        "measurements": {"made": len(tuning.measured) - tuning.reused, "reused": tuning.reused},
        "damaged": list(tuning.damaged),
        "steps": result.steps,
        "programs": [_plain(p, tuned) for p in tuned.programs],
    }


def _plain(p: Program, tuned: Tuned) -> dict[str, object]:
    timed = tuned.target.core.counts != "instructions"
    return {
        "settings": p.settings,
        "board_cycles": round(p.cycles) if timed else None,
        "instructions": None if timed else round(p.cycles),
        "ram_bytes": p.ram_bytes,
        "flash_bytes": p.flash_bytes,
        "kernels": p.kernels,
        "latency_ms": round(_milliseconds(p, tuned), 6) if timed else None,
    }


_FIGURES = {
    "cycles": "cycles counted on the core's RTL",
    "model": "cycles with flash and caches, modelled from counted instructions",
    "instructions": "instructions counted; this core has no documented timing model",
}


def _show(tuned: Tuned) -> None:
    result, tuning = tuned.result, tuned.tuning
    counts = tuned.target.core.counts
    costs = ("instructions",) if counts == "instructions" else ("cycles", "ms")
    columns = ("settings", *costs, "RAM", "flash", "kernels unlike the fastest's")
    t = table(f"{tuned.origin.source} on {result.target}", *columns, right=columns[1:])
    shown = _some(tuned.programs)
    for p in shown:
        differ = sum(a != b for a, b in zip(p.kernels, tuned.programs[0].kernels, strict=True))
        cost = (f"{p.cycles:,.0f}", f"{_milliseconds(p, tuned):,.2f}")[: len(costs)]
        t.add_row(_label(p), *cost, *(f"{v:,}" for v in (p.ram_bytes, p.flash_bytes, differ)))
    show(t)
    if len(shown) < len(tuned.programs):
        show(f"... {len(tuned.programs) - len(shown)} more (--json lists all)")
    made = len(tuning.measured) - tuning.reused
    show(
        f"measured  {made} kernels in {tuning.runs} programs, {tuning.reused} known before\n"
        f"shown     programs that no other beats in latency, RAM and flash at once\n"
        f"figures   {_FIGURES[counts]}; RAM and flash before building\n"
        f"next      smidgen compile ... --tuned [--optimize balanced|size|ram] [--max-ram BYTES] [--max-flash BYTES]"
    )


def _some(programs: Sequence[Program]) -> list[Program]:
    """All that a setting takes, and the others spread evenly."""
    if len(programs) <= _SHOWN_PROGRAMS:
        return list(programs)
    spread = {i * (len(programs) - 1) // (_SHOWN_PROGRAMS - 1) for i in range(_SHOWN_PROGRAMS)}
    return [p for i, p in enumerate(programs) if p.settings or i in spread]
