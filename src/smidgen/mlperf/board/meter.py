# SPDX-License-Identifier: Apache-2.0
"""What inferences cost: counted on a copy of the core, once for each input, and added to the clock."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from smidgen.errors import SimulationError
from smidgen.mlperf.board import registers
from smidgen.mlperf.board.clock import Clock
from smidgen.profile.cycles import Cost, CycleModel
from smidgen.profile.memory import StallCounter, allowance
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import Limits, block_of
from smidgen.sim.unicorn import BlockCounter

BEGIN, END = "smg_dut_infer_begin", "smg_dut_infer_end"
_LOOP_INSTRUCTIONS = 200  # far more than lie between two inferences of one command


@dataclass(frozen=True, slots=True)
class InferenceCost:
    """One inference. ``cycles`` are modelled, ``stall_cycles`` of the flash among them; ``instructions`` counted."""

    instructions: int
    cycles: int
    stall_cycles: int


class _Nothing:
    """The peripherals of a copy: an inference has no business with them."""

    def read(self, offset: int, nbytes: int) -> int:
        return registers.ROOM_TO_SEND if offset == registers.UART_STATUS else 0

    def write(self, offset: int, nbytes: int, value: int) -> None:
        pass


def count(core: EmulatedCore, limits: Limits, *, memory_system: bool = True) -> InferenceCost:
    """Counts the inference that ``core`` is about to make, at ``BEGIN``, on copies; ``core`` itself does not change.

    SimulationError if it faults or does not get to ``END``.
    """
    begin, end = (core.elf.symbol(name).address for name in (BEGIN, END))
    copy = _copy(core)
    counter = BlockCounter(copy.uc)
    copy.run(end, limits)
    inference = _cost(copy, counter)
    stalls = _stalls(core, limits, begin, end, _code(copy, counter), inference) if memory_system else 0
    return InferenceCost(inference.instructions, inference.cycles + stalls, stalls)


def count_loop(core: EmulatedCore, limits: Limits) -> int | None:
    """Cycles from ``END`` of the inference that ``core`` is about to make to the next ``BEGIN``; None if it is the last
    of its loop."""
    begin, end = (core.elf.symbol(name).address for name in (BEGIN, END))
    copy = _copy(core)
    copy.run(end, limits)
    counter = BlockCounter(copy.uc)
    try:
        copy.run(begin, Limits(limits.seconds, _LOOP_INSTRUCTIONS))
    except SimulationError:
        return None
    return _cost(copy, counter).cycles


def _copy(core: EmulatedCore) -> EmulatedCore:
    copy = EmulatedCore(core.elf, core.target, {registers.BASE: _Nothing()})
    copy.copy_from(core)
    copy.where = "while an inference was counted"
    return copy


def _code(copy: EmulatedCore, counter: BlockCounter) -> Mapping[int, bytes]:
    return {key: copy.read(block_of(key).address, block_of(key).nbytes) for key in counter.blocks()}


def _cost(copy: EmulatedCore, counter: BlockCounter) -> Cost:
    return CycleModel(copy.target.core, _code(copy, counter)).total(counter.parts()[0])


def _stalls(
    core: EmulatedCore, limits: Limits, begin: int, end: int, code: Mapping[int, bytes], inference: Cost
) -> int:
    copy = _copy(core)
    counter = StallCounter(copy, code)
    copy.run(end, allowance(limits))
    counter.check(inference.instructions)
    return sum(counter.parts)


class InferenceMeter:
    """State: what inferences are known to cost, and those that the clock has not been told of.

    A command that makes several inferences has its input counted, at its second one. Inferences that come alone, each
    after something was received, are counted for the first ``singles`` of them; the others take the mean of those.
    The few instructions between two inferences of a loop are counted once.
    """

    def __init__(
        self,
        clock: Clock,
        counting: Callable[[], InferenceCost],
        counting_loop: Callable[[], int | None],
        singles: int = 1,
    ) -> None:
        self._clock = clock
        self._counting = counting
        self._counting_loop = counting_loop
        self._loop_cycles: int | None = None
        self._wanted = max(1, singles)
        self._singles: list[InferenceCost] = []
        self._cost: InferenceCost | None = None  # of the input that the board holds
        self._since_input = 0
        self._unpriced = 0
        self._loops = 0
        self._just_ended = False
        self.inferences = 0
        self.counted: list[InferenceCost] = []
        self.busy: list[tuple[int, int]] = []  # spans of cycles

    def new_input(self) -> None:
        """Something was received: what comes next may cost something else."""
        self.settle()
        self._since_input = 0
        self._cost = None

    def begin(self) -> None:
        if self._just_ended:
            self._loops += 1
            self._just_ended = False
            if self._loop_cycles is None:
                self._loop_cycles = self._counting_loop()
        self._since_input += 1
        if self._cost is None and (self._since_input == 2 or len(self._singles) < self._wanted):
            self._cost = self._counting()
            self.counted.append(self._cost)
            if len(self._singles) < self._wanted:
                self._singles.append(self._cost)

    def end(self) -> None:
        self.inferences += 1
        self._unpriced += 1
        self._just_ended = True

    def settle(self) -> None:
        """Puts the clock forward by the inferences that have ended. Before anything reads it."""
        self._just_ended = False
        if not self._unpriced:
            return
        known = [self._cost] if self._cost is not None else self._singles
        cycles = round(sum(c.cycles for c in known) / len(known))
        before = self._clock.cycles
        self._clock.advance(self._unpriced * cycles + self._loops * (self._loop_cycles or 0))
        self._unpriced = self._loops = 0
        if self.busy and self.busy[-1][1] == before:
            before = self.busy.pop()[0]
        self.busy.append((before, self._clock.cycles))
