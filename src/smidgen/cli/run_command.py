# SPDX-License-Identifier: Apache-2.0
"""smidgen run: one or more inferences on the emulated core."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import click
import numpy as np
from rich.text import Text

from smidgen.cli.common import (
    Choosing,
    choosing_options,
    console,
    json_option,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    target_option,
    toolchain_option,
)
from smidgen.codegen.folder import write_file
from smidgen.compiler import compile as compile_model
from smidgen.compiler import verify as verify_model
from smidgen.ir import Array, Value
from smidgen.ops import Dequantize
from smidgen.verify import load_inputs, random_inputs

_SHOWN_VALUES = 16


@click.command(
    "run", epilog="\b\nExamples:\n  smidgen run kws\n  smidgen run model.tflite --input x.npy --output y.npz --json"
)
@model_argument
@target_option
@click.option(
    "--input", "-i", "source", type=click.Path(path_type=Path), metavar="F", help=".npy or .npz; default: random."
)
@click.option(
    "--output", "-o", type=click.Path(path_type=Path), metavar="F", help="Save the outputs as .npz (or .npy)."
)
@click.option("--seed", default=0, show_default=True, help="Of the random input.")
@toolchain_option
@choosing_options
@models_option
@json_option
def command(
    model: str,
    target: str,
    source: Path | None,
    output: Path | None,
    seed: int,
    toolchain: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Build MODEL, run it on the emulated core and print the outputs.

    A .npy file holds one input or a stack of them; a .npz file an array an input. Floats are quantised with the
    input's scale. With --streaming they are the frames of one stream, after a reset. Every run is compared with the
    reference too: exit code 1 if a byte differs.
    """
    compiled = compile_model(model, target, models_dir=models, **choosing.arguments())
    graph = compiled.graph
    if source is not None:
        cases = load_inputs(graph, source)
    else:
        drawn = list(random_inputs(graph, 4 if compiled.stream is None else 3 + compiled.stream.frames, seed))
        cases = drawn[3:]  # before that come constant ones
    with progress("running", len(cases), quiet=as_json) as done:
        result = verify_model(compiled, inputs=cases, toolchain=toolchain, progress=done)
    if output is not None:
        write_file(output, lambda stream: _save(stream, output, graph.outputs, result.outputs))
    if as_json:
        print_json(
            {
                "model": graph.name,
                "target": compiled.target.name,
                "cases": result.cases,
                "mismatches": result.mismatches,
                "outputs": [
                    {v.name: _values(v, a) for v, a in zip(graph.outputs, arrays, strict=True)}
                    for arrays in result.outputs
                ],
            }
        )
    else:
        for case, arrays in enumerate(result.outputs[:10]):
            for v, a in zip(graph.outputs, arrays, strict=True):
                show(_line(case, v, a))
        if result.cases > 10:
            show(f"... {result.cases - 10} more cases (--output saves them)")
    if result.mismatches:
        differ = f"{result.mismatches} of {result.cases} cases differ from the reference; smidgen verify says where"
        console.print(Text.assemble(("error: ", "bold red"), differ))
    raise SystemExit(1 if result.mismatches else 0)


def _values(v: Value, a: Array) -> dict[str, object]:
    entry: dict[str, object] = {"shape": list(a.shape), "dtype": a.dtype.name, "values": a.ravel().tolist()}
    if v.type.dtype in ("int8", "int16") and v.type.quant is not None:
        entry |= {"scale": v.type.scale, "zero_point": v.type.zero_point}
    return entry


def _line(case: int, v: Value, a: Array) -> str:
    flat = a.ravel()
    dots = " ..." if flat.size > _SHOWN_VALUES else ""
    text = f"case {case}  {v.name} {v.type.dtype}{list(a.shape)}: {' '.join(map(str, flat[:_SHOWN_VALUES]))}{dots}"
    if v.type.dtype in ("int8", "int16") and v.type.quant is not None:
        real = Dequantize().evaluate([v.type], [a])[0].ravel()
        text += f"\n        real: {' '.join(f'{x:.4g}' for x in real[:_SHOWN_VALUES])}{dots}"
    return f"{text}\n        largest: index {int(np.argmax(flat))}" if flat.size > 1 else text


def _save(stream: BinaryIO, path: Path, values: tuple[Value, ...], cases: tuple[tuple[Array, ...], ...]) -> None:
    stacks = {v.name: np.stack([c[i] for c in cases]) for i, v in enumerate(values)}
    if path.suffix == ".npy" and len(stacks) == 1:
        np.save(stream, next(iter(stacks.values())))
    else:
        np.savez(stream, **stacks)  # type: ignore[arg-type]  # the stub takes allow_pickle for one of them
