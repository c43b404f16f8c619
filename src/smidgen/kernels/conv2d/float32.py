# SPDX-License-Identifier: Apache-2.0
"""float32 convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import constant_parameters, float_elements, pack_quads, per_mac, slowed, window_params
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def one_group(node: Node) -> bool:
    """There is one group"""
    assert isinstance(node.op, Conv2D)
    return node.op.groups == 1


def flat_params(node: Node) -> Mapping[str, ParamValue]:
    """The pixels of a 1x1 convolution as one line."""
    p, op = params(node), node.op
    assert isinstance(op, Conv2D)
    if node["w"].type.shape[1:3] != (1, 1) or op.stride != (1, 1) or any(op.padding):
        return p
    pixels = node.output.type.elements // node.output.type.shape[-1]
    return {**p, "batch": 1, "in_h": 1, "out_h": 1, "in_w": pixels, "out_w": pixels, "by_columns": 0}


def cost(node: Node, core: Core) -> float:
    quads = -(-node.output.type.shape[-1] // 4)
    return slowed(node.macs / node.output.type.shape[-1] * 4 * quads * 2.9, core)


KERNELS = (
    Kernel("smg_conv2d_f32_scalar", "conv2d", "conv2d_f32", Conv2D, per_mac(8, 60), params, requires=(float_elements,)),
    Kernel(
        "smg_conv2d_f32_fpu",
        "conv2d",
        "conv2d_f32",
        Conv2D,
        cost,
        flat_params,
        frozenset(("fpu",)),
        (float_elements, constant_parameters, one_group),
        pack_quads,
    ),
)
