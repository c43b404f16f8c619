# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import output_params
from smidgen.kernels.int16 import LAYER, layer_widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import FullyConnected
from smidgen.ops.accumulators import multipliers
from smidgen.targets.target import Core

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


KERNELS = (
    Kernel(
        "smg_fully_connected_s16_scalar", "fully_connected", "fully_connected_s16", FullyConnected, scalar_cost, params,
        requires=LAYER, constants=layer_widths, footprint=scalar_footprint,
    ),
)  # fmt: skip
