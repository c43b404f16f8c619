# SPDX-License-Identifier: Apache-2.0
"""The stream of constants that smg_mve_products.inc.h reads, and what its instructions cost.

A block is some channels' weights, sixteen bytes of each in turn along the window, then their biases with the input's
zero point folded in, their multipliers, and their shifts, negative to the right.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import Int32s, out_quant
from smidgen.kernels.fast_requantize import DOUBLE, requantize_columns, requantize_constants, rounding_mode
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import Packed
from smidgen.ops.arithmetic import RANGES

MVE = frozenset(("mve",))
BYTES = 16  # of a vector
_MOST_STEPS = {True: 18, False: 8}  # unrolled steps, by whether windows are aligned: what offsets and code allow
_PAIR, _SINGLE = (0, 1, 2, 3), (0, 2, 4, 6, 1, 3, 5, 7)  # channels of a block in the order of accumulators


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps of sixteen bytes that are unrolled, and how many passes a window takes."""

    steps: int
    passes: int

    @property
    def window_bytes(self) -> int:
        return BYTES * self.steps * self.passes


def loop(window: int, aligned: bool) -> Loop:
    """As few passes as the steps allow for a window of so many bytes, and then as few steps."""
    vectors = -(-window // BYTES)
    passes = -(-vectors // _MOST_STEPS[aligned])
    return Loop(-(-vectors // passes), passes)


def channels(node: Node) -> Int32s:
    """Of each output channel (out_c, 3): bias, multiplier and shift; a constant output comes from its bias alone."""
    columns = requantize_columns(node).astype(np.int64)
    bias, mult, addend, right = columns.T
    fixed = mult == 0
    value = (addend >> 1) - out_quant(node).zero_point[0]
    bias = np.where(fixed, 4 * value, bias)
    mult = np.where(fixed, 1 << 30, mult)
    made: Int32s = np.stack([bias, mult, -right], axis=1).astype(np.int32)
    return made


def stream(node: Node, weights: Array, unrolled: Loop, pairs: bool) -> Packed:
    """Weights (out_c, window bytes in the order that the kernel reads them) and the channels' constants."""
    group = _PAIR if pairs else _SINGLE
    table, out_c = channels(node), weights.shape[0]
    constant = requantize_columns(node)[:, 1] == 0
    w = np.where(constant[:, None], 0, weights).astype(np.int8)
    blocks = -(-out_c // len(group))
    spare = blocks * len(group) - out_c
    w = np.pad(w, ((0, spare), (0, unrolled.window_bytes - w.shape[1])))
    w = w.reshape(blocks, len(group), -1, BYTES)[:, group].transpose(0, 2, 1, 3)
    words = np.ascontiguousarray(w).reshape(blocks, -1).view(np.int32)
    rows = np.pad(table, ((0, spare), (0, 0))).reshape(blocks, len(group), 3)[:, group].transpose(0, 2, 1)
    return Packed(np.ascontiguousarray(np.concatenate([words, rows.reshape(blocks, -1)], axis=1)))


def constants(node: Node, unrolled: Loop, pairs: bool) -> dict[str, int]:
    """The macros of smg_mve_products.inc.h but for the windows'."""
    return {
        "SMG_STEPS": unrolled.steps, "SMG_PASSES": unrolled.passes, "SMG_PAIRS": int(pairs),
        "SMG_OUT_C": node.output.type.shape[-1], "SMG_OUT_OFFSET": out_quant(node).zero_point[0],
        **requantize_constants(node),
    }  # fmt: skip


def finish(node: Node) -> Classes:
    """Requantisation of eight outputs: two vectors of accumulators to a vector of outputs."""
    fixed = requantize_constants(node)
    whole = (fixed["SMG_ACT_MIN"], fixed["SMG_ACT_MAX"]) == RANGES["int8"]
    away = 4 * (rounding_mode(node) == DOUBLE)
    return Classes(alu=11 + (out_quant(node).zero_point[0] != 0) + (not whole) + away, multiply=2)


def _block(node: Node, unrolled: Loop, pairs: bool) -> Classes:
    """Instructions of eight outputs: two pixels' of four channels, or a pixel's of eight."""
    steps, out_c = unrolled.steps * unrolled.passes, node.output.type.shape[-1]
    if pairs:
        each = Classes(load=6, multiply=8) * steps
        end = Classes(load=3, alu=2 + (out_c > 127) + 4 * (out_c % 4 > 0), store=2, branch=1)
    else:
        each = Classes(load=9, multiply=8) * steps
        end = Classes(load=6, alu=1 + 4 * (out_c % 8 > 0), store=1, branch=1)
    passes = Classes(alu=13 + 3 * unrolled.passes, branch=unrolled.passes) if unrolled.passes > 1 else Classes()
    return each + end + passes + finish(node)


def row_classes(node: Node, unrolled: Loop, pairs: bool, pixels: int) -> Classes:
    """Instructions of a call for so many pixels, or of as many calls for one."""
    out_c, block = node.output.type.shape[-1], _block(node, unrolled, pairs)
    if pairs:
        pair = block * (-(-out_c // 4)) + Classes(alu=6, load=1, branch=1)
        return pair * ((pixels + 1) // 2) + Classes(alu=12, load=15, store=16)
    return (block * (-(-out_c // 8)) + Classes(alu=12, load=15, store=15)) * pixels


def lead_of_mixed(steps: Sequence[tuple[int, int]]) -> int:
    """``forward_lead`` of steps that go on reading what they began with until all of their outputs are written."""
    return forward_lead([part for read, written in steps for part in ((read, written), (read, 0))])


def code_bytes(unrolled: Loop, pairs: bool) -> int:
    """Code of the unrolled steps, requantisation and loops, from above."""
    return (56 if pairs else 68) * unrolled.steps + 330 + 70 * (unrolled.passes > 1)
