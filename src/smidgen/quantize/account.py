# SPDX-License-Identifier: Apache-2.0
"""What a quantisation did to each tensor and each layer, as the report shows it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node, QuantParams, Value
from smidgen.quantize.calibrate import Calibration
from smidgen.quantize.layer import Layer, decibels
from smidgen.quantize.observers import Seen, clipping_error
from smidgen.quantize.plan import Plan, fused_clamp, halved, is_weighted
from smidgen.quantize.recipe import LayerError, TensorRange
from smidgen.quantize.refine import Error
from smidgen.quantize.schemes import LIMITS
from smidgen.quantize.weights import blocks, output_error

Floats = npt.NDArray[np.float64]


def tensor_ranges(
    calibration: Calibration, plan: Plan, activations: Mapping[Value, QuantParams], errors: Mapping[str, Error]
) -> tuple[TensorRange, ...]:
    """Every activation that calibration saw, in order; those that stay real have scale 0."""
    found = []
    for v in plan.group:
        seen, error, dtype = calibration.seen.get(v.name), errors.get(v.name), plan.dtype_of(v)
        if seen is None or error is None:
            continue
        quant = activations[plan.group[v]] if dtype is not None else None
        scale, zero = (quant.scale[0], quant.zero_point[0]) if quant is not None else (0.0, 0)
        kind = dtype or "float32"
        found.append(TensorRange(v.name, kind, seen.least, seen.most, scale, zero, error.clipped, error.sqnr_db))
    return tuple(found)


def layer_errors(
    calibration: Calibration,
    plan: Plan,
    activations: Mapping[Value, QuantParams],
    fitted: Mapping[str, Layer],
) -> tuple[LayerError, ...]:
    """Every layer with weights, in order. Layers that stay float have no error, in float16 only that of weights."""
    graph, found = calibration.graph, []
    users = graph.users()
    for node in graph.nodes:
        if not is_weighted(node):
            continue
        name = node.output.name
        layer = fitted.get(name)
        clamp = fused_clamp(node, users, graph.outputs)
        point = node.output if clamp is None else clamp.output
        own, weights, gains = float("inf"), float("inf"), {}
        if layer is not None:
            own = _own_sqnr(calibration, node, layer, point, plan, activations)
            weights, gains = layer.weight_sqnr_db, dict(layer.repairs)
            gains |= _modelled_gains(calibration, plan, activations, node.inputs[0])
        elif plan.precision[name] == "float16":
            own, weights = _halving_errors(calibration, node, point)
        count, op = node["w"].type.elements, type(node.op).__name__
        found.append(LayerError(name, node.loc, op, plan.precision[name], count, weights, own, gains))
    return tuple(found)


def _halving_errors(calibration: Calibration, node: Node, point: Value) -> tuple[float, float]:
    """SQNR of the layer's output, and of its weights, with these alone in half precision."""
    weights = halved(node)
    assert weights is not None, "planned so"
    exact = blocks(node, node["w"].constant)
    difference = blocks(node, weights) - exact
    noise = float(np.mean(output_error(difference, calibration.moments[node.output.name].real)))
    squares = (float(np.sum(a.astype(np.float64) ** 2)) for a in (exact, difference))
    return decibels(calibration.seen[point.name].mean_square, noise), decibels(*squares)


def _own_sqnr(
    calibration: Calibration,
    node: Node,
    layer: Layer,
    point: Value,
    plan: Plan,
    activations: Mapping[Value, QuantParams],
) -> float:
    """With only this layer's weights and result quantised: the weights' error by the moments, the result's by bins."""
    moments = calibration.moments[node.output.name]
    difference = blocks(node, layer.real_weights) - blocks(node, node["w"].constant)
    noise = float(np.mean(output_error(difference, moments.real)))
    seen = calibration.seen[point.name]
    dtype = plan.dtype_of(point)
    if dtype is not None:
        noise += _rounding_error(seen, activations[plan.group[point]], dtype)
    return decibels(seen.mean_square, noise)


def _rounding_error(seen: Seen, quant: QuantParams, dtype: str) -> float:
    lo, hi = LIMITS[dtype]
    least, most = ((bound - quant.zero_point[0]) * quant.scale[0] for bound in (lo, hi))
    return float(clipping_error(seen, np.array([least]), np.array([most]), hi - lo + 1)[0])


def _modelled_gains(
    calibration: Calibration, plan: Plan, activations: Mapping[Value, QuantParams], x: Value
) -> dict[str, float]:
    """Of the repairs of what the layer reads: equalisation (its noise model) and clipping of outliers (the bins)."""
    gains: dict[str, float] = {}
    if x.name in calibration.equalized:
        gains["equalize"] = calibration.equalized[x.name]
    dtype, seen = plan.dtype_of(x), calibration.seen.get(x.name)
    if dtype == "int8" and seen is not None and calibration.recipe.scheme == "affine":
        least, most = min(seen.least, 0.0), max(seen.most, 0.0)
        if most > least:
            plain = float(clipping_error(seen, np.array([least]), np.array([most]), 256)[0])
            gains["clip_outliers"] = decibels(plain, _rounding_error(seen, activations[plan.group[x]], dtype))
    return {name: gain for name, gain in gains.items() if np.isfinite(gain)}
