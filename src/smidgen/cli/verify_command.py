# SPDX-License-Identifier: Apache-2.0
"""smidgen verify: the proof."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from smidgen.cli.common import (
    Choosing,
    choosing_options,
    json_option,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    target_option,
    toolchain_option,
)
from smidgen.compiler import compile as compile_model
from smidgen.compiler import verify as verify_model
from smidgen.verify import load_inputs


@click.command(
    "verify",
    epilog="\b\nExamples:\n  smidgen verify kws --cases 100\n  smidgen verify model.onnx --inputs samples.npz --json",
)
@model_argument
@target_option
@click.option("--cases", "-n", type=click.IntRange(1, 100_000), default=10, show_default=True, help="Random inputs.")
@click.option("--inputs", "-i", type=click.Path(path_type=Path), metavar="F", help=".npy or .npz with inputs instead.")
@click.option("--seed", default=0, show_default=True, help="Of the random inputs.")
@toolchain_option
@choosing_options
@models_option
@json_option
def command(
    model: str,
    target: str,
    cases: int,
    inputs: Path | None,
    seed: int,
    toolchain: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Build MODEL, run it on the emulated core and compare every layer's output with the reference, byte for byte.

    Exit code 0 only if nothing differs; otherwise the first diverging layer is named. The first case also proves that
    no layer writes outside its own buffers, and guard words round arena and stack are checked in every case.

    With --streaming the cases are the frames of one stream from a reset on, at random a whole window more than asked
    for; the reference of each result is the network that sees the whole window.
    """
    compiled = compile_model(model, target, models_dir=models, **choosing.arguments())
    data = load_inputs(compiled.graph, inputs) if inputs is not None else None
    total = len(data) if data is not None else cases + (compiled.stream.frames if compiled.stream is not None else 0)
    with progress(f"verifying {compiled.graph.name}", total, quiet=as_json) as done:
        result = verify_model(compiled, cases=cases, inputs=data, seed=seed, toolchain=toolchain, progress=done)
    d = result.first_divergence
    if as_json:
        print_json(
            {
                "model": compiled.graph.name,
                "source": compiled.origin.source,
                "target": compiled.target.name,
                "numerics": compiled.graph.numerics,
                "toolchain": toolchain,
                "cases": result.cases,
                "mismatches": result.mismatches,
                "layers": result.steps,
                "compared_bytes": result.compared_bytes,
                "first_divergence": d,
            }
        )
    elif d is None:
        counted = "1 case" if result.cases == 1 else f"{result.cases} cases"
        text = (
            f"{compiled.origin.source} on {compiled.target.name}: {counted}, {result.steps} layers, "
            f"{result.compared_bytes:,} bytes compared, 0 differ ({compiled.graph.numerics})"
        )
        show(Text.assemble(("identical: ", "bold green"), text))
    else:
        text = (
            f"{result.mismatches} of {result.cases} cases. First: case {d.case}, layer {d.step} ({d.source}), kernel "
            f"{d.kernel}: element {d.element} of {d.name} is {d.got:g}, expected {d.expected:g}; "
            f"{d.differing_elements} elements differ"
        )
        show(Text.assemble(("different: ", "bold red"), text))
    raise SystemExit(1 if result.mismatches else 0)
