# SPDX-License-Identifier: Apache-2.0
"""For each kernel, random nodes that it has a fair chance to admit."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node, Rounding
from smidgen.kernels import Kernel
from smidgen.targets.target import Core
from tests.kernels import nodes, strided, winograd_nodes

_STRIDED: dict[str, tuple[tuple[str, Callable[[], st.SearchStrategy[Any]]], ...]] = {
    "conv2d_direct": (("", strided.direct),),
    "winograd": (("small", lambda: winograd_nodes.three_by_three(True)), ("", winograd_nodes.three_by_three)),
    "fully_connected": (("1x1_rows", nodes.pointwise), ("s8_m4", nodes.dense)),
    "pointwise": (("", nodes.pointwise),),
    "conv2d_stride2": (("3x3", strided.stride2_3x3), ("1x1", strided.pointwise)),
}
"""Family to the nodes of its kernels, by part of their symbols."""
EVERY_FEATURE = Core("every", "every feature", frozenset({"dsp", "fpu"}), "", (), {}, {})
_PLAIN: dict[type, Callable[[Rounding], st.SearchStrategy[Any]]] = {
    ops.FullyConnected: nodes.fully_connected,
    ops.Mul: nodes.mul,
    ops.Softmax: nodes.softmax,
    ops.Lookup: nodes.lookup,
    ops.Pad: nodes.pad,
    ops.Transpose: nodes.transpose,
    ops.Concat: nodes.concat,
    ops.Quantize: nodes.quantize,
    ops.Dequantize: nodes.dequantize,
}


def strategy(kernel: Kernel) -> st.SearchStrategy[tuple[Node, list[Array]]]:
    """Nodes with data for every operand; ``Kernel.rejects`` has the last word."""
    for part, drawn in _STRIDED.get(kernel.family, ()):
        if part in kernel.symbol:
            return drawn()
    if kernel.constants is not None:  # the rounding is one of the constants
        return st.one_of(_of_rounding(kernel, "double"), _of_rounding(kernel, "even"))
    return _of_rounding(kernel, "even" if "rne" in kernel.symbol else "double")


def _of_rounding(kernel: Kernel, rounding: Rounding) -> st.SearchStrategy[tuple[Node, list[Array]]]:
    any_shape = "scalar" in kernel.symbol
    if kernel.family == "conv2d_few_channels":
        return nodes.conv2d_few_channels(rounding)
    if kernel.op is ops.Conv2D:
        return nodes.conv2d(rounding, "1x1" if "1x1" in kernel.symbol else "any" if any_shape else "one group")
    if kernel.op is ops.DepthwiseConv2D:
        styles = {"3x3s1": "3x3s1", "3x3s2": "3x3s2", "3x3": "3x3", "kxk": "kxk", "direct": "kxk", "scalar": "any"}
        return nodes.depthwise(rounding, next((s for name, s in styles.items() if name in kernel.symbol), "one"))
    if kernel.op is ops.Add:
        return nodes.add(rounding, "any" if any_shape else "same")
    if kernel.op is ops.Mean:
        return nodes.mean(rounding, "any")
    if kernel.op in (ops.MaxPool2D, ops.AveragePool2D):
        return nodes.pool(kernel.op, rounding)
    return _PLAIN[kernel.op](rounding)


def draw_nodes(kernel: Kernel, count: int) -> list[tuple[Node, list[Array]]]:
    """``count`` nodes that the kernel admits, always the same ones, with their data; fewer if too few are found."""
    found: list[tuple[Node, list[Array]]] = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy(kernel))
    def collect(case: tuple[Node, list[Array]]) -> None:
        assume(kernel.rejects(case[0], EVERY_FEATURE) is None)
        found.append(case)

    collect()
    return found[:count]
