# SPDX-License-Identifier: Apache-2.0
"""Whether a program fits the limits it was given and the board's memories."""

from __future__ import annotations

from dataclasses import replace

from smidgen.codegen.memory import Memory
from smidgen.errors import DoesNotFit
from smidgen.schedule import Objective
from smidgen.targets import Target


def require_ram(memory: Memory, objective: Objective) -> None:
    """Raise DoesNotFit if what is kept in RAM, which no choice of kernels sees, breaks the limit."""
    limit = objective.max_ram_bytes
    if (memory.static or memory.state) and limit is not None and memory.ram > limit:
        kept = memory.static + memory.state
        raise DoesNotFit(
            f"what is kept in RAM (weights, code, state) takes {kept:,} bytes: with arena {memory.arena:,} and stack "
            f"{memory.stack:,} that is {memory.ram:,}, more than the {limit:,} of --max-ram. Raise the limit, or take "
            "--weights staged or flash, --code flash"
        )


def fits(memory: Memory, board: Target) -> bool:
    try:
        require_fit(memory, board)
    except DoesNotFit:
        return False
    return True


def within_board(objective: Objective, board: Target) -> Objective:
    """The objective with the board's memories as limits too."""
    ram, flash = board.region("sram").size_bytes, board.region("flash").size_bytes
    ram += board.second_sram.size_bytes if board.second_sram is not None else 0
    return replace(
        objective,
        max_ram_bytes=min(objective.max_ram_bytes or ram, ram),
        max_flash_bytes=min(objective.max_flash_bytes or flash, flash),
    )


def require_fit(memory: Memory, board: Target) -> None:
    """Raise DoesNotFit, with the figures, unless the program fits the board's main flash and RAM."""
    statics = f" + statics {memory.static}" if memory.static else ""
    statics += f" + state {memory.state}" if memory.state else ""
    second = board.second_sram
    checks = [
        (
            board.region("sram"),
            memory.ram - memory.second,
            f"arena {memory.arena - memory.second} + stack {memory.stack}{statics}",
        ),
        (board.region("flash"), memory.weights + memory.code, f"constants {memory.weights} + code {memory.code}"),
        *([(second, memory.second, f"the arena's second part {memory.second}")] if second is not None else []),
    ]
    for region, need, parts in checks:
        if need > region.size_bytes:
            raise DoesNotFit(
                f"the model needs {need} bytes of {region.kind} ({parts}), {board.name} has {region.size_bytes}. "
                f"Take a smaller model or a larger board (smidgen targets)"
            )
