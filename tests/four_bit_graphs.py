# SPDX-License-Identifier: Apache-2.0
"""Integer graphs whose layers' weights are rounded to what four bits hold, and kept so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from smidgen.ir import Array, FourBit, Graph, Node, Value
from smidgen.ops import Conv2D, FullyConnected


def rounded(w: Array, group: int | None) -> tuple[Array, Array]:
    """int8 weights (channels, values) of the nearest four-bit products, and what one step of each channel is worth."""
    channels, values = w.shape
    width = values if group is None else group
    parts = np.pad(w.astype(float), [(0, 0), (0, -values % width)]).reshape(channels, -1, width)
    most = np.abs(parts).max(axis=(1, 2), keepdims=True)
    unit = np.where(most > 0, most / (7 if group is None else 7 * 15), 1)
    factors = np.clip(np.ceil(np.abs(parts).max(axis=2, keepdims=True) / (7 * unit) - 1e-9), 1, 15)
    products = np.rint(parts / (unit * factors)) * factors
    return products.reshape(channels, -1)[:, :values].astype(np.int8), unit[:, 0, 0]


def in_four_bits(graph: Graph, group: int | None, *, stored: bool = True) -> Graph:
    """Every convolution of one group and every fully connected layer; ``stored``: or only rounded, in eight bits."""
    made: dict[Value, Value] = {}

    def rewritten(node: Node) -> Node:
        able = isinstance(node.op, FullyConnected) or (isinstance(node.op, Conv2D) and node.op.groups == 1)
        if not able or node["w"].data is None or node["w"].type.dtype != "int8":
            return node
        return replace(node, inputs=(node.inputs[0], _stored(node["w"], group, stored, made), *node.inputs[2:]))

    return graph.with_nodes(tuple(rewritten(n) for n in graph.nodes))


def _stored(w: Value, group: int | None, stored: bool, made: dict[Value, Value]) -> Value:
    if w not in made:
        quant = w.type.quant
        assert quant is not None
        data, units = rounded(w.constant.reshape(len(w.constant), -1), group)
        scales = [s * u for s, u in zip(quant.scale * (len(units) if len(quant.scale) == 1 else 1), units, strict=True)]
        each = replace(quant, scale=tuple(float(np.float32(s)) for s in scales), zero_point=(0,) * len(scales), axis=0)
        t = replace(w.type, quant=each, storage=FourBit(group) if stored else None)
        made[w] = Value(w.name, t, data.reshape(w.constant.shape))
    return made[w]
