# SPDX-License-Identifier: Apache-2.0
"""Follows an inference from kernel to kernel."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from smidgen.build.elf import Elf
from smidgen.codegen.sources import Interface, Step
from smidgen.errors import SimulationError
from smidgen.sim.port import Port


class StepTracker:
    """Knows which step the core is in, by a stop at the kernels' first instructions.

    A kernel may branch back to its own first instruction. That is told from a new step by the return address: every
    step is called from a place of its own in the run function.
    """

    def __init__(self, core: Port, interface: Interface) -> None:
        self._core = core
        self._steps = interface.steps
        self._symbols = _entries(core.elf, interface.steps)
        self._last: tuple[int, int] | None = None
        self.current = -1  # index of the step being run; -1 before the first
        self.on_enter: Callable[[], None] | None = None  # called once ``current`` is the step just entered
        core.on_reach(self._symbols, self._entered)

    def begin(self) -> None:
        """An inference starts."""
        self._last = None
        self.current = -1
        self._core.where = "before the first step"

    def finish(self) -> None:
        """An inference has ended: SimulationError unless every step was met."""
        self._core.where = ""
        if self.current + 1 != len(self._steps):
            raise SimulationError(
                f"the inference ended after {self.current + 1} of {len(self._steps)} steps: the code does not call the "
                "kernels its interface lists"
            )

    def _entered(self, address: int) -> None:
        call = (address, self._core.lr)
        if call == self._last:
            return
        self._last = call
        index = self.current + 1
        expected = self._steps[index].symbol if index < len(self._steps) else "the end"
        if self._symbols[address] != expected:
            raise SimulationError(
                f"after step {self.current} the core entered {self._symbols[address]}, but {expected} was next: the "
                "code does not call the kernels its interface lists"
            )
        self.current = index
        self._core.where = f"step {index} ({self._steps[index].label})"
        if self.on_enter is not None:
            self.on_enter()


def _entries(elf: Elf, steps: Sequence[Step]) -> Mapping[int, str]:
    return {elf.symbol(step.symbol).address: step.symbol for step in steps}
