# SPDX-License-Identifier: Apache-2.0
"""A number that says how it was come by."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal["counted", "modelled", "measured"]
"""counted: exact, by an emulator; modelled: computed from counts by rules; measured: read off a real board."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Never add two of different kinds: the sum would be neither."""

    value: int
    unit: str
    kind: Kind


def instructions(value: int) -> Counter:
    return Counter(value, "instructions", "counted")


def cycles(value: int) -> Counter:
    return Counter(value, "cycles", "modelled")


def counted_cycles(value: int) -> Counter:
    return Counter(value, "cycles", "counted")


def stack_bytes(value: int) -> Counter:
    return Counter(value, "bytes", "counted")
