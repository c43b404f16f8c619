# SPDX-License-Identifier: Apache-2.0
"""Modelled time: whole cycles of the board's clock since reset."""

from __future__ import annotations


class Clock:
    """Only ever goes forward."""

    __slots__ = ("cycles", "hertz")

    def __init__(self, hertz: int) -> None:
        self.hertz = hertz
        self.cycles = 0

    def advance(self, cycles: int) -> None:
        self.cycles += cycles

    def reach(self, cycles: int) -> None:
        """It is this late at least."""
        self.cycles = max(self.cycles, cycles)

    @property
    def microseconds(self) -> int:
        return self.cycles * 1_000_000 // self.hertz

    @property
    def seconds(self) -> float:
        return self.cycles / self.hertz

    def cycles_of(self, seconds: float) -> int:
        return round(seconds * self.hertz)
