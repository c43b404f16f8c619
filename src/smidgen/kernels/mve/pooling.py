# SPDX-License-Identifier: Apache-2.0
"""Maximum pooling sixteen channels at a time, TFLite's average pooling eight at a time."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial

from smidgen.ir import Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import double_rounding, int8_elements
from smidgen.kernels.kernel import Kernel
from smidgen.kernels.mve.streams import MVE
from smidgen.kernels.pool import params
from smidgen.ops import AveragePool2D, MaxPool2D
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core


def few_elements(node: Node) -> bool:
    """Windows have at most 255 elements"""
    op = node.op
    assert isinstance(op, AveragePool2D)
    return op.kernel[0] * op.kernel[1] <= 255


def constants(node: Node) -> Mapping[str, int]:
    assert isinstance(node.op, MaxPool2D | AveragePool2D)
    lo, hi = int_bounds(node.op.clamp)
    return {"SMG_CHANNELS": node["x"].type.shape[3], "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}


def cost(node: Node, core: Core, together: int) -> float:
    """Instructions of ``together`` channels of an element, of a window's row and of a window, by class."""
    op, channels = node.op, node["x"].type.shape[3]
    assert isinstance(op, MaxPool2D | AveragePool2D)
    element = Classes(load=1, alu=2 + (channels % together > 0), branch=1)
    row = element * op.kernel[1] + Classes(alu=7, branch=1)
    finish = Classes(alu=14 if together == 16 else 32, load=2, store=2, branch=1)
    window = row * op.kernel[0] + finish
    pixel = window * (-(-channels // together)) + Classes(alu=30, load=10, branch=2)
    return (pixel * (node.output.type.elements // channels)).cycles(core) + 50


def footprint(node: Node) -> tuple[int, int]:
    return 420, 160


def _kernel(symbol: str, op: type[MaxPool2D] | type[AveragePool2D], together: int) -> Kernel:
    needs = (double_rounding, int8_elements, few_elements) if op is AveragePool2D else (int8_elements,)
    return Kernel(
        symbol, "mve", "pool", op, partial(cost, together=together), params, MVE, needs,
        constants=constants, footprint=footprint,
    )  # fmt: skip


KERNELS = (
    _kernel("smg_maxpool_s8_mve", MaxPool2D, 16),
    _kernel("smg_avgpool_s8_mve", AveragePool2D, 8),
)
