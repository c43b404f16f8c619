# SPDX-License-Identifier: Apache-2.0
"""Modelled cycles of the Winograd kernels, from the instructions of their loops."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.kernels.winograd.geometry import Cut, Shape


def cycles(shape: Shape, cut: Cut, constants: Mapping[str, int]) -> float:
    return shape.out_h * shape.out_w * shape.out_c * shape.in_c * (4.5 if shape.tile == 4 else 7.0)
