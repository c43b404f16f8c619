# SPDX-License-Identifier: Apache-2.0
"""Kernels that call CMSIS-NN equal Op.evaluate for what their predicates admit. Needs a checkout: CMSIS_NN_PATH."""

from __future__ import annotations

import os
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, chosen_kernels, verify
from smidgen.ir import Array, Graph
from smidgen.ir import verify as verify_graph
from smidgen.kernels import Kernel
from smidgen.kernels.common import double_rounding
from smidgen.targets import Target, load_target
from smidgen.verify import random_inputs
from tests.kernels import nodes
from tests.kernels.admitted import Case
from tests.kernels.test_emulated import Program, make_schedule, named, roomy

CHECKOUT = os.environ.get("CMSIS_NN_PATH")
needs_checkout = pytest.mark.skipif(not CHECKOUT, reason="no checkout of CMSIS-NN: CMSIS_NN_PATH names none")

_DRAWN: dict[type, tuple[Callable[[], st.SearchStrategy[Any]], ...]] = {
    ops.Conv2D: (
        lambda: nodes.conv2d("double", "any"),
        lambda: nodes.conv2d("double", "one group"),
        lambda: nodes.conv2d("double", "1x1"),
        lambda: nodes.conv2d_few_channels("double"),
        lambda: nodes.pointwise(),
    ),
    ops.DepthwiseConv2D: tuple(partial(nodes.depthwise, "double", style) for style in ("any", "one", "3x3", "kxk")),
    ops.FullyConnected: (lambda: nodes.fully_connected("double"), lambda: nodes.dense()),
    ops.AveragePool2D: (lambda: nodes.pool(ops.AveragePool2D, "double"),),
    ops.MaxPool2D: (lambda: nodes.pool(ops.MaxPool2D, "double"),),
    ops.Softmax: (lambda: nodes.softmax("double"),),
    ops.Add: (lambda: nodes.add("double", "same"),),
    ops.Mul: (lambda: nodes.mul("double"),),
}


def drawn(kernel: Kernel, target: Target, count: int) -> list[Case]:
    """``count`` nodes of each kind that the kernel admits, always the same ones."""
    return [case for strategy in _DRAWN[kernel.op] for case in _of(strategy(), kernel, target, count)]


def _of(strategy: st.SearchStrategy[Case], kernel: Kernel, target: Target, count: int) -> list[Case]:
    found: list[Case] = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy)
    def collect(case: Case) -> None:
        assume(kernel.rejects(case[0], target.core) is None)
        found.append(case)

    collect()
    return found[:count]


def check(target: Target, count: int) -> None:
    """Every byte of every step of every kernel is right, and no step writes beside its own buffers."""
    _, kernels = chosen_kernels("cmsis-nn", None, target)
    inputs, graph_nodes, data, forced = [], [], list[Array](), dict[str, str]()
    for k, kernel in enumerate(kernels):
        for i, (plain, arrays) in enumerate(drawn(kernel, target, count)):
            node = named(plain, f"k{k}_{i}", kernel)
            graph_nodes.append(node)
            forced[node.output.name] = kernel.symbol
            variable = [(v, a) for v, a in zip(node.inputs, arrays, strict=True) if v.data is None]
            inputs += [v for v, _ in variable]
            data += [a for _, a in variable]
    graph = Graph(
        "side_by_side", "tflm-int8.v1", tuple(inputs), tuple(n.output for n in graph_nodes), tuple(graph_nodes)
    )
    verify_graph(graph, "lowered")
    schedule = make_schedule(Program(graph, forced, data), {k.symbol: k for k in kernels}, target)
    origin = Origin("random nodes", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    assert sources.library is not None
    found = verify(Compiled(graph, schedule, sources, origin, memory), inputs=[*random_inputs(graph, 5), data])
    assert found.first_divergence is None
    assert (found.mismatches, found.steps) == (0, len(graph_nodes))


@needs_checkout
@pytest.mark.slow
@pytest.mark.parametrize("count", [6, pytest.param(24, marks=pytest.mark.full)])
@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "generic-cortex-m0plus", "m55-reference", "rv32imc"])
def test_equals_the_reference(board: str, count: int) -> None:
    check(_board(board), count)


def _board(name: str) -> Target:
    """With memory for many nodes side by side, but where the simulator has what the board has."""
    return load_target(name) if name == "m55-reference" else roomy(name)


@needs_checkout
@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "generic-cortex-m0plus", "m55-reference"])
def test_records_are_complete(board: str) -> None:
    target = _board(board)
    _, kernels = chosen_kernels("cmsis-nn", None, target)
    assert {k.op for k in kernels} == _DRAWN.keys()
    for kernel in kernels:
        assert kernel.library is not None
        assert kernel.library.sources
        assert all(p.__doc__ for p in kernel.requires)
        assert double_rounding in kernel.requires or kernel.op is ops.MaxPool2D
