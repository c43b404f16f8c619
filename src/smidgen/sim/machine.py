# SPDX-License-Identifier: Apache-2.0
"""Runs an image's inferences on any simulated core."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from smidgen.build.elf import Elf, read_elf
from smidgen.build.image import Image
from smidgen.build.link import GUARD_BYTES
from smidgen.codegen.sources import Step, TensorSlot
from smidgen.errors import InvalidInput, SimulationError
from smidgen.sim import stack
from smidgen.sim.port import Port, Reading, functions_of, functions_since
from smidgen.sim.simulator import Limits, OnStep
from smidgen.sim.steps import StepTracker
from smidgen.targets import Target

BEGIN, END = "smg_harness_begin", "smg_harness_end"
_GUARD = bytes(range(0xC1, 0xC1 + GUARD_BYTES))
_GUARDS = (
    ("smg_arena_guard_low", "below the arena"),
    ("smg_arena_guard_high", "above the arena"),
    ("smg_arena2_guard_low", "below the arena's second part"),
    ("smg_arena2_guard_high", "above the arena's second part"),
    ("smg_stack_guard", "below the stack: it overflowed"),
)


Past = Sequence[Sequence[bytes]]
"""The inputs of the steps of a stream that come before the one of interest."""

OpenPort = Callable[[Elf, Target], Port]


@dataclass(frozen=True, slots=True)
class Measured:
    """One inference, counted by the simulator itself. ``prologue`` and ``steps`` as in ``Counts``.

    ``functions`` has the same by function, without what it calls, the most cycles first; empty if the simulator does
    not tell.
    """

    prologue: Reading
    steps: tuple[Reading, ...]
    stack_bytes: int
    outputs: tuple[bytes, ...]
    simulator: str  # with its version
    functions: Mapping[str, Reading] = field(default_factory=dict)

    @property
    def total(self) -> Reading:
        parts = (self.prologue, *self.steps)
        cycles = [p.cycles for p in parts if p.cycles is not None]
        return Reading(sum(p.instructions for p in parts), sum(cycles) if len(cycles) == len(parts) else None)


class Machine:
    """One image, ready for any number of inferences. Meets ``Simulator``; a context manager closes its simulators.

    The core stays as the last inference left it, as on a board. Measuring and tracing use a fresh core each.
    """

    def __init__(self, image: Image, limits: Limits | None, open_port: OpenPort) -> None:
        self.image = image
        self.limits = limits or Limits()
        self._open_port = open_port
        self._elf = read_elf(image.elf_path)
        self._elf.require(image.target)
        self._begin, self._end = (self._elf.symbol(name).address for name in (BEGIN, END))
        self._fast: Session | None = None

    def __enter__(self) -> Machine:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the simulator that ``infer`` keeps; the next inference starts another."""
        if self._fast is not None:
            self._fast.core.close()
            self._fast = None

    def infer(self, inputs: Sequence[bytes]) -> tuple[bytes, ...]:
        if self._fast is None:
            self._fast = Session(self)
        try:
            return self._fast.infer(inputs)
        except SimulationError:
            self.close()  # the next inference starts from reset
            raise

    def infer_traced(self, inputs: Sequence[bytes], on_step: OnStep, *, check_arena: bool = False) -> tuple[bytes, ...]:
        with self.trace() as trace:
            return trace.infer(inputs, on_step, check_arena=check_arena)

    def trace(self) -> Trace:
        """Traced inferences one after the other on a fresh core, which keeps its state between them."""
        return Trace(Session(self))

    def measure(self, inputs: Sequence[bytes], past: Past = ()) -> Measured:
        """One inference counted on a fresh core. Of one step of a stream: after steps with the ``past`` inputs."""
        with Session(self, past) as session:
            readings: list[Reading] = []
            session.tracker.on_enter = lambda: readings.append(session.core.reading())
            before: list[Mapping[str, Reading]] = []

            def began() -> None:
                readings.append(session.core.reading())
                before.append(functions_of(session.core))

            session.on_begin = began
            outputs = session.infer(inputs)
            readings.append(session.core.reading())
            parts = [later.since(earlier) for earlier, later in itertools.pairwise(readings)]
            functions = functions_since(functions_of(session.core), before[0])
            stack, simulator = session.stack_bytes(), session.core.simulator
            return Measured(parts[0], tuple(parts[1:]), stack, outputs, simulator, functions)

    def stack_bytes(self) -> int:
        """The deepest stack of all ``infer`` calls so far, in bytes below its level at the start of an inference."""
        return self._fast.stack_bytes() if self._fast is not None else 0

    @property
    def places(self) -> tuple[int, int]:
        """Addresses of the harness's begin and end markers."""
        return self._begin, self._end

    def core(self) -> Port:
        """A fresh core with the image loaded, before reset."""
        return self._open_port(self._elf, self.image.target)


class Session:
    """A core that has come through reset and waits at the begin marker."""

    def __init__(self, machine: Machine, past: Past = ()) -> None:
        self.interface = machine.image.interface
        self.core = machine.core()
        self.limits = machine.limits
        self.begin, self.end = machine.places
        self.tracker = StepTracker(self.core, self.interface)
        self.on_begin: Callable[[], None] | None = None  # called when an inference is about to begin
        self.core.where = "in start-up"
        self.core.reset()
        self.core.run(self.begin, self.limits)
        known = self.core.elf.by_name
        self._guards = [(known[name].address, what) for name, what in _GUARDS if name in known]
        for address, _ in self._guards:
            self.core.write(address, _GUARD)
        self._stack_low, self._stack_high = self.core.elf.symbol("smg_stack_low").address, self.core.sp
        stack.paint(self.core, self._stack_low, self._stack_high)
        for inputs in past:
            self.infer(inputs)

    def __enter__(self) -> Session:
        return self

    def __exit__(self, *exc: object) -> None:
        self.core.close()

    def infer(self, inputs: Sequence[bytes]) -> tuple[bytes, ...]:
        if self.core.pc != self.begin:  # after an earlier inference: let main's loop come round
            self.core.run(self.begin, self.limits)
        self._write_inputs(inputs)
        self.tracker.begin()
        if self.on_begin is not None:
            self.on_begin()
        self.core.run(self.end, self.limits)
        last = self.core.where
        self._check_guards(last)
        self.tracker.finish()
        return tuple(self.read(slot) for slot in self.interface.outputs)

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
    """Inferences on one core of which every step's outputs are seen. A context manager closes the core."""

    def __init__(self, session: Session) -> None:
        self._session = session

    def __enter__(self) -> Trace:
        return self

    def __exit__(self, *exc: object) -> None:
        self._session.core.close()

    def infer(self, inputs: Sequence[bytes], on_step: OnStep, *, check_arena: bool = False) -> tuple[bytes, ...]:
        """As ``Machine.infer_traced``, but after the inferences before."""
        watch = _StepWatch(self._session, on_step, check_arena)
        self._session.tracker.on_enter = watch.entered
        outputs = self._session.infer(inputs)
        watch.ended()
        return outputs


class _StepWatch:
    """Reads each step's outputs when it ends, and can check that it wrote nothing else of the arena."""

    def __init__(self, session: Session, on_step: OnStep, check_arena: bool) -> None:
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
