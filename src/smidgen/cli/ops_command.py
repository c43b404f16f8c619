# SPDX-License-Identifier: Apache-2.0
"""smidgen ops: what the importers take and which kernels compute it."""

from __future__ import annotations

import click

from smidgen.cli.common import json_option, print_json, show, table
from smidgen.cli.support import supported_ops


@click.command("ops", epilog="\b\nExample:\n  smidgen ops --json")
@json_option
def command(as_json: bool) -> None:
    """List operators: how TFLite and ONNX spell them, and the kernels with their limits."""
    rows = supported_ops()
    if as_json:
        print_json({"ops": rows})
        return
    t = table("Operators", "operator", "TFLite", "ONNX", "kernels")
    for row in rows:
        t.add_row(row.name, ", ".join(row.tflite), ", ".join(row.onnx), "\n".join(k.symbol for k in row.kernels))
    show(t)
