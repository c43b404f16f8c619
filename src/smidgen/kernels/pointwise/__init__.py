# SPDX-License-Identifier: Apache-2.0
"""int8 1x1 convolution for cores with DSP instructions and FPU registers."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d import packed_params, pointwise
from smidgen.kernels.fast_requantize import accumulator_bounds, fast_requantize
from smidgen.kernels.kernel import Kernel, Predicate
from smidgen.kernels.pointwise.packing import affine_layer, constants, is_narrow, pack, pairs_of, steps_of
from smidgen.ops import Conv2D
from smidgen.ops.accumulators import channel_weights
from smidgen.targets.target import Core

MOST_OUTPUTS = 1023  # store offsets
MOST_INPUTS = 256  # four chunks of 32 weight words
_DEEP_WORDS = 32


def pixels_of(node: Node) -> int:
    """Pixels of the output, of the whole batch."""
    return node.output.type.elements // node.output.type.shape[-1]


def four_pixels(node: Node) -> bool:
    """There are at least 4 pixels"""
    return pixels_of(node) >= 4


def pairs_fit(node: Node) -> bool:
    """There are 2 to 1023 output channels and at most 256 input channels"""
    out_c, in_c = node.output.type.shape[-1], node["w"].type.shape[-1]
    return 2 <= out_c <= MOST_OUTPUTS and in_c <= MOST_INPUTS


def requantizes(node: Node) -> bool:
    """Each channel's requantisation equals one multiplication and one shift for all accumulators that can occur"""
    return affine_layer(node) is not None or _separable(node)


def _separable(node: Node) -> bool:
    """256 times the accumulators fit 32 bits."""
    return fast_requantize(node) and bool((accumulator_bounds(node) < 1 << 23).all())


def weights_pair(node: Node) -> bool:
    """Two weights of neighbouring channels fit an int16 as 256 times the odd one plus the even one"""
    if is_narrow(node):
        return True
    w = channel_weights(node)
    even, odd = (w[[p[i] for p in pairs_of(len(w))]] for i in range(2))
    return bool((np.abs(256 * odd + even + 0.5) < 1 << 15).all())


def scratch_of(block: int) -> Callable[[Node], int]:
    """Bytes for the activation words of a block and of the last four pixels, and for partial sums."""

    def scratch(node: Node) -> int:
        slots = min(block // 4, pixels_of(node) // 4) + (pixels_of(node) % 4 > 0)
        steps = steps_of(node["w"].type.shape[-1])
        return slots * (16 * steps + 32 * (_chunks(node) > 1))

    return scratch


def overlap_of(block: int) -> Callable[[Node], Mapping[str, int]]:
    """The output may lie over the input: a block's inputs are in scratch before its outputs are written.

    After a block that ends at pixel e the output has e * out_c bytes and the input is needed from e * in_c on; after
    the last, nothing is.
    """

    def overlap(node: Node) -> Mapping[str, int]:
        out_c, in_c = node.output.type.shape[-1], node["w"].type.shape[-1]
        groups = pixels_of(node) // 4
        blocks = -(-groups // (block // 4))
        return {"y": max(0, (out_c - in_c) * (blocks - 1) * block)}

    return overlap


def _deep(node: Node) -> bool:
    parameters = 5 if affine_layer(node) else 8
    return not is_narrow(node) and steps_of(node["w"].type.shape[-1]) + parameters + 2 > _DEEP_WORDS


def _chunks(node: Node) -> int:
    return -(-steps_of(node["w"].type.shape[-1]) // _DEEP_WORDS) if _deep(node) else 1


def cost_of(block: int) -> Callable[[Node, Core], float]:
    def cost(node: Node, core: Core) -> float:
        return 0.0

    return cost


_REQUIRES: tuple[Predicate, ...] = (
    int8_elements, constant_weights, pointwise, four_pixels, pairs_fit, requantizes, weights_pair,
)  # fmt: skip
_SHARED = tuple(f"smg_pointwise_{part}.inc.h" for part in ("shape", "expand", "pairs", "block"))


def _kernel(block: int) -> Kernel:
    return Kernel(
        f"smg_conv2d_1x1_{block}px_s8_m4", "pointwise", "conv2d", Conv2D, cost_of(block), packed_params,
        frozenset(("dsp", "fpu")), _REQUIRES, pack, scratch_of(block),
        overlap=overlap_of(block), includes=_SHARED, constants=constants,
    )  # fmt: skip


KERNELS = tuple(_kernel(block) for block in (16, 32, 64))
