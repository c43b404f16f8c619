# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 with nine products of an output in one instruction (smg_mve_window_blocks.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import constant_weights, int8_elements, out_quant
from smidgen.kernels.depthwise.three import one_to_one, params, three_by_three
from smidgen.kernels.fast_requantize import DOUBLE, fast_requantize, requantize_columns, requantize_constants
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.mve import streams
from smidgen.kernels.mve.streams import MVE
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.arithmetic import RANGES
from smidgen.targets.target import Core

_GROUP = 16  # channels of a strip
_STACK_BYTES = 280


@dataclass(frozen=True, slots=True)
class Lines:
    """The layer as lines of places: rows of columns, or columns of rows if ``turned``."""

    turned: bool
    in_places: int
    in_lines: int
    places: int
    lines: int
    pad_along: int
    pad_across: int
    blocks: int  # of eight outputs, of a channel


def _strides(node: Node) -> tuple[int, int]:
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op.stride


def _lines(node: Node) -> Lines | None:
    """The way with fewer blocks, of those with blocks at all."""
    assert isinstance(node.op, DepthwiseConv2D)
    (_, ih, iw, _), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    top, left, _, _ = node.op.padding
    ways = []
    for turned, (ip, il, p, n, along, across) in (
        (False, (iw, ih, ow, oh, left, top)),
        (True, (ih, iw, oh, ow, top, left)),
    ):
        if p >= 4 and n >= 2:
            ways.append(Lines(turned, ip, il, p, n, along, across, -(-p // 4) * -(-n // 2)))
    return min(ways, key=lambda way: way.blocks, default=None)


def strides_alike(node: Node) -> bool:
    """Strides are both 1 or both 2"""
    return _strides(node) in ((1, 1), (2, 2))


def lines_fill_blocks(node: Node) -> bool:
    """Outputs have at least four rows or columns, and two of the other"""
    return _lines(node) is not None


def offsets_fit(node: Node) -> bool:
    """Two rows and columns of the output are less than 32 KB, four times a row or a column less than 64 KB"""
    _, _, ow, c = node.output.type.shape
    return ow * c < 1 << 13 and node.output.type.shape[1] * ow * c < 1 << 30


def _steps(node: Node) -> Mapping[str, int]:
    (_, _, iw, c), ow = node["x"].type.shape, node.output.type.shape[2]
    way = _way(node)
    inner, outer = ((c, iw * c), (c, ow * c))
    if way.turned:
        inner, outer = inner[::-1], outer[::-1]
    return {"SMG_IN_STEP": inner[0], "SMG_IN_LINE": inner[1], "SMG_OUT_STEP": outer[0], "SMG_OUT_LINE": outer[1]}


def _way(node: Node) -> Lines:
    way = _lines(node)
    assert way is not None
    return way


def constants(node: Node) -> Mapping[str, int]:
    way = _way(node)
    return {
        "SMG_STRIDE": _strides(node)[0], "SMG_PLACES": way.places, "SMG_LINES": way.lines,
        "SMG_IN_PLACES": way.in_places, "SMG_IN_LINES": way.in_lines, "SMG_PAD_ALONG": way.pad_along,
        "SMG_PAD_ACROSS": way.pad_across, **_steps(node), **requantize_constants(node),
        "SMG_OUT_OFFSET": out_quant(node).zero_point[0],
    }  # fmt: skip


def _windows(w: Array, stride: int) -> Array:
    """Filters (3 across, 3 along, c) at each output's place in a window of 4x4: (c, outputs, 16), places outside."""
    shifts = [(p, r) for p in (0, 1) for r in (0, 1)] if stride == 1 else [(0, 0)]
    made = np.zeros((w.shape[2], len(shifts), 4, 4), np.int8)  # (c, output, along, across)
    for i, (across, along) in enumerate(shifts):
        made[:, i, along : along + 3, across : across + 3] = w.transpose(2, 1, 0)
    return made.reshape(w.shape[2], len(shifts), 16)


def pack(node: Node) -> Mapping[str, Packed]:
    """A record a channel: weights, bias, multiplier, shift, the output's zero point."""
    w = node["w"].constant.reshape(3, 3, -1)
    w = w.transpose(1, 0, 2) if _way(node).turned else w
    w = np.where(requantize_columns(node)[:, 1] == 0, 0, w).astype(np.int8)
    words = np.ascontiguousarray(_windows(w, _strides(node)[0])).reshape(w.shape[2], -1).view(np.int32)
    offset = np.full((w.shape[2], 1), out_quant(node).zero_point[0], np.int32)
    return {
        "w": Packed(None),
        "b": Packed(np.ascontiguousarray(np.concatenate([words, streams.channels(node), offset], axis=1))),
    }


def _columns(node: Node) -> int:
    return (_way(node).places - 1) * _strides(node)[0] + 3


def scratch(node: Node) -> int:
    """Sixteen words of each place, and with stride 2 twice as many and one place more, which weighs nothing."""
    return (64 if _strides(node)[0] == 1 else 128) * (_columns(node) + _strides(node)[0] - 1)


def overlap(node: Node) -> Mapping[str, int]:
    """Lines that are rows go from the input to the output two by two."""
    way, steps, y = _way(node), _steps(node), node.output.type
    if way.turned:
        return {"y": y.nbytes}
    image = way.in_lines * steps["SMG_IN_LINE"]
    at = [
        (n * way.lines + line, n * image + max(0, line * _strides(node)[0] - way.pad_across) * steps["SMG_IN_LINE"])
        for n in range(y.shape[0]) for line in (min(i, way.lines - 2) for i in range(0, way.lines, 2))
    ]  # fmt: skip
    return {"y": streams.lead_of_mixed([(read, (line + 2) * steps["SMG_OUT_LINE"]) for line, read in at])}


def _block(node: Node) -> Classes:
    """Instructions of eight outputs of a channel."""
    fixed = requantize_constants(node)
    whole = (fixed["SMG_ACT_MIN"], fixed["SMG_ACT_MAX"]) == RANGES["int8"]
    double = fixed["SMG_ROUNDING_MODE"] == DOUBLE
    alu = 4 + 2 + 2 + 3 + (1 if whole else 4) + 1 + 5 * double
    return Classes(alu=alu, multiply=10, load=2 if _strides(node)[0] == 1 else 8, store=1, branch=1)


def cost(node: Node, core: Core) -> float:
    """Instructions of a block, a line of a channel, a place of the strip and a strip, by class."""
    way, (n, _, _, c), stride = _way(node), node["x"].type.shape, _strides(node)[0]
    rest = Classes(alu=4 * (way.places % 4 > 0) + 9, load=4 + 3 * (stride == 1), store=1, branch=1)
    line = _block(node) * (-(-way.places // 4)) + rest
    lines = Classes(load=4, store=4, alu=6, branch=1) if stride == 1 else Classes(load=5, store=8, alu=9, branch=1)
    strip = lines * _columns(node) + Classes(alu=70, load=25, store=35, branch=10)
    pair = line * c + strip * (-(-c // _GROUP))
    return (pair * (n * -(-way.lines // 2))).cycles(core) + 60


def footprint(node: Node) -> tuple[int, int]:
    block = 130 if _strides(node)[0] == 1 else 156
    return 900 + block * (1 + (_way(node).places % 4 > 0)), _STACK_BYTES


KERNELS = (
    Kernel(
        "smg_depthwise_3x3_s8_mve", "mve", "depthwise", DepthwiseConv2D, cost, params, MVE,
        (int8_elements, constant_weights, one_to_one, three_by_three, strides_alike, lines_fill_blocks, offsets_fit,
         fast_requantize),
        pack, scratch, includes=("smg_mve_window_blocks.inc.h", "smg_mve_requantize.inc.h"), overlap=overlap,
        constants=constants, footprint=footprint,
    ),
)  # fmt: skip
