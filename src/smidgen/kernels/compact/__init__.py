# SPDX-License-Identifier: Apache-2.0
"""Kernels for the least flash: any shape by one function, weights as they are, five to eight bytes a channel."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, out_quant
from smidgen.kernels.compact.records import bias_bytes, compact_records_exist, packed_records, records
from smidgen.kernels.fast_requantize import EVEN, rounding_mode
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core


def small_shapes(node: Node) -> bool:
    """Sizes are below 32,768; kernel, stride, padding and dilation below 128"""
    op = node.op
    if isinstance(op, FullyConnected):
        return max(*node["x"].type.shape, *node["w"].type.shape, _rows(node)) < 1 << 15
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    sizes = (*node["x"].type.shape, *node.output.type.shape)
    window = (*_kernel_size(node), *op.stride, *op.padding, *op.dilation)
    return max(sizes) < 1 << 15 and max(window) < 128


def one_to_one(node: Node) -> bool:
    """Convolutions have one group, depthwise ones a channel multiplier of 1"""
    op = node.op
    if isinstance(op, Conv2D):
        return op.groups == 1
    return node["x"].type.shape[-1] == node.output.type.shape[-1]


def four_channels(node: Node) -> bool:
    """There are at least four channels"""
    return node.output.type.shape[-1] >= 4


def _kernel_size(node: Node) -> tuple[int, int]:
    shape = node["w"].type.shape
    return (shape[1], shape[2]) if isinstance(node.op, Conv2D) else (shape[0], shape[1])


def _rows(node: Node) -> int:
    return node["x"].type.elements // node["x"].type.shape[-1]


def _pair(low: int, high: int) -> int:
    return low | high << 16


def _bytes(*values: int) -> int:
    word = sum((v & 255) << (8 * i) for i, v in enumerate(values))
    return word - (1 << 32) if word >= 1 << 31 else word


def _numbers(node: Node, batch: int) -> dict[str, ParamValue]:
    """Zero points and clamp, and how the records are to be read."""
    op, r = node.op, records(node)
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    assert r is not None
    lo, hi = int_bounds(op.clamp)
    return {
        "range": _bytes(node["x"].type.zero_point, out_quant(node).zero_point[0], lo, hi),
        "record": _pair(r.base_shift | bias_bytes(node) << 8 | (len(r.words) > 1) << 15, batch),
    }


def window_params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    (n, ih, iw, ic), (_, oh, ow, oc) = node["x"].type.shape, node.output.type.shape
    return {
        "in_size": _pair(ih, iw), "out_size": _pair(oh, ow), "channels": _pair(ic, oc),
        "window": _bytes(*_kernel_size(node), *op.stride), "place": _bytes(*op.padding[:2], *op.dilation),
        **_numbers(node, n),
    }  # fmt: skip


def dense_params(node: Node) -> Mapping[str, ParamValue]:
    out_c, in_c = node["w"].type.shape
    return {
        "in_size": _pair(_rows(node), 1), "out_size": _pair(_rows(node), 1),
        "channels": _pair(in_c, out_c), "window": _bytes(1, 1, 1, 1), "place": _bytes(0, 0, 1, 1), **_numbers(node, 1),
    }  # fmt: skip


def constants(node: Node) -> Mapping[str, int]:
    return {"SMG_EVEN_TIES": int(rounding_mode(node) == EVEN)}


def _weights(node: Node) -> Array:
    """As they are, those of channels with a constant output 0; three bytes more, for the last word to be read."""
    r, w = records(node), node["w"].constant
    assert r is not None
    axis = -1 if isinstance(node.op, DepthwiseConv2D) else 0
    alive = (~r.constant).astype(np.int8).reshape([-1 if i == axis % w.ndim else 1 for i in range(w.ndim)])
    flat = (w * alive).reshape(-1)
    return flat if isinstance(node.op, DepthwiseConv2D) else np.concatenate([flat, np.zeros(3, np.int8)])


def pack(node: Node) -> Mapping[str, Packed]:
    return {"w": Packed(_weights(node)), "b": Packed(packed_records(node))}


def window_scratch(node: Node) -> int:
    """Two windows as lanes of int16."""
    kh, kw = _kernel_size(node)
    return 16 * -(-kh * kw * node["x"].type.shape[-1] // 4)


# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
def conv_cost(node: Node, core: Core) -> float:
    """Two pixels: both windows tap by tap, then pairs of channels by four inputs."""
    (kh, kw), in_c, channels = _kernel_size(node), node["x"].type.shape[-1], node.output.type.shape[-1]
    pairs = -(-(node.output.type.elements // channels) // 2)
    taps = 2 * kh * kw * (68 + in_c * (7 if in_c % 4 else 3.4))
    return pairs * (268 + taps + -(-channels // 2) * (25 * -(-kh * kw * in_c // 4) + 198))


def depthwise_cost(node: Node, core: Core) -> float:
    kh, kw = _kernel_size(node)
    channels = node.output.type.shape[-1]
    return node.output.type.elements // channels * (247 + -(-channels // 4) * (304 + kh * (11 + 20 * kw)))


def dense_cost(node: Node, core: Core) -> float:
    out_c, in_c = node["w"].type.shape
    return _rows(node) * -(-out_c // 2) * (-(-in_c // 4) * 23 + 155) + 100


_REQUIRES = (int8_elements, constant_weights, small_shapes, compact_records_exist)
_DSP = frozenset(("dsp",))
_FOOTPRINTS = {"conv2d": (1230, 216), "depthwise": (960, 216), "dense": (480, 128)}

KERNELS = (
    Kernel(
        "smg_conv2d_compact_s8_dsp", "compact", "compact", Conv2D, conv_cost, window_params, _DSP,
        (*_REQUIRES, one_to_one), pack, window_scratch,
        includes=("smg_compact_channels.h",), constants=constants, footprint=lambda node: _FOOTPRINTS["conv2d"],
    ),
    Kernel(
        "smg_depthwise_compact_s8_dsp", "compact", "compact", DepthwiseConv2D, depthwise_cost, window_params, _DSP,
        (*_REQUIRES, one_to_one, four_channels), pack,
        includes=("smg_compact_channels.h",), constants=constants, footprint=lambda node: _FOOTPRINTS["depthwise"],
    ),
    Kernel(
        "smg_fully_connected_compact_s8_dsp", "compact", "compact", FullyConnected, dense_cost, dense_params, _DSP,
        _REQUIRES, pack,
        includes=("smg_compact_channels.h",), constants=constants, footprint=lambda node: _FOOTPRINTS["dense"],
    ),
)  # fmt: skip
