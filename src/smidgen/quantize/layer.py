# SPDX-License-Identifier: Apache-2.0
"""One layer's integer weights and its bias, fitted to the moments of its inputs; and what each repair gained."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, FourBit, Node, QuantParams, Value
from smidgen.quantize.moments import Moments
from smidgen.quantize.plan import Plan
from smidgen.quantize.recipe import Precision, Recipe
from smidgen.quantize.weights import (
    Grid,
    Weights,
    adapt,
    adapt_with_scales,
    blocks,
    damped,
    int4_grid,
    int8_grid,
    layout,
    normalized,
    power_grid,
    times,
)

Floats = npt.NDArray[np.float64]
_LARGEST_BIAS = float(1 << 29)  # steps; leaves room in int32 for the sums of products


@dataclass(frozen=True, slots=True)
class Layer:
    """Integer weights, what they stand for, the real bias (None: none), and how well they fit."""

    weights: Weights
    real_weights: Array  # float32, the layer's own layout, normalized, power_grid
    bias: Floats | None
    weight_sqnr_db: float
    repairs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Request:
    """What is wanted: this layer in this precision, with the recipe's repairs, for inputs in steps of ``x_scale``."""

    node: Node
    recipe: Recipe
    precision: Precision
    x_scale: float


def request(plan: Plan, recipe: Recipe, activations: Mapping[Value, QuantParams], node: Node) -> Request:
    """The layer in its planned precision."""
    scale = activations[plan.group[node.inputs[0]]].scale[0]
    return Request(node, recipe, plan.precision[node.output.name], scale)


@dataclass(frozen=True, slots=True)
class _Problem:
    """v, b: the float layer. ``gram``: what adaptive rounding minimises. ``least_step``: steps for the bias."""

    v: Floats
    b: Floats
    moments: Moments
    gram: Floats
    least_step: Floats

    def error(self, w: Floats, b: Floats) -> float:
        """The mean squared error of the layer's output, summed over channels."""
        m = self.moments
        offset = self.b + _apply(self.v, m.mean) - b - _apply(w, m.mean_q)
        spread = np.sum(times(self.v, m.real) * self.v) - 2 * np.sum(times(self.v, m.cross) * w)
        return float(max(np.sum(offset**2) + spread + np.sum(times(w, m.quantised) * w), 1e-300))

    def corrected(self, w: Floats) -> Floats:
        """The bias that leaves no mean error."""
        return self.b + _apply(self.v, self.moments.mean) - _apply(w, self.moments.mean_q)


def _apply(v: Floats, x: Floats) -> Floats:
    return np.asarray(np.einsum("bok,bk->bo", v, x), np.float64)


def fit(wanted: Request, moments: Moments) -> Layer:
    """The layer as wanted, for these inputs; what each repair gained is told."""
    recipe, problem = wanted.recipe, _problem(wanted.node, moments, wanted.x_scale)
    plain, _ = _grid(problem, wanted, None)
    ladder = [("", problem.error(plain.real(problem.v), problem.b))]
    gram = problem.gram if recipe.clip_weights else None
    grid, channel = _grid(problem, wanted, gram)
    w, b = grid.real(problem.v), problem.b
    ladder.append(("clip_weights", problem.error(w, b)))
    if recipe.correct_bias:
        b = problem.corrected(w)
        ladder.append(("correct_bias", problem.error(w, b)))
    if recipe.adapt_rounding:
        w, channel = _adapted(problem, wanted, grid, channel)
        b = problem.corrected(w) if recipe.correct_bias else b
        ladder.append(("adapt_rounding", problem.error(w, b)))
    gains = {n: decibels(ladder[i][1], e) for i, (n, e) in enumerate(ladder[1:])}
    return _layer(wanted, problem, w, _whole(b, channel, wanted.x_scale), channel, gains)


def _adapted(problem: _Problem, wanted: Request, grid: Grid, channel: Floats) -> tuple[Floats, Floats]:
    """(weights, channel scales) with adaptive rounding."""
    recipe = wanted.recipe
    if wanted.precision == "int4" and recipe.clip_weights and recipe.scheme == "affine":
        chosen, grid, channel = adapt_with_scales(problem.v, grid, channel, problem.gram)
    else:
        chosen = adapt(problem.v, grid, problem.gram)
    return chosen * grid.step, channel


def _problem(node: Node, moments: Moments, x_scale: float) -> _Problem:
    v = blocks(node, node["w"].constant)
    bias = node.get("b")
    b = np.zeros(v.shape[:2]) if bias is None else bias.constant.astype(np.float64).reshape(v.shape[:2])
    gram = damped(normalized(moments.quantised))
    return _Problem(v, b, moments, gram, np.abs(b)[..., None] / (x_scale * _LARGEST_BIAS))


def _grid(problem: _Problem, wanted: Request, gram: Floats | None) -> tuple[Grid, Floats]:
    """The grid and the channel scales (B, O, 1); with a Gram, clipped for the least output error."""
    v, recipe = problem.v, wanted.recipe
    if wanted.precision == "int4" and recipe.scheme == "power-of-two":
        grid = power_grid(np.maximum(np.abs(v).max(axis=2, keepdims=True), problem.least_step * 7), 7)
        return grid, grid.step
    if wanted.precision == "int4":
        return int4_grid(v, gram, _group(recipe, wanted.node.output.name, v), problem.least_step)
    grid = int8_grid(v, gram, recipe.scheme == "power-of-two", problem.least_step)
    return grid, grid.step


def _group(recipe: Recipe, name: str, v: Floats) -> int | None:
    group = recipe.groups.get(name, recipe.group)
    grouped = group is not None and group < v.shape[2] and recipe.scheme == "affine"
    return group if grouped else None


def _whole(b: Floats, channel: Floats, x_scale: float) -> Floats:
    """The biases as int32 steps stand for them."""
    step = channel[..., 0] * x_scale
    return np.clip(np.rint(b / step), -2 * _LARGEST_BIAS, 2 * _LARGEST_BIAS) * step


def _layer(
    wanted: Request, problem: _Problem, w: Floats, b: Floats, channel: Floats, gains: Mapping[str, float]
) -> Layer:
    node, recipe = wanted.node, wanted.recipe
    power = recipe.scheme == "power-of-two"
    integers = np.clip(np.rint(w / channel), -128, 127).astype(np.int8)
    scale = tuple(float(s) for s in channel.reshape(-1))
    storage = FourBit(_group(recipe, wanted.node.output.name, problem.v)) if wanted.precision == "int4" else None
    kept = Weights(layout(node, integers), scale[:1] if power else scale, storage, not power)
    has_bias = node.get("b") is not None or recipe.correct_bias
    real = layout(node, integers * channel).astype(np.float32)
    sqnr = decibels(float(np.sum(problem.v**2)), float(np.sum((w - problem.v) ** 2)))
    return Layer(kept, real, b.reshape(-1) if has_bias else None, sqnr, gains)


def decibels(signal: float, noise: float) -> float:
    """The ratio of two mean squares in dB: infinite without noise, 0 without signal."""
    if noise <= 0:
        return float(np.inf)
    return float(10 * np.log10(signal / noise)) if signal > 0 else 0.0
