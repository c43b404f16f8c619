# SPDX-License-Identifier: Apache-2.0
"""Pooling and means of eight channels at a time."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from smidgen.ir import Node
from smidgen.kernels import mean
from smidgen.kernels.classes import Classes, strained
from smidgen.kernels.common import double_rounding, even_rounding, int8_elements
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.pool import params, params_rne, window_sum_fits
from smidgen.ops import AveragePool2D, MaxPool2D, Mean
from smidgen.targets.target import Core

_MOST_ELEMENTS = 4000
_BLOCK = Classes(alu=50, load=24, store=22, branch=14)  # besides the elements and the outputs of eight channels


def eight_channels(node: Node) -> bool:
    """There are at least eight channels"""
    return node["x"].type.shape[3] >= 8


def few_elements(node: Node) -> bool:
    """The windows have at most 4000 elements"""
    op = node.op
    assert isinstance(op, AveragePool2D)
    _, h, w, _ = node["x"].type.shape
    return min(op.kernel[0], h) * min(op.kernel[1], w) <= _MOST_ELEMENTS


def eight_behind(node: Node) -> bool:
    """At least eight elements lie behind the mean's dimensions"""
    op = node.op
    assert isinstance(op, Mean)
    return math.prod(node["x"].type.shape[op.last + 1 :]) >= 8


_ELEMENT = {MaxPool2D: Classes(alu=1, load=1, branch=1), AveragePool2D: Classes(alu=1, load=1)}


def cost(node: Node, core: Core) -> float:
    """Of each window: every element of eight channels, and the eight outputs."""
    op = node.op
    assert isinstance(op, MaxPool2D | AveragePool2D)
    channels = node["x"].type.shape[3]
    even = isinstance(op, AveragePool2D) and op.rounding == "even"
    pixel = _ELEMENT[type(op)] * 8 + Classes(alu=2, branch=1)
    output = Classes(alu=30 if even else 14, multiply=2, load=1, store=1, branch=3)
    block = pixel * (op.kernel[0] * op.kernel[1]) + output * 8 + _BLOCK
    divided = core.cycles["divide"] * isinstance(op, AveragePool2D)
    windows = node.output.type.elements // channels
    return windows * (-(-channels // 8) * (strained(block.cycles(core), core, 2.5) + divided) + 40)


def mean_cost(node: Node, core: Core) -> float:
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    inner = math.prod(x.shape[op.last + 1 :])
    pixel = Classes(alu=10, load=8, branch=1)
    block = pixel * op.count(x) + Classes(alu=30, multiply=2, load=8, store=1, branch=4) * 8 + _BLOCK
    return math.prod(x.shape[: op.first]) * -(-inner // 8) * strained(block.cycles(core), core, 2.5)


def _kernel(
    symbol: str,
    contract: str,
    op: type[MaxPool2D] | type[AveragePool2D],
    of: Callable[[Node], Mapping[str, ParamValue]],
    *requires: Callable[[Node], bool],
) -> Kernel:
    return Kernel(
        symbol, "small_portable", contract, op, cost, of, requires=(*requires, int8_elements, eight_channels),
        includes=("smg_eight_channels.inc.h", "smg_pool_eight.inc.h"), unless=frozenset(("dsp",)),
    )  # fmt: skip


def _mean(symbol: str, rounding: Callable[[Node], bool]) -> Kernel:
    return Kernel(
        symbol, "small_portable", "mean", Mean, mean_cost, mean.params,
        requires=(rounding, int8_elements, eight_behind, mean.sum_fits),
        includes=("smg_eight_channels.inc.h", "smg_mean_eight.inc.h"), unless=frozenset(("dsp",)),
    )  # fmt: skip


KERNELS = (
    _kernel("smg_maxpool_s8_portable", "pool", MaxPool2D, params),
    _kernel("smg_avgpool_s8_portable", "pool", AveragePool2D, params, double_rounding, few_elements),
    _kernel("smg_avgpool_s8rne_portable", "avgpoolrne", AveragePool2D, params_rne, even_rounding, window_sum_fits),
    _mean("smg_mean_s8_portable", double_rounding),
    _mean("smg_mean_s8rne_portable", even_rounding),
)
