# SPDX-License-Identifier: Apache-2.0
"""Nodes computed with BLAS, many samples at once: for calibration (floats) and for metrics (integers, exactly).

Float results may differ from ``Op.evaluate`` in the last bits (BLAS adds in its own order); integer results are equal,
because every partial sum is an integer that the float type used holds exactly.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from smidgen.ir import Array, Graph, Node, TensorType
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Softmax
from smidgen.ops.arithmetic import requantize
from smidgen.ops.conv import pad_hw, spatial, weight_multipliers, windows

_EXACT_FLOAT32 = 1 << 24  # every integer up to here is a float32


def working_bytes(graph: Graph) -> int:
    """The largest temporary that one sample needs in any node, in bytes: unfolded windows count."""
    return max([_node_bytes(n) for n in graph.nodes], default=0) + sum(v.type.nbytes for v in graph.inputs)


def _node_bytes(node: Node) -> int:
    largest = 8 * max([v.type.elements for v in (*node.inputs, *node.outputs) if v.data is None], default=0)
    if isinstance(node.op, Conv2D):
        _, kh, kw, ic = node["w"].type.shape
        n, oh, ow, _ = node.output.type.shape
        return max(largest, 4 * n * oh * ow * kh * kw * ic * node.op.groups)
    return largest


def compute(node: Node, arrays: Sequence[Array]) -> tuple[Array, ...]:
    """The outputs of a node: floats to BLAS accuracy, integers equal to ``Op.evaluate``."""
    op, types = node.op, node.types
    if types and types[0].dtype == "float32":
        fast = _float_result(node, arrays)
        return (fast,) if fast is not None else op.evaluate(types, arrays)
    if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected) and op.out_quant is not None:
        return (_integer_layer(node, arrays),)
    return op.evaluate(types, arrays)


def _float_result(node: Node, arrays: Sequence[Array]) -> Array | None:
    op, types = node.op, node.types
    if isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected):
        y = products(node, arrays[0], arrays[1])
        y = y + arrays[2] if len(arrays) > 2 else y
        return clipped(y, op.clamp)
    if isinstance(op, Mean):
        return clipped(arrays[0].mean(axis=tuple(range(op.first, op.last + 1)), keepdims=True), op.clamp)
    if isinstance(op, AveragePool2D):
        sums = op._sums(arrays[0], node.output.type)
        return clipped(sums / op.counts(types[0]).astype(np.float32), op.clamp)
    if isinstance(op, Softmax):
        e = np.exp(np.float32(op.beta) * (arrays[0] - arrays[0].max(axis=-1, keepdims=True)))
        return np.asarray(e / e.sum(axis=-1, keepdims=True), np.float32)
    return None


def clipped(y: Array, clamp: tuple[float, float]) -> Array:
    """float32 reals within a clamp."""
    lo, hi = clamp
    if math.isinf(lo) and math.isinf(hi):
        return y.astype(np.float32, copy=False)
    return np.clip(y, np.float32(lo), np.float32(hi)).astype(np.float32, copy=False)


def products(node: Node, x: Array, w: Array) -> Array:
    """The sums of products of a layer with weights, without bias or clamp, in the dtype of x (a float type)."""
    op = node.op
    if isinstance(op, FullyConnected):
        dense: Array = x @ w.T.astype(x.dtype)
        return dense
    if isinstance(op, DepthwiseConv2D):
        return _depthwise(op, node.output.type, x, w)
    assert isinstance(op, Conv2D)
    return _convolution(op, node.output.type, x, w)


def _convolution(op: Conv2D, out: TensorType, x: Array, w: Array) -> Array:
    o, kh, kw, ic = w.shape
    flat = w.astype(x.dtype).reshape(op.groups, o // op.groups, kh * kw * ic)
    if (kh, kw) == (1, 1) and not any(op.padding):
        win = x[:, :: op.stride[0], :: op.stride[1]][:, : out.shape[1], : out.shape[2], None, None]
    else:
        win = windows(pad_hw(x, op.padding), (kh, kw), op.stride, op.dilation, spatial(out))
    rows = math.prod(out.shape[:3])
    if op.groups == 1:
        single: Array = win.reshape(rows, kh * kw * ic) @ flat[0].T
        return single.reshape(out.shape)
    parts = [win[..., g * ic : (g + 1) * ic].reshape(rows, -1) @ flat[g].T for g in range(op.groups)]
    return np.concatenate(parts, axis=-1).reshape(out.shape)


def _depthwise(op: DepthwiseConv2D, out: TensorType, x: Array, w: Array) -> Array:
    """One multiply-add of whole images for each tap: no windows are copied."""
    _, oh, ow, c = out.shape
    padded = pad_hw(x, op.padding)
    if c != x.shape[3]:
        padded = np.repeat(padded, c // x.shape[3], axis=3)
    y = np.zeros(out.shape, x.dtype)
    (sh, sw), (dh, dw) = op.stride, op.dilation
    for i in range(w.shape[0]):
        for j in range(w.shape[1]):
            tap = padded[:, i * dh : i * dh + (oh - 1) * sh + 1 : sh, j * dw : j * dw + (ow - 1) * sw + 1 : sw]
            y += tap * w[i, j].astype(x.dtype)
    return y


def _integer_layer(node: Node, arrays: Sequence[Array]) -> Array:
    """A layer with integer weights: sums in floats that hold them exactly, then the op's own requantisation."""
    op, types = node.op, node.types
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    assert op.out_quant is not None
    x, w = arrays[0], arrays[1]
    kind = np.float32 if _largest_sum(node, w) < _EXACT_FLOAT32 else np.float64
    centred: Array = np.subtract(x, types[0].zero_point, dtype=kind)
    acc = products(node, centred, w).astype(np.int64)
    if len(arrays) > 2:
        acc = acc + arrays[2].astype(np.int64)
    out = node.output.type
    q31, shift = weight_multipliers(types[0], types[1], op.out_quant, out.shape[-1])
    y = requantize(acc, q31, shift, op.rounding) + op.out_quant.zero_point[0]
    info = np.iinfo(out.dtype)
    lo, hi = (int(min(max(bound, info.min), info.max)) for bound in op.clamp)
    return np.clip(y, lo, hi).astype(out.dtype)


def _largest_sum(node: Node, w: Array) -> int:
    """A bound of every partial sum of products."""
    x = node.types[0]
    info = np.iinfo(x.dtype)
    deviation = max(info.max - x.zero_point, x.zero_point - info.min)
    axes = (0, 1) if isinstance(node.op, DepthwiseConv2D) else tuple(range(1, w.ndim))
    return int(np.abs(w.astype(np.int64)).sum(axis=axes).max()) * int(deviation)
