# SPDX-License-Identifier: Apache-2.0
"""float32 convolution."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels import half
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.float32 import (
    constant_parameters,
    float_elements,
    pack_quads,
    slowed,
    whole_weights,
    window_params,
)
from smidgen.kernels.float32_cost import flat, work
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**window_params(node), "groups": node.op.groups}


def scalar_cost(node: Node, core: Core) -> float:
    """Multiply-accumulates, taps, rows of taps, outputs."""
    kh, kw = node["w"].type.shape[1:3]
    return slowed(node.macs * 7 + node.output.type.elements * (kh * kw * 22 + kh * 50 + 60), core)


def one_group(node: Node) -> bool:
    """There is one group"""
    assert isinstance(node.op, Conv2D)
    return node.op.groups == 1


def flat_params(node: Node) -> Mapping[str, ParamValue]:
    """The pixels of a 1x1 convolution as one line."""
    if not flat(node):
        return params(node)
    pixels = node.output.type.elements // node.output.type.shape[-1]
    line = {"batch": 1, "in_h": 1, "out_h": 1, "in_w": pixels, "out_w": pixels, "by_columns": 0}
    return {**params(node), **line}


def cost(node: Node, core: Core) -> float:
    """Channels by four; within 8 % on layers of many shapes (KWS, IC, SWW, VWW and 25 random ones)."""
    (n, _, _, in_c), out_c, w = node["x"].type.shape, node.output.type.shape[-1], work(node)
    each = -(-out_c // 4) * w.cycles((45, 14.4, 20, 5, 181, 136), in_c) + 296 * (w.blocks + w.singles)
    return slowed(each * (1 if flat(node) else n), core)


def flash_use(node: Node) -> FlashUse:
    """Every block and single pixel reads its taps' weights anew."""
    (n, _, _, in_c), out_c, w = node["x"].type.shape, node.output.type.shape[-1], work(node)
    quads = -(-out_c // 4)
    read = 16 * quads * in_c * (w.block_taps + w.single_taps) * (1 if flat(node) else n)
    return FlashUse(max(read - 16 * quads * node["w"].type.elements // out_c, 0))


def half_scalar_cost(node: Node, core: Core) -> float:
    """And a conversion for each product."""
    return scalar_cost(node, core) + half.conversions(node, core)


def half_cost(node: Node, core: Core) -> float:
    """As for float32 weights, and a conversion for each four of them that is read."""
    (n, _, _, in_c), out_c, w = node["x"].type.shape, node.output.type.shape[-1], work(node)
    fours = -(-out_c // 4) * in_c * (w.block_taps + w.single_taps)
    return cost(node, core) + slowed(half.FOUR * fours * (1 if flat(node) else n), core)


def half_flash_use(node: Node) -> FlashUse:
    """Half of it."""
    return half.flash_use(flash_use(node))


KERNELS = (
    Kernel("smg_conv2d_f32_scalar", "conv2d", "conv2d_f32", Conv2D, scalar_cost, params,
           requires=(float_elements, whole_weights),
           includes=("smg_conv2d_f32_scalar.inc.h",)),
    Kernel("smg_conv2d_f32_fpu", "conv2d", "conv2d_f32", Conv2D, cost, flat_params, frozenset(("fpu",)),
           (float_elements, whole_weights, constant_parameters, one_group), pack_quads, flash_use=flash_use,
           includes=("smg_conv2d_f32_fpu.inc.h",)),
    Kernel("smg_conv2d_half_f32_scalar", "conv2d", "conv2d_f16", Conv2D, half_scalar_cost, params,
           requires=(float_elements, half.half_weights), pack=half.pack, includes=("smg_conv2d_f32_scalar.inc.h",)),
    Kernel("smg_conv2d_half_f32_fpu", "conv2d", "conv2d_f16", Conv2D, half_cost, flat_params, frozenset(("fpu",)),
           (float_elements, half.half_weights, one_group), half.pack_quads, flash_use=half_flash_use,
           includes=("smg_conv2d_f32_fpu.inc.h",)),
)  # fmt: skip
