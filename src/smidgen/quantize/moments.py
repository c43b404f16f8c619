# SPDX-License-Identifier: Apache-2.0
"""First and second moments of what a layer's weights are multiplied with, over samples and positions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.conv import pad_hw, spatial, windows

Floats = npt.NDArray[np.float64]
_ROUNDING = 1e-4  # relative, of float32 sums of many products; far below the damping in weights.py
_LARGE = 1e15  # beyond it float32 sums of squares might overflow
MOST_PAIRED = 2048  # values a channel sums up; beyond it Grams would take too much memory and time
_MOST_ROWS = 16384  # per layer; a layer of K weights a channel gets at least 24 * K


@dataclass(frozen=True, slots=True)
class Moments:
    """Of reals x and their quantised versions q, blocks as weights are: means (B, K), covariances (B, K, K); of layers
    with more than ``MOST_PAIRED`` values a channel only their diagonals (B, K).

    ``cross`` is E[(x - mean x) (q - mean q)^T]; for statistics of the float network alone q is x.
    """

    mean: Floats
    mean_q: Floats
    real: Floats
    quantised: Floats
    cross: Floats


def sampled_rows(node: Node, chunk_samples: Sequence[Node], seed: int) -> list[npt.NDArray[np.int64]]:
    """Which output positions of each chunk to take: all, or as many chosen at random, the same for the same seed."""
    totals = [_positions(n) for n in chunk_samples]
    k = math.prod(node["w"].type.shape) // max(1, node.output.type.shape[-1])
    most = max(_MOST_ROWS, 24 * k)
    total = sum(totals)
    if total <= most:
        return [np.arange(t) for t in totals]
    chosen = np.sort(np.random.default_rng(seed).choice(total, most, replace=False))
    starts = np.cumsum([0, *totals])
    return [chosen[(chosen >= a) & (chosen < b)] - a for a, b in pairwise(starts)]


def _positions(node: Node) -> int:
    return math.prod(node.output.type.shape[:-1])


def rows(node: Node, x: Array, index: npt.NDArray[np.int64]) -> Array:
    """What the weights are multiplied with at these output positions: (B, rows, K), float32."""
    op = node.op
    if isinstance(op, FullyConnected):
        return x.reshape(-1, x.shape[-1])[index][None]
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    kernel = node["w"].type.shape[:2] if isinstance(op, DepthwiseConv2D) else node["w"].type.shape[1:3]
    out = node.output.type
    win = windows(pad_hw(x, op.padding), (kernel[0], kernel[1]), op.stride, op.dilation, spatial(out))
    at = np.unravel_index(index, out.shape[:3])
    picked = win[at]  # (rows, kh, kw, c)
    taps = kernel[0] * kernel[1]
    if isinstance(op, DepthwiseConv2D):
        per_channel = np.repeat(picked, out.shape[3] // x.shape[3], axis=3)
        return np.ascontiguousarray(per_channel.reshape(len(index), taps, -1).transpose(2, 0, 1))
    width = x.shape[3] // op.groups
    parts = [picked[..., g * width : (g + 1) * width].reshape(len(index), -1) for g in range(op.groups)]
    return np.stack(parts)


class Accumulator:
    """Sums for ``Moments``, chunk by chunk, about the first chunk's means so that float32 products lose little."""

    def __init__(self) -> None:
        self.count = 0
        self.shifts: list[Array] = []  # (B, 1, K) of x, and of q if there is one
        self.sums: list[Floats] = []

    def add(self, x: Array, q: Array | None = None) -> None:
        """Rows (B, n, K) of reals, and of their quantised versions if there are any."""
        if x.shape[1] == 0:
            return
        both = [x] if q is None else [x, q]
        if max(float(np.abs(a).max()) for a in both) > _LARGE:
            both = [a.astype(np.float64) for a in both]
        if not self.shifts:
            self.shifts = [a.mean(axis=1, keepdims=True, dtype=np.float64).astype(np.float32) for a in both]
        centred = [a - shift for a, shift in zip(both, self.shifts, strict=True)]
        terms: list[Array] = []
        for a in centred:
            terms += [a.sum(axis=1, dtype=np.float64), _products(a, a)]
        if q is not None:
            terms.append(_products(centred[0], centred[1]))
        wide = [t.astype(np.float64) for t in terms]
        self.sums = [a + b for a, b in zip(self.sums, wide, strict=True)] if self.sums else wide
        self.count += x.shape[1]

    def moments(self) -> Moments:
        sums = [s / self.count for s in self.sums]
        shifts = [s[:, 0].astype(np.float64) for s in self.shifts]
        mean, real = sums[0], _covariance(sums[1], sums[0])
        if len(sums) == 2:
            return Moments(mean + shifts[0], mean + shifts[0], real, real, real)
        mean_q = sums[2]
        cross = _centred(sums[4], mean, mean_q)
        return Moments(mean + shifts[0], mean_q + shifts[1], real, _covariance(sums[3], mean_q), cross)


def _products(a: Array, b: Array) -> Array:
    """Sums of products of rows (B, n, K): all pairs, (B, K, K), or only the diagonal, (B, K), where K is large."""
    if a.shape[2] > MOST_PAIRED:
        diagonal: Array = np.einsum("bnk,bnk->bk", a, b)
        return diagonal
    pairs: Array = a.transpose(0, 2, 1) @ b
    return pairs


def _centred(second: Floats, mean: Floats, other: Floats) -> Floats:
    if second.ndim == 2:
        return second - mean * other
    return second - mean[:, :, None] * other[:, None, :]


def _covariance(second: Floats, mean: Floats) -> Floats:
    """Second moments less the means', with what float32 sums may have lost added to the diagonal: never indefinite."""
    if second.ndim == 2:
        return np.maximum(_centred(second, mean, mean), 0.0)
    size = second.shape[1]
    lost = _ROUNDING * np.trace(second, axis1=1, axis2=2)[:, None, None] / size
    result: Floats = _centred(second, mean, mean) + lost * np.eye(size)
    return result
