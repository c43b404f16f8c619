# SPDX-License-Identifier: Apache-2.0
"""int8 convolution of any kernel size from a strip of its input in int16, without a copy of each window."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache, partial

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.fast_requantize import (
    CLAMPED_AT_ZERO_POINT,
    DOUBLE,
    EVEN,
    fast_requantize,
    requantize_constants,
    rounding_mode,
)
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.kernels.pixel_block import (
    MOST_PIXEL_BYTES,
    MOST_STEPS,
    expand_code_bytes,
    expand_cycles,
    lanes,
    outputs_pairable,
    pack_pairs,
    pixel_words,
    raw_pairs_fit,
    requantize_cycles,
    row_code_bytes,
    row_cycles,
    row_flash_use,
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


@lru_cache(maxsize=256)
def _numbers(node: Node) -> Mapping[str, int]:
    return {name: value for name, value in params(node).items() if isinstance(value, int)}


def _number(node: Node, name: str) -> int:
    return _numbers(node)[name]


def _column_words(node: Node) -> int:
    return _number(node, "k_h") * pixel_words(_number(node, "in_c"))


def _steps(node: Node) -> int:
    return _number(node, "k_w") * _column_words(node)


def _pixel_bytes(node: Node) -> int:
    return 4 * _number(node, "stride_w") * _column_words(node)


def columns_not_dilated(node: Node) -> bool:
    """Columns of the filter are not dilated"""
    return _number(node, "dilation_w") == 1 or _number(node, "k_w") == 1


def window_fits_block(node: Node) -> bool:
    """A window has 2 to 1023 pairs of inputs, and neighbouring windows begin at most 341 pairs apart"""
    return 2 <= _steps(node) <= MOST_STEPS and _pixel_bytes(node) <= MOST_PIXEL_BYTES


def constants(node: Node) -> Mapping[str, int]:
    return {
        "SMG_IN_C": _number(node, "in_c"), "SMG_OUT_C": _number(node, "out_c"), "SMG_K_H": _number(node, "k_h"),
        "SMG_K_W": _number(node, "k_w"), "SMG_STRIDE_W": _number(node, "stride_w"),
        "SMG_NARROW": int(_number(node, "out_w") < 4), **requantize_constants(node),
    }  # fmt: skip


def ordered_weights(node: Node) -> Array:
    """Weights (out_c, steps, 2) in the order of the strip: columns, rows, channels."""
    w = node["w"].constant
    turned = w.transpose(0, 1, 2, 3) if _turned(node) else w.transpose(0, 2, 1, 3)
    return lanes(turned).reshape(w.shape[0], -1, 2)


def small_constants(node: Node) -> Mapping[str, int]:
    """Few, so that layers share code: how negative ties round is computed even where it cannot be seen."""
    fixed = requantize_constants(node)
    mode = {"SMG_ROUNDING_MODE": EVEN if fixed["SMG_ROUNDING_MODE"] == EVEN else DOUBLE}
    narrow = int(_number(node, "out_w") < 4)
    return {"SMG_PIXEL_BYTES": _pixel_bytes(node), "SMG_NARROW": narrow, **fixed, **mode}


def pack(node: Node, wide: bool) -> Mapping[str, Packed]:
    return pack_pairs(node, ordered_weights(node), wide)


def small_pack(node: Node) -> Mapping[str, Packed]:
    """Steps of zeros after the last, to a multiple of four."""
    w = ordered_weights(node)
    return pack_pairs(node, np.pad(w, ((0, 0), (0, -w.shape[1] % 4), (0, 0))), wide=False)


def scratch(node: Node) -> int:
    """The strip of int16, and four pixels of outputs where a row has fewer."""
    out_w = _number(node, "out_w")
    columns = (max(out_w, 4) - 1) * _number(node, "stride_w") + _number(node, "k_w")
    return 4 * columns * _column_words(node) + (4 * _number(node, "out_c") if out_w < 4 else 0)


def _inside(node: Node) -> int:
    """Columns of the input that the strip holds."""
    columns = (_number(node, "out_w") - 1) * _number(node, "stride_w") + _number(node, "k_w")
    return min(max(columns - _number(node, "pad_l"), 0), _number(node, "in_w"))


def _cost(node: Node, expand: float, row: float) -> float:
    """Rows of outputs: their strip, then each pair of channels.

    ``expand`` gives cycles of a pixel of the strip, ``row`` those of two channels of a row of outputs.
    """
    out_c, out_w, out_h, k_h = (_number(node, name) for name in ("out_c", "out_w", "out_h", "k_h"))
    tops = [oy * _number(node, "stride_h") - _number(node, "pad_t") for oy in range(out_h)]
    last = _number(node, "in_h")
    loaded = sum(0 <= top + k * _number(node, "dilation_h") < last for top in tops for k in range(k_h))
    blank = _inside(node) * (6 * pixel_words(_number(node, "in_c")) + 9) + 25  # zero points in place of a row
    strips = loaded * (_inside(node) * expand + 48) + (k_h * out_h - loaded) * blank
    rows = -(-out_c // 2) * row + 38 + (40 + 1.5 * out_w * out_c if out_w < 4 else 0)
    return _number(node, "batch") * (strips + out_h * rows) + 450


def cost(node: Node, core: Core, wide: bool) -> float:
    row = row_cycles(node, _steps(node), max(_number(node, "out_w"), 4), wide)
    return _cost(node, expand_cycles(_number(node, "in_c")), row + 10)


def small_cost(node: Node, core: Core) -> float:
    fours, groups = -(-_steps(node) // 4), -(-_number(node, "out_w") // 4)
    per_output = requantize_cycles(node) + 1 + (rounding_mode(node) == CLAMPED_AT_ZERO_POINT)
    row = 90 + groups * (fours * 69 + 8 * per_output + 12 + 30) + (8 if _number(node, "out_w") % 4 else 0)
    return _cost(node, 6 * pixel_words(_number(node, "in_c")) + 12, row)


def small_scratch(node: Node) -> int:
    """As ``scratch``, with a word for each step of zeros."""
    return scratch(node) + 4 * (-_steps(node) % 4)


def overlap(node: Node) -> Mapping[str, int]:
    """A row of outputs is written when all its inputs are in the strip."""
    batch, out_h, in_h = (_number(node, name) for name in ("batch", "out_h", "in_h"))
    read, written = (_number(node, f"{side}_w") * _number(node, f"{side}_c") for side in ("in", "out"))
    first = [min(max(oy * _number(node, "stride_h") - _number(node, "pad_t"), 0), in_h) for oy in range(out_h)]
    steps = [((n * in_h + first[oy]) * read, (n * out_h + oy + 1) * written)
             for n in range(batch) for oy in range(out_h)]  # fmt: skip
    return {"y": forward_lead(steps)}


def footprint(node: Node, wide: bool) -> tuple[int, int]:
    code = row_code_bytes(node, _steps(node), wide) + expand_code_bytes(_number(node, "in_c"))
    return code + 580 + 40 * (_number(node, "out_w") < 4), 240


def small_footprint(node: Node) -> tuple[int, int]:
    per_output = 4 * requantize_cycles(node) + 8 - 4 * (rounding_mode(node) == EVEN)
    return 1240 + 8 * per_output + 60 * (_number(node, "out_w") < 4), 240


def flash_use(node: Node, wide: bool) -> FlashUse:
    rows = [_number(node, "out_w")] * (_number(node, "batch") * _number(node, "out_h"))
    return row_flash_use(node, _steps(node), wide, rows)


def small_flash_use(node: Node) -> FlashUse:
    """Its loops fit any code cache."""
    return FlashUse(flash_use(node, wide=False).constant_bytes)


_ANY = (int8_elements, constant_weights, one_group, columns_not_dilated, window_fits_block, outputs_pairable,
        fast_requantize)  # fmt: skip
_DRIVER = "smg_conv2d_direct_m4.inc.h"
_FIXED = ("smg_conv2d_direct_fixed.inc.h", _DRIVER)

KERNELS = (
    Kernel(
        "smg_conv2d_direct_s8_m4", "conv2d_direct", "conv2d", Conv2D, partial(cost, wide=False), params, M4,
        (*_ANY, raw_pairs_fit), partial(pack, wide=False), scratch, includes=_FIXED,
        overlap=overlap, constants=constants, footprint=partial(footprint, wide=False),
        flash_use=partial(flash_use, wide=False),
    ),
    Kernel(
        "smg_conv2d_direct_wide_s8_m4", "conv2d_direct", "conv2d", Conv2D, partial(cost, wide=True), params, M4,
        _ANY, partial(pack, wide=True), scratch, includes=_FIXED,
        overlap=overlap, constants=constants, footprint=partial(footprint, wide=True),
        flash_use=partial(flash_use, wide=True),
    ),
    Kernel(
        "smg_conv2d_direct_small_s8_m4", "conv2d_direct", "conv2d", Conv2D, small_cost, params, M4,
        (*_ANY, raw_pairs_fit), small_pack, small_scratch, includes=("smg_direct_small_row.inc.h", _DRIVER),
        overlap=overlap, constants=small_constants, footprint=small_footprint, flash_use=small_flash_use,
    ),
)  # fmt: skip
