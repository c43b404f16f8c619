# SPDX-License-Identifier: Apache-2.0
"""int8 1x1 convolution for cores with DSP instructions and FPU registers."""

from __future__ import annotations

from functools import partial

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d import packed_params
from smidgen.kernels.conv2d.shapes import pointwise
from smidgen.kernels.fast_requantize import accumulator_bounds, fast_requantize
from smidgen.kernels.four_bit.storage import four_bit_weights
from smidgen.kernels.kernel import Kernel, Predicate
from smidgen.kernels.pointwise import four_bit
from smidgen.kernels.pointwise.figures import cost, flash_use, footprint, overlap, pixels_of, scratch
from smidgen.kernels.pointwise.packing import affine_layer, constants, is_narrow, pack, pairs_of
from smidgen.ops import Conv2D
from smidgen.ops.accumulators import channel_weights

MOST_OUTPUTS = 1023  # store offsets
MOST_INPUTS = 256  # four chunks of 32 weight words


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


_SHAPES: tuple[Predicate, ...] = (pointwise, four_pixels, pairs_fit, requantizes, weights_pair)
_PARTS = ("shape", "expand", "pairs", "pixel")
_SHARED, _FOUR_BIT = (tuple(f"smg_pointwise_{p}.inc.h" for p in (*_PARTS, last)) for last in ("block", "four_bit"))


def _kernel(kilobytes: int) -> Kernel:
    """Activation words of a block take so many kilobytes at most: more is faster, for weights are read once a block."""
    nbytes = 1024 * kilobytes
    return Kernel(
        f"smg_conv2d_1x1_{kilobytes}k_s8_m4", "pointwise", "conv2d", Conv2D, partial(cost, nbytes=nbytes),
        packed_params, frozenset(("dsp", "fpu")), (int8_elements, constant_weights, *_SHAPES), pack,
        partial(scratch, nbytes=nbytes),
        overlap=partial(overlap, nbytes=nbytes), includes=_SHARED, constants=partial(constants, nbytes=nbytes),
        footprint=footprint, flash_use=partial(flash_use, nbytes=nbytes),
    )  # fmt: skip


def _four_bit_kernel(kilobytes: int) -> Kernel:
    """The same from weights in four bits, unpacked once a block."""
    nbytes = 1024 * kilobytes
    return Kernel(
        f"smg_conv2d_1x1_four_bit_{kilobytes}k_s8_m4", "pointwise", "conv2d", Conv2D,
        partial(four_bit.cost, nbytes=nbytes), packed_params, frozenset(("dsp", "fpu")),
        (int8_elements, four_bit_weights, *_SHAPES), four_bit.pack, partial(four_bit.scratch, nbytes=nbytes),
        overlap=partial(overlap, nbytes=nbytes), includes=_FOUR_BIT,
        constants=partial(four_bit.four_bit_constants, nbytes=nbytes), footprint=four_bit.footprint,
        flash_use=partial(four_bit.flash_use, nbytes=nbytes),
    )  # fmt: skip


FOUR_BIT = tuple(_four_bit_kernel(kilobytes) for kilobytes in (2, 8))
KERNELS = (*(_kernel(kilobytes) for kilobytes in (1, 2, 4, 8)), *FOUR_BIT)
