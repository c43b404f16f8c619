# SPDX-License-Identifier: Apache-2.0
"""How unequal the channels of a layer's output are, and why equalisation left them so."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from smidgen.ir import Graph, Node, Value
from smidgen.ops import Clamp
from smidgen.precision.evaluate import outputs_of
from smidgen.quantize import layers
from smidgen.quantize.data import Samples

_SAMPLES = 16


def channel_spreads(graph: Graph, samples: Samples) -> Mapping[str, float]:
    """Of each layer with weights: the largest range of its output's channels over the median one's, of live ones."""
    nodes = layers(graph)
    points = [point(graph, n) for n in nodes]
    shown = replace(graph, outputs=tuple(dict.fromkeys(points)))
    few = samples.take(range(min(len(samples), _SAMPLES)))
    made = dict(zip(shown.outputs, outputs_of(shown, few), strict=True)) if points else {}
    return {n.output.name: _spread(np.abs(made[p])) for n, p in zip(nodes, points, strict=True)}


def _spread(magnitudes: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> float:
    most = magnitudes.reshape(-1, magnitudes.shape[-1]).max(axis=0)
    live = most[most > 0]
    return float(live.max() / np.median(live)) if live.size else 1.0


def point(graph: Graph, node: Node) -> Value:
    """Where the layer's result is quantised: behind its activation."""
    readers = graph.users().get(node.output, [])
    clamped = len(readers) == 1 and isinstance(readers[0].op, Clamp) and node.output not in graph.outputs
    return readers[0].output if clamped else node.output


def unequalized(graph: Graph) -> Mapping[str, str]:
    """Layers whose output channels cross-layer equalisation cannot scale (Nagel et al. 2019, section 4.1), and why."""
    users, found = graph.users(), {}
    weighted = layers(graph)
    for node in weighted:
        result = point(graph, node)
        readers = users.get(result, [])
        if result in graph.outputs:
            found[node.output.name] = "its output is one of the model's"
        elif len(readers) != 1:
            found[node.output.name] = f"{len(readers)} layers read its output"
        elif readers[0] not in weighted:
            name = type(readers[0].op).__name__
            found[node.output.name] = f"its output goes to {name}, not straight to a layer with weights"
        elif _bounded(graph, node):
            found[node.output.name] = "its activation has an upper bound, which scaling would move"
    return found


def _bounded(graph: Graph, node: Node) -> bool:
    readers = graph.users().get(node.output, [])
    clamps = [getattr(node.op, "clamp", None), *(r.op.clamp for r in readers if isinstance(r.op, Clamp))]
    return any(c is not None and math.isfinite(c[1]) for c in clamps)
