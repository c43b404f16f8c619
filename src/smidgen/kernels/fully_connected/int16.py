# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from smidgen.ir import Node
from smidgen.kernels.common import output_params, without_multipliers
from smidgen.kernels.int16 import (
    LAYER,
    Sizes,
    block_widths,
    layer_widths,
    measured,
    pack_groups,
    scalar_cost,
    scalar_footprint,
    sums_fit,
    sums_fit_or_multipliers_moderate,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import FullyConnected
from smidgen.ops.accumulators import multipliers
from smidgen.targets.target import Core

# Fitted to modelled cycles of 36 random layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3: within 4 %.
EIGHT_CYCLES, BLOCK_CYCLES, OUTPUT_CYCLES = 51.1, 14.7, (34.7, 28.7, 183.0)  # a block: four outputs
ROW_CYCLES, COPY_CYCLES, COPY_BYTE_CYCLES, CALL_CYCLES = 60.5, 2.5, 1.9, 110.0
SCALAR_COST = partial(scalar_cost, mac=8.8, output=50.0)


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    x, (out_c, in_c) = node["x"].type, node["w"].type.shape
    mult, shift = multipliers(node)
    return {
        "rows": x.elements // in_c, "in_c": in_c, "out_c": out_c,
        "in_offset": -x.zero_point, **output_params(node, node.op.clamp),
        "channel_step": int(mult.size > 1), "mult": mult, "shift": shift,
    }  # fmt: skip


SCALAR_SIZES: Sizes = {
    (16, 16, 32): (528, 104), (16, 16, 64): (644, 108), (16, 8, 32): (536, 68), (16, 8, 64): (620, 72),
    (8, 16, 32): (516, 96),
}  # fmt: skip
DSP_SIZES: Sizes = {
    (16, 16, 32): (980, 104), (16, 16, 64): (1336, 184), (16, 8, 32): (1044, 112), (16, 8, 64): (1336, 184),
    (8, 16, 32): (1304, 104), (8, 16, 64): (1692, 192),
}  # fmt: skip


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
    copied = COPY_BYTE_CYCLES if x.dtype == "int8" else COPY_CYCLES if in_c % 8 else 0.0
    outputs = out_c * OUTPUT_CYCLES[block_widths(node)["SMG_OUTPUT"]]
    return CALL_CYCLES + rows * (blocks * (eights * EIGHT_CYCLES + BLOCK_CYCLES) + outputs + in_c * copied + ROW_CYCLES)


def dsp_footprint(node: Node) -> tuple[int, int]:
    return measured(node, block_widths(node), DSP_SIZES)


KERNELS = (
    Kernel(
        "smg_fully_connected_s16_scalar", "fully_connected", "fully_connected_s16", FullyConnected, SCALAR_COST, params,
        requires=(*LAYER, sums_fit), constants=layer_widths, footprint=partial(scalar_footprint, sizes=SCALAR_SIZES),
    ),
    Kernel(
        "smg_fully_connected_s16_dsp", "fully_connected", "fully_connected_s16", FullyConnected, dsp_cost,
        packed_params, frozenset(("dsp",)), (*LAYER, sums_fit_or_multipliers_moderate), pack, scratch,
        constants=block_widths, footprint=dsp_footprint,
    ),
)  # fmt: skip
