# SPDX-License-Identifier: Apache-2.0
"""int8 fully connected layers, and 1x1 convolutions of few pixels, on CORE-V (smg_corev_dense.inc.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Node, Op
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d import packed_params as conv_params
from smidgen.kernels.conv2d.shapes import pointwise
from smidgen.kernels.corev.conv2d import (
    BLOCK,
    XCV,
    block_constants,
    four_outputs,
    four_pixels,
    pixels_of,
    pointwise_cost,
    step_range,
    steps_of,
    weight_words,
    whole_words,
)
from smidgen.kernels.corev.conv2d import footprint as block_footprint
from smidgen.kernels.corev.conv2d import (
    pack as pack_block,
)
from smidgen.kernels.corev.requantize import WORDS, exact_requantize, form_of, requantize_constants, requantize_cycles
from smidgen.kernels.fully_connected import packed_params
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import channel_weights
from smidgen.targets.target import Core

_OUTPUTS = 8


def constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_corev_dense.inc.h."""
    out_c, in_c = channel_weights(node).shape
    return {"SMG_IN_C": in_c, "SMG_OUT_C": out_c, **requantize_constants(node)}


def pack(node: Node) -> Mapping[str, Packed]:
    """Groups of eight channels, words of a step side by side, then their constants; zeros past the last channel."""
    more = -channel_weights(node).shape[0] % _OUTPUTS
    w, words = (np.pad(a, [(0, more), (0, 0)]) for a in (weight_words(node), form_of(node).words))
    firsts = range(0, len(w), _OUTPUTS)
    parts = [part.reshape(-1) for i in firsts for part in (w[i : i + _OUTPUTS].T, words[i : i + _OUTPUTS])]
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate(parts)))}


def scratch(node: Node) -> int:
    """A row in whole words, and eight outputs."""
    return 4 * steps_of(node) + _OUTPUTS


def cost(node: Node, core: Core) -> float:
    load, multiply, alu, store = (core.cycles[name] for name in ("load", "multiply", "alu", "store"))
    out_c, in_c = map(int, channel_weights(node).shape)
    words = WORDS[form_of(node).form]
    each = words * load + requantize_cycles(node, core)
    group = steps_of(node) * (9 * load + 8 * multiply) + 8 * each + 2 * (store + 2 * alu) + 3 * alu
    calls = (out_c >= _OUTPUTS) + (out_c % _OUTPUTS > 0)
    copies = (in_c % 4 > 0) * (in_c // 2 + 20) + (out_c % _OUTPUTS) * 6
    return pixels_of(node) * (-(-out_c // _OUTPUTS) * group + calls * 40 + copies + 20 * alu) + 20


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 1800, 120


_ANY = (int8_elements, constant_weights, step_range, exact_requantize)


def _dense(symbol: str, op: type[Op], params: Callable[[Node], Mapping[str, ParamValue]]) -> Kernel:
    contract, shapes = ("conv2d", (pointwise,)) if op is Conv2D else ("fully_connected", ())
    return Kernel(
        symbol, "corev", contract, op, cost, params, XCV, (*shapes, *_ANY), pack, scratch,
        includes=("smg_corev_dense.inc.h",), constants=constants, footprint=footprint,
    )  # fmt: skip


KERNELS = (
    _dense("smg_fully_connected_s8_corev", FullyConnected, packed_params),
    _dense("smg_conv2d_1x1_rows_s8_corev", Conv2D, conv_params),
    Kernel(
        "smg_fully_connected_rows_s8_corev", "corev", "fully_connected", FullyConnected, pointwise_cost,
        packed_params, XCV, (whole_words, four_pixels, four_outputs, *_ANY), pack_block, includes=(BLOCK,),
        constants=block_constants, footprint=block_footprint,
    ),
)  # fmt: skip
