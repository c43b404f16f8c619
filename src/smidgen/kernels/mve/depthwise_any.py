# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution of any filter, sixteen channels at a time (smg_depthwise_s8_mve.inc.h)."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import constant_weights, int8_elements, out_quant
from smidgen.kernels.depthwise.three import one_to_one, params
from smidgen.kernels.fast_requantize import DOUBLE, fast_requantize, requantize_columns, requantize_constants
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.mve import streams
from smidgen.kernels.mve.streams import MVE
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

_BLOCK = 16  # channels at a time
_MOST_CHUNK = 16  # taps that are unrolled
_ORDER = [*range(0, 16, 4), *range(2, 16, 4), *range(1, 16, 4), *range(3, 16, 4)]
_STACK_BYTES = 320


def _filter(node: Node) -> tuple[int, int]:
    """Rows and columns of the filter, where a column of taps counts as a row."""
    kh, kw = node["w"].type.shape[:2]
    return (1, kh) if kw == 1 else (kh, kw)


def _chunk(node: Node) -> int:
    """The most taps of a row whose products, summed, fit 16 bits with every input: one product always does."""
    rows, columns = _filter(node)
    weights = np.abs(node["w"].constant.astype(np.int64)).reshape(rows, columns, -1)
    return next(n for n in range(min(columns, _MOST_CHUNK), 0, -1) if n == 1 or _sums_fit(weights, n))


def _sums_fit(weights: np.ndarray[tuple[int, ...], np.dtype[np.int64]], taps: int) -> bool:
    starts = range(0, weights.shape[1], taps)
    return max(int(weights[:, s : s + taps].sum(axis=1).max()) for s in starts) * 128 < 1 << 15


def constants(node: Node) -> Mapping[str, int]:
    rows, columns = _filter(node)
    return {
        "SMG_K_ROWS": rows, "SMG_K_COLUMNS": columns, "SMG_CHUNK": _chunk(node),
        "SMG_TURNED": int(node["w"].type.shape[1] == 1), "SMG_CHANNELS": node.output.type.shape[3],
        "SMG_OUT_OFFSET": out_quant(node).zero_point[0], **requantize_constants(node),
    }  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    """Of sixteen channels each: weights by tap, then biases, multipliers and shifts in the order of the sums."""
    w = node["w"].constant.reshape(-1, node.output.type.shape[3])
    w = np.where(requantize_columns(node)[:, 1] == 0, 0, w).astype(np.int8)
    spare = -w.shape[1] % _BLOCK
    blocks = (w.shape[1] + spare) // _BLOCK
    weights = np.pad(w, ((0, 0), (0, spare))).reshape(-1, blocks, _BLOCK).transpose(1, 0, 2)
    words = np.ascontiguousarray(weights).reshape(blocks, -1).view(np.int32)
    table = np.pad(streams.channels(node), ((0, spare), (0, 0))).reshape(blocks, _BLOCK, 3)[:, _ORDER]
    rows = table.transpose(0, 2, 1).reshape(blocks, -1)
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate([words, rows], axis=1)))}


def scratch(node: Node) -> int:
    """One window."""
    return node["w"].type.elements


def _border(node: Node) -> int:
    """Outputs of a channel whose window reaches beyond the input."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    (n, ih, iw, _), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    kh, kw = node["w"].type.shape[:2]
    inside = 1
    sizes = ((ih, oh, kh, op.stride[0], op.dilation[0], op.padding[0]),
             (iw, ow, kw, op.stride[1], op.dilation[1], op.padding[1]))  # fmt: skip
    for size, outs, k, stride, dilation, pad in sizes:
        firsts = np.arange(outs) * stride - pad
        inside *= int(((firsts >= 0) & (firsts + (k - 1) * dilation < size)).sum())
    return n * (oh * ow - inside)


def overlap(node: Node) -> Mapping[str, int]:
    """A row of outputs needs the input from its windows' first row on."""
    op = node.op
    assert isinstance(op, DepthwiseConv2D)
    (n, ih, iw, c), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    first = [min(max(0, oy * op.stride[0] - op.padding[0]), ih) for oy in range(oh)]
    steps = [((i * ih + first[oy]) * iw * c, (i * oh + oy + 1) * ow * c) for i in range(n) for oy in range(oh)]
    return {"y": streams.lead_of_mixed(steps)}


def _sixteen(node: Node) -> Classes:
    """Instructions of sixteen outputs of a pixel."""
    (rows, columns), chunk = _filter(node), _chunk(node)
    fixed, predicated = requantize_constants(node), int(node.output.type.shape[3] % _BLOCK > 0)
    clamps = 2 * ((fixed["SMG_ACT_MIN"] > -128) + (fixed["SMG_ACT_MAX"] < 127))
    away = 8 * (fixed["SMG_ROUNDING_MODE"] == DOUBLE)
    tap = Classes(load=2, multiply=2, alu=2 + 2 * predicated)
    part = Classes(alu=9, branch=1)
    requantize = Classes(load=12, multiply=4, alu=16 + clamps + away, store=1, branch=1)
    return tap * (rows * columns) + part * (rows * -(-columns // chunk)) + Classes(alu=4) * rows + requantize


def cost(node: Node, core: Core) -> float:
    """Instructions of pixels and of windows that are copied, by class."""
    c, taps = node.output.type.shape[3], math.prod(_filter(node))
    blocks = -(-c // _BLOCK)
    pixel = _sixteen(node) * blocks + Classes(alu=20, load=8, store=8, branch=2)
    copied = (Classes(load=1, store=1, alu=3, branch=1) * blocks + Classes(alu=10, branch=2)) * taps
    return (pixel * (node.output.type.elements // c) + copied * _border(node)).cycles(core) + 60


def footprint(node: Node) -> tuple[int, int]:
    (_, columns), chunk = _filter(node), _chunk(node)
    return 900 + 44 * (chunk + columns % chunk), _STACK_BYTES


KERNELS = (
    Kernel(
        "smg_depthwise_s8_mve", "mve", "depthwise", DepthwiseConv2D, cost, params, MVE,
        (int8_elements, constant_weights, one_to_one, fast_requantize), pack, scratch,
        includes=("smg_mve_sums.inc.h", "smg_mve_requantize.inc.h"), overlap=overlap, constants=constants,
        footprint=footprint,
    ),
)  # fmt: skip
