# SPDX-License-Identifier: Apache-2.0
"""Every kernel there is."""

from __future__ import annotations

from smidgen.kernels import (
    add,
    blocked,
    compact,
    concat,
    conv2d,
    conv2d_direct,
    conv2d_few_channels,
    conv2d_stride2,
    corev,
    crop,
    depthwise,
    depthwise_portable,
    four_bit,
    fully_connected,
    lookup,
    mean,
    mul,
    mve,
    pad,
    pointwise,
    pool,
    quantize,
    rescale,
    rvv,
    slide_window,
    small_portable,
    softmax,
    transpose,
    unary,
    winograd,
    winograd_portable,
)
from smidgen.kernels.kernel import Kernel

FAMILIES = (
    add,
    blocked,
    compact,
    concat,
    conv2d,
    conv2d_direct,
    conv2d_few_channels,
    conv2d_stride2,
    corev,
    crop,
    depthwise,
    depthwise_portable,
    four_bit,
    fully_connected,
    lookup,
    mean,
    mul,
    mve,
    pad,
    pointwise,
    pool,
    quantize,
    rescale,
    rvv,
    slide_window,
    small_portable,
    softmax,
    transpose,
    unary,
    winograd,
    winograd_portable,
)
"""One package a family; a new family is added here and nowhere else."""


def all_kernels() -> tuple[Kernel, ...]:
    """The records of all families, in the families' order."""
    return tuple(k for family in FAMILIES for k in family.KERNELS)
