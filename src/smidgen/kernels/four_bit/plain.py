# SPDX-License-Identifier: Apache-2.0
"""Four-bit weights on any core and in any shape, with int8 and int16 activations: a channel's at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node, Op
from smidgen.kernels.common import accumulator_fits, even_rounding, int8_elements
from smidgen.kernels.conv2d import params as conv_params
from smidgen.kernels.four_bit.storage import four_bit_weights, group_of, grouped_factors, parts
from smidgen.kernels.fully_connected import params as dense_params
from smidgen.kernels.int16 import int16_elements, layer_widths
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import Conv2D, FullyConnected
from smidgen.targets.target import Core

# Fitted to modelled cycles of random layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
_CYCLES_PER_MAC = {Conv2D: 8.0, FullyConnected: 7.9}
_CYCLES_PER_OUTPUT = {Conv2D: 239.0, FullyConnected: 100.0}
_CYCLES_PER_WEIGHT = 6.0  # unpacked once
_CODE_BYTES, _MORE_WITH_GROUPS = {Conv2D: 1050, FullyConnected: 720}, 620
_STACK_BYTES = 200


def pack(node: Node) -> Mapping[str, Packed]:
    """Rows of nibbles, then rows of factors."""
    w, _ = parts(node)
    nibbles = np.pad(w, [(0, 0), (0, w.shape[1] % 2)]).view(np.uint8) & 15
    rows = nibbles[:, 0::2] | nibbles[:, 1::2] << 4
    data = np.concatenate([rows.reshape(-1), grouped_factors(node).reshape(-1)]).view(np.int8)
    return {"w": Packed(np.ascontiguousarray(data))}


def constants(node: Node) -> Mapping[str, int]:
    return {"SMG_GROUP": group_of(node), "SMG_EVEN_TIES": int(even_rounding(node))}


def wide_constants(node: Node) -> Mapping[str, int]:
    return {"SMG_GROUP": group_of(node), **layer_widths(node)}


def scratch(node: Node) -> int:
    """An output channel's weights as bytes."""
    return node["w"].type.elements // node["w"].type.shape[0]


def cost(node: Node, core: Core) -> float:
    op = type(node.op)
    assert op is Conv2D or op is FullyConnected
    each = node.macs * _CYCLES_PER_MAC[op] + node.output.type.elements * _CYCLES_PER_OUTPUT[op]
    return each + node["w"].type.elements * _CYCLES_PER_WEIGHT


def footprint(node: Node) -> tuple[int, int]:
    op = type(node.op)
    assert op is Conv2D or op is FullyConnected
    wide = 730 * (op is Conv2D and node.output.type.dtype == "int16")
    return _CODE_BYTES[op] + _MORE_WITH_GROUPS * (group_of(node) > 0) + wide, _STACK_BYTES


def _record(op: type[Op], wide: bool) -> Kernel:
    contract, shape = ("conv2d", "conv2d") if op is Conv2D else ("fully_connected", "rows")
    dtype = "s16" if wide else "s8"
    requires = (even_rounding, int16_elements) if wide else (int8_elements, accumulator_fits)
    return Kernel(
        f"smg_{contract}_four_bit_{dtype}_scalar", "four_bit", f"{contract}_s16" if wide else contract, op, cost,
        conv_params if op is Conv2D else dense_params, requires=(four_bit_weights, *requires), pack=pack,
        scratch=scratch, constants=wide_constants if wide else constants, footprint=footprint,
        includes=("smg_four_bit_weights.h", f"smg_four_bit_{shape}.inc.h", f"smg_four_bit_output_{dtype}.h"),
    )  # fmt: skip


KERNELS = tuple(_record(op, wide) for wide in (False, True) for op in (Conv2D, FullyConnected))
