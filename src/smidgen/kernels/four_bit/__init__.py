# SPDX-License-Identifier: Apache-2.0
"""Convolutions and fully connected layers whose weights lie in flash as four bits each, unpacked in the kernel."""

from __future__ import annotations

from smidgen.kernels.four_bit import block, dense, plain

KERNELS = (*plain.KERNELS, *block.KERNELS, *dense.KERNELS)
