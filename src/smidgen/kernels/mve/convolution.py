# SPDX-License-Identifier: Apache-2.0
"""Convolution with sixteen products an instruction, for any window of one group whose columns are not dilated."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.conv2d_direct import columns_not_dilated, params
from smidgen.kernels.conv2d_direct import overlap as overlap_of_strips
from smidgen.kernels.fast_requantize import fast_requantize
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.mve import streams
from smidgen.kernels.mve.streams import BYTES, MVE, Loop
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

_STACK_BYTES = 240


@lru_cache(maxsize=256)
def _numbers(node: Node) -> Mapping[str, int]:
    return {name: value for name, value in params(node).items() if isinstance(value, int)}


def _number(node: Node, name: str) -> int:
    return _numbers(node)[name]


def _window(node: Node) -> int:
    return _number(node, "k_h") * _number(node, "k_w") * _number(node, "in_c")


def _direct(node: Node) -> bool:
    """Windows of one row without padding lie in the input in whole vectors."""
    op = node.op
    assert isinstance(op, Conv2D)
    return _number(node, "k_h") == 1 and not any(op.padding) and _window(node) % BYTES == 0 and _inside(node)


def _inside(node: Node) -> bool:
    """Every window lies in a row of the input, and rows begin at whole words."""
    end = (_number(node, "out_w") - 1) * _number(node, "stride_w") + _number(node, "k_w")
    last = (_number(node, "out_h") - 1) * _number(node, "stride_h")
    whole = _number(node, "in_w") * _number(node, "in_c") % 4 == 0
    return end <= _number(node, "in_w") and last < _number(node, "in_h") and whole


def _flat(node: Node) -> bool:
    strides = _number(node, "stride_h"), _number(node, "stride_w")
    plain = _number(node, "k_w") == 1 and strides == (1, 1)
    sizes = ("in_h", "out_h"), ("in_w", "out_w")
    return _direct(node) and plain and all(_number(node, a) == _number(node, b) for a, b in sizes)


def _pixels(node: Node) -> int:
    """Of a call."""
    row = _number(node, "out_w")
    return _number(node, "batch") * _number(node, "out_h") * row if _flat(node) else row


def _pairs(node: Node) -> bool:
    return _pixels(node) >= 2


def _window_step(node: Node) -> int:
    rows = 1 if _direct(node) else _number(node, "k_h")
    return _number(node, "stride_w") * rows * _number(node, "in_c")


def _loop(node: Node) -> Loop:
    return streams.loop(_window(node), _window_step(node) % 4 == 0)


def sizes_fit(node: Node) -> bool:
    """There are at most 4095 output channels, windows are less than 64 KB and begin less than 64 KB apart"""
    return _number(node, "out_c") <= 4095 and _loop(node).window_bytes < 1 << 16 and _window_step(node) < 1 << 16


def constants(node: Node) -> Mapping[str, int]:
    step = _window_step(node)
    return {
        **streams.constants(node, _loop(node), _pairs(node)), "SMG_ALIGNED": int(step % 4 == 0),
        "SMG_WINDOW_STEP": step, "SMG_DIRECT": int(_direct(node)), "SMG_FLAT": int(_flat(node)),
        "SMG_IN_C": _number(node, "in_c"), "SMG_K_H": _number(node, "k_h"),
    }  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    """Weights in the order of the strip: columns, rows, channels."""
    w = node["w"].constant.transpose(0, 2, 1, 3)
    weights = np.ascontiguousarray(w).reshape(w.shape[0], -1)
    return {"w": Packed(None), "b": streams.stream(node, weights, _loop(node), _pairs(node))}


def _columns(node: Node) -> int:
    return (_number(node, "out_w") - 1) * _number(node, "stride_w") + _number(node, "k_w")


def scratch(node: Node) -> int:
    """The strip, and what the last window's vectors reach beyond it."""
    if _direct(node):
        return 0
    return _columns(node) * _number(node, "k_h") * _number(node, "in_c") + _loop(node).window_bytes - _window(node)


def overlap(node: Node) -> Mapping[str, int]:
    """Rows by way of the strip are read before their outputs are written, pairs of pixels while they are."""
    if not _direct(node):
        return overlap_of_strips(node)
    pixels, out_c, step = _pixels(node), _number(node, "out_c"), _window_step(node)
    rows, together = 1 if _flat(node) else _number(node, "out_h"), min(pixels, 2)
    image = _number(node, "in_h") * _number(node, "in_w") * _number(node, "in_c")
    down = _number(node, "stride_h") * _number(node, "in_w") * _number(node, "in_c")
    starts = [min(i, pixels - together) for i in range(0, pixels, together)]
    steps = [
        (n * image + row * down + at * step, ((n * rows + row) * pixels + at + together) * out_c)
        for n in range(1 if _flat(node) else _number(node, "batch")) for row in range(rows) for at in starts
    ]  # fmt: skip
    return {"y": streams.lead_of_mixed(steps)}


def _strip(node: Node) -> Classes:
    """Instructions of the rows under a row of outputs: of pixels of few channels several at once."""
    in_c, columns = _number(node, "in_c"), _columns(node)
    together = BYTES // in_c if in_c < BYTES else 1
    if (together - 1) * _number(node, "k_h") * in_c + in_c > 256:  # offsets of a byte reach no further
        together = 1
    vectors = -(-in_c // BYTES)
    each = Classes(load=vectors, store=vectors, alu=3, branch=1)
    row = each * (-(-columns // together)) + Classes(alu=14, branch=2)
    return row * _number(node, "k_h")


def cost(node: Node, core: Core) -> float:
    """Instructions by class."""
    row = streams.row_classes(node, _loop(node), _pairs(node), _pixels(node)) + Classes(alu=20)
    if _flat(node):
        return row.cycles(core)
    strip = Classes() if _direct(node) else _strip(node)
    return ((row + strip) * (_number(node, "batch") * _number(node, "out_h"))).cycles(core) + 100


def footprint(node: Node) -> tuple[int, int]:
    vectors = -(-_number(node, "in_c") // BYTES)
    return streams.code_bytes(_loop(node), _pairs(node)) + 400 + 16 * min(vectors, 16), _STACK_BYTES


KERNELS = (
    Kernel(
        "smg_conv2d_s8_mve", "mve", "conv2d", Conv2D, cost, params, MVE,
        (int8_elements, constant_weights, one_group, columns_not_dilated, fast_requantize, sizes_fit), pack, scratch,
        includes=("smg_mve_products.inc.h", "smg_mve_requantize.inc.h"), overlap=overlap,
        constants=constants, footprint=footprint,
    ),
)  # fmt: skip
