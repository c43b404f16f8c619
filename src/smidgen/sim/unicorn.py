# SPDX-License-Identifier: Apache-2.0
"""Runs an image's inferences on unicorn's Cortex-M4."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Protocol, TypeVar

import numpy as np
from unicorn import UC_HOOK_BLOCK, Uc

from smidgen.build.elf import read_elf
from smidgen.build.image import Image
from smidgen.build.link import GUARD_BYTES
from smidgen.codegen.sources import Step, TensorSlot
from smidgen.errors import InvalidInput, SimulationError
from smidgen.sim import stack
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import Counts, Limits, OnStep, block_of
from smidgen.sim.steps import StepTracker

BEGIN, END = "smg_harness_begin", "smg_harness_end"
_GUARD = bytes(range(0xC1, 0xC1 + GUARD_BYTES))
_GUARDS = (
    ("smg_arena_guard_low", "below the arena"),
    ("smg_arena_guard_high", "above the arena"),
    ("smg_arena2_guard_low", "below the arena's second part"),
    ("smg_arena2_guard_high", "above the arena's second part"),
    ("smg_stack_guard", "below the stack: it overflowed"),
)


class Watcher(Protocol):
    """Gathers figures in parts, by hooks that it puts on a core."""

    def split(self) -> None:
        """Begins a new part, with the block entered last as its first."""


W = TypeVar("W", bound=Watcher)

Past = Sequence[Sequence[bytes]]
"""The inputs of the steps of a stream that come before the one of interest."""


class Machine:
    """One image, ready for any number of inferences. Meets ``Simulator``.

    The core stays as the last inference left it, as on a board. Counting and tracing use a fresh core each, since
    unicorn only hooks code that it translates afterwards.
    """

    def __init__(self, image: Image, limits: Limits | None = None) -> None:
        self.image = image
        self.limits = limits or Limits()
        self._elf = read_elf(image.elf_path)
        self._begin, self._end = (self._elf.symbol(name).address for name in (BEGIN, END))
        self._fast: _Session | None = None

    def infer(self, inputs: Sequence[bytes]) -> tuple[bytes, ...]:
        if self._fast is None:
            self._fast = _Session(self)
        try:
            return self._fast.infer(inputs)
        except SimulationError:
            self._fast = None  # the next inference starts from reset
            raise

    def infer_traced(self, inputs: Sequence[bytes], on_step: OnStep, *, check_arena: bool = False) -> tuple[bytes, ...]:
        return self.trace().infer(inputs, on_step, check_arena=check_arena)

    def trace(self) -> Trace:
        """Traced inferences one after the other on a fresh core, which keeps its state between them."""
        return Trace(_Session(self))

    def count(self, inputs: Sequence[bytes], past: Past = ()) -> Counts:
        """One inference counted. Of one step of a stream: after steps with the ``past`` inputs."""
        session = _Session(self, past)
        counter, outputs = session.watch(inputs, lambda core: BlockCounter(core.uc))
        parts = counter.parts()
        code = {key: session.core.read(block_of(key).address, block_of(key).nbytes) for key in counter.blocks()}
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
        session = _Session(self, past)
        session.limits = limits or session.limits
        return session.watch(inputs, attach)

    def stack_bytes(self) -> int:
        """The deepest stack of all ``infer`` calls so far, in bytes below its level at the start of an inference."""
        return self._fast.stack_bytes() if self._fast is not None else 0

    @property
    def places(self) -> tuple[int, int]:
        """Addresses of the harness's begin and end markers."""
        return self._begin, self._end

    def core(self) -> EmulatedCore:
        """A fresh core with the image loaded, before reset."""
        return EmulatedCore(self._elf, self.image.target)


class _Session:
    """A core that has come through reset and waits at the begin marker."""

    def __init__(self, machine: Machine, past: Past = ()) -> None:
        self.interface = machine.image.interface
        self.core = machine.core()
        self.limits = machine.limits
        self.begin, self.end = machine.places
        self.tracker = StepTracker(self.core, self.interface)
        self.core.where = "in start-up"
        self.core.run(self.core.reset(), self.begin, self.limits)
        known = self.core.elf.by_name
        self._guards = [(known[name].address, what) for name, what in _GUARDS if name in known]
        for address, _ in self._guards:
            self.core.write(address, _GUARD)
        self._stack_low, self._stack_high = self.core.elf.symbol("smg_stack_low").address, self.core.sp
        stack.paint(self.core, self._stack_low, self._stack_high)
        if self.interface.reset_symbol:
            self.core.call(self.core.elf.symbol(self.interface.reset_symbol).address, self.limits)
        for inputs in past:
            self.infer(inputs)

    def infer(self, inputs: Sequence[bytes]) -> tuple[bytes, ...]:
        if self.core.pc != self.begin:  # after an earlier inference: let main's loop come round
            self.core.run(self.core.pc, self.begin, self.limits)
        self._write_inputs(inputs)
        self.tracker.begin()
        self.core.run(self.begin, self.end, self.limits)
        last = self.core.where
        self._check_guards(last)
        self.tracker.finish()
        return tuple(self.read(slot) for slot in self.interface.outputs)

    def watch(self, inputs: Sequence[bytes], attach: Callable[[EmulatedCore], W]) -> tuple[W, tuple[bytes, ...]]:
        watcher = attach(self.core)
        self.tracker.on_enter = watcher.split
        return watcher, self.infer(inputs)

    def read(self, slot: TensorSlot) -> bytes:
        return self.core.read(self.address(slot), slot.nbytes)

    def address(self, slot: TensorSlot) -> int:
        return self.core.elf.symbol(slot.symbol).address + slot.offset

    def stack_bytes(self) -> int:
        return stack.depth_bytes(self.core, self._stack_low, self._stack_high)

    def _write_inputs(self, inputs: Sequence[bytes]) -> None:
        slots = self.interface.inputs
        if len(inputs) != len(slots):
            raise InvalidInput(f"the model has {len(slots)} inputs, {len(inputs)} were given")
        for slot, data in zip(slots, inputs, strict=True):
            if len(data) != slot.nbytes:
                raise InvalidInput(f"input {slot.name!r} takes {slot.nbytes} bytes, {len(data)} were given")
            self.core.write(self.address(slot), bytes(data))

    def _check_guards(self, where: str) -> None:
        for address, what in self._guards:
            found = self.core.read(address, GUARD_BYTES)
            if found != _GUARD:
                at = address + next(i for i in range(GUARD_BYTES) if found[i] != _GUARD[i])
                raise SimulationError(
                    f"a guard word {what} was overwritten at {at:#010x}; the inference ended in {where}"
                )


class Trace:
    """Inferences on one core of which every step's outputs are seen."""

    def __init__(self, session: _Session) -> None:
        self._session = session

    def infer(self, inputs: Sequence[bytes], on_step: OnStep, *, check_arena: bool = False) -> tuple[bytes, ...]:
        """As ``Machine.infer_traced``, but after the inferences before."""
        watch = _StepWatch(self._session, on_step, check_arena)
        self._session.tracker.on_enter = watch.entered
        outputs = self._session.infer(inputs)
        watch.ended()
        return outputs


class _StepWatch:
    """Reads each step's outputs when it ends, and can check that it wrote nothing else of the arena."""

    def __init__(self, session: _Session, on_step: OnStep, check_arena: bool) -> None:
        self._session = session
        self._on_step = on_step
        interface, elf = session.interface, session.core.elf
        names = (interface.arena_symbol, interface.second_arena_symbol, interface.state_symbol)
        symbols = [elf.symbol(s) for s in names if s and check_arena]
        self._arenas = [(s.address, s.nbytes) for s in symbols]
        self._before = [b""] * len(symbols)

    def entered(self) -> None:
        """A step begins; the one before has ended."""
        if self._session.tracker.current > 0:
            self._end_step(self._session.tracker.current - 1)
        self._before = [self._session.core.read(*arena) for arena in self._arenas]

    def ended(self) -> None:
        """The inference is over, and with it the last step."""
        if self._session.interface.steps:
            self._end_step(len(self._session.interface.steps) - 1)

    def _end_step(self, index: int) -> None:
        step = self._session.interface.steps[index]
        for before, arena in zip(self._before, self._arenas, strict=True):
            self._check(step, before, *arena)
        self._on_step(index, [self._session.read(slot) for slot in step.outputs])

    def _check(self, step: Step, before: bytes, base: int, nbytes: int) -> None:
        after = np.frombuffer(self._session.core.read(base, nbytes), np.uint8)
        changed = after != np.frombuffer(before, np.uint8)
        for slot in (*step.outputs, *step.scratch):
            start = max(0, self._session.address(slot) - base)
            changed[start : max(0, self._session.address(slot) - base + slot.nbytes)] = False
        if changed.any():
            offset = int(np.flatnonzero(changed)[0])
            raise SimulationError(
                f"step {step.index} ({step.label}) changed {int(changed.sum())} arena bytes outside of its outputs and "
                f"scratch, the first at offset {offset}: {step.symbol} writes where it may not"
            )


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
