# SPDX-License-Identifier: Apache-2.0
"""Modelled energy of a virtual board over its modelled time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from smidgen.errors import TargetError, UsageError
from smidgen.targets import Target

IDLE_SHARE = 0.3
"""Assumed: power while the core waits for the line, over power while it infers. Sleep against run mode of STM32L4+ and
U5 data sheets is 0.25 to 0.4 at full clock. A benchmark's windows hold inferences only, so its result does not depend
on it."""

_PICO = 1e-12


def samples(
    target: Target, busy: Sequence[tuple[int, int]], start: float, end: float, rate_hz: float
) -> npt.NDArray[np.float64]:
    """Joules in each period of 1 / ``rate_hz`` from ``start`` to ``end`` (modelled seconds).

    ``busy`` are the spans of cycles in which the core infers, in order. UsageError for a time that runs backwards;
    TargetError if the board's energy per cycle is not known.
    """
    if target.energy is None:
        raise TargetError(f"{target.name}: no energy per cycle is known of it; add an [energy] table to its TOML file")
    if not (end >= start >= 0 and rate_hz > 0):
        raise UsageError(f"energy from {start:g} s to {end:g} s at {rate_hz:g} Hz: times go forward, rates are above 0")
    per_cycle = target.energy.picojoules_per_cycle * _PICO
    number = int((end - start) * rate_hz + 1e-9)
    edges = (start + np.arange(number + 1) / rate_hz) * target.clock_hz
    spans = np.asarray(busy, np.float64).reshape(-1, 2)
    lengths = spans[:, 1] - spans[:, 0]
    done = np.cumsum(lengths)
    levels = np.stack([done - lengths, done], axis=1).ravel()  # cycles of work before each span, and after it
    worked = np.interp(edges, spans.ravel(), levels) if len(spans) else np.zeros_like(edges)
    total: npt.NDArray[np.float64] = np.diff(worked + IDLE_SHARE * (edges - worked)) * per_cycle
    return total
