# SPDX-License-Identifier: Apache-2.0
"""Convolution with int16 activations."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import window_params
from smidgen.kernels.int16 import LAYER, layer_widths
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 8.0, 239.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT


def scalar_footprint(node: Node) -> tuple[int, int]:
    return 1000, 200


KERNELS = (
    Kernel(
        "smg_conv2d_s16_scalar", "conv2d", "conv2d_s16", Conv2D, scalar_cost, params,
        requires=LAYER, constants=layer_widths, footprint=scalar_footprint,
    ),
)  # fmt: skip
