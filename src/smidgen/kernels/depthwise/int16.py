# SPDX-License-Identifier: Apache-2.0
"""Depthwise convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import window_params
from smidgen.kernels.int16 import LAYER, layer_widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core

SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 35.0, 180.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def scalar_footprint(node: Node) -> tuple[int, int]:
    return 1000, 200


KERNELS = (
    Kernel(
        "smg_depthwise_s16_scalar", "depthwise", "depthwise_s16", DepthwiseConv2D, scalar_cost, params,
        requires=LAYER, constants=layer_widths, footprint=scalar_footprint,
    ),
)  # fmt: skip
