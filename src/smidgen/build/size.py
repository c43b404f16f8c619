# SPDX-License-Identifier: Apache-2.0
"""What an image takes of flash and RAM, by category and by symbol."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.build.elf import Elf
from smidgen.build.link import CATEGORIES, GUARD_BYTES


@dataclass(frozen=True, slots=True)
class SymbolSize:
    """One symbol's bytes. ``section`` is text, ramcode, rodata, data, bss or arena; data counts in flash and in RAM."""

    name: str
    nbytes: int
    category: str
    section: str


@dataclass(frozen=True, slots=True)
class Sizes:
    """Bytes of the model alone: harness and start-up, the stack and the harness's buffers are not in it."""

    kernel_code_bytes: int  # the kernels' instructions and tables
    model_code_bytes: int  # the run function and the API
    support_code_bytes: int  # memcpy and its like, and what the compiler's run-time library had to add
    constant_bytes: int  # weights, biases, requantisation tables, parameter structs
    initialized_bytes: int  # .data: its start values in flash, and again in RAM
    zeroed_bytes: int  # .bss beside the arena
    arena_bytes: int
    ram_code_bytes: int  # of the kernels' code: stored in flash, run from RAM
    symbols: tuple[SymbolSize, ...]

    @property
    def flash_bytes(self) -> int:
        code = self.kernel_code_bytes + self.model_code_bytes + self.support_code_bytes
        return code + self.constant_bytes + self.initialized_bytes

    @property
    def static_ram_bytes(self) -> int:
        """RAM beside arena and stack."""
        return self.initialized_bytes + self.zeroed_bytes + self.ram_code_bytes

    @property
    def ram_bytes(self) -> int:
        """Arena and statics; the stack is measured by running."""
        return self.arena_bytes + self.static_ram_bytes


def measure(elf: Elf) -> Sizes:
    """Sizes of an image linked with our linker script; ImageError if it was not."""
    extent = {(s, c): _extent(elf, s, c) for s in ("text", "rodata", "data", "bss") for c in CATEGORIES}
    extent["ramcode", "kernels"] = _extent(elf, "ramcode", "kernels")
    span = {key: end - start for key, (start, end) in extent.items()}
    arenas = {
        (name, "model"): (elf.symbol(f"smg_{name}_guard_low").address + GUARD_BYTES, elf.symbol(high).address)
        for name, high in (("arena", "smg_arena_guard_high"), ("arena2", "smg_arena2_guard_high"))
        if name == "arena" or high in elf.by_name
    }
    symbols = [
        SymbolSize(s.name, s.nbytes, category, section)
        for (section, category), (start, end) in {**extent, **arenas}.items()
        if category != "harness"
        for s in elf.symbols
        if s.nbytes and start <= s.address < end
    ]
    ours = [c for c in CATEGORIES if c != "harness"]
    return Sizes(
        kernel_code_bytes=span["text", "kernels"] + span["rodata", "kernels"] + span["ramcode", "kernels"],
        model_code_bytes=span["text", "model"],
        support_code_bytes=span["text", "support"] + span["rodata", "support"],
        constant_bytes=span["rodata", "model"],
        initialized_bytes=sum(span["data", c] for c in ours),
        zeroed_bytes=sum(span["bss", c] for c in ours),
        arena_bytes=sum(end - start for start, end in arenas.values()),
        ram_code_bytes=span["ramcode", "kernels"],
        symbols=tuple(sorted(symbols, key=lambda s: (-s.nbytes, s.name))),
    )


def _extent(elf: Elf, section: str, category: str) -> tuple[int, int]:
    prefix = f"smg_{section}_{category}"
    return elf.symbol(f"{prefix}_start").address, elf.symbol(f"{prefix}_end").address
