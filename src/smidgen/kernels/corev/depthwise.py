# SPDX-License-Identifier: Apache-2.0
"""int8 depthwise convolution on CORE-V: columns of four rows as words of a channel (smg_depthwise_s8_corev.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.corev.requantize import WORDS, exact_requantize, form_of, requantize_constants, requantize_cycles
from smidgen.kernels.depthwise import packed_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

_MOST_WORDS = 3  # of a window, that stay in registers
_MOST_CHANNEL_BYTES = 682  # three times that is an offset of a store


def one_output_per_channel(node: Node) -> bool:
    """Each input channel has one output channel"""
    return node["x"].type.shape[-1] == node.output.type.shape[-1]


def four_channels(node: Node) -> bool:
    """There are at least four channels"""
    return node["x"].type.shape[-1] >= 4


def window_in_registers(node: Node) -> bool:
    """A window's columns of up to four rows are at most three words"""
    return _words_of_window(node) <= _MOST_WORDS


def columns_reachable(node: Node) -> bool:
    """A row of outputs reads at most 170 words of inputs of a channel, and the first column after the padding is one"""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    near = _columns(node) > op.padding[1]
    return near and _columns(node) * _chunks(node) * 4 <= _MOST_CHANNEL_BYTES


def _chunks(node: Node) -> int:
    """Words of a column of the window."""
    return -(-node["w"].type.shape[0] // 4)


def _words_of_window(node: Node) -> int:
    return node["w"].type.shape[1] * _chunks(node)


def _columns(node: Node) -> int:
    """Columns that a row of outputs reads, padding included."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    return (node.output.type.shape[2] - 1) * op.stride[1] + (node["w"].type.shape[1] - 1) * op.dilation[1] + 1


def _rows(node: Node) -> int:
    """SMG_ROWS: two rows of outputs share words if both windows lie in four rows of inputs."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    together = node["w"].type.shape[0] + op.stride[0] <= 4 and op.dilation[0] == 1
    return 2 if together and node.output.type.shape[1] > 1 else 1


def constants(node: Node) -> Mapping[str, int]:
    op, (kh, kw, _) = node.op, node["w"].type.shape
    assert isinstance(op, DepthwiseConv2D)
    return {
        "SMG_ROWS": _rows(node), "SMG_CHUNKS": _chunks(node), "SMG_WORDS_OF_WINDOW": _words_of_window(node),
        "SMG_K_H": kh, "SMG_K_W": kw, "SMG_STRIDE_W": op.stride[1], "SMG_DILATION_W": op.dilation[1],
        "SMG_COLUMNS": _columns(node), **requantize_constants(node),
    }  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    """Each channel's words (rows, k_w, chunks) and constants, in groups of four, the last group the last four."""
    op, w = node.op, node["w"].constant
    assert isinstance(op, DepthwiseConv2D)
    kh, kw, channels = w.shape
    rows = np.zeros((channels, _rows(node), kw, 4 * _chunks(node)), np.int8)
    for r in range(_rows(node)):
        down = r * op.stride[0]
        rows[:, r, :, down : down + kh] = w.transpose(2, 1, 0)
    words = rows.reshape(channels, -1).view("<i4").astype(np.int32)
    stream = np.concatenate([words, form_of(node).words], axis=1)
    order = [min(first, channels - 4) + i for first in range(0, channels, 4) for i in range(4)]
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(stream[order]))}


def scratch(node: Node) -> int:
    return 16 * _columns(node) * _chunks(node) + 8


def cost(node: Node, core: Core) -> float:
    load, multiply, alu, store = (core.cycles[name] for name in ("load", "multiply", "alu", "store"))
    (n, oh, ow, channels), rows = node.output.type.shape, _rows(node)
    inside = min(node["x"].type.shape[2], _columns(node))
    words, constants = _words_of_window(node), WORDS[form_of(node).form]
    columns = _chunks(node) * (inside * (4 * load + 10 * alu + 4 * store) + 30 * alu)
    each = words * load + rows * (words * multiply + requantize_cycles(node, core) + store)
    channel = (rows * words + constants) * load + ow * each + 14 * alu
    groups = -(-channels // 4)
    return n * groups * -(-oh // rows) * (columns + 4 * channel + 20 * alu + core.cycles["branch"]) + 200


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 1600, 200


KERNELS = (
    Kernel(
        "smg_depthwise_s8_corev", "corev", "depthwise", DepthwiseConv2D, cost, packed_params, frozenset({"xcv"}),
        (int8_elements, constant_weights, one_output_per_channel, four_channels, window_in_registers,
         columns_reachable, exact_requantize),
        pack, scratch, constants=constants, footprint=footprint,
    ),
)  # fmt: skip
