# SPDX-License-Identifier: Apache-2.0
"""Depthwise 3x3 for cores with DSP instructions and an FPU: shapes are constants of the code."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.depthwise.code_bytes import block_bytes, column_bytes, strip_bytes, unit_bytes, words_bytes
from smidgen.kernels.depthwise.uniform import Scaled, scaled, wrapped
from smidgen.kernels.fast_requantize import DOUBLE, fast_requantize
from smidgen.kernels.flash_use import FlashUse
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
    """Rows have at most 500 columns and less than 64 KB, pixels at most 1000 channels"""
    _, _, w, c = node["x"].type.shape
    return w <= 500 and c <= 1000 and w * c < 1 << 16


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


def window_constants(node: Node) -> dict[str, int]:
    """The macros of the window's shape."""
    assert isinstance(node.op, DepthwiseConv2D)
    _, ih, iw, oh, ow, c = shape(node)
    top, left, _, _ = node.op.padding
    return {"SMG_IN_H": ih, "SMG_IN_W": iw, "SMG_OUT_H": oh, "SMG_OUT_W": ow, "SMG_CHANNELS": c,
            "SMG_PAD_T": top, "SMG_PAD_L": left}  # fmt: skip


def strip_pairs(node: Node, limit_bytes: int) -> int:
    """Pairs of output rows a strip: as many as fit, evenly divided."""
    _, _, _, oh, ow, c = shape(node)
    row_bytes = 4 * (ow + 2)
    most = max(1, min(limit_bytes // (min(c, 4) * row_bytes), 4095 // row_bytes) - 1)
    wanted = -(-oh // 2)
    return -(-wanted // -(-wanted // most))


FAST_BYTES, LOW_BYTES = 4096, 1024
WORDS = 10  # packed for a channel


def fast_pairs(node: Node) -> int:
    return strip_pairs(node, FAST_BYTES)


def low_pairs(node: Node) -> int:
    return strip_pairs(node, LOW_BYTES)


def thin_strips_pay(node: Node) -> bool:
    """Thin strips need less scratch than the kernel of thick ones"""
    return low_pairs(node) < fast_pairs(node)


def _scratch(node: Node, of_strip: Callable[[Node], int]) -> int:
    _, _, _, _, ow, c = shape(node)
    return min(c, 4) * (of_strip(node) + 1) * 4 * (ow + 2)


def _constants(node: Node, of_strip: Callable[[Node], int]) -> Mapping[str, int]:
    return {**window_constants(node), "SMG_PAIRS": of_strip(node), **scaled(node).constants(node)}


def requantize_cycles(found: Scaled, node: Node) -> tuple[float, float]:
    """Cycles to requantise: of each output, and of each block of outputs."""
    constants = found.constants(node)
    clamps = 3.0 * ((constants["SMG_ACT_MIN"] > -128) + (constants["SMG_ACT_MAX"] < 127))
    double = found.mode == DOUBLE
    return (2 if found.shift else 3) + double + clamps, 2.0 + (not found.shift)


def unrolled(blocks: int) -> int:
    """Blocks of two columns in the code: SMG_UNROLL."""
    if blocks <= 4:
        return blocks
    return 4 if blocks % 4 == 0 else 3 if blocks % 3 < 2 else 2


def _row_cycles(node: Node) -> tuple[float, float]:
    """Cycles of two rows of outputs of a channel, and of one row alone."""
    _, _, _, _, ow, c = shape(node)
    output, block = requantize_cycles(scaled(node), node)
    parked, long = 2.0 * (scaled(node).mode == DOUBLE), ow * c >= 4096
    far = 2.0 * (c >= 128 or long) + long
    blocks, odd = ow // 2, ow % 2
    loops = blocks // unrolled(blocks) if blocks > unrolled(blocks) else 0
    tail = 26 + block + 2 * output
    two = blocks * (41 + block + 4 * output + parked + far) + 6 * loops + (10 if loops else 8) + odd * tail
    one = blocks * (33 + block + 2 * output) + odd * (17 + block + output) + 1
    return two, one


def _words_cycles(node: Node) -> float:
    """Cycles of one row of column words of four channels."""
    _, _, iw, _, _, c = shape(node)
    if c < 4:
        return 40.0 * c * iw
    return (iw // 2) * (25 + 5 * (iw >= 6)) + iw % 2 * 13 + 12


def _cost(node: Node, of_strip: Callable[[Node], int]) -> float:
    n, _, _, oh, ow, c = shape(node)
    groups, pairs_a_strip = -(-c // 4), of_strip(node)
    pairs_of_rows = (oh + 1) // 2
    strips = -(-pairs_of_rows // pairs_a_strip)
    two, one = _row_cycles(node)
    channel = strips * 35 + oh // 2 * two + oh % 2 * one
    words = (pairs_of_rows + 1) * _words_cycles(node) + strips * 50 + (strips - 1) * 4 * (2.6 * ow + 15)
    return n * (c * channel + groups * (words + 40)) + 200 * (pairs_a_strip + 1)


def _footprint(node: Node, of_strip: Callable[[Node], int]) -> tuple[int, int]:
    _, ih, iw, oh, ow, c = shape(node)
    blocks = ow // 2
    copies = unrolled(blocks) + (blocks % unrolled(blocks) if blocks else 0)
    kinds = 1 + (window_constants(node)["SMG_PAD_T"] > 0) + ((ih - window_constants(node)["SMG_PAD_T"]) % 2)
    driver = 400 if 2 * of_strip(node) >= oh else 600
    return driver + words_bytes(iw, c, kinds) + strip_bytes(node, copies), 160


def _flash_use(node: Node, of_strip: Callable[[Node], int]) -> FlashUse:
    """Parameters are read once a strip; the loop over blocks, or over rows that are all blocks, is the hot one."""
    n, _, _, oh, ow, c = shape(node)
    pairs_of_rows, blocks = (oh + 1) // 2, ow // 2
    strips = n * -(-pairs_of_rows // of_strip(node))
    at_once = max(unrolled(blocks), 1)
    times = n * c * pairs_of_rows * max(blocks // at_once, 1)
    return FlashUse((strips - 1) * 4 * WORDS * c, ((at_once * block_bytes(node) + ow % 2 * 126 + 20, times),))


_REQUIRES = (
    int8_elements, constant_weights, one_to_one, three_by_three, padding_of_one, row_fits, fast_requantize,
)  # fmt: skip
_INCLUDES = ("smg_depthwise_assembly.inc.h", "smg_depthwise_columns.inc.h", "smg_depthwise_3x3s1_strip.inc.h")


def _strips(
    symbol: str, of_strip: Callable[[Node], int], includes: tuple[str, ...], *more: Callable[[Node], bool]
) -> Kernel:
    def cost(node: Node, core: Core) -> float:
        return _cost(node, of_strip)

    def scratch(node: Node) -> int:
        return _scratch(node, of_strip)

    def constants(node: Node) -> Mapping[str, int]:
        return _constants(node, of_strip)

    def footprint(node: Node) -> tuple[int, int]:
        return _footprint(node, of_strip)

    def flash_use(node: Node) -> FlashUse:
        return _flash_use(node, of_strip)

    return Kernel(
        symbol, "depthwise", "depthwise", DepthwiseConv2D, cost, params, M4, (*_REQUIRES, stride_one, *more), pack,
        scratch, inplace="x", includes=includes, constants=constants, footprint=footprint,
        flash_use=flash_use,
    )  # fmt: skip


def stride_two(node: Node) -> bool:
    """Strides are 2"""
    assert isinstance(node.op, DepthwiseConv2D)
    return node.op.stride == (2, 2)


def image_constants(node: Node) -> Mapping[str, int]:
    return {**window_constants(node), **scaled(node).constants(node)}


def _unit_cycles(node: Node, single: bool) -> float:
    """Cycles of two rows of outputs of a channel, or of a single one, from the image."""
    _, _, iw, _, ow, c = shape(node)
    output, block = requantize_cycles(scaled(node), node)
    rows = 1 if single else 2
    far = (5.0 - 2 * single) * (4 * iw * c + 6 * c >= 4096)
    column = (5.0 if single else 8.0) + far
    store = block + rows * (output + 1) + 1 + (ow * c + 2 * c >= 4096) * (rows - 1)
    outputs = 2 * column + 6 * rows + 1 + store
    left, right = window_constants(node)["SMG_PAD_L"], 2 * ow - window_constants(node)["SMG_PAD_L"] >= iw
    first = 2 * rows + 1 + (1 if left else column)
    last = column + 4 * rows + (1 if right else column) + store + 1
    doubles = (ow - 1) // 2
    return first + (2 * doubles + 1 - ow % 2) * outputs + doubles * 7 + (2 if doubles else 0) + last + 6


def _image_cost(node: Node, units_a_call: int) -> float:
    n, ih, _, oh, _, c = shape(node)
    top, single = window_constants(node)["SMG_PAD_T"], oh % 2
    units = -(-oh // 2)
    special = single + (top and units > 1) + (not single and 2 * oh - top >= ih)
    calls = special + -(-(units - special) // units_a_call)
    channel = (units - single) * _unit_cycles(node, False) + (_unit_cycles(node, True) if single else 0)
    return n * (c * (channel + 27 * calls) + 60 * calls)


def image_cost(node: Node, core: Core) -> float:
    return _image_cost(node, node.output.type.shape[1])


def rows_cost(node: Node, core: Core) -> float:
    return _image_cost(node, 1)


def image_footprint(node: Node) -> tuple[int, int]:
    _, ih, iw, oh, _, c = shape(node)
    top, single, units = window_constants(node)["SMG_PAD_T"], oh % 2, (oh + 1) // 2
    far = 4 * iw * c + 6 * c >= 4096
    first, last = top and units > 1, single or 2 * oh - top >= ih or (top and units == 1)
    both = int(first > 0) + int(units - (first > 0) - (last > 0) > 0) + int(last > 0 and not single)
    code = both * unit_bytes(node, single=False, far=far) + single * unit_bytes(node, single=True, far=far)
    return 180 + 40 * both + code, 160


def _image_flash_use(node: Node, calls: int) -> FlashUse:
    n, _, iw, oh, ow, c = shape(node)
    _, output = column_bytes(node, single=False, far=4 * iw * c + 6 * c >= 4096)
    loops = ((2 * output + 20, n * c * (oh + 1) // 2 * ((ow - 1) // 2)),)
    return FlashUse((n * calls - 1) * 4 * WORDS * c, loops)


def image_flash_use(node: Node) -> FlashUse:
    return _image_flash_use(node, 1)


def rows_flash_use(node: Node) -> FlashUse:
    """All parameters are read for every two rows."""
    return _image_flash_use(node, (node.output.type.shape[1] + 1) // 2)


def rows_overlap(node: Node) -> Mapping[str, int]:
    """A channel of two rows of outputs ends where its first input may start: later channels need all that lies above."""
    assert isinstance(node.op, DepthwiseConv2D)
    n, ih, iw, oh, ow, c = shape(node)
    top = node.op.padding[0]
    leads = [
        (image * oh + min(row + 2, oh)) * ow - 1 - (image * ih + max(2 * row - top, 0)) * iw
        for image in range(n)
        for row in range(0, oh, 2)
    ]
    return {"y": max(0, *leads) * c}


_IMAGE_INCLUDES = ("smg_depthwise_assembly.inc.h", "smg_depthwise_3x3s2.inc.h")
KERNELS = (
    _strips("smg_depthwise_3x3s1_s8_m4", fast_pairs, _INCLUDES),
    _strips("smg_depthwise_3x3s1_low_s8_m4", low_pairs, (*_INCLUDES, "smg_depthwise_3x3s1_s8_m4.inc.h"),
            thin_strips_pay),
    Kernel(
        "smg_depthwise_3x3s2_s8_m4", "depthwise", "depthwise", DepthwiseConv2D, image_cost, params, M4,
        (*_REQUIRES, stride_two), pack, includes=_IMAGE_INCLUDES, constants=image_constants,
        footprint=image_footprint, flash_use=image_flash_use,
    ),
    Kernel(
        "smg_depthwise_3x3s2_rows_s8_m4", "depthwise", "depthwise", DepthwiseConv2D, rows_cost, params, M4,
        (*_REQUIRES, stride_two), pack, overlap=rows_overlap, includes=_IMAGE_INCLUDES, constants=image_constants,
        footprint=image_footprint, flash_use=rows_flash_use,
    ),
)  # fmt: skip
