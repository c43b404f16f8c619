# SPDX-License-Identifier: Apache-2.0
"""Lengths of time as users type them."""

from __future__ import annotations

import re

from smidgen.errors import UsageError

_UNITS = {"": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0}


def parse_seconds(text: str, what: str) -> float:
    """90, 90s, 10m, 1.5h -> seconds. UsageError otherwise."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)([smh]?)", text.strip().lower())
    seconds = float(match[1]) * _UNITS[match[2]] if match else 0.0
    if seconds <= 0:
        raise UsageError(f"{what} takes a length of time like 90s, 10m or 1h, not {text!r}")
    return seconds
