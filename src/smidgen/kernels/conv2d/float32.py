# SPDX-License-Identifier: Apache-2.0
"""float32 convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import float_elements, per_mac, window_params
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Conv2D


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


KERNELS = (
    Kernel("smg_conv2d_f32_scalar", "conv2d", "conv2d_f32", Conv2D, per_mac(8, 60), params, requires=(float_elements,)),
)
