# SPDX-License-Identifier: Apache-2.0
"""What a user asks of a whole program: a setting to optimise for, and limits to RAM and flash."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, cast, get_args

from smidgen.errors import UsageError

Setting = Literal["speed", "balanced", "size", "ram"]

SETTINGS: Mapping[Setting, str] = {
    "speed": "least cycles; ties go to less RAM, then less flash",
    "balanced": "least cycles x sqrt(RAM x flash): a percent of time is worth two of RAM or of flash",
    "size": "least flash at no more than 5 times the cycles of speed; fewest cycles within 1 % of that flash",
    "ram": "least RAM at no more than 1.5 times the cycles of speed; fewest cycles within 0.5 % of that RAM",
}
"""Each setting and what it means, as help and documentation show it."""

RAM_CYCLES_FACTOR = 1.5  # of the speed setting's cycles, at most, for the least RAM
RAM_SLACK = 1.005  # of the least RAM, given up for fewer cycles
PREDICTION_MARGIN = 0.97  # of that factor is used: predicted cycles are that close to those of the profile
SIZE_CYCLES_FACTOR = 5.0  # and for the least flash
SIZE_FLASH_SLACK = 1.01  # of the least flash, given up for fewer cycles

_BYTES = re.compile(r"([0-9]{1,18})([KM]?)", re.IGNORECASE)
_UNITS = {"": 1, "K": 1 << 10, "M": 1 << 20}


@dataclass(frozen=True, slots=True)
class Objective:
    """RAM is arena and stack, inputs and outputs included; flash is code and constants. None: as much as there is."""

    setting: Setting = "speed"
    max_ram_bytes: int | None = None
    max_flash_bytes: int | None = None

    def allows(self, ram_bytes: int, flash_bytes: int) -> bool:
        """True if a program of these sizes keeps both limits."""
        return ram_bytes <= (self.max_ram_bytes or math.inf) and flash_bytes <= (self.max_flash_bytes or math.inf)


def make_objective(setting: str, max_ram: int | str | None, max_flash: int | str | None) -> Objective:
    """An objective from what a user typed; UsageError says what is wrong and what is accepted."""
    if setting not in get_args(Setting):
        raise UsageError(f"no setting {setting!r} to optimize for; there are {', '.join(SETTINGS)}")
    chosen = cast(Setting, setting)  # just compared with all of them
    return Objective(chosen, parse_bytes(max_ram, "max-ram"), parse_bytes(max_flash, "max-flash"))


def parse_bytes(value: int | str | None, what: str) -> int | None:
    """64K -> 65,536: a positive number of bytes, of K (1,024) or of M (1,048,576). UsageError otherwise."""
    if value is None:
        return None
    match = _BYTES.fullmatch(str(value).strip())
    nbytes = int(match[1]) * _UNITS[match[2].upper()] if match else 0
    if isinstance(value, bool) or nbytes < 1:
        raise UsageError(f"{what} takes a positive number of bytes like 65536, 64K or 1M, not {value!r}")
    return nbytes
