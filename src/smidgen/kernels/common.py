# SPDX-License-Identifier: Apache-2.0
"""Predicates, parameters and bounds that several kernel families share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from itertools import compress

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node, QuantParams
from smidgen.kernels.kernel import Packed, ParamValue
from smidgen.ops import Conv2D, DepthwiseConv2D
from smidgen.ops.accumulators import (
    ACCUMULATOR_LIMIT,
    Int64s,
    Weighted,
    channel_weights,
    largest_sum,
    multipliers,
    shifted_worst_case,
)
from smidgen.ops.arithmetic import int_bounds, requantize

Int32s = npt.NDArray[np.int32]


def double_rounding(node: Node) -> bool:
    """The op asks for TFLite's double rounding"""
    return getattr(node.op, "rounding", None) == "double"


def even_rounding(node: Node) -> bool:
    """The op asks for one rounding, ties to even"""
    return getattr(node.op, "rounding", None) == "even"


def int8_elements(node: Node) -> bool:
    """Inputs and output are int8"""
    return all(t.dtype == "int8" for t in (*node.types[:2], node.output.type))


def byte_elements(node: Node) -> bool:
    """Elements are one byte wide"""
    return {node.inputs[0].type.dtype, node.output.type.dtype} <= {"int8", "uint8"}


def constant_weights(node: Node) -> bool:
    """Weights and bias are constants, the weights kept in eight bits"""
    bias, w = node.get("b"), node["w"]
    return w.data is not None and w.type.storage is None and (bias is None or bias.data is not None)


def out_quant(node: Node) -> QuantParams:
    """The quantization of the only output."""
    quant = node.output.type.quant
    assert quant is not None
    return quant


def output_params(node: Node, clamp: tuple[float, float]) -> dict[str, ParamValue]:
    """out_offset, act_min and act_max."""
    lo, hi = int_bounds(clamp, node.output.type.dtype)
    return {"out_offset": out_quant(node).zero_point[0], "act_min": lo, "act_max": hi}


def fitted_bias(node: Node) -> Int64s:
    """The bias, or zeros; a channel without weights, whose result is one constant, is kept below 2**30 / 2**left.

    Such channels come from training with batch normalisation: they carry biases near 2**30 that mean next to nothing.
    """
    bias, w = node.get("b"), channel_weights(node)
    b = np.zeros(len(w), np.int64) if bias is None else bias.constant.astype(np.int64)
    _, shift = multipliers(node)
    limit = ((1 << 30) - 1) >> np.maximum(shift, 0).astype(np.int64)
    fitted: Int64s = np.where(w.any(axis=1), b, np.clip(b, -limit, limit))
    return fitted


def accumulator_fits(node: Node) -> bool:
    """Accumulators, shifted left where a multiplier is above 1, provably fit 32 bits"""
    return bool(shifted_worst_case(node).max() < ACCUMULATOR_LIMIT)


def accumulator_fits_doubled(node: Node) -> bool:
    """Twice the accumulators, shifted left where a multiplier is above 1, provably fit 32 bits"""
    (mult, shift), op, b = multipliers(node), node.op, fitted_bias(node)
    assert isinstance(op, Weighted)
    given = node.get("b")
    if given is not None:
        wanted = requantize(given.constant.astype(np.int64), mult, shift, op.rounding)
        dead = ~channel_weights(node).any(axis=1)
        if (wanted != requantize(b, mult, shift, op.rounding))[dead].any():
            return False
    return bool(((largest_sum(node) + np.abs(b)) << np.maximum(shift, 0).astype(np.int64)).max() < 1 << 30)


def packed_channels(node: Node) -> Int32s:
    """smg_channel of each output channel (out_c, 6): bias, mult, left, right, half, tie.

    The bias becomes b + in_offset * sum(w): with it a kernel may multiply raw input bytes, if it pads with the zero
    point. It wraps in int32 as the accumulator does, so the total is right whenever the true total fits.
    """
    w = channel_weights(node)
    mult, shift = (np.broadcast_to(a.astype(np.int64), len(w)) for a in multipliers(node))
    bias = fitted_bias(node) - node["x"].type.zero_point * w.sum(axis=1)
    right = np.maximum(-shift, 0)
    tie = (right == 0) * (1 << 31) if even_rounding(node) else -(right > 0).astype(np.int64)
    columns = [bias, mult, np.maximum(shift, 0) + 1, right, (1 << right) >> 1, tie]
    packed: Int32s = np.stack(columns, axis=1).astype(np.uint32).view(np.int32)
    return packed


def window_params(node: Node) -> dict[str, ParamValue]:
    """The fields that both convolutions' structs share."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    (n, ih, iw, ic), (_, oh, ow, oc) = node["x"].type.shape, node.output.type.shape
    kh, kw = node["w"].type.shape[1:3] if isinstance(op, Conv2D) else node["w"].type.shape[:2]
    mult, shift = multipliers(node)
    return {
        "batch": n, "in_h": ih, "in_w": iw, "in_c": ic, "out_h": oh, "out_w": ow, "out_c": oc, "k_h": kh, "k_w": kw,
        "stride_h": op.stride[0], "stride_w": op.stride[1],
        "dilation_h": op.dilation[0], "dilation_w": op.dilation[1],
        "pad_t": op.padding[0], "pad_l": op.padding[1],
        "in_offset": -node["x"].type.zero_point, **output_params(node, op.clamp), "mult": mult, "shift": shift,
    }  # fmt: skip


def without_multipliers(params: Mapping[str, ParamValue]) -> Mapping[str, ParamValue]:
    """For kernels that read multipliers from packed channels: null pointers, so that tables are not emitted twice."""
    return {**params, "mult": 0, "shift": 0}


def _merged(node: Node) -> list[tuple[int, bool, bool]]:
    """The output's dimensions, each with whether a and b have it; neighbours that broadcast alike are one."""
    shape = node.output.type.shape
    a, b = ((1,) * (len(shape) - len(v.type.shape)) + v.type.shape for v in (node["a"], node["b"]))
    dims: list[tuple[int, bool, bool]] = []
    for d, in_a, in_b in zip(shape, a, b, strict=True):
        if d == 1:
            continue
        kind = (in_a == d, in_b == d)
        if dims and dims[-1][1:] == kind:
            dims[-1] = (dims[-1][0] * d, *kind)
        else:
            dims.append((d, *kind))
    return dims


def broadcast_params(node: Node) -> Mapping[str, ParamValue]:
    """smg_broadcast of operands a and b: dims and strides over four dimensions, stride 0 along a broadcast one.

    Operands of equal shape are walked as one row.
    """
    dims = [*[(1, False, False)] * 4, *_merged(node)][-4:]
    sizes = tuple(d for d, _, _ in dims)
    return {
        "dims": sizes,
        "a_strides": _strides(sizes, [a for _, a, _ in dims]),
        "b_strides": _strides(sizes, [b for _, _, b in dims]),
    }


def same_shape(node: Node) -> bool:
    """Both operands have the same shape"""
    return node["a"].type.shape == node["b"].type.shape


def broadcast_in_four(node: Node) -> bool:
    """There are at most four dimensions after merging neighbours that broadcast alike"""
    return len(_merged(node)) <= 4


def _strides(sizes: Sequence[int], has: Sequence[bool]) -> tuple[int, ...]:
    """The strides of an operand that has the marked dimensions only."""
    return tuple(math.prod(compress(sizes[i + 1 :], has[i + 1 :])) if has[i] else 0 for i in range(len(sizes)))


def pad_last(w: Array, multiple: int) -> Array:
    """Zeros appended to the last dimension until a multiple divides it."""
    short = -w.shape[-1] % multiple
    return np.pad(w, [(0, 0)] * (w.ndim - 1) + [(0, short)])


def interleave(rows: Array, count: int) -> Array:
    """Weights (out_c, k) as (out_c / count, k / 4, count, 4), k rounded up to 8, with zeros past both ends."""
    padded = pad_last(rows, 8)
    padded = pad_last(padded.T, count).T
    blocks = padded.reshape(-1, count, padded.shape[1] // 4, 4).transpose(0, 2, 1, 3)
    return np.ascontiguousarray(blocks)


def pack_rows(node: Node, count: int) -> Mapping[str, Packed]:
    """Weights interleaved by ``count`` channels, and as many smg_channel."""
    w = node["w"].constant
    return {
        "w": Packed(interleave(w.reshape(w.shape[0], -1), count)),
        "b": Packed(np.ascontiguousarray(pad_last(packed_channels(node).T, count).T)),
    }
