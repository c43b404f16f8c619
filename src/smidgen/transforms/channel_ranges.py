# SPDX-License-Identifier: Apache-2.0
"""Between which integers each channel of each value lies, whatever the network's input."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Graph, Node, TensorType, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    ByteOp,
    Concat,
    Crop,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    Transpose,
)
from smidgen.ops.accumulators import Int64s, Weighted, multipliers
from smidgen.ops.arithmetic import requantize, saturate
from smidgen.transforms.channels import channels, is_padded, is_weighted, tap_sources, taps

_MOST_ELEMENTS = 1 << 22  # of a value that is evaluated to find its ranges; larger ones count as unknown
_MONOTONE = (AveragePool2D, Concat, Crop, MaxPool2D, Mean, Pad, Reshape, Transpose)


@dataclass(frozen=True, slots=True)
class Range:
    """The bounds (inclusive, stored units) of each channel: (channels,) each."""

    lo: Int64s
    hi: Int64s

    @property
    def fixed(self) -> npt.NDArray[np.bool_]:
        """Which channels hold one value only."""
        equal: npt.NDArray[np.bool_] = self.lo == self.hi
        return equal


def channel_ranges(graph: Graph) -> dict[Value, Range]:
    """Of every value. Exact for constants and monotone ops, else an interval that contains all results."""
    ranges = {v: _stored(v) for v in graph.values()}
    for node in graph.nodes:
        found = _result(node, ranges)
        if found is not None:
            ranges[node.output] = found
    return ranges


def _stored(v: Value) -> Range:
    """What the element type (or the constant) alone says; 0 to 1 stands for any type that is not a byte's."""
    count = channels(v.type)
    if v.type.dtype not in ("int8", "uint8"):
        return Range(np.zeros(count, np.int64), np.ones(count, np.int64))
    if v.data is not None:
        flat = v.data.reshape(-1, count).astype(np.int64)
        return Range(flat.min(axis=0), flat.max(axis=0))
    info = np.iinfo(v.type.dtype)
    return Range(np.full(count, info.min, np.int64), np.full(count, info.max, np.int64))


def _result(node: Node, ranges: Mapping[Value, Range]) -> Range | None:
    op, y = node.op, node.outputs[0].type
    given = [ranges[v] for v in node.inputs]
    if any(t.dtype not in ("int8", "uint8") for t in (y, *node.types[: 1 if isinstance(op, Weighted) else None])):
        return None
    if isinstance(op, Weighted):
        return _sum(node, given[0]) if is_weighted(node) else None
    if isinstance(op, ByteOp | Lookup):
        return _function(node, given[0])
    if isinstance(op, Add | Mul):
        return _corners(node, given)
    small = max(t.elements for t in (y, *node.types)) <= _MOST_ELEMENTS
    return _monotone(node, given) if isinstance(op, _MONOTONE) and small else None


def accumulator_range(node: Node, x: Range) -> Range:
    """The accumulator of each result channel, bias included, for an operand in this range (padding counts too)."""
    zero_point, w, source = node["x"].type.zero_point, taps(node), tap_sources(node)
    lo, hi = x.lo - zero_point, x.hi - zero_point
    if is_padded(node):
        lo, hi = np.minimum(lo, 0), np.maximum(hi, 0)
    up, down = np.maximum(w, 0).sum(axis=1), np.minimum(w, 0).sum(axis=1)
    bias = node.get("b")
    b = 0 if bias is None else bias.constant.astype(np.int64)
    least = (up * lo[source] + down * hi[source]).sum(axis=1) + b
    most = (up * hi[source] + down * lo[source]).sum(axis=1) + b
    return Range(least, most)


def _sum(node: Node, x: Range) -> Range:
    op, acc, (mult, shift) = node.op, accumulator_range(node, x), multipliers(node)
    assert isinstance(op, Weighted)
    assert op.out_quant is not None
    zero_point = op.out_quant.zero_point[0]
    lo, hi = (saturate(requantize(a, mult, shift, op.rounding), zero_point, op.clamp) for a in (acc.lo, acc.hi))
    return Range(lo.astype(np.int64), hi.astype(np.int64))


def _function(node: Node, x: Range) -> Range | None:
    """By its table: any function of a byte."""
    first, *rest = node.inputs
    if any(v.data is None for v in rest):
        return None
    least = int(np.iinfo(first.type.dtype).min)
    every = np.arange(256) + least
    types, arrays = [replace(first.type, shape=(256,)), *(v.type for v in rest)], [v.constant for v in rest]
    (table,) = node.op.evaluate(types, [every.astype(first.type.dtype), *arrays])
    parts = [table[lo - least : hi - least + 1].astype(np.int64) for lo, hi in zip(x.lo, x.hi, strict=True)]
    return Range(np.array([p.min() for p in parts]), np.array([p.max() for p in parts]))


def _corners(node: Node, given: Sequence[Range]) -> Range:
    """Add and Mul are monotone in each operand while the other is fixed, so their extremes lie at the corners."""
    types = [replace(v.type, shape=(channels(v.type),)) for v in node.inputs]
    a, b = given
    results = np.stack(
        [
            _evaluated(node, types, [p.astype(types[0].dtype), q.astype(types[1].dtype)])
            for p, q in product((a.lo, a.hi), (b.lo, b.hi))
        ]
    )
    return Range(results.min(axis=0), results.max(axis=0))


def _monotone(node: Node, given: Sequence[Range]) -> Range:
    """No result falls when an operand rises, so the extremes lie where all operands are at theirs."""
    least = _evaluated(node, node.types, [_filled(t, r.lo) for t, r in zip(node.types, given, strict=True)])
    most = _evaluated(node, node.types, [_filled(t, r.hi) for t, r in zip(node.types, given, strict=True)])
    count = channels(node.output.type)
    return Range(least.reshape(-1, count).min(axis=0), most.reshape(-1, count).max(axis=0))


def _filled(t: TensorType, per_channel: Int64s) -> Array:
    return np.broadcast_to(per_channel.astype(t.dtype).reshape(per_channel.shape if t.shape else ()), t.shape)


def _evaluated(node: Node, types: Sequence[TensorType], arrays: Sequence[Array]) -> Int64s:
    result: Int64s = node.op.evaluate(types, arrays)[0].astype(np.int64)
    return result
