# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them: 10s, 2 uA, 220mAh, 1.8 V, 3 %/year."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from types import MappingProxyType

from smidgen.errors import UsageError

_YEAR_S = 365.25 * 86_400

UNITS: Mapping[str, Mapping[str, float]] = MappingProxyType(
    {
        "time": {
            "s": 1, "ms": 1e-3, "us": 1e-6, "min": 60, "h": 3600, "d": 86_400, "day": 86_400, "days": 86_400,
            "week": 604_800, "weeks": 604_800, "year": _YEAR_S, "years": _YEAR_S,
        },
        "current": {"A": 1, "mA": 1e-3, "uA": 1e-6, "nA": 1e-9},
        "charge": {"Ah": 3600, "mAh": 3.6, "uAh": 3.6e-3, "C": 1},
        "voltage": {"V": 1, "mV": 1e-3},
        "energy": {"J": 1, "mJ": 1e-3, "uJ": 1e-6, "nJ": 1e-9, "pJ": 1e-12, "Wh": 3600, "mWh": 3.6},
        "frequency": {"Hz": 1, "kHz": 1e3, "MHz": 1e6, "GHz": 1e9},
        "share a year": {"%/year": 1, "%/y": 1, "%/month": 12, "%": 1},
    }
)  # fmt: skip
"""The units of each kind, in SI (a share a year: percent)."""

_EXAMPLES = {
    "time": "10s, 250ms or 5min",
    "current": "2uA or 1.5mA",
    "charge": "220mAh or 2.4Ah",
    "voltage": "1.8V or 1800mV",
    "energy": "1.2mJ or 850uJ",
    "frequency": "120MHz",
    "share a year": "3%/year",
}
_BARE: Mapping[str, str] = MappingProxyType({"voltage": "V", "share a year": "%/year"})
"""What a number without a unit is of, where only one unit is usual."""

_NUMBER = r"[-+]?(?:(?:\d{1,3}(?:,\d{3})+|\d+)\.?\d*|\.\d+)(?:[eE][-+]?\d+)?"
_QUANTITY = re.compile(rf"\s*({_NUMBER})\s*([^\d\s.,+-]?[^\d\s]*)\s*")


def parse_quantity(text: str, kind: str, *, zero: bool = False) -> float:
    """``text`` in SI units (hertz, seconds, coulombs...); a share a year in percent.

    UsageError for what is no number with a unit of ``kind``, for less than nothing, and for nothing unless ``zero``.
    """
    match = _QUANTITY.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a {kind}: write {_EXAMPLES[kind]}")
    unit = match[2].replace("µ", "u").replace("μ", "u") or _BARE.get(kind, "")
    factor = _factor(unit, kind)
    if factor is None:
        raise UsageError(f"{text!r} is not a {kind}: write {_EXAMPLES[kind]}; units are {', '.join(UNITS[kind])}")
    value = float(match[1].replace(",", "")) * factor
    if not math.isfinite(value) or value < 0 or (value == 0 and not zero):
        raise UsageError(f"{text!r}: a {kind} here is {'0 or ' if zero else ''}more than 0 and finite")
    return value


def _factor(unit: str, kind: str) -> float | None:
    """Of a unit as it is written, or in other letters where only one unit can be meant."""
    units = UNITS[kind]
    if unit in units:
        return units[unit]
    alike = {factor for name, factor in units.items() if name.lower() == unit.lower()}
    return alike.pop() if len(alike) == 1 else None


def in_words(value: float, unit: str) -> str:
    """A value in SI with a fitting prefix and four significant digits: 74.52 uA, 1.291 mJ."""
    if value == 0:
        return f"0 {unit}"
    for factor, prefix in ((1.0, ""), (1e-3, "m"), (1e-6, "u"), (1e-9, "n"), (1e-12, "p")):
        if abs(value) >= 0.99995 * factor:
            return f"{value / factor:,.4g} {prefix}{unit}"
    return f"{value:.4g} {unit}"


def duration_in_words(seconds: float) -> str:
    """A long time as people say it: 122 days, 3.4 years."""
    days = seconds / 86_400
    for size, name in ((365.25, "years"), (1.0, "days"), (1 / 24, "hours"), (1 / 1440, "minutes")):
        if days >= (2 if name == "years" else 1) * size:
            return f"{days / size:,.3g} {name}"
    return f"{seconds:,.3g} seconds"
