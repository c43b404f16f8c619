# SPDX-License-Identifier: Apache-2.0
"""From a calibration and a choice of precisions to the quantised network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.ir import Array, FourBit, Graph, Node, QuantParams, Value
from smidgen.ops import Softmax
from smidgen.quantize.calibrate import Calibration, Progress, calibrate, silent
from smidgen.quantize.insert import Numbers, insert
from smidgen.quantize.integerize import integerize
from smidgen.quantize.observers import merge
from smidgen.quantize.plan import Plan, layers, make_plan
from smidgen.quantize.recipe import Precision, Quantized, Recipe
from smidgen.quantize.schemes import activation_quant
from smidgen.quantize.weights import Weights, adapt, blocks, damped, int4_grid, int8_grid, layout

_LARGEST_BIAS = float(1 << 29)  # steps; leaves room for the sums of products
_PROBABILITIES = QuantParams((1 / 256,), (-128,))


def quantize(
    graph: Graph, calibration: Sequence[Array], recipe: Recipe | None = None, progress: Progress = silent
) -> Quantized:
    """A clean float graph (imported form, after the FLOAT passes) with the recipe's precisions.

    ``calibration``: one stacked float32 array (N, *sample) for each input. Raises InvalidInput for data that do not
    fit, UsageError for precisions of unknown layers.
    """
    return apply(calibrate(graph, calibration, recipe, progress), progress=progress)


def apply(
    calibration: Calibration, precisions: Mapping[str, Precision] | None = None, progress: Progress = silent
) -> Quantized:
    """The quantised network for these precisions (None: the recipe's), everything else as calibrated."""
    recipe = calibration.recipe
    if precisions is not None:
        recipe = replace(recipe, precisions=dict(precisions))
    graph = calibration.graph
    plan = make_plan(graph, recipe)
    activations = activation_params(calibration, plan, recipe)
    weights: dict[str, Weights] = {}
    biases: dict[str, Array | None] = {}
    chosen = [n for n in layers(graph) if plan.precision[n.output.name] != "float"]
    for i, node in enumerate(chosen):
        name = node.output.name
        scale = activations[plan.group[node.inputs[0]]].scale[0]
        weights[name] = _weights(calibration, recipe, node, plan.precision[name], scale)
        b = node.get("b")
        biases[name] = None if b is None else b.constant.astype(np.float64)
        progress("quantise", i + 1, len(chosen))
    qdq = insert(graph, plan, Numbers(activations, weights, biases))
    return Quantized(qdq, integerize(qdq), recipe, (), ())


def activation_params(calibration: Calibration, plan: Plan, recipe: Recipe) -> dict[Value, QuantParams]:
    """The quantization of each quantised group."""
    members: dict[Value, list[Value]] = {}
    for v, group in plan.group.items():
        if group in plan.dtype and v.name in calibration.seen:
            members.setdefault(group, []).append(v)
    natural = _natural(calibration.graph)
    result = {}
    for group, values in members.items():
        seen = merge([calibration.seen[v.name] for v in values])
        dtype = plan.dtype[group]
        fixed = calibration.grids.get(group.name) if len(values) == 1 else None
        if fixed is None and len(values) == 1:
            fixed = natural.get(group)
        affine = recipe.scheme == "affine" and dtype == "int8"
        result[group] = fixed if fixed is not None and affine else activation_quant(seen, dtype, recipe)
    return result


def _natural(graph: Graph) -> dict[Value, QuantParams]:
    """Results whose range is known: probabilities."""
    return {n.output: _PROBABILITIES for n in graph.nodes if isinstance(n.op, Softmax)}


def _weights(calibration: Calibration, recipe: Recipe, node: Node, precision: Precision, x_scale: float) -> Weights:
    key = (node.output.name, precision, recipe.group, x_scale)
    if key not in calibration.kept:
        calibration.kept[key] = _quantised_weights(calibration, recipe, node, precision, x_scale)
    return calibration.kept[key]


def _quantised_weights(
    calibration: Calibration, recipe: Recipe, node: Node, precision: Precision, x_scale: float
) -> Weights:
    v = blocks(node, node["w"].constant)
    gram = damped(calibration.moments[node.output.name].real)
    clip = gram if recipe.clip_weights else None
    power = recipe.scheme == "power-of-two"
    storage = None
    if precision == "int4":
        group = recipe.group if recipe.group is not None and recipe.group < v.shape[2] else None
        chosen, scale = int4_grid(v, clip, group)
        storage = FourBit(group)
    else:
        chosen = int8_grid(v, clip, power)
        scale = chosen.step
    steps = adapt(v, chosen, gram) if recipe.adapt_rounding and not power else chosen.nearest(v)
    integers = np.rint(steps * chosen.step / scale)
    data = layout(node, np.clip(integers, -128, 127).astype(np.int8))
    flat = tuple(float(s) for s in scale.reshape(-1))
    return Weights(data, flat[:1] if power else flat, storage, not power)
