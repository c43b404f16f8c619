# SPDX-License-Identifier: Apache-2.0
"""int8 convolutions with stride 2 or more: 3x3 with 25/36 of the products, and 1x1."""

from __future__ import annotations

from smidgen.kernels.conv2d_stride2 import strided_1x1, tiles_3x3

KERNELS = (*tiles_3x3.KERNELS[:1], *strided_1x1.KERNELS, *tiles_3x3.KERNELS[1:])
