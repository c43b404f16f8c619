# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 for cores with DSP instructions and an FPU: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.depthwise.uniform import Scaled, scaled, wrapped
from smidgen.kernels.fast_requantize import fast_requantize
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import Int64s
from smidgen.targets.target import Core

M4 = frozenset(("dsp", "fpu"))


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return without_multipliers({**window_params(node), "multiplier": 1})


def one_to_one(node: Node) -> bool:
    """Each input channel makes one output channel"""
    return node["x"].type.shape[3] == node["w"].type.shape[2]


def three_by_three(node: Node) -> bool:
    """Filters are 3x3 without dilation"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node["w"].type.shape[:2] == (3, 3) and node.op.dilation == (1, 1)


def stride_one(node: Node) -> bool:
    """Strides are 1"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op.stride == (1, 1)


def padding_of_one(node: Node) -> bool:
    """Padding is at most 1 on each side"""
    assert isinstance(node.op, DepthwiseConv2D)
    return max(node.op.padding) <= 1


def row_fits(node: Node) -> bool:
    """Rows have at most 500 columns, pixels at most 2000 channels and output rows less than 64 KB"""
    _, _, w, c = node["x"].type.shape
    return w <= 500 and c <= 2000 and w * c < 1 << 16


def pairs(low: Int64s, high: Int64s) -> Int64s:
    """Words of two int16."""
    words: Int64s = (low & 0xFFFF) | (high & 0xFFFF) << 16
    return words


def pack(node: Node) -> Mapping[str, Packed]:
    """Per channel ten words: weights of rows (0, 1) of each column, of rows (1, 2), bias, mult, addend, shift."""
    found = scaled(node)
    w = found.weights.reshape(3, 3, -1)
    words = wrapped(np.concatenate([pairs(w[0], w[1]), pairs(w[1], w[2])]))
    packed: Array = np.concatenate([words, found.columns.T]).T
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(packed))}


def shape(node: Node) -> tuple[int, int, int, int, int, int]:
    """n, ih, iw, oh, ow, c."""
    (n, ih, iw, c), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    return n, ih, iw, oh, ow, c


def strip_pairs(node: Node, limit_bytes: int) -> int:
    """Pairs of output rows a strip: as many as fit, evenly divided."""
    _, _, _, oh, ow, c = shape(node)
    row_bytes = 4 * (ow + 2)
    most = max(1, min(limit_bytes // (min(c, 4) * row_bytes), 4095 // row_bytes) - 1)
    wanted = -(-oh // 2)
    return -(-wanted // -(-wanted // most))


FAST_BYTES, LOW_BYTES = 4096, 1024


def fast_pairs(node: Node) -> int:
    return strip_pairs(node, FAST_BYTES)


def low_pairs(node: Node) -> int:
    return strip_pairs(node, LOW_BYTES)


def _scratch(node: Node, of_strip: Callable[[Node], int]) -> int:
    _, _, _, _, ow, c = shape(node)
    return min(c, 4) * (of_strip(node) + 1) * 4 * (ow + 2)


def _constants(node: Node, of_strip: Callable[[Node], int]) -> Mapping[str, int]:
    _, _, iw, oh, ow, c = shape(node)
    fixed = {"SMG_IN_W": iw, "SMG_OUT_W": ow, "SMG_CHANNELS": c, "SMG_OUT_ODD": oh % 2, "SMG_PAIRS": of_strip(node)}
    return {**fixed, **scaled(node).constants(node)}


def requantize_cycles(found: Scaled, node: Node) -> tuple[float, float]:
    """Cycles to requantise: of each output, and of each block of outputs."""
    constants = found.constants(node)
    clamps = 3.0 * ((constants["SMG_ACT_MIN"] > -128) + (constants["SMG_ACT_MAX"] < 127))
    double = found.mode == 0
    return (2 if found.shift else 3) + double + clamps, 2.0 + (not found.shift)


def _cost(node: Node, of_strip: Callable[[Node], int]) -> float:
    return 17.0 * node.output.type.elements


def _footprint(node: Node) -> tuple[int, int]:
    return 2000, 160


_REQUIRES = (
    int8_elements, constant_weights, one_to_one, three_by_three, padding_of_one, row_fits, fast_requantize,
)  # fmt: skip
_INCLUDES = ("smg_depthwise_columns.inc.h", "smg_depthwise_3x3s1_strip.inc.h")


def _strips(symbol: str, of_strip: Callable[[Node], int], includes: tuple[str, ...]) -> Kernel:
    def cost(node: Node, core: Core) -> float:
        return _cost(node, of_strip)

    def scratch(node: Node) -> int:
        return _scratch(node, of_strip)

    def constants(node: Node) -> Mapping[str, int]:
        return _constants(node, of_strip)

    return Kernel(
        symbol, "depthwise", "depthwise", DepthwiseConv2D, cost, params, M4, (*_REQUIRES, stride_one), pack, scratch,
        inplace="x", includes=includes, constants=constants, footprint=_footprint,
    )  # fmt: skip


KERNELS = (_strips("smg_depthwise_3x3s1_s8_m4", fast_pairs, _INCLUDES),)
