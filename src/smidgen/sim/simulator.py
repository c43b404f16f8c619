# SPDX-License-Identifier: Apache-2.0
"""What every simulator offers, and the plain data that runs return."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

Edges = Mapping[int, int]
"""How often control went from one basic block to the next: ``edge(previous, block)`` -> times."""

OnStep = Callable[[int, Sequence[bytes]], None]
"""Called after each step with its index and the bytes of its outputs."""


@dataclass(frozen=True, slots=True)
class Limits:
    """When a run is given up. ``seconds`` is wall time; ``instructions``, if given, is exact but runs slower."""

    seconds: float = 120.0
    instructions: int | None = None


@dataclass(frozen=True, slots=True)
class Block:
    """A run of instructions that the emulator enters at its first and leaves after its last."""

    address: int
    nbytes: int


def block_key(address: int, nbytes: int) -> int:
    """A block as one int; 0 stands for no block."""
    return address << 16 | nbytes


def block_of(key: int) -> Block:
    return Block(key >> 16, key & 0xFFFF)


def split_edge(edge: int) -> tuple[int, int]:
    """The keys of the block left and the block entered."""
    return edge >> 48, edge & 0xFFFF_FFFF_FFFF


@dataclass(frozen=True, slots=True)
class Counts:
    """One inference, counted.

    ``prologue`` is what ran before the first kernel was entered. ``steps[n]`` begins when the n-th kernel is entered
    and ends when the next one is or the inference ends, so the little work of the run function after a kernel is the
    kernel's. ``code`` has the bytes of every block met, by key. ``stack_bytes`` is the stack used below its level at
    the start of the inference.
    """

    prologue: Edges
    steps: tuple[Edges, ...]
    code: Mapping[int, bytes]
    stack_bytes: int
    outputs: tuple[bytes, ...]


class Simulator(Protocol):
    """Runs inferences of one image. Both raise InvalidInput for inputs of the wrong number or length in bytes, and
    SimulationError for a fault, a broken guard word or an exceeded limit."""

    def infer(self, inputs: Sequence[bytes]) -> tuple[bytes, ...]:
        """One inference at full speed."""

    def infer_traced(self, inputs: Sequence[bytes], on_step: OnStep, *, check_arena: bool = False) -> tuple[bytes, ...]:
        """One inference; ``on_step`` sees each step's outputs before the next step can overwrite them.

        With ``check_arena``, SimulationError if a step changed an arena byte outside its outputs and scratch.
        """
