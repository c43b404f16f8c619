# SPDX-License-Identifier: Apache-2.0
"""Counts of instructions by class, which a core's figures turn into cycles."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.targets.target import Core


def few_registers(core: Core) -> bool:
    """Most of its instructions reach no more than eight registers, and no product is longer than 32 bits."""
    return core.features.isdisjoint(("thumb2", "rv32i"))


def strained(cycles: float, core: Core, eight: float, thirteen: float = 1.0) -> float:
    """Cycles from counts of instructions with registers enough; so many times as many with eight, and with thirteen.

    Factors are fitted to modelled cycles of the MLPerf Tiny models' layers on Cortex-M0+ and Cortex-M3.
    """
    return cycles * (eight if few_registers(core) else thirteen if "thumb2" in core.features else 1.0)


@dataclass(frozen=True, slots=True)
class Classes:
    """Executed instructions by class."""

    alu: float = 0.0
    multiply: float = 0.0
    load: float = 0.0
    store: float = 0.0
    branch: float = 0.0

    def __add__(self, other: Classes) -> Classes:
        return Classes(
            self.alu + other.alu, self.multiply + other.multiply, self.load + other.load, self.store + other.store,
            self.branch + other.branch,
        )  # fmt: skip

    def __mul__(self, count: float) -> Classes:
        return Classes(
            self.alu * count, self.multiply * count, self.load * count, self.store * count, self.branch * count
        )

    @property
    def total(self) -> float:
        return self.alu + self.multiply + self.load + self.store + self.branch

    def cycles(self, core: Core) -> float:
        per = core.cycles
        return (
            self.alu * per["alu"] + self.multiply * per["multiply"] + self.load * per["load"]
            + self.store * per["store"] + self.branch * per["branch"]
        )  # fmt: skip
