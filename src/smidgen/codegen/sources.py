# SPDX-License-Identifier: Apache-2.0
"""What code generation hands to a build: C files, and where its steps and tensors will be found in the image."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from smidgen.kernels.library import LibraryCode


@dataclass(frozen=True, slots=True)
class TensorSlot:
    """Where a tensor lies once linked: at the address of ``symbol`` plus ``offset`` bytes."""

    name: str
    symbol: str
    offset: int
    nbytes: int


@dataclass(frozen=True, slots=True)
class Step:
    """One call of one kernel. The run function makes them in the order of ``index``, each from a call of its own."""

    index: int
    symbol: str  # the kernel function called
    label: str  # what a report calls it: the source node
    outputs: tuple[TensorSlot, ...]
    scratch: tuple[TensorSlot, ...]


@dataclass(frozen=True, slots=True)
class Interface:
    """How a harness and an emulator talk to the program."""

    inputs: tuple[TensorSlot, ...]
    outputs: tuple[TensorSlot, ...]
    steps: tuple[Step, ...]
    arena_symbol: str
    run_symbol: str
    ram_code: tuple[str, ...] = ()  # C files whose functions run from RAM
    second_arena_symbol: str = ""  # the part of the arena in the board's second RAM, if there is one
    state_symbol: str = ""  # what is kept from one run to the next, if anything


@dataclass(frozen=True, slots=True)
class Sources:
    """A generated program. ``files`` by relative path: .c files are compiled, and the root and kernels/ are searched
    for headers. ``harness`` adds the C files of an emulated build: they define ``smg_harness_infer`` and its buffers,
    and may define ``smg_harness_start``, called once before the first inference.
    """

    name: str
    files: Mapping[str, str]
    harness: Mapping[str, str]
    interface: Interface
    digest: str
    extras: Mapping[str, str] = field(default_factory=dict)  # README, build files, example: not compiled here
    library: LibraryCode | None = None  # somebody else's code to compile with it; no part of the generated folder
