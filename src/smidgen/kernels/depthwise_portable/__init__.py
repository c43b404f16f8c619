# SPDX-License-Identifier: Apache-2.0
"""int8 depthwise convolution in C for cores without SIMD instructions."""

from __future__ import annotations

from smidgen.kernels.depthwise_portable import three, window

KERNELS = (*three.KERNELS, *window.KERNELS)
