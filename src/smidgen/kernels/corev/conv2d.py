# SPDX-License-Identifier: Apache-2.0
"""int8 convolution on CORE-V: blocks of four pixels by four channels (smg_corev_block.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import Int32s, constant_weights, int8_elements, pad_last
from smidgen.kernels.conv2d import packed_params
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.corev.requantize import (
    WORDS,
    exact_requantize,
    form_of,
    requantize_constants,
    requantize_cycles,
)
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import Conv2D
from smidgen.ops.accumulators import channel_weights
from smidgen.targets.target import Core

XCV = frozenset({"xcv"})
BLOCK = "smg_corev_block.inc.h"


def four_outputs(node: Node) -> bool:
    """There are at least four output channels"""
    return node.output.type.shape[-1] >= 4


def whole_words(node: Node) -> bool:
    """Four divides the input channels"""
    return node["x"].type.shape[-1] % 4 == 0


def four_pixels(node: Node) -> bool:
    """There are at least four pixels"""
    return pixels_of(node) >= 4


def strided(node: Node) -> bool:
    """Filters are 1x1, without padding, and rows of outputs have at least four pixels"""
    op = node.op
    assert isinstance(op, Conv2D)
    return node["w"].type.shape[1:3] == (1, 1) and not any(op.padding) and node.output.type.shape[2] >= 4


def step_range(node: Node) -> bool:
    """A window has at most 16376 inputs"""  # the hardware loop counts to 4095
    return bool(channel_weights(node).shape[1] <= 16376)


def pixels_of(node: Node) -> int:
    shape = node.output.type.shape
    return node.output.type.elements // shape[-1]


def steps_of(node: Node) -> int:
    """Words of four inputs of a window."""
    return -(-int(channel_weights(node).shape[1]) // 4)


def weight_words(node: Node) -> Int32s:
    """Weights as words of four inputs (out_c, steps)."""
    w = pad_last(channel_weights(node), 4).astype(np.int8)
    return np.ascontiguousarray(w).view("<i4").astype(np.int32)


def pack(node: Node) -> Mapping[str, Packed]:
    """Groups of four channels, words of a step side by side, then their constants; the last group is the last four."""
    w, words = weight_words(node), form_of(node).words
    out_c = len(w)
    firsts = [min(first, out_c - 4) for first in range(0, out_c, 4)]
    parts = [part.reshape(-1) for first in firsts for part in (w[first : first + 4].T, words[first : first + 4])]
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate(parts)))}


def block_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_corev_block.inc.h."""
    return {"SMG_STEPS": steps_of(node), "SMG_PIXEL_BYTES": 4 * steps_of(node),
            "SMG_OUT_C": node.output.type.shape[-1], **requantize_constants(node)}  # fmt: skip


def strided_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_corev_block.inc.h, for pixels a stride apart."""
    op = node.op
    assert isinstance(op, Conv2D)
    return {**block_constants(node), "SMG_PIXEL_BYTES": 4 * steps_of(node) * op.stride[1]}


def window_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_conv2d_s8_corev.inc.h."""
    op = node.op
    assert isinstance(op, Conv2D)
    _, kh, kw, ic = node["w"].type.shape
    return {"SMG_IN_C": ic, "SMG_K_H": kh, "SMG_K_W": kw, "SMG_DILATION_W": op.dilation[1],
            "SMG_PADDED": int(any(op.padding)), **block_constants(node)}  # fmt: skip


def block_cycles(node: Node, core: Core) -> float:
    """Four pixels, all channels."""
    load, multiply, alu, store = (core.cycles[name] for name in ("load", "multiply", "alu", "store"))
    groups = -(-node.output.type.shape[-1] // 4)
    words = WORDS[form_of(node).form]
    outputs = 16 * requantize_cycles(node, core) + 4 * words * load + 8 * alu + 4 * store
    group = steps_of(node) * (8 * load + 16 * multiply) + outputs + 4 * alu
    return groups * group + 8 * alu + 6 * load + core.cycles["branch"]


def pointwise_cost(node: Node, core: Core) -> float:
    return -(-pixels_of(node) // 4) * block_cycles(node, core) + 60


def strided_cost(node: Node, core: Core) -> float:
    """Each row of outputs by itself."""
    n, oh, ow, _ = node.output.type.shape
    load, store, alu = (core.cycles[name] for name in ("load", "store", "alu"))
    row = 20 * (load + store) + 20 * alu + 2 * core.cycles["branch"]
    return n * oh * (-(-ow // 4) * block_cycles(node, core) + row) + 60


def window_cost(node: Node, core: Core) -> float:
    """Blocks, each called by itself, and the copies of their windows; a padded window costs about twice."""
    _, kh, kw, ic = node["w"].type.shape
    op = node.op
    assert isinstance(op, Conv2D)
    load, store, alu = (core.cycles[name] for name in ("load", "store", "alu"))
    segments, segment = (kh, kw * ic) if op.dilation[1] == 1 else (kh * kw, ic)
    row = (segment // 4 + segment % 4) * (load + store) * (1 if segment % 4 == 0 else 1.5) + 4 * alu
    window = segments * row + 20 * alu + 2 * core.cycles["branch"]
    if any(op.padding):
        window *= 1.2
    call = 17 * (load + store) + 10 * alu + core.cycles["branch"]
    return -(-pixels_of(node) // 4) * (block_cycles(node, core) + call) + pixels_of(node) * window + 60


def scratch(node: Node) -> int:
    """Four windows, and the outputs of four pixels where there are fewer."""
    last = pixels_of(node) % 4 > 0
    return 16 * steps_of(node) + 4 * node.output.type.shape[-1] * last


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 1400 + 16 * 4 * 16, 240


_ANY = (int8_elements, constant_weights, four_outputs, step_range, exact_requantize)
_INCLUDES = (BLOCK,)

KERNELS = (
    Kernel(
        "smg_conv2d_1x1_s8_corev", "corev", "conv2d", Conv2D, pointwise_cost, packed_params, XCV,
        (pointwise, whole_words, four_pixels, *_ANY), pack, includes=_INCLUDES, constants=block_constants,
        footprint=footprint,
    ),
    Kernel(
        "smg_conv2d_1x1_strided_s8_corev", "corev", "conv2d", Conv2D, strided_cost, packed_params, XCV,
        (one_group, strided, whole_words, *_ANY), pack, includes=_INCLUDES, constants=strided_constants,
        footprint=footprint,
    ),
    Kernel(
        "smg_conv2d_s8_corev", "corev", "conv2d", Conv2D, window_cost, packed_params, XCV,
        (one_group, *_ANY), pack, scratch, includes=_INCLUDES, constants=window_constants, footprint=footprint,
    ),
)  # fmt: skip
