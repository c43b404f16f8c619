# SPDX-License-Identifier: Apache-2.0
"""smidgen compile: a model file to a folder of C."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import click

from smidgen.cli.common import (
    Choosing,
    choice_fact,
    choosing_options,
    facts,
    json_option,
    macs_fact,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    target_option,
    weights_fact,
    weights_kind,
)
from smidgen.codegen.folder import check_folder, write_folder
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.ir import Graph, format_graph
from smidgen.report import model_notes
from smidgen.schedule import constant_bytes, weight_bits


@click.command(
    "compile",
    epilog="\b\nExamples:\n  smidgen compile model.tflite\n  smidgen compile kws --target numaker-m467hj -o build/kws\n"
    "  smidgen compile sww --streaming",
)
@model_argument
@target_option
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder to make [default: <model>_c]."
)
@click.option("--name", metavar="NAME", help="Name in C: smg_<NAME>_run [default: the file's].")
@click.option("--force", is_flag=True, help="Replace a folder that holds nothing but what smidgen made.")
@click.option(
    "--dump", type=click.Path(path_type=Path), metavar="DIR", help="Write the graph after every pass as text."
)
@click.option("--explain", is_flag=True, help="Show for every step why other kernels were not taken.")
@choosing_options
@models_option
@json_option
def command(
    model: str,
    target: str,
    output: Path | None,
    name: str | None,
    force: bool,
    dump: Path | None,
    explain: bool,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Compile MODEL to a folder of plain C11: header, source, weights, kernels, CMakeLists.txt, example, README."""
    dumps: list[tuple[str, Graph]] = []
    _check_folders([f for f in (output, dump) if f is not None], force)
    with progress(f"compiling {model}", None, quiet=as_json):
        compiled = compile_model(
            model,
            target,
            name=name,
            **choosing.arguments(),
            models_dir=models,
            watch=lambda stage, graph: dumps.append((stage, graph)),
        )
        folder = output or Path(f"{compiled.graph.name}_c")
        written = write_folder(folder, {**compiled.sources.files, **compiled.sources.extras}, replace=force)
        if dump is not None:
            texts = {f"{i:02d}-{stage}.txt": format_graph(g) for i, (stage, g) in enumerate(dumps)}
            write_folder(dump, texts, replace=force)
    memory, objective = compiled.memory, compiled.schedule.objective
    if as_json:
        print_json(
            {
                "model": compiled.graph.name,
                "source": compiled.origin.source,
                "target": compiled.target.name,
                "numerics": compiled.graph.numerics,
                "folder": folder,
                "files": written,
                "digest": compiled.sources.digest,
                "macs": compiled.graph.nominal_macs,
                "live_macs": compiled.graph.macs,
                "optimize": objective.setting,
                "max_ram_bytes": objective.max_ram_bytes,
                "max_flash_bytes": objective.max_flash_bytes,
                "weights": compiled.schedule.weights,
                "notes": model_notes(compiled.graph),
                "library": compiled.sources.library.title if compiled.sources.library is not None else None,
                "bytes": {
                    "arena": memory.arena,
                    "weights": memory.weights,
                    "static": memory.static,
                    "state": memory.state,
                },
                "streaming": None
                if compiled.stream is None
                else {
                    "time_axis": compiled.stream.axis,
                    "window_frames": compiled.stream.frames,
                    "window_macs": compiled.stream.window.nominal_macs,
                },
                "bytes_modelled": {"code": memory.code, "stack": memory.stack},
                "arena_lower_bound_bytes": compiled.schedule.plan.bound_bytes,
                "steps": [
                    {
                        "name": s.name,
                        "source": s.node.loc,
                        "kernel": s.choice.kernel.symbol,
                        "cycles_modelled": round(s.choice.cycles),
                        "flash_bytes": constant_bytes(s.choice.kernel, s.node),
                        "weight_bits": weight_bits(s.node),
                        "staged_bytes": s.staged_bytes,
                        "rejected": [{"kernel": k, "reason": r} for k, r in s.choice.rejected],
                    }
                    for s in compiled.schedule.steps
                ],
            }
        )
        return
    staged = [s.staged_bytes for s in compiled.schedule.steps]
    bound = compiled.schedule.plan.bound_bytes
    show(
        facts(
            (
                ("model", f"{compiled.origin.source}, {compiled.graph.numerics}"),
                ("MACs", macs_fact(compiled.graph.nominal_macs, compiled.graph.macs)),
                ("folder", f"{folder} ({len(written)} files; README.md says how to build them)"),
                ("arena", f"{memory.arena:,} bytes of RAM (no plan can need less than {bound:,})"),
                ("stack", f"about {memory.stack:,} bytes of RAM"),
                (
                    "flash",
                    f"{memory.weights:,} bytes of constants ({_spent(compiled)}) + about {memory.code:,} of code",
                ),
                ("weights", weights_fact(compiled.schedule.weights, staged, memory.static)),
                ("choice", choice_fact(objective.setting, objective.max_ram_bytes, objective.max_flash_bytes)),
                *([("library", compiled.sources.library.title)] if compiled.sources.library is not None else []),
                *_streaming(compiled),
            )
        )
    )
    for note in model_notes(compiled.graph):
        show(f"note: {note}")
    if explain:
        for s in compiled.schedule.steps:
            show(f"{s.name}: {s.choice.kernel.symbol}, about {s.choice.cycles:,.0f} cycles")
            for symbol, reason in s.choice.rejected:
                show(f"    not {symbol}: {reason}")


def _streaming(compiled: Compiled) -> list[tuple[str, str]]:
    """What to call, and of a step of a stream what it keeps and stands for."""
    name, stream = compiled.graph.name, compiled.stream
    if stream is None:
        return [("call", f"smg_{name}_run")]
    window, step = stream.window.nominal_macs, compiled.graph.nominal_macs
    return [
        ("state", f"{compiled.memory.state:,} bytes of RAM from step to step"),
        ("stream", f"a frame a step instead of windows of {stream.frames}, which take {window:,} MACs each"),
        ("saved", f"{1 - step / window:.1%} of the MACs" if window else "no MACs"),
        ("call", f"smg_{name}_reset once, then smg_{name}_step for every frame"),
    ]


def _spent(compiled: Compiled) -> str:
    """What the constants are: the model's own weights, what packing adds to them, tables."""
    parts = [constant_bytes(s.choice.kernel, s.node) for s in compiled.schedule.steps]
    weights, growth = sum(p.weights for p in parts), sum(p.growth for p in parts)
    tables = compiled.memory.weights - weights - growth
    kind = weights_kind([weight_bits(s.node) for s in compiled.schedule.steps])
    return f"{kind} {weights:,}, packing {growth:+,}, tables {tables:,}"


def _check_folders(folders: Sequence[Path], force: bool) -> None:
    """Complain before the work rather than after it."""
    if len({f.absolute() for f in folders}) != len(folders):
        raise click.UsageError("--output and --dump need different folders")
    for folder in folders:
        check_folder(folder, force)
