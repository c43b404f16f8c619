# SPDX-License-Identifier: Apache-2.0
"""Overlap: a made-up kernel that reads as late as its promise allows never sees a byte that it has overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidPlan
from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.kernels import Choice
from smidgen.kernels.kernel import Kernel
from smidgen.ops import Add, Reshape
from smidgen.schedule import Buffer, Overlap, Placement, Plan, Step, lifetimes_of, lower_bound, place, verify_plan
from smidgen.schedule.plan import ALIGN
from tests.graphs import Q


@dataclass(frozen=True)
class Layer:
    """A step before it is one: leads by buffer, whether in place, bytes of scratch."""

    node: Node
    leads: Mapping[str, int]
    inplace: str | None = None
    scratch: int = 0

    def step(self, index: int) -> Step:
        kernel = Kernel(
            "made_up",
            "none",
            "none",
            Add,
            lambda node, core: 0.0,
            scratch=lambda node: self.scratch,
            inplace=self.inplace,
            overlap=(lambda node: self.leads) if self.leads else None,
        )
        name = f"{self.node.output.name}__scratch" if self.scratch else None
        return Step(index, self.node, Choice(kernel, 0.0, ()), name)


def value(name: str, nbytes: int) -> Value:
    return Value(name, TensorType("int8", (nbytes,), Q))


def content(node: Node, operands: Sequence[bytes]) -> bytes:
    """What a layer computes: each byte depends on all of its operands."""
    seed = hashlib.sha256(b"|".join((node.output.name.encode(), *operands))).digest()
    return (seed * (node.output.type.nbytes // len(seed) + 1))[: node.output.type.nbytes]


def interpret(graph: Graph, layers: Sequence[Layer], plan: Plan, roots: Mapping[Value, Value]) -> None:
    """Runs the plan on one arena and asserts that every step reads what was written for it."""
    arena = bytearray(b"\xa5" * plan.nbytes)
    expected = {v: content(Node(Add(out_quant=Q), (), (v,), ""), []) for v in graph.inputs}
    at = {v: plan.offset(r.name) for v, r in roots.items()}
    for v in graph.inputs:
        arena[at[v] : at[v] + v.type.nbytes] = expected[v]
    by_output = {layer.node.output: layer for layer in layers}
    for node in graph.nodes:
        y = node.output
        if node.op.view:
            expected[y] = expected[node.inputs[0]]
            continue
        layer = by_output[y]
        rest = [bytes(arena[at[v] : at[v] + v.type.nbytes]) for v in node.inputs[1:]]
        scratch = plan.offset(f"{y.name}__scratch") if layer.scratch else 0
        operands = [late(arena, node.inputs[0], layer, at, scratch), *rest]
        assert operands == [expected[v] for v in node.inputs], y.name
        expected[y] = content(node, operands)
        arena[at[y] : at[y] + y.type.nbytes] = expected[y]
    for v in graph.outputs:
        assert bytes(arena[at[v] : at[v] + v.type.nbytes]) == expected[v]


def late(arena: bytearray, x: Value, layer: Layer, at: Mapping[Value, int], scratch: int) -> bytes:
    """The operand's bytes, each read at the last moment: byte p before byte p + lead of a lower buffer is written."""
    y = layer.node.output
    buffers = {"y": (at[y], y.type.nbytes), "scratch": (scratch, layer.scratch)}
    promised = [lead for key, lead in layer.leads.items() if buffers[key][1]]
    lead = 0 if layer.inplace == "a" else min(promised, default=None)
    end = at[x] + x.type.nbytes
    got = bytearray()
    for t in range(max(nbytes for _, nbytes in buffers.values())):
        if lead is not None and t >= lead:
            got += arena[at[x] + len(got) : min(at[x] + t - lead + 1, end)]
        for start, nbytes in buffers.values():
            if t < nbytes:
                arena[start + t] = 0x5A
    return bytes(got + arena[at[x] + len(got) : end])


@st.composite
def networks(draw: st.DrawFn) -> tuple[Graph, list[Layer]]:
    """Mostly chains, with views, second operands and any values as outputs."""
    sizes = st.integers(1, 60)
    values = [value(f"x{i}", draw(sizes)) for i in range(draw(st.integers(1, 2)))]
    inputs, layers, nodes = tuple(values), list[Layer](), list[Node]()
    for i in range(draw(st.integers(1, 9))):
        x = values[-1] if draw(st.integers(0, 4)) else draw(st.sampled_from(values))
        if draw(st.integers(0, 4)) == 0:
            y = value(f"v{i}", x.type.nbytes)
            nodes.append(Node(Reshape((x.type.nbytes,)), (x,), (y,), ""))
        else:
            y = value(f"y{i}", draw(sizes))
            more = [draw(st.sampled_from(values))] if draw(st.integers(0, 3)) == 0 else []
            keys = draw(st.sampled_from([(), ("y",), ("scratch",), ("y", "scratch")]))
            leads = {k: draw(st.integers(0, 70)) for k in keys}
            able = [k for k, v in zip("ab", (x, *more), strict=False) if y.type.nbytes <= v.type.nbytes]
            inplace = draw(st.sampled_from([None, *able]))
            node = Node(Add(out_quant=Q), (x, *more), (y,), "")
            layers.append(Layer(node, leads, inplace, draw(st.integers(0, 50))))
            nodes.append(node)
        values.append(y)
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    return Graph("net", "tflm-int8.v1", inputs, tuple(outputs), tuple(nodes)), layers


@settings(max_examples=300, deadline=None)
@given(networks())
def test_every_step_reads_what_was_written_for_it(case: tuple[Graph, list[Layer]]) -> None:
    graph, layers = case
    lives = lifetimes_of(graph, [layer.step(i) for i, layer in enumerate(layers)])
    plan = place(lives.buffers, lives.overlaps)
    assert plan.nbytes >= lower_bound(lives.buffers, lives.overlaps)
    interpret(graph, layers, plan, lives.roots)


@settings(max_examples=300, deadline=None)
@given(networks(), st.data())
def test_verify_plan_accepts_no_harmful_plan(case: tuple[Graph, list[Layer]], data: st.DataObject) -> None:
    """Random offsets: whatever verify_plan lets through computes the right thing, at no less than the bound."""
    graph, layers = case
    lives = lifetimes_of(graph, [layer.step(i) for i, layer in enumerate(layers)])
    steps = data.draw(st.lists(st.integers(0, 14), min_size=len(lives.buffers), max_size=len(lives.buffers)))
    plan = Plan(tuple(Placement(b, n * ALIGN) for b, n in zip(lives.buffers, steps, strict=True)), 0)
    try:
        verify_plan(plan, lives.buffers, lives.overlaps)
    except InvalidPlan:
        return
    interpret(graph, layers, plan, lives.roots)
    assert plan.nbytes >= lower_bound(lives.buffers, lives.overlaps)


def chain(*layers: tuple[int, Mapping[str, int], int], first: int) -> tuple[Graph, list[Layer]]:
    x = value("x", first)
    made: list[Layer] = []
    source = x
    for i, (nbytes, leads, scratch) in enumerate(layers):
        y = value(f"y{i}", nbytes)
        made.append(Layer(Node(Add(out_quant=Q), (source,), (y,), ""), leads, scratch=scratch))
        source = y
    return Graph("net", "tflm-int8.v1", (x,), (source,), tuple(m.node for m in made)), made


@pytest.mark.parametrize(
    ("layers", "first", "nbytes", "bound"),
    [
        ([(128, {"scratch": 640}, 1280)], 640, 1408, 1408),  # x lies in the scratch that it is expanded into
        ([(800, {"y": 0}, 0)] * 5, 800, 800, 800),  # in place all the way
        ([(800, {"y": 80}, 0)] * 5, 800, 1200, 880),  # 80 bytes down at every step
        ([(1600, {"y": 800}, 0)], 800, 1600, 1600),  # growing: the operand is read from the upper half
        ([(800, {"y": 0}, 64)] * 3, 800, 864, 864),
        ([(800, {"y": 5000}, 0)], 800, 1600, 1600),  # a lead beyond the result's size is no help
        ([(800, {"y": 1}, 0)], 800, 808, 808),  # rounded up to the alignment
        ([(400, {"y": 8, "scratch": 8}, 400)], 800, 1208, 1208),  # one of the two
    ],
)
def test_overlaps_are_used(
    layers: list[tuple[int, Mapping[str, int], int]], first: int, nbytes: int, bound: int
) -> None:
    graph, made = chain(*layers, first=first)
    lives = lifetimes_of(graph, [m.step(i) for i, m in enumerate(made)])
    plan = place(lives.buffers, lives.overlaps)
    assert (plan.nbytes, plan.bound_bytes) == (nbytes, bound)
    interpret(graph, made, plan, lives.roots)


def test_no_overlap_with_an_operand_that_is_needed_again() -> None:
    x, y, z = value("x", 80), value("y", 80), value("z", 80)
    leads = {"y": 0, "scratch": 0}
    once = Layer(Node(Add(out_quant=Q), (x,), (y,), ""), leads, scratch=8)
    again = Layer(Node(Add(out_quant=Q), (y, x), (z,), ""), leads)
    twice = Layer(Node(Add(out_quant=Q), (x, x), (y,), ""), leads)
    for layers, outputs, count in (
        ([once], (y,), 2),
        ([once], (y, x), 0),  # a graph output
        ([once, again], (z,), 1),  # read later; there it dies as the second operand
        ([twice], (y,), 0),  # both operands
    ):
        graph = Graph("net", "tflm-int8.v1", (x,), outputs, tuple(m.node for m in layers))
        lives = lifetimes_of(graph, [m.step(i) for i, m in enumerate(layers)])
        assert len(lives.overlaps) == count
        interpret(graph, layers, place(lives.buffers, lives.overlaps), lives.roots)


def test_verify_plan_refuses_overlaps_that_no_kernel_promises() -> None:
    x, y, s = Buffer("x", 16, 0, 1), Buffer("y", 16, 1, 2), Buffer("s", 16, 1, 1)
    near = Plan((Placement(x, 8), Placement(y, 0)), 0)
    verify_plan(near, [x, y], [Overlap("y", "x", 8)])
    with pytest.raises(InvalidPlan, match="y overlaps x"):
        verify_plan(near, [x, y])
    with pytest.raises(InvalidPlan, match="y overlaps x"):
        verify_plan(near, [x, y], [Overlap("y", "x", 9)])
    with pytest.raises(InvalidPlan, match="y overlaps x"):  # the other way round
        verify_plan(Plan((Placement(x, 0), Placement(y, 8)), 0), [x, y], [Overlap("y", "x", 0)])
    with pytest.raises(InvalidPlan, match="y may not overlap x"):
        verify_plan(near, [x, y], [Overlap("y", "x", -8)])
    with pytest.raises(InvalidPlan, match="x may not overlap y"):
        verify_plan(near, [x, y], [Overlap("x", "y", 0)])
    other = Buffer("z", 16, 0, 1)
    apart = Plan(tuple(Placement(b, 16 * i) for i, b in enumerate((x, y, s, other))), 0)
    with pytest.raises(InvalidPlan, match="two operands, x and z"):
        verify_plan(apart, [x, y, s, other], [Overlap("y", "x", 0), Overlap("s", "z", 0)])
