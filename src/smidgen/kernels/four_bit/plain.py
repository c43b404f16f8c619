# SPDX-License-Identifier: Apache-2.0
"""Four-bit weights on any core and in any shape: one nibble at a time."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import accumulator_fits, even_rounding, int8_elements
from smidgen.kernels.conv2d import params as conv_params
from smidgen.kernels.four_bit.storage import four_bit_weights, group_of, grouped_factors, parts
from smidgen.kernels.fully_connected import params as dense_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import Conv2D, FullyConnected
from smidgen.targets.target import Core

# Fitted to modelled cycles of random layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
_CYCLES_PER_MAC, _MORE_WITH_GROUPS = 14.0, 5.0
_CYCLES_PER_OUTPUT = 130.0
_CODE_BYTES = {Conv2D: 700, FullyConnected: 420}
_STACK_BYTES = 160


def pack(node: Node) -> Mapping[str, Packed]:
    """Rows of nibbles, then rows of factors."""
    w, _ = parts(node)
    nibbles = np.pad(w, [(0, 0), (0, w.shape[1] % 2)]).view(np.uint8) & 15
    rows = nibbles[:, 0::2] | nibbles[:, 1::2] << 4
    data = np.concatenate([rows.reshape(-1), grouped_factors(node).reshape(-1)]).view(np.int8)
    return {"w": Packed(np.ascontiguousarray(data))}


def constants(node: Node) -> Mapping[str, int]:
    return {"SMG_GROUP": group_of(node), "SMG_EVEN_TIES": int(even_rounding(node))}


def cost(node: Node, core: Core) -> float:
    each = _CYCLES_PER_MAC + _MORE_WITH_GROUPS * (group_of(node) > 0)
    return node.macs * each + node.output.type.elements * _CYCLES_PER_OUTPUT


def footprint(node: Node) -> tuple[int, int]:
    return _CODE_BYTES[type(node.op)], _STACK_BYTES  # type: ignore[index]  # records of these two ops only


_REQUIRES = (int8_elements, four_bit_weights, accumulator_fits)

KERNELS = (
    Kernel(
        "smg_conv2d_four_bit_s8_scalar", "four_bit", "conv2d", Conv2D, cost, conv_params, requires=_REQUIRES,
        pack=pack, includes=("smg_four_bit_weights.h",), constants=constants, footprint=footprint,
    ),
    Kernel(
        "smg_fully_connected_four_bit_s8_scalar", "four_bit", "fully_connected", FullyConnected, cost, dense_params,
        requires=_REQUIRES, pack=pack, includes=("smg_four_bit_weights.h",), constants=constants, footprint=footprint,
    ),
)  # fmt: skip
