# SPDX-License-Identifier: Apache-2.0
"""Runs an image's inferences on unicorn, and counts how often control took each way through the code."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

from unicorn import UC_HOOK_BLOCK, Uc

from smidgen.build.image import Image
from smidgen.sim.core import EmulatedCore
from smidgen.sim.machine import Machine, Past, Session
from smidgen.sim.simulator import Counts, Limits, block_of


class Watcher(Protocol):
    """Gathers figures in parts, by hooks that it puts on a core."""

    def split(self) -> None:
        """Begins a new part, with the block entered last as its first."""


W = TypeVar("W", bound=Watcher)


class EmulatedMachine(Machine):
    """A machine on unicorn. Unicorn only hooks code that it translates afterwards, so counting takes a fresh core."""

    def __init__(self, image: Image, limits: Limits | None = None) -> None:
        super().__init__(image, limits, EmulatedCore)

    def count(self, inputs: Sequence[bytes], past: Past = ()) -> Counts:
        """One inference counted. Of one step of a stream: after steps with the ``past`` inputs."""
        session = Session(self, past)
        core, counter, outputs = _watched(session, inputs, lambda core: BlockCounter(core.uc))
        parts = counter.parts()
        code = {key: core.read(block_of(key).address, block_of(key).nbytes) for key in counter.blocks()}
        return Counts(parts[0], tuple(parts[1:]), code, session.stack_bytes(), outputs)

    def watch(
        self,
        inputs: Sequence[bytes],
        attach: Callable[[EmulatedCore], W],
        limits: Limits | None = None,
        past: Past = (),
    ) -> tuple[W, tuple[bytes, ...]]:
        """One inference on a fresh core with a watcher of the caller's attached when it begins, split at each step.

        ``limits`` replace the machine's own, for watchers that slow the run down. ``past`` as in ``count``.
        """
        session = Session(self, past)
        session.limits = limits or session.limits
        _, watcher, outputs = _watched(session, inputs, attach)
        return watcher, outputs


def _watched(
    session: Session, inputs: Sequence[bytes], attach: Callable[[EmulatedCore], W]
) -> tuple[EmulatedCore, W, tuple[bytes, ...]]:
    core = session.core
    assert isinstance(core, EmulatedCore)
    watcher = attach(core)
    session.tracker.on_enter = watcher.split
    return core, watcher, session.infer(inputs)


class BlockCounter:
    """Counts the edges between basic blocks from the moment it is made, in parts."""

    def __init__(self, uc: Uc) -> None:
        self._parts: list[defaultdict[int, int]] = [defaultdict(int)]
        self._edges = self._parts[0]
        self._previous = 0
        self._last_edge = 0
        uc.ctl_flush_tb()  # code translated before now would run unseen
        uc.hook_add(UC_HOOK_BLOCK, self._count)

    def _count(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        block = address << 16 | nbytes
        self._last_edge = edge = self._previous << 48 | block
        self._edges[edge] += 1
        self._previous = block

    def split(self) -> None:
        """Begins a new part, with the block entered last as its first."""
        self._edges[self._last_edge] -= 1
        self._edges = defaultdict(int)
        self._parts.append(self._edges)
        self._edges[self._last_edge] += 1

    def parts(self) -> list[dict[int, int]]:
        return [{edge: times for edge, times in sorted(part.items()) if times} for part in self._parts]

    def blocks(self) -> list[int]:
        """The keys of all blocks met, sorted."""
        keys = {edge & 0xFFFF_FFFF_FFFF for part in self._parts for edge in part}
        return sorted(keys | {edge >> 48 for part in self._parts for edge in part} - {0})
