# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import output_params, without_multipliers
from smidgen.kernels.int16 import (
    LAYER,
    block_widths,
    layer_widths,
    pack_groups,
    sums_fit,
    sums_fit_or_multipliers_moderate,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import FullyConnected
from smidgen.ops.accumulators import multipliers
from smidgen.targets.target import Core

BLOCK_CYCLES_PER_EIGHT, BLOCK_CYCLES, CYCLES_PER_OUTPUT = 49.0, 40.0, 30.0
ROW_CYCLES, ROW_BYTE_CYCLES, CYCLES_PER_ROW = 1.5, 2.5, 50.0
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 7.9, 87.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    x, (out_c, in_c) = node["x"].type, node["w"].type.shape
    mult, shift = multipliers(node)
    return {
        "rows": x.elements // in_c, "in_c": in_c, "out_c": out_c,
        "in_offset": -x.zero_point, **output_params(node, node.op.clamp),
        "channel_step": int(mult.size > 1), "mult": mult, "shift": shift,
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def scalar_footprint(node: Node) -> tuple[int, int]:
    return 1000, 200


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def pack(node: Node) -> Mapping[str, Packed]:
    """Four channels interleaved by four inputs; flash grows by rounding up to 4 channels and 8 inputs."""
    return pack_groups(node, 4)


def scratch(node: Node) -> int:
    """One row in int16."""
    return 2 * (-(-node["w"].type.shape[1] // 8) * 8)


def dsp_cost(node: Node, core: Core) -> float:
    """Of each row: blocks of four outputs, outputs, and making it one of int16 where it cannot be read in place."""
    x, (out_c, in_c) = node["x"].type, node["w"].type.shape
    rows, blocks, eights = x.elements // in_c, -(-out_c // 4), -(-in_c // 8)
    widened = ROW_BYTE_CYCLES if x.dtype == "int8" else ROW_CYCLES if in_c % 8 else 0.0
    sums = blocks * (eights * BLOCK_CYCLES_PER_EIGHT + BLOCK_CYCLES) + out_c * CYCLES_PER_OUTPUT
    return rows * (sums + in_c * widened + CYCLES_PER_ROW)


def dsp_footprint(node: Node) -> tuple[int, int]:
    return 1200, 200


KERNELS = (
    Kernel(
        "smg_fully_connected_s16_scalar", "fully_connected", "fully_connected_s16", FullyConnected, scalar_cost, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=scalar_footprint,
    ),
    Kernel(
        "smg_fully_connected_s16_dsp", "fully_connected", "fully_connected_s16", FullyConnected, dsp_cost,
        packed_params, frozenset(("dsp",)), (*LAYER, sums_fit_or_multipliers_moderate), pack, scratch,
        constants=block_widths, footprint=dsp_footprint,
    ),
)  # fmt: skip
