# SPDX-License-Identifier: Apache-2.0
"""int8 layers for cores with Armv8.1-M vectors (Helium, MVE-I)."""

from __future__ import annotations

from smidgen.kernels.mve import addition, convolution, dense, depthwise, depthwise_any, pooling

KERNELS = (
    *addition.KERNELS,
    *convolution.KERNELS,
    *dense.KERNELS,
    *depthwise.KERNELS,
    *depthwise_any.KERNELS,
    *pooling.KERNELS,
)
