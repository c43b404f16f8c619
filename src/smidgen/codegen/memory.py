# SPDX-License-Identifier: Apache-2.0
"""The bytes a program needs, before it is built."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.kernels import footprint, function_name
from smidgen.schedule import Schedule
from smidgen.schedule.constants import params_bytes


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes a program needs. Arena, weights and static are exact; code and stack modelled until the program is built.

    code: kernels, run function and the parameter structs. static: weights, and (modelled) code, copied to RAM at
    start-up.
    """

    arena: int
    weights: int
    code: int
    stack: int
    static: int = 0
    second: int = 0  # of the arena, in the board's second RAM
    state: int = 0  # kept from step to step; exact

    @property
    def ram(self) -> int:
        return self.arena + self.stack + self.static + self.state


def memory_of(schedule: Schedule, weights_bytes: int) -> Memory:
    """What the header promises and ``check`` compares with the board."""
    functions = {function_name(s.choice.kernel, s.node): footprint.of(s.choice.kernel, s.node) for s in schedule.steps}
    params = sum(params_bytes(s.choice.kernel, s.node) for s in schedule.steps)
    code = sum(code for code, _ in functions.values()) + footprint.run_code_bytes(len(schedule.steps)) + params
    stack = footprint.run_stack_bytes() + max((stack for _, stack in functions.values()), default=0)
    static = weights_bytes if schedule.weights == "sram" else 0
    static += sum(nbytes for name, (nbytes, _) in functions.items() if f"kernels/{name}.c" in schedule.ram_code)
    split = schedule.plan.split
    second = schedule.plan.nbytes - split if split is not None else 0
    return Memory(max(schedule.plan.nbytes, 8), weights_bytes, code, stack, static, second, schedule.state_bytes)
