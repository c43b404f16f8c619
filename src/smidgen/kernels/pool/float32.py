# SPDX-License-Identifier: Apache-2.0
"""float32 maximum and average pooling."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import clip_params, float_elements, slowed
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import AveragePool2D, MaxPool2D
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    (n, ih, iw, c), (_, oh, ow, _) = node["x"].type.shape, node.output.type.shape
    whole = isinstance(op, AveragePool2D) and op.count_include_pad
    return {
        "batch": n, "in_h": ih, "in_w": iw, "in_c": c, "out_h": oh, "out_w": ow,
        "k_h": op.kernel[0], "k_w": op.kernel[1], "stride_h": op.stride[0], "stride_w": op.stride[1],
        "pad_t": op.padding[0], "pad_l": op.padding[1], "divisor": op.kernel[0] * op.kernel[1] if whole else 0,
        **clip_params(op.clamp),
    }  # fmt: skip


def cost(node: Node, core: Core) -> float:
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    return slowed(node.output.type.elements * (op.kernel[0] * op.kernel[1] * 15 + 110), core)


KERNELS = (
    Kernel("smg_maxpool_f32_scalar", "pool", "pool_f32", MaxPool2D, cost, params,
           requires=(float_elements,)),
    Kernel("smg_avgpool_f32_scalar", "pool", "pool_f32", AveragePool2D, cost, params,
           requires=(float_elements,)),
)  # fmt: skip
