# SPDX-License-Identifier: Apache-2.0
"""Kernels for RISC-V vectors (V 1.0), strip-mined for any VLEN.

Costs are instructions where VLEN is 128. Instructions are not cycles: a vector instruction takes as long as a core's
lanes are narrow, a strided load mostly as long as it has elements.
"""

from __future__ import annotations

from smidgen.kernels.rvv import channels, depthwise, planes, small

KERNELS = (*channels.KERNELS, *planes.KERNELS, *depthwise.KERNELS, *small.KERNELS)
