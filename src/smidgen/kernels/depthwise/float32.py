# SPDX-License-Identifier: Apache-2.0
"""float32 depthwise convolution."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels import half
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.float32 import (
    constant_parameters,
    float_elements,
    packed_bias,
    slowed,
    whole_weights,
    window_params,
)
from smidgen.kernels.float32_cost import work
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import DepthwiseConv2D
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, DepthwiseConv2D)
    return {**window_params(node), "multiplier": node.op.multiplier(node.types)}


def scalar_cost(node: Node, core: Core) -> float:
    """Taps, rows of taps, outputs."""
    kh, kw = node["w"].type.shape[:2]
    return slowed(node.output.type.elements * (kh * kw * 14 + kh * 67 + 94), core)


def one_to_one(node: Node) -> bool:
    """Each input channel makes one output channel, and there are at least four"""
    return 4 <= node["x"].type.shape[3] == node["w"].type.shape[2]


def pack(node: Node) -> Mapping[str, Packed]:
    """The weights as they are; a bias in any case."""
    return {"b": packed_bias(node)}


def cost(node: Node, core: Core) -> float:
    """Channels by four; within 13 % on layers of many shapes."""
    (n, _, _, c), w = node["x"].type.shape, work(node)
    each = -(-c // 4) * w.cycles((73.7, 25, -15, 34, 207, 130)) + 242 * (w.blocks + w.singles)
    return slowed(each * n, core)


def flash_use(node: Node) -> FlashUse:
    """Every block and single pixel reads its taps' weights anew."""
    (n, _, _, c), w = node["x"].type.shape, work(node)
    return FlashUse(max(4 * c * (w.block_taps + w.single_taps) * n - node["w"].type.nbytes, 0))


def half_pack(node: Node) -> Mapping[str, Packed]:
    """Weights (k_h, k_w, in_c) as words of (in_c / 4, k_h, k_w, 4), the last four overlapping; a bias in any case."""
    w, c = node["w"].constant, node["x"].type.shape[3]
    starts = [*range(0, c - 4, 4), c - 4]
    return {"w": Packed(half.words(np.stack([w[..., at : at + 4] for at in starts]))), "b": packed_bias(node)}


def half_scalar_cost(node: Node, core: Core) -> float:
    """And a conversion for each product."""
    return scalar_cost(node, core) + half.conversions(node, core)


def half_cost(node: Node, core: Core) -> float:
    """As for float32 weights, and a conversion for each four of them that is read."""
    (n, _, _, c), w = node["x"].type.shape, work(node)
    return cost(node, core) + slowed(half.FOUR * -(-c // 4) * (w.block_taps + w.single_taps) * n, core)


def half_flash_use(node: Node) -> FlashUse:
    """Half of it."""
    return half.flash_use(flash_use(node))


KERNELS = (
    Kernel("smg_depthwise_f32_scalar", "depthwise", "depthwise_f32", DepthwiseConv2D, scalar_cost, params,
           requires=(float_elements, whole_weights),
           includes=("smg_depthwise_f32_scalar.inc.h",)),
    Kernel("smg_depthwise_f32_fpu", "depthwise", "depthwise_f32", DepthwiseConv2D, cost, params, frozenset(("fpu",)),
           (float_elements, whole_weights, constant_parameters, one_to_one), pack, flash_use=flash_use,
           includes=("smg_depthwise_f32_fpu.inc.h",)),
    Kernel("smg_depthwise_half_f32_scalar", "depthwise", "depthwise_f16", DepthwiseConv2D, half_scalar_cost, params,
           requires=(float_elements, half.half_weights), pack=half.pack, includes=("smg_depthwise_f32_scalar.inc.h",)),
    Kernel("smg_depthwise_half_f32_fpu", "depthwise", "depthwise_f16", DepthwiseConv2D, half_cost, params,
           frozenset(("fpu",)), (float_elements, half.half_weights, one_to_one), half_pack, flash_use=half_flash_use,
           includes=("smg_depthwise_f32_fpu.inc.h",)),
)  # fmt: skip
