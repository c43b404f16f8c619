# SPDX-License-Identifier: Apache-2.0
"""Every kernel as built for a Cortex-M4F equals Op.evaluate on the emulated core, and writes nowhere else.

The host tests see the portable branches of include/*.h only; here the intrinsics and the assembly run.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from dataclasses import dataclass, replace
from types import ModuleType

import numpy as np
import pytest

from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, verify
from smidgen.ir import Array, Graph, Node, Value
from smidgen.ir import verify as verify_graph
from smidgen.kernels import Kernel
from smidgen.kernels.registry import FAMILIES, all_kernels
from smidgen.schedule import make_schedule
from smidgen.targets import load_target
from smidgen.verify import random_inputs
from tests.kernels.admitted import draw_nodes

CASES = 24  # nodes a kernel
GCC = os.environ.get("SMIDGEN_ARM_GCC") or shutil.which("arm-none-eabi-gcc")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Program:
    """Nodes side by side in one graph, each with inputs and an output of its own, and the data drawn for them."""

    graph: Graph
    forced: dict[str, str]  # step name to kernel
    drawn: list[Array]


def named(node: Node, prefix: str, kernel: Kernel) -> Node:
    """The node with names and a loc that no other has."""
    inputs = tuple(replace(v, name=f"{prefix}_{v.name}") for v in node.inputs)
    outputs = tuple(replace(v, name=f"{prefix}_{v.name}") for v in node.outputs)
    return Node(node.op, inputs, outputs, f"{prefix} of {kernel.symbol}: {node.op} on {', '.join(map(str, node.types))}")


def program(name: str, kernels: Sequence[Kernel], count: int) -> Program:
    inputs: list[Value] = []
    nodes: list[Node] = []
    drawn: list[Array] = []
    forced: dict[str, str] = {}
    for k, kernel in enumerate(kernels):
        cases = draw_nodes(kernel, count)
        assert len(cases) == count, f"{kernel.symbol}: only {len(cases)} nodes were admitted"
        for i, (plain, arrays) in enumerate(cases):
            node = named(plain, f"k{k}_{i}", kernel)
            nodes.append(node)
            forced[node.output.name] = kernel.symbol
            variable = [(v, a) for v, a in zip(node.inputs, arrays, strict=True) if v.data is None]
            inputs += [v for v, _ in variable]
            drawn += [a for _, a in variable]
    graph = Graph(name, "tflm-int8.v1", tuple(inputs), tuple(n.output for n in nodes), tuple(nodes))
    verify_graph(graph, "lowered")
    return Program(graph, forced, drawn)


def check(family: ModuleType, count: int, toolchain: str) -> None:
    """All lowest, all highest, all zero point, random and the drawn inputs: every byte of every step is right."""
    name = family_name(family)
    kernels: tuple[Kernel, ...] = family.KERNELS
    p = program(name, kernels, count)
    schedule = make_schedule(p.graph, load_target("nucleo-l4r5zi"), p.forced)
    ran = [s.choice.kernel.symbol for s in schedule.steps]
    assert {k.symbol: ran.count(k.symbol) for k in kernels} == {k.symbol: count for k in kernels}
    origin = Origin("random nodes", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    compiled = Compiled(p.graph, schedule, sources, origin, memory)
    found = verify(compiled, inputs=[*random_inputs(p.graph, 4), p.drawn], toolchain=toolchain)
    assert found.first_divergence is None
    assert (found.cases, found.mismatches, found.steps) == (5, 0, count * len(kernels))
    _not_all_saturated(name, ran, found.outputs[-1])


def _not_all_saturated(name: str, ran: Sequence[str], outputs: Sequence[Array]) -> None:
    """A wrong sum hides behind a clamp: on the drawn data most outputs of each kernel lie between."""
    for symbol in sorted(set(ran)):
        mine = np.concatenate([y.ravel() for s, y in zip(ran, outputs, strict=True) if s == symbol])
        saturated = ((mine == -128) | (mine == 127)).mean()
        assert saturated < 0.6, f"{name}: {saturated:.0%} of {symbol}'s outputs are saturated"


def family_name(family: ModuleType) -> str:
    return family.__name__.rpartition(".")[2]


@pytest.mark.parametrize("family", FAMILIES, ids=family_name)
def test_built_by_zig(family: ModuleType) -> None:
    check(family, CASES, "zig")


@pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc, the optional second compiler, is not installed")
@pytest.mark.parametrize("family", FAMILIES, ids=family_name)
def test_built_by_gcc(family: ModuleType) -> None:
    check(family, CASES // 4, "gcc-arm")


def test_families_hold_every_kernel_once() -> None:
    symbols = [k.symbol for family in FAMILIES for k in family.KERNELS]
    assert sorted(symbols) == sorted({k.symbol for k in all_kernels()})
    assert len(symbols) >= 39
