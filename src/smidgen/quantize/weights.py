# SPDX-License-Identifier: Apache-2.0
"""Weights as integers: scales, clipping, four-bit groups, and rounding that minimises a layer's output error.

A layer's weights are seen as blocks (B, O, K): a convolution's groups, or each channel of a depthwise one; each block
has a Gram matrix (B, K, K) of what its inputs were. The error of weights v' for v is trace((v' - v) G (v' - v)^T), the
mean squared error of the output.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, FourBit, Node
from smidgen.ir.types import MOST_GROUP_FACTOR
from smidgen.ops import Conv2D, DepthwiseConv2D
from smidgen.quantize.schemes import LEAST_SCALE, MOST_SCALE, float32_scale, power_of_two

Floats = npt.NDArray[np.float64]
_CLIP_SHARES = tuple(1.0 - 0.03 * i for i in range(16))  # of the largest weight: down to 0.55
_FOUR_BIT_LARGEST = (4, 5, 6, 7, 8, 10, 12, 15)  # candidates for the factor of the group with the largest weights
_DAMPING = 1e-2  # of the Gram's mean diagonal: how much more than what calibration saw counts
_SWEEPS = 3
_WIDER = (1.0, 1.1, 1.22, 1.35, 1.5)  # times the scale that is best for rounding to nearest
_SILENT = 1e-30  # a mean square that is none


@dataclass(frozen=True, slots=True)
class Weights:
    """Integer weights in the layer's own layout; ``scale`` has one number, or one a channel."""

    data: Array
    scale: tuple[float, ...]
    storage: FourBit | None = None
    per_channel: bool = True


@dataclass(frozen=True, slots=True)
class Grid:
    """The values that weights (B, O, K) may have: step * integer in [least, most]."""

    step: Floats  # (B, O, K), or broadcastable
    least: int
    most: int

    def nearest(self, v: Floats) -> Floats:
        return np.clip(np.rint(v / self.step), self.least, self.most)

    def real(self, v: Floats) -> Floats:
        return self.nearest(v) * self.step


def blocks(node: Node, w: Array) -> Floats:
    """The weights of a layer as (B, O, K)."""
    if isinstance(node.op, DepthwiseConv2D):
        kh, kw, c = w.shape
        return np.ascontiguousarray(w.reshape(kh * kw, c).T.astype(np.float64)).reshape(c, 1, kh * kw)
    groups = node.op.groups if isinstance(node.op, Conv2D) else 1
    return w.astype(np.float64).reshape(groups, w.shape[0] // groups, -1)


def layout(node: Node, v: Array) -> Array:
    """Blocks back in the layer's own layout."""
    shape = node["w"].type.shape
    if isinstance(node.op, DepthwiseConv2D):
        return np.ascontiguousarray(v.reshape(shape[2], -1).T).reshape(shape)
    return v.reshape(shape)


def times(v: Floats, gram: Floats) -> Floats:
    """v (B, O, K) times a Gram: (B, K, K), or (B, K) where only its diagonal is kept."""
    product: Floats = v * gram[:, None] if gram.ndim == 2 else v @ gram
    return product


def _diagonal(gram: Floats) -> Floats:
    return gram if gram.ndim == 2 else np.diagonal(gram, axis1=1, axis2=2)


def output_error(difference: Floats, gram: Floats) -> Floats:
    """The mean squared error of each output channel, (B, O)."""
    error: Floats = np.einsum("bok,bok->bo", times(difference, gram), difference)
    return error


def normalized(gram: Floats) -> Floats:
    """Each block's Gram made symmetric and divided by its mean diagonal.

    A block that saw nothing (a dead channel) gets the identity: there all errors count alike.
    """
    factor = _diagonal(gram).mean(axis=1)[:, None]
    alive = factor > _SILENT
    factor = np.where(alive, factor, 1.0)
    if gram.ndim == 2:
        return np.where(alive, gram / factor, 1.0)
    scaled = (gram + gram.transpose(0, 2, 1)) / (2 * factor[..., None])
    return np.where(alive[..., None], scaled, np.eye(gram.shape[1]))


def damped(gram: Floats) -> Floats:
    """A normalized Gram with more on its diagonal: regular, and less bound to the calibration data."""
    return gram + _DAMPING * (1.0 if gram.ndim == 2 else np.eye(gram.shape[1]))


def int8_grid(v: Floats, gram: Floats | None, power: bool, least: Floats) -> Grid:
    """Steps a channel from the largest weight; with a Gram, the share of it that gives the least output error.

    ``power``: one power-of-two step for the whole layer, from the largest weight. No step is below ``least`` (B, O, 1).
    """
    largest = np.maximum(np.abs(v).max(axis=2, keepdims=True), least * 127)
    if power:
        return power_grid(largest, 127)
    if gram is None:
        return Grid(_scales(largest / 127), -127, 127)
    return Grid(_best_scales(v, gram, largest / 127, -127, 127, least), -127, 127)


def power_grid(largest: Floats, most: int) -> Grid:
    """One power-of-two step for the whole layer, from the channels' largest weights (B, O, 1)."""
    scale = power_of_two(_safe(float(largest.max()) / most))
    return Grid(np.full_like(largest, float32_scale(scale)), -most - 1, most)


def _safe(scale: float) -> float:
    return scale if LEAST_SCALE < scale < MOST_SCALE else 1.0


def _scales(wanted: Floats) -> Floats:
    """float32 scales; a channel of zeros gets the layer's smallest other scale, or 1."""
    some = wanted[wanted > 0]
    filled = np.where(wanted > 0, wanted, some.min() if some.size else 1.0)
    return np.clip(filled, LEAST_SCALE, MOST_SCALE).astype(np.float32).astype(np.float64)


def _best_scales(v: Floats, gram: Floats, full: Floats, lowest: int, highest: int, least: Floats) -> Floats:
    best_error, best = np.full(v.shape[:2], np.inf), _scales(full)
    for share in _CLIP_SHARES:
        grid = Grid(_scales(np.maximum(full * share, least)), lowest, highest)
        error = output_error(grid.real(v) - v, gram)
        better = error < best_error
        best_error = np.where(better, error, best_error)
        best = np.where(better[..., None], grid.step, best)
    return best


def int4_grid(v: Floats, gram: Floats | None, group: int | None, least: Floats) -> tuple[Grid, Floats]:
    """(grid, channel scales (B, O, 1)): a step a channel, times a whole factor 1..15 a group of consecutive weights."""
    weight = np.ones((len(v), v.shape[2])) if gram is None else gram
    largest = np.maximum(np.abs(v).max(axis=2, keepdims=True), least * 7)
    if group is None or group >= v.shape[2]:
        step = _best_scales(v, weight, largest / 7, -8, 7, least)
        return Grid(step, -8, 7), step
    wanted = _group_steps(v, weight, group)
    best_error = np.full(v.shape[:2], np.inf)
    scale, step = np.zeros((*v.shape[:2], 1)), np.zeros_like(v)
    for most in _FOUR_BIT_LARGEST:
        channel = _scales(np.maximum(wanted.max(axis=2, keepdims=True) / most, least))
        factors = np.clip(np.rint(wanted / channel), 1, MOST_GROUP_FACTOR)
        steps = np.repeat(factors * channel, group, axis=2)[:, :, : v.shape[2]]
        error = output_error(Grid(steps, -8, 7).real(v) - v, weight)
        better = (error < best_error)[..., None]
        best_error = np.minimum(error, best_error)
        scale, step = np.where(better, channel, scale), np.where(better, steps, step)
    return Grid(step, -8, 7), scale


def _group_steps(v: Floats, gram: Floats, group: int) -> Floats:
    """(B, O, groups): each group's own best step, judged by the diagonal of the Gram."""
    diagonal = _diagonal(gram)
    columns = []
    for at in range(0, v.shape[2], group):
        part, weight = v[:, :, at : at + group], diagonal[:, None, at : at + group]
        full = np.abs(part).max(axis=2, keepdims=True) / 7
        best_error, best = np.full(part.shape[:2], np.inf), full[..., 0]
        for share in _CLIP_SHARES:
            step = np.maximum(full * share, LEAST_SCALE)
            error = (np.square(Grid(step, -8, 7).real(part) - part) * weight).sum(axis=2)
            best = np.where(error < best_error, step[..., 0], best)
            best_error = np.minimum(error, best_error)
        columns.append(best)
    return np.stack(columns, axis=2)


def adapt(v: Floats, grid: Grid, gram: Floats) -> Floats:
    """Integers (B, O, K) on the grid whose output error is low: never above that of rounding to nearest.

    Column by column with the error of each fed to the later ones through the inverse Gram (Frantar et al., "GPTQ",
    2022; the same objective as Nagel et al., "Up or Down?", 2020), then coordinate descent by single steps.
    """
    nearest = grid.nearest(v)
    if gram.ndim == 2:  # without correlations rounding to nearest is best
        return nearest
    chosen = _feed_forward(v, grid, gram)
    step = np.broadcast_to(grid.step, v.shape)
    worse = output_error(chosen * step - v, gram) > output_error(nearest * step - v, gram)
    return _descend(v, grid, gram, np.where(worse[..., None], nearest, chosen))


def adapt_with_scales(v: Floats, grid: Grid, channel: Floats, gram: Floats) -> tuple[Floats, Grid, Floats]:
    """(integers, grid, channel scales): ``adapt`` with each of ``_WIDER`` times the scales; a channel keeps its best.

    Clipping is chosen for rounding to nearest; with adaptive rounding less of it is often better.
    """
    blocks, outputs, values = v.shape
    factors = np.broadcast_to(grid.step / channel, v.shape)
    scales = np.stack([_scales(channel * wider) for wider in _WIDER], axis=1)  # (B, candidates, O, 1)
    steps = (factors[:, None] * scales).reshape(blocks, -1, values)
    repeated = np.broadcast_to(v[:, None], (blocks, len(_WIDER), outputs, values)).reshape(steps.shape)
    tried = adapt(repeated, Grid(steps, grid.least, grid.most), gram)
    error = output_error(tried * steps - repeated, gram).reshape(blocks, len(_WIDER), outputs)
    best = error.argmin(axis=1)[:, None, :, None]
    shape = (blocks, len(_WIDER), outputs, values)
    chosen, step = (np.take_along_axis(a.reshape(shape), best, axis=1)[:, 0] for a in (tried, steps))
    return chosen, Grid(step, grid.least, grid.most), np.take_along_axis(scales, best, axis=1)[:, 0]


def _feed_forward(v: Floats, grid: Grid, gram: Floats) -> Floats:
    order = np.argsort(-np.diagonal(gram, axis1=1, axis2=2), axis=1, kind="stable")
    index = np.arange(len(v))[:, None]
    ordered = gram[index[..., None], order[:, :, None], order[:, None, :]]
    inverse = np.linalg.inv(ordered)
    upper = np.linalg.cholesky((inverse + inverse.transpose(0, 2, 1)) / 2).transpose(0, 2, 1)
    step = np.take_along_axis(np.broadcast_to(grid.step, v.shape), order[:, None, :], axis=2)
    rest = np.take_along_axis(v, order[:, None, :], axis=2).copy()
    chosen = np.empty_like(rest)
    for k in range(v.shape[2]):
        chosen[:, :, k] = np.clip(np.rint(rest[:, :, k] / step[:, :, k]), grid.least, grid.most)
        error = (rest[:, :, k] - chosen[:, :, k] * step[:, :, k]) / upper[:, k, k][:, None]
        rest[:, :, k + 1 :] -= error[:, :, None] * upper[:, None, k, k + 1 :]
    result = np.empty_like(chosen)
    np.put_along_axis(result, np.broadcast_to(order[:, None, :], v.shape), chosen, axis=2)
    return result


def _descend(v: Floats, grid: Grid, gram: Floats, chosen: Floats) -> Floats:
    """Single steps up or down, column by column, where they lower the error of that channel."""
    step = np.broadcast_to(grid.step, v.shape)
    chosen = chosen.copy()
    slope = (chosen * step - v) @ gram
    for _ in range(_SWEEPS):
        moved = 0
        for k in range(v.shape[2]):
            curve, s = gram[:, k, k][:, None], step[:, :, k]
            wanted = np.clip(np.rint(chosen[:, :, k] - slope[:, :, k] / (curve * s)), grid.least, grid.most)
            change = wanted - chosen[:, :, k]
            if change.any():
                moved += int(np.count_nonzero(change))
                chosen[:, :, k] = wanted
                slope += (change * s)[:, :, None] * gram[:, None, k, :]
        if not moved:
            break
    return chosen
