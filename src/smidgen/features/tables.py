# SPDX-License-Identifier: Apache-2.0
"""The constants of the float32 computation, made once from a definition; model and C share them."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from smidgen.features.log_mel import LogMel

Floats = NDArray[np.float32]

LOG2 = (
    1.442667841911316, -0.7205851674079895, 0.47355130314826965, -0.3258956968784332, 0.19428490102291107,
    -0.07955075800418854, 0.015527897514402866,
)  # fmt: skip
"""log2(1 + x) = x (c0 + x (c1 + ...)) within 3.1e-7 on [0, 1): least squares at 4,000 Chebyshev nodes, reweighted
until the error was level."""

_LAST_RADIX = {256: 2, 512: 4, 1024: 8, 2048: 2}
_EMPHASIS_BITS = 14


@dataclass(frozen=True, slots=True)
class Tables:
    """``half`` complex points hold a window of twice as many samples; passes of radix 8, then one of ``last_radix``."""

    half: int
    last_radix: int
    emphasis_one: int  # y = emphasis_one * x[n] - emphasis_previous * x[n - 1], in integers
    emphasis_previous: int
    window: Floats  # (2 half,) with every constant factor of the amplitude
    twiddles: tuple[Floats, ...]  # per radix-8 pass: (groups, 7, 2)
    split: Floats  # (half / 2 + 1, 2): exp(-i pi k / half)
    segment_bins: NDArray[np.int64]  # (bands + 1,): bins between two neighbouring edges
    first_bin: int
    weights: Floats  # rising slope of each bin of all segments
    floor: np.float32
    gain: np.float32  # int8 steps for each factor of 2
    bias: np.float32
    top: np.float32  # the highest value before zero is added
    zero: np.float32  # the zero point

    @property
    def middle_passes(self) -> int:
        return len(self.twiddles) - 1


def tables(spec: LogMel) -> Tables:
    half, last = spec.window // 2, _LAST_RADIX[spec.window]
    one, previous = _emphasis(spec.pre_emphasis)
    amplitude = 1.0 / (32768.0 * one * 2.0 * math.sqrt(spec.window))  # the split doubles the spectrum
    first, bins, weights = _segments(spec)
    passes = round(math.log(half // last, 8))
    per_step = 1.0 / (spec.range_db * spec.scale)
    return Tables(
        half=half,
        last_radix=last,
        emphasis_one=one,
        emphasis_previous=previous,
        window=(spec.coefficients() * amplitude).astype(np.float32),
        twiddles=tuple(_twiddles(half // 8**i) for i in range(passes)),
        split=_roots(np.arange(half // 2 + 1), 2 * half),
        segment_bins=bins,
        first_bin=first,
        weights=weights,
        floor=np.float32(spec.floor),
        gain=np.float32(10.0 * math.log10(2.0) * per_step),
        bias=np.float32(spec.offset_db * per_step),
        top=np.float32(min(1.0 / spec.scale, 127.0 - spec.zero_point)),
        zero=np.float32(spec.zero_point),
    )


def _emphasis(coefficient: float) -> tuple[int, int]:
    """Smallest power of two that makes the coefficient whole; 2^14 where none does (then off by 2^-15 at most)."""
    bits = next((b for b in range(_EMPHASIS_BITS) if (coefficient * 2**b).is_integer()), _EMPHASIS_BITS)
    return 2**bits, round(coefficient * 2**bits)


def _twiddles(length: int) -> Floats:
    """exp(-2 pi i p j / length) for p < length / 8 and j = 1..7."""
    return _roots(np.arange(length // 8)[:, None] * np.arange(1, 8), length)


def _roots(exponents: NDArray[np.int64], order: int) -> Floats:
    """exp(-2 pi i e / order) as pairs; exact where sine and cosine are 0, 1 or -1."""
    flat = [_root(int(e) % order, order) for e in exponents.ravel()]
    return np.array(flat, dtype=np.float32).reshape(*exponents.shape, 2)


def _root(e: int, order: int) -> tuple[float, float]:
    """Angles above an eighth of the circle through their complements: mirrored entries have the same bits."""
    quarter, rest = divmod(4 * e, order)
    upper = 2 * rest > order
    angle = math.pi * (order - rest if upper else rest) / (2 * order)
    c, s = math.cos(angle), -math.sin(angle)
    if upper:
        c, s = -s, -c
    for _ in range(quarter):
        c, s = s, -c
    return c, s


def _segments(spec: LogMel) -> tuple[int, NDArray[np.int64], Floats]:
    """First bin above the lowest edge, how many bins each segment has, and each bin's rising slope."""
    edges, bins = spec.edges_mel(), spec.bins_mel()
    inside = [k for k in range(1, spec.window // 2) if edges[0] <= bins[k] < edges[-1]]
    segment = np.searchsorted(edges, bins[inside], side="right") - 1
    weights = (bins[inside] - edges[segment]) / (edges[segment + 1] - edges[segment])
    counts = np.bincount(segment, minlength=spec.bands + 1)
    return (inside[0] if inside else 1), counts, weights.astype(np.float32)
