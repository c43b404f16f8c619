# SPDX-License-Identifier: Apache-2.0
"""smidgen check: is it supported, and does it fit."""

from __future__ import annotations

from pathlib import Path

import click
from rich.text import Text

from smidgen.cli.common import (
    json_option,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    table,
    target_option,
)
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.errors import Finding, NoKernel, UnsupportedModel
from smidgen.report import model_notes
from smidgen.targets import load_target


@click.command(
    "check",
    epilog="\b\nExamples:\n  smidgen check model.tflite\n  smidgen check model.onnx --target numaker-m467hj --json",
)
@model_argument
@target_option
@models_option
@json_option
def command(model: str, target: str, models: Path | None, as_json: bool) -> None:
    """Tell whether MODEL can be compiled and fits the board: everything unsupported at once, with remedies.

    Exit code 0 only if it can and does.
    """
    board = load_target(target)
    findings: tuple[Finding, ...] = ()
    compiled: Compiled | None = None
    with progress(f"checking {model}", None, quiet=as_json):
        try:
            compiled = compile_model(model, board, models_dir=models, check_fit=False)
        except (UnsupportedModel, NoKernel) as e:
            findings = e.findings or (Finding("model", model, str(e), ""),)
    needs = _needs(compiled)
    has = {"ram_bytes": board.region("sram").size_bytes, "flash_bytes": board.region("flash").size_bytes}
    fits = None if needs is None else all(needs[k] <= has[k] for k in has)
    if as_json:
        print_json(
            {
                "model": model,
                "target": board.name,
                "supported": compiled is not None,
                "findings": findings,
                "operators": _operators(compiled),
                "fits": fits,
                "needs": needs,
                "has": has,
            }
        )
    else:
        _show(model, compiled, findings, needs, has)
    raise SystemExit(0 if compiled is not None and fits else 1)


def _needs(compiled: Compiled | None) -> dict[str, int] | None:
    if compiled is None:
        return None
    m = compiled.memory
    return {"ram_bytes": m.ram, "flash_bytes": m.weights + m.code}


def _operators(compiled: Compiled | None) -> list[dict[str, object]]:
    if compiled is None:
        return []
    return [
        {"op": type(s.node.op).__name__, "node": s.node.loc, "kernel": s.choice.kernel.symbol}
        for s in compiled.schedule.steps
    ]


def _show(
    model: str,
    compiled: Compiled | None,
    findings: tuple[Finding, ...],
    needs: dict[str, int] | None,
    has: dict[str, int],
) -> None:
    if compiled is None or needs is None:
        t = table(f"{model}: not supported", "op", "node", "reason", "remedy")
        for f in findings:
            t.add_row(f.op, f.node, f.reason, f.remedy)
        show(t)
        return
    t = table(f"{compiled.origin.source}: supported ({compiled.graph.numerics})", "op", "node", "kernel")
    for s in compiled.schedule.steps:
        t.add_row(type(s.node.op).__name__, s.node.loc, s.choice.kernel.symbol)
    show(t)
    for note in model_notes(compiled.graph):
        show(f"note: {note}")
    for key, label in (("ram_bytes", "RAM"), ("flash_bytes", "flash")):
        verdict = ("fits", "green") if needs[key] <= has[key] else ("does not fit", "bold red")
        figures = f"{label:6} {needs[key]:>10,} of {has[key]:,} bytes (modelled before building): "
        show(Text.assemble(figures, verdict))
