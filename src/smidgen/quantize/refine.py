# SPDX-License-Identifier: Apache-2.0
"""Quantises layer by layer, each fitted to what its inputs have become in the quantised network before it.

The float network and an emulation of the quantised one run side by side. A layer's integer weights v' and bias b' shall
minimise the mean of |v x + b - v' q - b'|^2, where x is what it reads in the float network and q in the quantised one.
The real-valued solution v C (Q + d)^-1 is rounded by ``adapt``; the bias takes up what is left of the mean error.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node, QuantParams, Value
from smidgen.ops import Dequantize, Pad
from smidgen.quantize.batches import chunks
from smidgen.quantize.calibrate import Calibration, Progress
from smidgen.quantize.fast import clipped, products
from smidgen.quantize.insert import quantized_constant
from smidgen.quantize.layer import Layer, fit
from smidgen.quantize.moments import Accumulator, Moments, rows, sampled_rows
from smidgen.quantize.plan import MOVERS, Plan, fused_clamp, halved, is_weighted
from smidgen.quantize.recipe import Recipe
from smidgen.quantize.walk import Walker, affordable

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Error:
    """Sums over all values of one tensor: of the squared signal, the squared error, and how many were clipped."""

    signal: float
    noise: float
    clipped: float

    @property
    def sqnr_db(self) -> float:
        """Infinite for no error, 0 for no signal but errors."""
        if self.noise == 0:
            return float(np.inf)
        return float(10 * np.log10(max(self.signal, 1e-300) / self.noise)) if self.signal > 0 else 0.0


class Refiner:
    """One run. ``layers`` and ``errors`` fill as it goes: fitted layers and tensor errors, by name."""

    def __init__(
        self, calibration: Calibration, plan: Plan, recipe: Recipe, activations: Mapping[Value, QuantParams]
    ) -> None:
        graph = calibration.graph
        self.calibration, self.plan, self.recipe, self.activations = calibration, plan, recipe, activations
        pieces = tuple(chunks(graph, affordable(graph, calibration.data, copies=2)))
        self.real, self.quantised = Walker(graph, pieces), Walker(graph, pieces)
        self.users = graph.users()
        self.layers: dict[str, Layer] = {}
        self.errors: dict[str, Error] = {}

    def run(self, progress: Progress) -> None:
        graph = self.calibration.graph
        for v in graph.inputs:
            self._round(v)
        for i, node in enumerate(graph.nodes):
            self._node(i, node)
            self.real.release(i)
            self.quantised.release(i)
            progress("quantise", i + 1, len(graph.nodes))

    def _node(self, index: int, node: Node) -> None:
        name = node.outputs[0].name
        if is_weighted(node) and self.plan.kind[index] == "integer":
            x, q = self.real.operand(node.inputs[0]), self.quantised.operand(node.inputs[0])
            layer = fit(self.calibration, self.plan, self.recipe, self.activations, node, self._moments(index, x, q))
            self.layers[name] = layer
            self.real.step(index)
            self.quantised.env[name] = tuple(
                _emulated(c.graph.nodes[index], a, layer) for c, a in zip(self.quantised.chunks, q, strict=True)
            )
        else:
            self.real.step(index)
            integer = self.plan.kind[index] == "integer"
            self.quantised.step(index, _rounded_constants(node) if integer else self._halves(node))
        moved = isinstance(node.op, MOVERS) and not isinstance(node.op, Pad)  # a padding value is rounded
        if not moved and fused_clamp(node, self.users, self.calibration.graph.outputs) is None:
            for v in node.outputs:
                self._round(v)

    def _halves(self, node: Node) -> dict[int, Array] | None:
        """The weights of a float16 layer, by position."""
        if self.plan.precision.get(node.outputs[0].name) != "float16":
            return None
        weights = halved(node)
        assert weights is not None, "planned so"
        return {1: weights}

    def _moments(self, index: int, x: tuple[Array, ...], q: tuple[Array, ...]) -> Moments:
        nodes = [c.graph.nodes[index] for c in self.real.chunks]
        total = Accumulator()
        for n, a, b, at in zip(nodes, x, q, sampled_rows(nodes[0], nodes, self.recipe.seed), strict=True):
            total.add(rows(n, a, at), rows(n, b, at))
        return total.moments()

    def _round(self, value: Value) -> None:
        """What a quantised tensor's Quantize and Dequantize make of it, and its error."""
        dtype = self.plan.dtype_of(value)
        if value.type.dtype != "float32":
            return
        if dtype is not None:
            quant, info = self.activations[self.plan.group[value]], np.iinfo(dtype)
            self.quantised.env[value.name] = tuple(
                _rounded(a, quant, info.min, info.max) for a in self.quantised.env[value.name]
            )
        self.errors[value.name] = self._error(value, dtype)

    def _error(self, value: Value, dtype: str | None) -> Error:
        signal = noise = outside = size = 0.0
        low, high = -np.inf, np.inf
        if dtype is not None:
            quant, info = self.activations[self.plan.group[value]], np.iinfo(dtype)
            low, high = ((bound - quant.zero_point[0]) * quant.scale[0] for bound in (info.min, info.max))
            low, high = low - quant.scale[0] / 2, high + quant.scale[0] / 2
        for x, q in zip(self.real.operand(value), self.quantised.operand(value), strict=True):
            signal += float(np.square(x, dtype=np.float64).sum())
            noise += float(np.square(x - q, dtype=np.float64).sum())
            outside += float(np.count_nonzero((x < low) | (x > high)))
            size += x.size
        return Error(signal, noise, outside / max(size, 1))


def _rounded_constants(node: Node) -> dict[int, Array]:
    """Constant operands as their integers stand for them, by position."""
    found = {}
    for i, v in enumerate(node.inputs):
        kept = None if v.data is None or v.type.dtype != "float32" else quantized_constant(v)
        if kept is not None:
            (found[i],) = Dequantize().evaluate((kept[1],), (kept[0],))
    return found


def _rounded(x: Array, quant: QuantParams, least: int, most: int) -> Array:
    scale, zero = np.float32(quant.scale[0]), np.float32(quant.zero_point[0])
    steps = np.rint(x / scale) + zero
    result: Array = (np.clip(steps, least, most) - zero) * scale
    return result.astype(np.float32, copy=False)


def _emulated(node: Node, x: Array, layer: Layer) -> Array:
    y = products(node, x, layer.real_weights)
    if layer.bias is not None:
        y = y + layer.bias.astype(np.float32)
    return clipped(y, getattr(node.op, "clamp"))  # noqa: B009  (all layers with weights have one)
