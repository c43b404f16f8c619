# SPDX-License-Identifier: Apache-2.0
"""Observers: from what calibration saw of a tensor, the range of reals that its integers shall cover.

- minmax: all of it. average: the mean over samples of each sample's extremes (a moving average's limit).
- percentile: all but the outermost 0.005 % on each side.
- mse: the range with the least mean squared error of clipping and rounding, and some room; ONNC's calibrator scanned
  2,048 clipping thresholds of a symmetric range, here both ends of an affine one are scanned in turn.
- entropy: the threshold whose quantised histogram has the least Kullback-Leibler divergence from the clipped one
  (Migacz, "8-bit Inference with TensorRT", GTC 2017).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array
from smidgen.quantize.recipe import Observer

Floats = npt.NDArray[np.float64]
BINS = 4096
SCAN_STEPS = 2048  # ONNC's number of thresholds
_PERCENTILE_TAIL = 5e-5  # of the values, on each side
_ENTROPY_BINS = 1024
_MOST_VALUES = 1 << 20  # in a histogram; more would only take longer


@dataclass(frozen=True, slots=True)
class Seen:
    """What calibration saw of one tensor: extremes, the mean of samples' extremes, and a histogram between them."""

    least: float
    most: float
    average_least: float
    average_most: float
    counts: Floats  # (BINS)
    mean_square: float
    samples: int = 1
    bounds: tuple[float, float] = (-math.inf, math.inf)
    """What the tensor cannot exceed whatever the input: the clamp that makes it."""

    @property
    def edges(self) -> Floats:
        return np.linspace(self.least, self.most, BINS + 1)

    @property
    def centres(self) -> Floats:
        edges = self.edges
        return (edges[:-1] + edges[1:]) / 2


def see(parts: Sequence[Array], bounds: tuple[float, float] = (-math.inf, math.inf)) -> Seen:
    """The statistics of one tensor: arrays (samples, ...) of finite floats; extremes of all, a histogram of many."""
    flat = [p.reshape(len(p), -1) for p in parts]
    lows = np.concatenate([p.min(axis=1) for p in flat])
    highs = np.concatenate([p.max(axis=1) for p in flat])
    least, most = float(lows.min()), float(highs.max())
    stride = max(1, sum(p.size for p in flat) // _MOST_VALUES) | 1  # odd: shapes are mostly even
    counts, square, size = np.zeros(BINS, np.float64), 0.0, 0
    for p in flat:
        values = p.ravel()[::stride].astype(np.float64)  # bins narrower than float32 steps are bins too
        square, size = square + float(np.sum(np.square(values, dtype=np.float64))), size + values.size
        counts += np.histogram(values, BINS, (least, most))[0] if most > least else 0
    counts[0] += size if most == least else 0
    return Seen(least, most, float(lows.mean()), float(highs.mean()), counts, square / size, len(lows), bounds)


def merge(parts: list[Seen]) -> Seen:
    """Several tensors that share one quantization, as one."""
    if len(parts) == 1:
        return parts[0]
    least, most = min(p.least for p in parts), max(p.most for p in parts)
    counts = np.zeros(BINS, np.float64)
    for p in parts:
        if most > least:
            counts += np.histogram(p.centres, BINS, (least, most), weights=p.counts)[0]
        else:
            counts[0] += p.counts.sum()
    weight = [p.counts.sum() for p in parts]
    square = float(np.average([p.mean_square for p in parts], weights=weight))
    low, high = min(p.average_least for p in parts), max(p.average_most for p in parts)
    bounds = min(p.bounds[0] for p in parts), max(p.bounds[1] for p in parts)
    return Seen(least, most, low, high, counts, square, min(p.samples for p in parts), bounds)


def observed_range(seen: Seen, observer: Observer, levels: int, symmetric: bool) -> tuple[float, float]:
    """The (least, most) real to be covered, zero included, for ``levels`` steps. Within what was seen, but for mse."""
    least, most = min(seen.least, 0.0), max(seen.most, 0.0)
    if most == least:
        return least, most
    if observer == "average":
        return min(seen.average_least, 0.0), max(seen.average_most, 0.0)
    if observer == "percentile":
        return _percentile(seen)
    if observer == "mse":
        return _widened(seen, *_mse(seen, levels, symmetric)) if not symmetric else _mse(seen, levels, True)
    if observer == "entropy":
        return _entropy(seen, levels, symmetric)
    return least, most


def _widened(seen: Seen, least: float, most: float) -> tuple[float, float]:
    """Room for what unseen samples may add, the more the fewer were seen; never beyond what is possible.

    1 / (1 + sqrt(samples)) is empirical: without it a network calibrated on some twenty samples lost 9 dB on others.
    """
    share = 1 + 1 / (1 + math.sqrt(seen.samples))
    lo, hi = seen.bounds
    return max(least * share, min(lo, 0.0)), min(most * share, max(hi, 0.0))


def _percentile(seen: Seen) -> tuple[float, float]:
    total = np.cumsum(seen.counts) / seen.counts.sum()
    low = int(np.searchsorted(total, _PERCENTILE_TAIL, side="right"))
    high = min(int(np.searchsorted(total, 1 - _PERCENTILE_TAIL, side="left")) + 1, BINS)
    edges = seen.edges
    return min(float(edges[low]), 0.0), max(float(edges[high]), 0.0)


def clipping_error(seen: Seen, least: Floats, most: Floats, levels: int) -> Floats:
    """The mean squared error of rounding to ``levels`` steps between each pair of bounds, and of clipping to them.

    A bin within the bounds counts as spread evenly over many steps (step**2 / 12); one outside as its distance.
    """
    centres, weight = seen.centres, seen.counts / seen.counts.sum()
    w, wx, wxx = (np.concatenate(([0.0], np.cumsum(weight * centres**k))) for k in range(3))
    first = np.searchsorted(centres, least, side="left")
    last = np.searchsorted(centres, most, side="right")
    below = wxx[first] - 2 * least * wx[first] + least**2 * w[first]
    above = (wxx[-1] - wxx[last]) - 2 * most * (wx[-1] - wx[last]) + most**2 * (w[-1] - w[last])
    inside = np.maximum(w[last] - w[first], 0.0) - _exact_zeros(seen, centres, weight, least, most)
    step = (most - least) / (levels - 1)
    result: Floats = np.maximum(below, 0) + np.maximum(above, 0) + inside * step**2 / 12
    return result


def _exact_zeros(seen: Seen, centres: Floats, weight: Floats, least: Floats, most: Floats) -> Floats:
    """The share of values in the bin that begins or ends at 0: after a ReLU mostly zeros, which have no error."""
    at = 0 if seen.least == 0 else BINS - 1 if seen.most == 0 else None
    if at is None:
        return np.zeros_like(least)
    return np.where((least <= 0) & (most >= 0), weight[at], 0.0)


def _mse(seen: Seen, levels: int, symmetric: bool) -> tuple[float, float]:
    least, most = min(seen.least, 0.0), max(seen.most, 0.0)
    shares = np.arange(1, SCAN_STEPS + 1) / SCAN_STEPS
    if symmetric:
        bound = max(-least, most) * shares
        best = float(bound[np.argmin(clipping_error(seen, -bound, bound, levels))])
        return max(-best, least), min(best, most)
    low, high = least, most
    for _ in range(4):  # each end in turn; settles in two or three rounds
        before = low, high
        if most > 0:
            tops = most * shares
            high = float(tops[np.argmin(clipping_error(seen, np.full_like(tops, low), tops, levels))])
        if least < 0:
            ends = least * shares
            low = float(ends[np.argmin(clipping_error(seen, ends, np.full_like(ends, high), levels))])
        if (low, high) == before:
            break
    return low, high


def _entropy(seen: Seen, levels: int, symmetric: bool) -> tuple[float, float]:
    """Scan common shares of both ends; the divergence is computed on a histogram of ``_ENTROPY_BINS``."""
    least, most = min(seen.least, 0.0), max(seen.most, 0.0)
    if symmetric:
        bound = max(-least, most)
        least, most = -bound, bound
    counts = np.histogram(seen.centres, _ENTROPY_BINS, (least, most), weights=seen.counts)[0]
    zero = round(-least / (most - least) * _ENTROPY_BINS)
    best, chosen = np.inf, (least, most)
    for step in range(16, 129):
        low, high = round(zero * (1 - step / 128)), round(zero + (_ENTROPY_BINS - zero) * step / 128)
        if high - low < 2:
            continue
        divergence = _divergence(counts, low, high, min(levels, _ENTROPY_BINS) // 2)
        if divergence < best:
            best, chosen = divergence, (least * step / 128, most * step / 128)
    return max(chosen[0], min(seen.least, 0.0)), min(chosen[1], max(seen.most, 0.0))


def _divergence(counts: Floats, low: int, high: int, levels: int) -> float:
    """KL(clipped histogram || its version in ``levels`` steps); infinite for a support that does not cover it."""
    clipped = counts[low:high].copy()
    clipped[0] += counts[:low].sum()
    clipped[-1] += counts[high:].sum()
    step = np.minimum(np.arange(high - low) * levels // (high - low), levels - 1)
    filled = counts[low:high] > 0
    mass = np.bincount(step, counts[low:high], levels)
    bins = np.maximum(np.bincount(step, filled, levels), 1)
    quantised = np.where(filled, (mass / bins)[step], 0.0)
    if quantised.sum() == 0:
        return float(np.inf)
    p, q = clipped / clipped.sum(), quantised / quantised.sum()
    both = (p > 0) & (q > 0)
    missing = p[(p > 0) & (q == 0)].sum()  # smoothed, as TensorRT's public descriptions do
    return float(np.sum(p[both] * np.log(p[both] / q[both])) + missing * np.log(1e6))
