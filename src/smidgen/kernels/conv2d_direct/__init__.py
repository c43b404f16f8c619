# SPDX-License-Identifier: Apache-2.0
"""int8 convolution of any kernel size from a strip of its input in int16, without a copy of each window."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.conv2d import one_group
from smidgen.kernels.fast_requantize import fast_requantize, requantize_constants
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.kernels.pixel_block import (
    MOST_PIXEL_BYTES,
    MOST_STEPS,
    expand_cycles,
    lanes,
    outputs_pairable,
    pack_pairs,
    pixel_words,
    raw_pairs_fit,
    row_code_bytes,
    row_cycles,
)
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

M4 = frozenset(("dsp", "fpu"))


def _turned(node: Node) -> bool:
    """One column of outputs from one column of inputs: rows may be taken for columns, as memory is the same."""
    return node["x"].type.shape[2] == 1 and node["w"].type.shape[2] == 1 and node.output.type.shape[2] == 1


def params(node: Node) -> Mapping[str, ParamValue]:
    """The node's own, or those of the same node turned from a column into a row."""
    assert isinstance(node.op, Conv2D)
    p = {**without_multipliers(window_params(node)), "groups": node.op.groups}
    if not _turned(node):
        return p
    names = (("in_h", "in_w"), ("out_h", "out_w"), ("k_h", "k_w"), ("stride_h", "stride_w"),
             ("dilation_h", "dilation_w"), ("pad_t", "pad_l"))  # fmt: skip
    return {**p, **{a: p[b] for a, b in names}, **{b: p[a] for a, b in names}, "pad_t": 0}


def _number(node: Node, name: str) -> int:
    value = params(node)[name]
    assert isinstance(value, int)
    return value


def _column_words(node: Node) -> int:
    return _number(node, "k_h") * pixel_words(_number(node, "in_c"))


def _steps(node: Node) -> int:
    return _number(node, "k_w") * _column_words(node)


def columns_not_dilated(node: Node) -> bool:
    """Columns of the filter are not dilated"""
    return _number(node, "dilation_w") == 1 or _number(node, "k_w") == 1


def window_fits_block(node: Node) -> bool:
    """A window has 2 to 1023 pairs of inputs, and neighbouring windows begin at most 341 pairs apart"""
    apart = 4 * _number(node, "stride_w") * _column_words(node)
    return 2 <= _steps(node) <= MOST_STEPS and apart <= MOST_PIXEL_BYTES


def constants(node: Node) -> Mapping[str, int]:
    return {
        "SMG_IN_C": _number(node, "in_c"), "SMG_OUT_C": _number(node, "out_c"), "SMG_K_H": _number(node, "k_h"),
        "SMG_K_W": _number(node, "k_w"), "SMG_STRIDE_W": _number(node, "stride_w"), **requantize_constants(node),
    }  # fmt: skip


def ordered_weights(node: Node) -> Array:
    """Weights (out_c, steps, 2) in the order of the strip: columns, rows, channels."""
    w = node["w"].constant
    turned = w.transpose(0, 1, 2, 3) if _turned(node) else w.transpose(0, 2, 1, 3)
    return lanes(turned).reshape(w.shape[0], -1, 2)


def pack(node: Node, wide: bool) -> Mapping[str, Packed]:
    return pack_pairs(node, ordered_weights(node), wide)


def scratch(node: Node) -> int:
    """The strip of int16, and four pixels of outputs where a row has fewer."""
    out_w = _number(node, "out_w")
    columns = (max(out_w, 4) - 1) * _number(node, "stride_w") + _number(node, "k_w")
    return 4 * columns * _column_words(node) + (4 * _number(node, "out_c") if out_w < 4 else 0)


def _inside(node: Node) -> int:
    """Columns of the input that the strip holds."""
    columns = (_number(node, "out_w") - 1) * _number(node, "stride_w") + _number(node, "k_w")
    return min(max(columns - _number(node, "pad_l"), 0), _number(node, "in_w"))


def cost(node: Node, core: Core, wide: bool) -> float:
    """Rows of outputs: their strip, then each pair of channels; rows of padding cost about as much as others."""
    out_c, out_w = _number(node, "out_c"), _number(node, "out_w")
    pairs = -(-out_c // 2)
    strip = _number(node, "k_h") * (_inside(node) * expand_cycles(_number(node, "in_c")) + 30)
    row = strip + pairs * (row_cycles(node, _steps(node), max(out_w, 4), wide) + 10) + 20
    if out_w < 4:
        row += 20 + 1.5 * out_w * out_c
    return _number(node, "batch") * _number(node, "out_h") * row + 300


def overlap(node: Node) -> Mapping[str, int]:
    """A row of outputs is written when all its inputs are in the strip."""
    batch, out_h, in_h = (_number(node, name) for name in ("batch", "out_h", "in_h"))
    read, written = (_number(node, f"{side}_w") * _number(node, f"{side}_c") for side in ("in", "out"))
    first = [min(max(oy * _number(node, "stride_h") - _number(node, "pad_t"), 0), in_h) for oy in range(out_h)]
    steps = [((n * in_h + first[oy]) * read, (n * out_h + oy + 1) * written)
             for n in range(batch) for oy in range(out_h)]  # fmt: skip
    return {"y": forward_lead(steps)}


def footprint(node: Node, wide: bool) -> tuple[int, int]:
    return row_code_bytes(node, _steps(node), wide) + 700, 250


def record(symbol: str, wide: bool) -> Kernel:
    fits = () if wide else (raw_pairs_fit,)
    return Kernel(
        symbol, "conv2d_direct", "conv2d", Conv2D, partial(cost, wide=wide), params, M4,
        (int8_elements, constant_weights, one_group, columns_not_dilated, window_fits_block, outputs_pairable,
         fast_requantize, *fits),
        partial(pack, wide=wide), scratch, includes=("smg_conv2d_direct_m4.inc.h",),
        overlap=overlap, constants=constants, footprint=partial(footprint, wide=wide),
    )  # fmt: skip


KERNELS = (record("smg_conv2d_direct_s8_m4", False), record("smg_conv2d_direct_wide_s8_m4", True))
