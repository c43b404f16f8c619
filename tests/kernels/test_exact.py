# SPDX-License-Identifier: Apache-2.0
"""Every kernel equals Op.evaluate on random nodes that its own predicates admit."""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Rounding
from smidgen.kernels import Kernel
from smidgen.kernels.registry import all_kernels
from smidgen.targets.target import Core
from tests.kernels import nodes
from tests.kernels.host import run

CORE = Core("every", "every feature", frozenset({"dsp", "fpv4-sp"}), "", (), {}, {})
CASES = 150
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


def strategy(kernel: Kernel) -> st.SearchStrategy[Any]:
    """Nodes that the kernel has a fair chance to admit."""
    rounding: Rounding = "even" if "rne" in kernel.symbol else "double"
    if kernel.op is ops.Conv2D:
        style = "1x1" if "1x1" in kernel.symbol else "any" if "scalar" in kernel.symbol else "one group"
        return nodes.conv2d(rounding, style)
    if kernel.op is ops.DepthwiseConv2D:
        style = "3x3" if "3x3" in kernel.symbol else "any" if "scalar" in kernel.symbol else "one"
        return nodes.depthwise(rounding, style)
    if kernel.op is ops.Add:
        return nodes.add(rounding, "any" if "scalar" in kernel.symbol else "same")
    if kernel.op is ops.Mean:
        return nodes.mean(rounding, "any")
    if kernel.op in (ops.MaxPool2D, ops.AveragePool2D):
        return nodes.pool(kernel.op, rounding)
    return _PLAIN[kernel.op](rounding)


@dataclass
class Tally:
    cases: int = 0
    outputs: int = 0
    saturated: int = 0


@pytest.mark.parametrize("kernel", all_kernels(), ids=lambda k: k.symbol)
def test_equals_evaluate(kernel: Kernel, library: ctypes.CDLL) -> None:
    tally = Tally()

    @settings(max_examples=CASES, deadline=None, derandomize=True, database=None,
              suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])  # fmt: skip
    @given(strategy(kernel))
    def check(case: Any) -> None:
        node, arrays = case
        assume(kernel.rejects(node, CORE) is None)
        (want,) = node.op.evaluate(node.types, arrays)
        np.testing.assert_array_equal(run(library, kernel, node, arrays), want)
        if kernel.inplace:
            np.testing.assert_array_equal(run(library, kernel, node, arrays, in_place=True), want)
        tally.cases += 1
        tally.outputs += want.size
        tally.saturated += int(((want == -128) | (want == 127)).sum())

    check()
    assert tally.cases >= CASES // 2, f"only {tally.cases} cases were admitted"
    assert tally.saturated < 0.6 * tally.outputs, f"{tally.saturated} of {tally.outputs} outputs are saturated"
