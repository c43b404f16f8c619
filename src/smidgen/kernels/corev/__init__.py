# SPDX-License-Identifier: Apache-2.0
"""Kernels for CORE-V: byte dot products, post-increment loads and hardware loops of CV32E40P."""

from __future__ import annotations

from smidgen.kernels.corev import conv2d, depthwise

KERNELS = (*conv2d.KERNELS, *depthwise.KERNELS)
