# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution on CORE-V: eight pixels by two channels from padded rows (smg_conv2d_3x3_s8_corev.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements, pad_last
from smidgen.kernels.conv2d import packed_params
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.corev.conv2d import XCV
from smidgen.kernels.corev.requantize import WORDS, exact_requantize, form_of, requantize_constants, requantize_cycles
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

_PIXELS, _CHANNELS, _MOST_OFFSET = 8, 2, 2047


def three_by_three(node: Node) -> bool:
    """Filters are 3x3, not dilated, with a stride of 1 or 2 both ways"""
    op = node.op
    assert isinstance(op, Conv2D)
    return node["w"].type.shape[1:3] == (3, 3) and op.dilation == (1, 1) and op.stride in ((1, 1), (2, 2))


def eight_columns(node: Node) -> bool:
    """Rows of outputs have at least eight pixels, and their first one's window reaches into the image"""
    op = node.op
    assert isinstance(op, Conv2D)
    return node.output.type.shape[2] >= _PIXELS and _columns(node) > op.padding[1]


def even_outputs(node: Node) -> bool:
    """Two divides the output channels"""
    return node.output.type.shape[-1] % _CHANNELS == 0


def pixels_reachable(node: Node) -> bool:
    """Eight pixels lie within 2 KB: at most 224 input channels, 120 at stride 2, and 255 output channels"""
    op = node.op
    assert isinstance(op, Conv2D)
    last = (_PIXELS - 1) * op.stride[1] + 2
    in_c, out_c = _wide(node), node.output.type.shape[-1]
    return last * in_c <= _MOST_OFFSET and _PIXELS * op.stride[1] * in_c <= _MOST_OFFSET and out_c <= 255


def _columns(node: Node) -> int:
    op = node.op
    assert isinstance(op, Conv2D)
    return (node.output.type.shape[2] - 1) * op.stride[1] + 3


def _wide(node: Node) -> int:
    """Input channels in whole words."""
    in_c = node["x"].type.shape[-1]
    return in_c + -in_c % 4


def constants(node: Node) -> Mapping[str, int]:
    op = node.op
    assert isinstance(op, Conv2D)
    return {"SMG_STRIDE": op.stride[1], "SMG_COLUMNS": _columns(node), "SMG_IN_C": node["x"].type.shape[-1],
            "SMG_OUT_C": node.output.type.shape[-1], **requantize_constants(node)}  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    """Pairs of channels: words (k_h, in_c / 4, k_w, 2), then each one's constants."""
    w = pad_last(node["w"].constant, 4)
    out_c, _, _, in_c = w.shape
    fours = w.reshape(out_c // 2, 2, 3, 3, in_c // 4, 4).transpose(0, 2, 4, 3, 1, 5)
    words = np.ascontiguousarray(fours).view("<i4").reshape(out_c // 2, -1).astype(np.int32)
    stream = np.concatenate([words, form_of(node).words.reshape(out_c // 2, -1)], axis=1)
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(stream))}


def scratch(node: Node) -> int:
    """Three padded rows."""
    return 3 * _columns(node) * _wide(node)


def cost(node: Node, core: Core) -> float:
    op = node.op
    assert isinstance(op, Conv2D)
    load, multiply, alu, store = (core.cycles[name] for name in ("load", "multiply", "alu", "store"))
    (n, oh, ow, out_c), in_c, stride = node.output.type.shape, _wide(node), op.stride[1]
    step = (6 + 7 * stride + 3) * load + 48 * multiply
    words = WORDS[form_of(node).form]
    pair = 3 * in_c // 4 * step + 16 * (requantize_cycles(node, core) + store) + (2 * words + 3) * load + 5 * alu
    block = out_c // 2 * pair + 10 * load + 12 * alu
    rows = (oh - 1) * stride + 3
    copy = rows * (_columns(node) * in_c / 4 * (load + store + 5 * alu / 4) + 40)
    return n * (oh * (-(-ow // _PIXELS) * block + 80) + copy) + 60


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 2900, 200


KERNELS = (
    Kernel(
        "smg_conv2d_3x3_s8_corev", "corev", "conv2d", Conv2D, cost, packed_params, XCV,
        (int8_elements, constant_weights, one_group, three_by_three, even_outputs, eight_columns,
         pixels_reachable, exact_requantize),
        pack, scratch, constants=constants, footprint=footprint,
    ),
)  # fmt: skip
