# SPDX-License-Identifier: Apache-2.0
"""Computes no channel that is constant or that nothing reads."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import Graph, Node, Op, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ir.types import storage_after
from smidgen.ops import Conv2D, DepthwiseConv2D, Pad, Reshape
from smidgen.ops.accumulators import Int64s
from smidgen.transforms.channel_ranges import Range, accumulator_range, channel_ranges
from smidgen.transforms.channels import Link, channels, from_taps, is_padded, is_weighted, links, tap_sources, taps

Mask = npt.NDArray[np.bool_]
Links = Mapping[Node, tuple[Link, ...] | None]


def drop_dead_channels(graph: Graph) -> Graph:
    """Each value without the channels that are constant or unread; weights, biases and scales without theirs.

    A constant channel becomes part of the biases that follow, unless a reader pads with another value than that. A
    channel goes only where all values that share its index (through additions, pools, depthwise layers, ...) can do
    without it; where it has to stay but nobody needs it, its weights become 0. Graph inputs and outputs keep their
    shapes, every value at least one channel. Biases only take what sums lose, so no worst-case accumulator grows.
    """
    found = {node: links(node) for node in graph.nodes}
    ranges = channel_ranges(graph)
    needed = _needed(graph, found, ranges)
    plan = _Plan(found, ranges, needed, _kept(graph, found, needed), Names(v.name for v in graph.values()))
    while whole := _losing_groups(graph, plan):
        plan = replace(plan, kept=_kept(graph, found, needed, whole))
    made: dict[Value, Value] = {}
    return graph.with_nodes(tuple(_rewritten(node, plan, made) for node in graph.nodes))


@dataclass(frozen=True, slots=True)
class _Plan:
    """What is known of each value's channels: bounds, whether an output depends on it, whether it stays."""

    links: Links
    ranges: Mapping[Value, Range]
    needed: Mapping[Value, Mask]
    kept: Mapping[Value, Mask]
    names: Names


def _folded(node: Node, x: Range) -> Mask:
    """Channels of a weighted layer's operand that are constants which its bias can take over."""
    inside = x.lo == node["x"].type.zero_point if is_padded(node) else np.True_
    folded: Mask = x.fixed & inside
    return folded


def _needed(graph: Graph, found: Links, ranges: Mapping[Value, Range]) -> dict[Value, Mask]:
    """Which channels the outputs depend on, from the last node to the first."""
    needed = {v: np.zeros(channels(v.type), np.bool_) for v in graph.values()}
    for v in graph.outputs:
        needed[v][:] = True
    for node in reversed(graph.nodes):
        through = found[node]
        if through is None:
            for v in node.inputs:
                needed[v] |= any(needed[y].any() for y in node.outputs)
        elif is_weighted(node):
            _mark_read(node, ranges, needed)
        else:
            for link in through:
                np.logical_or.at(needed[node.inputs[link.operand]], link.source, needed[node.output][link.target])
    return needed


def _mark_read(node: Node, ranges: Mapping[Value, Range], needed: Mapping[Value, Mask]) -> None:
    """A weighted layer reads what has a weight in a sum that is needed and not constant."""
    x, source = node["x"], tap_sources(node)
    sums = needed[node.output] & ~ranges[node.output].fixed
    read = taps(node).any(axis=1) & sums[:, None] & ~_folded(node, ranges[x])[source]
    np.logical_or.at(needed[x], np.broadcast_to(source, read.shape), read)


def _losing_groups(graph: Graph, plan: _Plan) -> tuple[Value, ...]:
    """Every value that layers with weights in four bits need whole, if some do not have it so: groups of its channels
    would shift against their factors. Not where what is left takes fewer bytes in eight bits than all in four."""
    layers = [n for n in graph.nodes if is_weighted(n) and n["w"].type.storage is not None]
    losing = [n["x"] for n in layers if not plan.kept[n["x"]].all() and _loses_bytes(n, plan)]
    whole = [n["x"] for n in layers if plan.kept[n["x"]].all()]
    return tuple(dict.fromkeys(whole + losing)) if losing else ()


def _loses_bytes(node: Node, plan: _Plan) -> bool:
    """The weights that stay have no four-bit parts any more, and take more bytes than if all inputs stayed."""
    left, t = _weights_left(node, plan)[0], node["w"].type
    share = left.shape[0] / t.shape[0]
    return storage_after(left, t.storage) is None and left.size > share * t.stored_nbytes


def _kept(
    graph: Graph, found: Links, needed: Mapping[Value, Mask], entire: tuple[Value, ...] = ()
) -> dict[Value, Mask]:
    """The needed channels and what has to stay with them; all of ``entire``."""
    kept = {v: mask.copy() for v, mask in needed.items()}
    for v in entire:
        kept[v][:] = True
    whole = [n for n in graph.nodes if found[n] is None]
    for v in (*graph.inputs, *graph.outputs, *(v for n in whole for v in (*n.inputs, *n.outputs))):
        kept[v][:] = True
    _spread(graph, found, kept)
    for v in (v for n in graph.nodes for v in (*_data(n, found), *n.outputs)):
        if not kept[v].any():
            kept[v][0] = True
            _spread(graph, found, kept)
    return kept


def _data(node: Node, found: Links) -> tuple[Value, ...]:
    """The operands whose channels are counted; weights, biases and tables are not."""
    if is_weighted(node):
        return node.inputs[:1]
    return tuple(node.inputs[link.operand] for link in found[node] or ())


def _spread(graph: Graph, found: Links, kept: Mapping[Value, Mask]) -> None:
    """Keep what shares its index with a kept channel, to and fro until nothing changes."""
    before, after = -1, 0
    while before != after:
        for node in (*graph.nodes, *reversed(graph.nodes)):
            _spread_through(node, found[node] or (), kept)
        before, after = after, sum(int(mask.sum()) for mask in kept.values())


def _spread_through(node: Node, through: tuple[Link, ...], kept: Mapping[Value, Mask]) -> None:
    y = kept[node.outputs[0]]
    for link in through:
        x = kept[node.inputs[link.operand]]
        np.logical_or.at(x, link.source, y[link.target])
        if not link.broadcast:
            np.logical_or.at(y, link.target, x[link.source])
    if isinstance(node.op, Conv2D) and node.op.groups > 1:
        for mask in (y, kept[node["x"]]):
            groups = mask.reshape(node.op.groups, -1)
            groups[:] = groups.any(axis=0)


def _rewritten(node: Node, plan: _Plan, made: dict[Value, Value]) -> Node:
    """The node on narrower operands; ``made`` maps each value to its narrower self and grows by the result."""
    data = set(_data(node, plan.links))
    inputs = tuple(_narrow(v, plan, made) if v in data else v for v in node.inputs)
    if is_weighted(node):
        inputs = (inputs[0], *_parameters(node, plan))
    op = _narrow_op(node, plan.kept)
    types = op.infer([v.type for v in inputs])
    for y, t in zip(node.outputs, types, strict=True):
        if t != y.type:
            made[y] = Value(y.name, t)
    return replace(node, op=op, inputs=inputs, outputs=tuple(made.get(y, y) for y in node.outputs))


def _narrow(v: Value, plan: _Plan, made: dict[Value, Value]) -> Value:
    """A value as the rewritten graph has it; a constant is cut here."""
    if v in made or v.data is None or plan.kept[v].all():
        return made.get(v, v)
    data = np.array(v.data[..., plan.kept[v]], order="C")
    made[v] = Value(plan.names.fresh(v.name), replace(v.type, shape=data.shape), data)
    return made[v]


def _narrow_op(node: Node, kept: Mapping[Value, Mask]) -> Op:
    """The op with the lengths that its attributes say."""
    op, y = node.op, kept[node.outputs[0]]
    if y.all():
        return op
    if isinstance(op, Reshape):
        return replace(op, shape=(*op.shape[:-1], int(y.sum())))
    if isinstance(op, Pad):
        before, after = y[: op.before[-1]].sum(), y[len(y) - op.after[-1] :].sum()
        return replace(op, before=(*op.before[:-1], int(before)), after=(*op.after[:-1], int(after)))
    return op


def _parameters(node: Node, plan: _Plan) -> tuple[Value, ...]:
    """Weights and bias of the channels that stay: constants read are in the bias, constant results have no weights."""
    kept_w, b = _weights_left(node, plan)
    return _new_parameters(node, kept_w, b, plan)


def _weights_left(node: Node, plan: _Plan) -> tuple[Int64s, Int64s]:
    """Taps and bias of the channels that stay."""
    x, y, given = node["x"], node.output, node.get("b")
    w, source, operand = taps(node), tap_sources(node), plan.ranges[x]
    bias = np.zeros(len(w), np.int64) if given is None else given.constant.astype(np.int64)
    folded = np.where(_folded(node, operand), operand.lo - x.type.zero_point, 0)
    b = bias + (w.sum(axis=1) * folded[source]).sum(axis=1)
    acc, fixed = accumulator_range(node, operand), plan.ranges[y].fixed & plan.needed[y]
    b = np.where(fixed, np.clip(0, acc.lo, acc.hi), b)
    live = (plan.needed[y] & ~fixed)[:, None] & ~_folded(node, operand)[source]
    kept_w = _own_columns(node, w * live[:, None, :], plan.kept[x])[plan.kept[y]]
    return kept_w, b[plan.kept[y]]


def _own_columns(node: Node, w: Int64s, kept: Mask) -> Int64s:
    """The weights of the operand's channels that stay; groups keep the same ones each."""
    return w if isinstance(node.op, DepthwiseConv2D) else w[:, :, kept[: w.shape[2]]]


def _new_parameters(node: Node, w: Int64s, b: Int64s, plan: _Plan) -> tuple[Value, ...]:
    """Operands with these contents; those of the node where they say the same."""
    old, given, kept = node["w"], node.get("b"), plan.kept[node.output]
    data = np.array(from_taps(node, w), order="C")
    weights, bias = old, () if given is None else (given,)
    if data.shape != old.type.shape or not np.array_equal(data, old.constant):
        storage = storage_after(data, old.type.storage)
        t = TensorType("int8", data.shape, _narrow_quant(old.type.quant, kept), storage)
        weights = Value(plan.names.fresh(old.name), t, data)
    if given is None:
        if b.any():
            name = plan.names.fresh(f"{node.output.name}_bias")
            bias = (Value(name, TensorType("int32", b.shape), b.astype(np.int32)),)
    elif not np.array_equal(b, given.constant):
        t = TensorType("int32", b.shape, _narrow_quant(given.type.quant, kept))
        bias = (Value(plan.names.fresh(given.name), t, b.astype(np.int32)),)
    return (weights, *bias)


def _narrow_quant(quant: QuantParams | None, kept: Mask) -> QuantParams | None:
    """The scales of the channels that stay."""
    if quant is None or quant.axis is None:
        return quant
    scale = tuple(s for s, stays in zip(quant.scale, kept, strict=True) if stays)
    zero_point = tuple(z for z, stays in zip(quant.zero_point, kept, strict=True) if stays)
    return replace(quant, scale=scale, zero_point=zero_point)
