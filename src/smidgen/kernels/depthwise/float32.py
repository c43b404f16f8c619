# SPDX-License-Identifier: Apache-2.0
"""float32 depthwise convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import float_elements, per_mac, window_params
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import DepthwiseConv2D


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


KERNELS = (
    Kernel("smg_depthwise_f32_scalar", "depthwise", "depthwise_f32", DepthwiseConv2D, per_mac(12, 60), params,
           requires=(float_elements,)),
)  # fmt: skip
