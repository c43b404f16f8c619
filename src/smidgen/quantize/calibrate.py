# SPDX-License-Identifier: Apache-2.0
"""Runs the float network on calibration data and keeps what every choice of precisions needs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from smidgen.errors import InvalidInput, MalformedModel
from smidgen.ir import Array, Graph, QuantParams
from smidgen.ops import Softmax
from smidgen.quantize.batches import check_samples
from smidgen.quantize.equalize import Channels, equalized, see_channels
from smidgen.quantize.logits import softmax_range
from smidgen.quantize.moments import Accumulator, Moments, rows, sampled_rows
from smidgen.quantize.observers import Seen, see
from smidgen.quantize.plan import fused_clamp, is_weighted
from smidgen.quantize.recipe import Recipe
from smidgen.quantize.schemes import activation_quant, grid
from smidgen.quantize.walk import Visit, affordable, walk

Progress = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """Progress that nobody looks at."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """What calibration found. ``graph`` is the float network that is quantised: equalised if the recipe says so.

    ``seen`` by tensor, ``moments`` by layer output name, ``grids`` of inputs whose values are steps already;
    ``logits``: of what a softmax reads, the int8 quantization that is best for the probabilities.
    ``equalized``: of rescaled tensors, the modelled gain in dB. ``kept`` caches fitted layers.
    """

    graph: Graph
    recipe: Recipe
    data: tuple[Array, ...]
    seen: dict[str, Seen]
    moments: dict[str, Moments]
    grids: dict[str, QuantParams]
    logits: dict[str, QuantParams]
    equalized: dict[str, float] = field(default_factory=dict)
    kept: dict[tuple[object, ...], Any] = field(default_factory=dict)  # Any: Layer, which imports this module


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # what overflows is told by name
def calibrate(
    graph: Graph, calibration: Sequence[Array], recipe: Recipe | None = None, progress: Progress = silent
) -> Calibration:
    """Statistics of the float network on calibration data: one float32 array (N, *sample) for each graph input.

    ``progress`` is told the stage, the steps done and all there are. Raises InvalidInput for data that do not fit.
    """
    recipe = recipe or Recipe()
    require_finite(graph)
    data = affordable(graph, checked(graph, calibration))
    gains: dict[str, float] = {}
    if recipe.equalize:
        graph, gains = equalized(graph, _channels(graph, data, progress), recipe, len(data[0]))
    seen = {v.name: see([a]) for v, a in zip(graph.inputs, data, strict=True) if v.type.dtype == "float32"}
    moments: dict[str, Moments] = {}
    logits: dict[str, QuantParams] = {}
    users = graph.users()
    for visit in walk(graph, data):
        node = graph.nodes[visit.index]
        if fused_clamp(node, users, graph.outputs) is None:
            bounds = getattr(node.op, "clamp", (-math.inf, math.inf))
            seen.update((v.name, see(a, bounds)) for v, a in zip(node.outputs, visit.outputs, strict=True))
        if is_weighted(node):
            moments[node.output.name] = _moments(visit, recipe.seed)
        logits |= _logits(visit, recipe, seen)
        progress("calibrate", visit.index + 1, len(graph.nodes))
    grids = {v.name: grid(a, "int8") for v, a in zip(graph.inputs, data, strict=True) if v.type.dtype == "float32"}
    known = {name: quant for name, quant in grids.items() if quant is not None}
    return Calibration(graph, recipe, data, seen, moments, known, logits, gains)


def require_finite(graph: Graph) -> None:
    """MalformedModel for weights that are no numbers, as training that diverged leaves them."""
    for node in graph.nodes:
        for v in node.inputs:
            if v.data is not None and v.type.dtype == "float32" and not np.isfinite(v.data).all():
                raise MalformedModel(
                    f"{graph.name}: the weights {v.name!r} of {node.loc} hold NaN or infinity, which no integer stands "
                    f"for. Train or export the model again"
                )


def _channels(graph: Graph, data: Sequence[Array], progress: Progress) -> dict[str, Channels]:
    found = {v.name: see_channels([a]) for v, a in zip(graph.inputs, data, strict=True) if v.type.shape}
    for visit in walk(graph, data):
        for v, arrays in zip(graph.nodes[visit.index].outputs, visit.outputs, strict=True):
            if v.type.shape:
                found[v.name] = see_channels(arrays)
        progress("equalise", visit.index + 1, len(graph.nodes))
    return found


def checked(graph: Graph, calibration: Sequence[Array]) -> tuple[Array, ...]:
    """The arrays as float32. InvalidInput for wrong shapes, element types, NaN and infinities."""
    check_samples(graph, calibration)
    for v, a in zip(graph.inputs, calibration, strict=True):
        if v.type.dtype != "float32":
            raise InvalidInput(f"input {v.name!r} of {graph.name} is {v.type.dtype}: only float32 models are quantised")
        if not np.issubdtype(a.dtype, np.number):
            raise InvalidInput(f"calibration data for {v.name!r} are {a.dtype}, need float32")
        bad = ~np.isfinite(a.astype(np.float32))
        if bad.any():
            sample = int(np.argwhere(bad)[0][0])
            raise InvalidInput(
                f"calibration data for {v.name!r} have {int(bad.sum())} NaN or infinite values (in float32), "
                f"the first in sample {sample}: remove such samples"
            )
    return tuple(np.ascontiguousarray(a, np.float32) for a in calibration)


def _logits(visit: Visit, recipe: Recipe, seen: Mapping[str, Seen]) -> dict[str, QuantParams]:
    """Of what this node reads, if it is a softmax: what the mse observer makes of it."""
    node = visit.nodes[0]
    if not isinstance(node.op, Softmax) or recipe.observer != "mse" or node.inputs[0].name not in seen:
        return {}
    name, rows = node.inputs[0].name, np.concatenate([a.reshape(-1, a.shape[-1]) for a in visit.inputs[0]])
    return {name: softmax_range(node.op, rows, activation_quant(seen[name], "int8", recipe))}


def _moments(visit: Visit, seed: int) -> Moments:
    node = visit.nodes[0]
    total = Accumulator()
    for n, x, index in zip(visit.nodes, visit.inputs[0], sampled_rows(node, visit.nodes, seed), strict=True):
        total.add(rows(n, x, index))
    return total.moments()
