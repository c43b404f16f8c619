# SPDX-License-Identifier: Apache-2.0
"""Operations between the large layers, in C for cores without SIMD instructions."""

from __future__ import annotations

from smidgen.kernels.small_portable import add, pool

KERNELS = (*add.KERNELS, *pool.KERNELS)
