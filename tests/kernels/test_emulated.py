# SPDX-License-Identifier: Apache-2.0
"""Every kernel built for a core that has its instructions equals Op.evaluate there, and writes nowhere else.

The host tests see the portable branches of include/*.h only; here the intrinsics and the assembly run.
"""

from __future__ import annotations

import os
import shutil
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pytest

from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, verify
from smidgen.errors import ToolNotFound
from smidgen.ir import Array, Graph, Node, Value
from smidgen.ir import verify as verify_graph
from smidgen.kernels import Choice, Kernel
from smidgen.kernels.registry import all_kernels
from smidgen.schedule.lifetimes import Lifetimes, Step, lifetimes_of
from smidgen.schedule.plan import Buffer, Placement, Plan, verify_plan
from smidgen.schedule.schedule import Schedule, Slot
from smidgen.targets import Target, load_target
from smidgen.verify import random_inputs
from tests.kernels.admitted import core_of, draw_nodes
from tests.kernels.layout import ALIGN, aligned, choices, close

CASES = (8, pytest.param(24, marks=pytest.mark.full))  # nodes a kernel; thrice as many where they are one function
FEW, MORE = 3, 8
BY_GCC = (FEW, pytest.param(MORE, marks=pytest.mark.full))
PLAINER_CASES = (2, pytest.param(12, marks=pytest.mark.full))
INPUTS = 8  # sets of inputs a program: all lowest, all highest, all zero point, random ones; then those drawn
TOGETHER = 6  # kernels a program: building costs time for each
GCC = os.environ.get("SMIDGEN_ARM_GCC") or shutil.which("arm-none-eabi-gcc")


def roomy(name: str) -> Target:
    """The board, with memory for many nodes side by side."""
    board = load_target(name)
    sizes = {r.name: min(1 << 24, *(o.base - r.base for o in board.regions if o.base > r.base), 1 << 24)
             for r in board.regions}  # fmt: skip
    return replace(board, regions=tuple(replace(r, size_bytes=sizes[r.name]) for r in board.regions))


M4 = roomy("generic-cortex-m4")
PLAINER = {name: roomy(name) for name in ("rv32imc", "generic-cortex-m0plus", "generic-cortex-m3")}
"""Boards without SIMD: kernels for such cores run there besides."""
GCC_OF = {"arm": "gcc-arm", "riscv": "gcc-riscv"}

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
    types = ", ".join(map(str, node.types))
    return Node(node.op, inputs, outputs, f"{prefix} of {kernel.symbol}: {node.op} on {types}")


def _nodes(kernel: Kernel, count: int) -> int:
    return count if kernel.constants else 3 * count


def program(name: str, kernels: Sequence[Kernel], count: int) -> Program:
    inputs: list[Value] = []
    nodes: list[Node] = []
    drawn: list[Array] = []
    forced: dict[str, str] = {}
    for k, kernel in enumerate(kernels):
        cases = draw_nodes(kernel, _nodes(kernel, count))
        assert len(cases) == _nodes(kernel, count), f"{kernel.symbol}: only {len(cases)} nodes were admitted"
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


def make_schedule(p: Program, kernels: Mapping[str, Kernel], target: Target) -> Schedule:
    """A step after the other, each with memory of its own; every second one's operand as near as overlaps allow."""
    steps = []
    for i, node in enumerate(p.graph.nodes):
        kernel = kernels[p.forced[node.output.name]]
        scratch = f"{node.output.name}__scratch" if kernel.scratch(node) else None
        steps.append(Step(i, node, Choice(kernel, kernel.cost(node, core_of(kernel)), ()), scratch))
    lives = lifetimes_of(p.graph, steps)
    buffers = {b.name: b for b in lives.buffers}
    placements, at = list[Placement](), 0
    for step in steps:
        offsets = _offsets(step, lives, buffers)
        placements += [Placement(buffers[name], at + offset) for name, offset in offsets.items()]
        at = aligned(max(p.end for p in placements))
    plan = Plan(tuple(sorted(placements, key=lambda p: p.offset)), 0)
    verify_plan(plan, lives.buffers, lives.overlaps)
    slots = {v: Slot(plan.offset(root.name), v.type.nbytes) for v, root in lives.roots.items()}
    return Schedule(p.graph, target, tuple(steps), plan, slots)


def _offsets(step: Step, lives: Lifetimes, buffers: Mapping[str, Buffer]) -> dict[str, int]:
    """The step's buffers within its own memory."""
    inputs = [lives.roots[v].name for v in step.node.inputs if v.data is None]
    names = {"y": lives.roots[step.node.output].name, "scratch": step.scratch, "x": inputs[0]}
    leads = {key: o.lead_bytes for o in lives.overlaps for key, name in names.items() if name == o.lower}
    orders = [(), *choices(leads)]
    order = orders[step.index % len(orders)]
    sizes = {key: buffers[name].nbytes if name else 0 for key, name in names.items()}
    near = close(sizes, {key: leads[key] for key in order}, order, align=ALIGN)
    offsets = {name: near[key] for key, name in names.items() if name}  # in place: y is x
    at = max(offset + aligned(buffers[name].nbytes) for name, offset in offsets.items())
    for name in inputs[1:]:
        offsets[name] = at
        at += aligned(buffers[name].nbytes)
    return offsets


def check(kernels: Sequence[Kernel], count: int, toolchain: str, target: Target = M4) -> None:
    """Every byte of every step is right, for every set of inputs, and no step writes beside its own buffers."""
    p = program("side_by_side", kernels, count)
    schedule = make_schedule(p, {k.symbol: k for k in kernels}, target)
    ran = [s.choice.kernel.symbol for s in schedule.steps]
    assert {k.symbol: ran.count(k.symbol) for k in kernels} == {k.symbol: _nodes(k, count) for k in kernels}
    origin = Origin("random nodes", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    compiled = Compiled(p.graph, schedule, sources, origin, memory)
    found = verify(compiled, inputs=[*random_inputs(p.graph, INPUTS), p.drawn], toolchain=toolchain)
    assert found.first_divergence is None
    assert (found.cases, found.mismatches, found.steps) == (INPUTS + 1, 0, len(ran))
    if count >= MORE:  # three small nodes may have few outputs in all
        _enough_between(ran, found.outputs[3:])


def _enough_between(ran: Sequence[str], outputs: Sequence[Sequence[Array]]) -> None:
    """A wrong sum hides behind a clamp: on random and drawn data every kernel has many outputs that lie between."""
    between = Counter[str]()
    for case in outputs:
        for symbol, y in zip(ran, case, strict=True):
            ends = np.iinfo(y.dtype) if y.dtype.kind == "i" else np.finfo(y.dtype)
            between[symbol] += int(((y != ends.min) & (y != ends.max)).sum())
    for symbol, nodes in Counter(ran).items():
        assert between[symbol] >= 20 * nodes, f"{symbol}: only {between[symbol]} outputs of {nodes} nodes lie between"


Batch = tuple[Kernel, ...]


def in_batches(kernels: Sequence[Kernel]) -> list[Batch]:
    return [tuple(kernels[i : i + TOGETHER]) for i in range(0, len(kernels), TOGETHER)]


def batches() -> list[Batch]:
    """Those of the Cortex-M4's own; what it has better kernels than runs on plainer cores."""
    return in_batches([k for k in all_kernels() if k.isa <= M4.core.features and not k.unless & M4.core.features])


def plainer_batches() -> list[tuple[str, Batch]]:
    """Board and kernels that are for cores such as its own, or that the Cortex-M4 cannot run."""
    found = []
    for name, board in PLAINER.items():
        special = [k for k in all_kernels() if k.unless or not k.isa <= M4.core.features]
        able = [k for k in special if k.isa <= board.core.features and not k.unless & board.core.features]
        found += [(name, batch) for batch in in_batches(able)]
    return found


def once_each() -> list[Any]:
    """Those batches; what the first board runs already is for the long run on the others."""
    seen, found = set[str](), list[Any]()
    for name, batch in plainer_batches():
        fresh = tuple(k for k in batch if k.symbol not in seen)
        again = tuple(k for k in batch if k.symbol in seen)
        found += [(name, fresh)] if fresh else []
        found += [pytest.param(name, again, marks=pytest.mark.full)] if again else []
        seen |= {k.symbol for k in batch}
    return found


def first_symbol(kernels: Sequence[Kernel] | str | int) -> str:
    return str(kernels) if isinstance(kernels, str | int) else kernels[0].symbol


@pytest.mark.parametrize("count", CASES)
@pytest.mark.parametrize("kernels", batches(), ids=first_symbol)
def test_built_by_zig(kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "zig")


@pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc, the optional second compiler, is not installed")
@pytest.mark.parametrize("count", BY_GCC)
@pytest.mark.parametrize("kernels", batches(), ids=first_symbol)
def test_built_by_gcc(kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "gcc-arm")


@pytest.mark.parametrize("count", PLAINER_CASES)
@pytest.mark.parametrize(("board", "kernels"), once_each(), ids=first_symbol)
def test_plainer_cores_built_by_zig(board: str, kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "zig", PLAINER[board])


@pytest.mark.parametrize(
    ("board", "kernels", "count"),
    [
        pytest.param(*case, count, marks=pytest.mark.full if first or count > FEW else ())
        for board in PLAINER
        for first, case in enumerate(c for c in plainer_batches() if c[0] == board)
        for count in (FEW, MORE)
    ],
    ids=first_symbol,
)
def test_plainer_cores_built_by_gcc(board: str, kernels: Sequence[Kernel], count: int) -> None:
    toolchain = GCC_OF[PLAINER[board].core.isa]
    try:
        check(kernels, count, toolchain, PLAINER[board])
    except ToolNotFound:
        pytest.skip(f"{toolchain}, the optional second compiler, is not installed")


def test_batches_hold_every_kernel() -> None:
    """Of instruction sets that some board here has; those for plainer cores on the boards with such cores."""
    runs = {k.symbol for batch in batches() for k in batch}
    runs |= (plainer := {k.symbol for _, batch in plainer_batches() for k in batch})
    boards = (M4, *PLAINER.values())
    assert runs == {k.symbol for k in all_kernels() if any(k.isa <= b.core.features for b in boards)}
    assert len(runs) >= 30
    assert plainer >= {k.symbol for k in all_kernels() if k.unless and k.isa <= PLAINER["rv32imc"].core.features}
