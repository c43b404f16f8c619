# SPDX-License-Identifier: Apache-2.0
"""int8 convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import (
    accumulator_fits,
    constant_weights,
    double_rounding,
    even_rounding,
    int8_elements,
    window_params,
)
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

SCALAR_CYCLES_PER_MAC = 9.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def scalar_cost(node: Node, core: Core) -> float:
    return node.macs * SCALAR_CYCLES_PER_MAC


_ANY = (int8_elements, constant_weights, accumulator_fits)

KERNELS = (
    Kernel(
        "smg_conv2d_s8_scalar", "conv2d", "conv2d", Conv2D, scalar_cost, params,
        requires=(double_rounding, *_ANY), includes=("smg_conv2d_scalar.inc.h",),
    ),
    Kernel(
        "smg_conv2d_s8rne_scalar", "conv2d", "conv2d", Conv2D, scalar_cost, params,
        requires=(even_rounding, *_ANY), includes=("smg_conv2d_scalar.inc.h",),
    ),
)  # fmt: skip
