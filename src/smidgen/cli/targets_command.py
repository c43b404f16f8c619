# SPDX-License-Identifier: Apache-2.0
"""smidgen targets: the boards."""

from __future__ import annotations

import click

from smidgen.cli.common import json_option, print_json, show, table
from smidgen.targets import list_targets, load_target

_FIGURES = {"cycles": "cycles, counted", "model": "cycles, modelled", "instructions": "instructions"}


@click.command("targets", epilog="\b\nExample:\n  smidgen targets --json")
@json_option
def command(as_json: bool) -> None:
    """List the boards that models can be compiled for."""
    boards = [load_target(name) for name in list_targets()]
    rows = [
        {
            "name": b.name,
            "title": b.title,
            "core": b.core.name,
            "architecture": b.core.architecture,
            "simulator": b.core.simulator,
            "counts": b.core.counts,
            "clock_hz": b.clock_hz,
            "flash_bytes": b.region("flash").size_bytes,
            "sram_bytes": b.region("sram").size_bytes,
            "flash_wait_states": b.region("flash").wait_states,
        }
        for b in boards
    ]
    if as_json:
        print_json({"targets": rows})
        return
    t = table(
        "Targets", "name", "core", "ISA", "simulator", "figures", "clock", "flash", "SRAM", "waits", "board",
        right=("clock", "flash", "SRAM", "waits"),
    )  # fmt: skip
    for b in boards:
        flash, sram = b.region("flash"), b.region("sram")
        t.add_row(
            b.name,
            b.core.name,
            b.core.architecture,
            b.core.simulator,
            _FIGURES[b.core.counts],
            f"{b.clock_hz / 1e6:g} MHz",
            f"{flash.size_bytes // 1024} KB",
            f"{sram.size_bytes // 1024} KB",
            str(flash.wait_states),
            b.title,
        )
    show(t)
