# SPDX-License-Identifier: Apache-2.0
"""Overlap: a made-up kernel that reads as late as its promise allows never sees a byte that it has overwritten."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import InvalidPlan
from smidgen.ir import Graph, Node, Value
from smidgen.ops import Add
from smidgen.schedule import Buffer, Overlap, Placement, Plan, lifetimes_of, lower_bound, place, verify_plan
from smidgen.schedule.plan import ALIGN
from tests.graphs import Q
from tests.unit.schedule.made_up import Layer, networks, value


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


def test_what_an_in_place_result_leaves_over_is_free_at_once() -> None:
    x, y, z = value("x", 800), value("y", 80), value("z", 800)
    made = [
        Layer(Node(Add(out_quant=Q), (x,), (y,), ""), {}, inplace="a"),
        Layer(Node(Add(out_quant=Q), (y,), (z,), ""), {}),
    ]
    graph = Graph("net", "tflm-int8.v1", (x,), (z,), tuple(m.node for m in made))
    lives = lifetimes_of(graph, [m.step(i) for i, m in enumerate(made)])
    plan = place(lives.buffers, lives.overlaps)
    assert plan.nbytes == plan.bound_bytes == 880
    assert [plan.alive_bytes(t) for t in (-1, 0, 1)] == [800, 800, 880]
    interpret(graph, made, plan, lives.roots)


def grown() -> tuple[Graph, list[Layer]]:
    """A first layer into half its operand, one in place, and one whose result is twice its operand."""
    graph, made = chain((184, {"y": 0}, 0), (184, {}, 0), (368, {"y": 184}, 0), first=276)
    return graph, [made[0], replace(made[1], inplace="a"), made[2]]


def test_a_result_lies_apart_where_working_in_place_would_cost_more() -> None:
    """In place the first result would lie where the third layer's operand has to be: its own operand above that."""
    graph, made = grown()
    lives = lifetimes_of(graph, [m.step(i) for i, m in enumerate(made)])
    plan = place(lives.buffers, lives.overlaps)
    assert plan.nbytes == plan.bound_bytes == 368
    assert plan.offset("y1") - plan.offset("y0") == 184
    interpret(graph, made, plan, lives.roots)
    together = [replace(b, last=2) if b.name == "y0" else b for b in lives.buffers if b.name != "y1"]
    leads = [replace(o, upper="y0") if o.upper == "y1" else o for o in lives.overlaps if not o.same_start]
    assert place(together, leads).nbytes == 464
    lone = replace(made[1], scratch=8)  # no room for that beside the two
    made = [made[0], lone, made[2]]
    lives = lifetimes_of(graph, [m.step(i) for i, m in enumerate(made)])
    plan = place(lives.buffers, lives.overlaps)
    assert plan.nbytes == 376
    interpret(graph, made, plan, lives.roots)


def test_verify_plan_knows_what_in_place_means() -> None:
    x, y = Buffer("x", 24, 0, 1), Buffer("y", 16, 1, 2)
    same = [Overlap("y", "x", 0, same_start=True)]
    for at, fine in ((0, False), (8, True), (16, False), (24, False), (32, True)):
        plan = Plan(tuple(sorted((Placement(x, 8), Placement(y, at)), key=lambda p: p.offset)), 0)
        if fine:
            verify_plan(plan, [x, y], same)
        else:
            with pytest.raises(InvalidPlan, match="overlaps"):
                verify_plan(plan, [x, y], same)
    with pytest.raises(InvalidPlan, match="y overlaps x"):  # nobody promised it
        verify_plan(Plan((Placement(x, 8), Placement(y, 8)), 0), [x, y])
    larger = replace(y, nbytes=32)
    with pytest.raises(InvalidPlan, match="y may not overlap x"):
        verify_plan(Plan((Placement(x, 8), Placement(larger, 8)), 0), [x, larger], same)
