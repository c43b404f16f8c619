# SPDX-License-Identifier: Apache-2.0
"""The board's output pins, and when each changed."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.mlperf.board import registers
from smidgen.mlperf.board.clock import Clock

NAMES = (
    ("timestamp", registers.TIMESTAMP_PIN),
    ("detected", registers.DETECTED_PIN),
    ("processing", registers.PROCESSING_PIN),
)


@dataclass(frozen=True, slots=True)
class PinEvent:
    """A pin took a level. ``seconds`` are modelled, since reset."""

    pin: str
    level: bool
    seconds: float


class Pins:
    """State: the levels now, and every change since reset."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.levels = registers.PINS_AT_RESET
        self.events: list[PinEvent] = []

    def write(self, levels: int) -> None:
        for name, bit in NAMES:
            if (levels ^ self.levels) & bit:
                self.events.append(PinEvent(name, bool(levels & bit), self._clock.seconds))
        self.levels = levels
