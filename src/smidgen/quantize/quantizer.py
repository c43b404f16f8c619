# SPDX-License-Identifier: Apache-2.0
"""From a calibration and a choice of precisions to the quantised network."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.ir import Array, Graph, QuantParams, Value
from smidgen.ops import Softmax
from smidgen.quantize.account import layer_errors, tensor_ranges
from smidgen.quantize.calibrate import Calibration, Progress, calibrate, silent
from smidgen.quantize.insert import Numbers, insert
from smidgen.quantize.integerize import integerize
from smidgen.quantize.layer import Layer, fit, request
from smidgen.quantize.logits import only_for_softmax
from smidgen.quantize.observers import merge
from smidgen.quantize.plan import Plan, layers, make_plan
from smidgen.quantize.recipe import FLOATS, Precision, Quantized, Recipe
from smidgen.quantize.refine import Error, Refiner
from smidgen.quantize.schemes import activation_quant

_PROBABILITIES = QuantParams((1 / 256,), (-128,))  # TFLite's
_CERTAINTIES = QuantParams((float(np.float32(1 / 255)),), (-128,))  # where 1 itself occurs, it is exact
_CERTAIN = 1 - 1 / 512


def quantize(
    graph: Graph, calibration: Sequence[Array], recipe: Recipe | None = None, progress: Progress = silent
) -> Quantized:
    """A clean float graph (imported form, after the FLOAT passes) with the recipe's precisions.

    ``calibration``: one stacked float32 array (N, *sample) for each input. Raises InvalidInput for data that do not
    fit, UsageError for precisions of unknown layers.
    """
    return apply(calibrate(graph, calibration, recipe, progress), progress=progress)


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # as in calibrate
def apply(
    calibration: Calibration,
    precisions: Mapping[str, Precision] | None = None,
    progress: Progress = silent,
    *,
    groups: Mapping[str, int] | None = None,
    fast: bool = False,
) -> Quantized:
    """The quantised network for these precisions and groups (None: the recipe's), everything else as calibrated.

    ``fast`` fits each layer to the float network's activations instead of the quantised one's, and keeps what it found
    for the next call: for searches that try many precisions. It reports no errors of tensors.
    """
    recipe = calibration.recipe
    if precisions is not None:
        recipe = replace(recipe, precisions=dict(precisions))
    if groups is not None:
        recipe = replace(recipe, groups=dict(groups))
    graph = calibration.graph
    plan = make_plan(graph, recipe)
    activations = activation_params(calibration, plan, recipe)
    errors: dict[str, Error] = {}
    if fast:
        fitted = _fitted_alone(calibration, plan, recipe, activations)
    else:
        refiner = Refiner(calibration, plan, recipe, activations)
        refiner.run(progress)
        fitted, errors = refiner.layers, refiner.errors
    weights = {name: layer.weights for name, layer in fitted.items()}
    biases = {name: layer.bias for name, layer in fitted.items()}
    qdq = insert(graph, plan, Numbers(activations, weights, biases))
    tensors = tensor_ranges(calibration, plan, activations, errors)
    return Quantized(qdq, integerize(qdq), recipe, tensors, layer_errors(calibration, plan, activations, fitted))


def _fitted_alone(
    calibration: Calibration, plan: Plan, recipe: Recipe, activations: Mapping[Value, QuantParams]
) -> dict[str, Layer]:
    fitted: dict[str, Layer] = {}
    for node in layers(calibration.graph):
        name = node.output.name
        if plan.precision[name] in FLOATS:
            continue
        wanted = request(plan, recipe, activations, node)
        key = (name, wanted.precision == "int4", recipe.groups.get(name), wanted.x_scale)
        if key not in calibration.kept:
            calibration.kept[key] = fit(wanted, calibration.moments[name])
        fitted[name] = calibration.kept[key]
    return fitted


def activation_params(calibration: Calibration, plan: Plan, recipe: Recipe) -> dict[Value, QuantParams]:
    """The quantization of each quantised group."""
    members: dict[Value, list[Value]] = {}
    for v, group in plan.group.items():
        if group in plan.dtype and v.name in calibration.seen:
            members.setdefault(group, []).append(v)
    natural = _natural(calibration)
    users = calibration.graph.users()
    result = {}
    for group, values in members.items():
        seen = merge([calibration.seen[v.name] for v in values])
        dtype = plan.dtype[group]
        fixed = calibration.grids.get(group.name, natural.get(group) if len(values) == 1 else None)
        read = [calibration.logits[v.name] for v in values if v.name in calibration.logits]
        if fixed is None and len(read) == 1 and only_for_softmax(calibration.graph, users, values):
            fixed = read[0]
        known = fixed is not None and dtype == "int8" and recipe.scheme == "affine"
        result[group] = fixed if known and fixed is not None else activation_quant(seen, dtype, recipe)
    return result


def _natural(calibration: Calibration) -> dict[Value, QuantParams]:
    """Results whose range is known: probabilities."""
    found = [n.output for n in calibration.graph.nodes if isinstance(n.op, Softmax)]
    certain = {v.name for v in found if v.name in calibration.seen and calibration.seen[v.name].most > _CERTAIN}
    return {v: _CERTAINTIES if v.name in certain else _PROBABILITIES for v in found}
