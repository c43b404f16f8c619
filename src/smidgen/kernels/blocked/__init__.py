# SPDX-License-Identifier: Apache-2.0
"""int8 layers on cores without SIMD: register-blocked products in plain C."""

from __future__ import annotations

from smidgen.kernels.blocked.blocks import Block
from smidgen.kernels.blocked.nibbles import Nibbles
from smidgen.kernels.blocked.pairs import Lanes, Pairs, RowPairs
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d import packed_params as conv_params
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.four_bit.storage import four_bit_weights
from smidgen.kernels.fully_connected import packed_params as dense_params
from smidgen.kernels.high_requantize import requantizable
from smidgen.kernels.kernel import Kernel, Predicate
from smidgen.ops import Conv2D, FullyConnected

_PARTS = tuple(f"smg_blocked_{part}.inc.h" for part in ("all", "rows", "pairs", "row_pairs", "nibbles", "lanes"))
_BETTER = frozenset(("dsp", "xcv", "rvv", "mve"))
_RISCV, _THUMB = frozenset(("rv32m",)), frozenset(("thumb",))


def _kept(block: Block | Lanes | Nibbles) -> Predicate:
    return four_bit_weights if isinstance(block, Nibbles) else constant_weights


def _conv(size: str, block: Block | Lanes | Nibbles, isa: frozenset[str]) -> Kernel:
    shape = one_group if block.gathers else pointwise
    name = "" if block.gathers else "1x1_"
    gather = ("smg_blocked_gather.inc.h",) if block.gathers else ()
    return Kernel(
        f"smg_conv2d_{name}{size}_s8_portable", "blocked", "conv2d", Conv2D, block.cost, conv_params, isa,
        (int8_elements, _kept(block), shape, requantizable, *block.fits), block.pack, block.scratch,
        includes=(*_PARTS, f"smg_conv2d_{name}blocked.inc.h", *gather), constants=block.constants,
        footprint=block.footprint, unless=_BETTER,
    )  # fmt: skip


def _dense(size: str, block: Block | Lanes | Nibbles, isa: frozenset[str]) -> Kernel:
    return Kernel(
        f"smg_fully_connected_{size}_s8_portable", "blocked", "fully_connected", FullyConnected, block.cost,
        dense_params, isa, (int8_elements, _kept(block), requantizable, *block.fits), block.pack, block.scratch,
        includes=(*_PARTS, "smg_fully_connected_blocked.inc.h"), constants=block.constants,
        footprint=block.footprint, unless=_BETTER,
    )  # fmt: skip


FOUR_BIT = (
    _conv("four_bit_3x4", Nibbles(3, 4), _RISCV),
    _conv("four_bit_3x4", Nibbles(3, 4, gathers=True), _RISCV),
    _conv("four_bit_2x2", Nibbles(2, 2), frozenset()),
    _conv("four_bit_2x2", Nibbles(2, 2, gathers=True), frozenset()),
    _conv("four_bit_1x4", Nibbles(1, 4), frozenset()),
    _dense("four_bit_1x8", Nibbles(1, 8), _RISCV),
    _dense("four_bit_1x4", Nibbles(1, 4), frozenset()),
    _dense("four_bit_1x2", Nibbles(1, 2), frozenset()),
)
KERNELS = (
    _conv("4x4", Block(4, 4), _RISCV),
    _conv("2x2", Block(2, 2), _THUMB),
    _conv("4x4", Block(4, 4, gathers=True), _RISCV),
    _conv("2x2", Block(2, 2, gathers=True), _THUMB),
    _dense("1x8", Block(1, 8), _RISCV),
    _dense("1x2", Block(1, 2), frozenset()),
    _conv("pairs_3x4", Pairs(3, 4), _RISCV),
    _conv("row_pairs_6x2", RowPairs(6, 2), _RISCV),
    _conv("row_pairs_6x2", RowPairs(6, 2, gathers=True), _RISCV),
    _conv("pairs_2x2", Pairs(2, 2), frozenset()),
    _conv("pairs_2x2", Pairs(2, 2, gathers=True), frozenset()),
    _conv("row_pairs_4x1", RowPairs(4, 1), frozenset()),
    _conv("row_pairs_6x1", RowPairs(6, 1), frozenset()),
    _conv("row_pairs_8x1", RowPairs(8, 1), frozenset(("thumb2",))),
    _conv("row_pairs_6x1", RowPairs(6, 1, gathers=True), frozenset()),
    _conv("row_pairs_4x1", RowPairs(4, 1, gathers=True), frozenset()),
    _conv("1x8", Block(1, 8), _RISCV),
    _conv("pairs_1x8", Pairs(1, 8), _RISCV),
    _conv("pairs_1x4", Pairs(1, 4), frozenset()),
    _dense("pairs_1x8", Pairs(1, 8), _RISCV),
    _dense("pairs_1x4", Pairs(1, 4), frozenset()),
    *FOUR_BIT,
)
