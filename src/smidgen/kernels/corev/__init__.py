# SPDX-License-Identifier: Apache-2.0
"""Kernels for CORE-V: byte dot products, post-increment loads and hardware loops of CV32E40P."""

from __future__ import annotations

from smidgen.kernels.corev import add, conv2d, dense, depthwise, three

KERNELS = (*add.KERNELS, *conv2d.KERNELS, *dense.KERNELS, *depthwise.KERNELS, *three.KERNELS)
