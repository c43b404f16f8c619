# SPDX-License-Identifier: Apache-2.0
"""Aliasing: whatever shares bytes through views and in-place kernels, every read sees what was written for it."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import NoKernel, UsageError
from smidgen.ir import Array, Graph, Value, evaluate
from smidgen.ops import Add, Concat, Lookup, Mul, Reshape
from smidgen.schedule import Schedule, make_schedule
from smidgen.targets import load_target
from smidgen.verify import random_inputs
from tests.graphs import Net, Q, everything, int8

TARGET = load_target("generic-cortex-m4")


def interpret(schedule: Schedule, inputs: list[Array]) -> list[Array]:
    """Runs the schedule on a poisoned arena, reading and writing nowhere else: what the generated C does."""
    graph = schedule.graph
    arena = np.full(max(schedule.plan.nbytes, 8), 0xA5, np.uint8)

    def read(v: Value) -> Array:
        if v.data is not None:
            return v.data
        slot = schedule.slots[v]
        return arena[slot.offset : slot.offset + slot.nbytes].copy().view(v.type.dtype).reshape(v.type.shape)

    def write(v: Value, a: Array) -> None:
        raw = np.ascontiguousarray(a).ravel().view(np.uint8)
        slot = schedule.slots[v]
        assert raw.size == slot.nbytes
        arena[slot.offset : slot.offset + slot.nbytes] = raw

    for v, a in zip(graph.inputs, inputs, strict=True):
        write(v, a)
    for step in schedule.steps:
        node = step.node
        arrays = [read(v) for v in node.inputs]
        if step.scratch is not None:
            at = schedule.plan.offset(step.scratch)
            arena[at : at + step.choice.kernel.scratch(node)] = 0x5A
        for v, a in zip(node.outputs, node.op.evaluate(node.types, arrays), strict=True):
            write(v, a)
    return [read(v) for v in graph.outputs]


def check(graph: Graph) -> Schedule:
    schedule = make_schedule(graph, TARGET)
    for case in list(random_inputs(graph, 5))[3:]:
        for want, got in zip(evaluate(graph, case), interpret(schedule, case), strict=True):
            np.testing.assert_array_equal(got, want)
    return schedule


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Up to ten nodes over values of eight or sixteen bytes: views, in-place ops, copies; any values as outputs."""
    n = Net()
    inputs = [Value(f"x{i}", int8(1, 8)) for i in range(draw(st.integers(1, 2)))]
    constants = [n.constant("k", int8(1, 8)), n.constant("table", int8(256))]
    values = list(inputs)
    for _ in range(draw(st.integers(1, 10))):
        x = draw(st.sampled_from(values))
        kind = draw(st.sampled_from(["view", "lookup", "add", "add", "mul", "concat"]))
        others = [v for v in [*values, constants[0]] if v.type.shape == x.type.shape] or [x]
        if kind == "view":
            y = n.apply(Reshape(draw(st.sampled_from([(1, x.type.elements), (x.type.elements,)]))), x)
        elif kind == "lookup":
            y = n.apply(Lookup(Q), x, constants[1])
        elif kind == "concat":
            y = n.apply(Concat(0), x, *([draw(st.sampled_from(others))] if x.type.elements == 8 else []))
        else:
            y = n.apply((Add if kind == "add" else Mul)(out_quant=Q), x, draw(st.sampled_from(others)))
        values.append(y)
    outputs = draw(st.lists(st.sampled_from([*values, constants[0]]), min_size=1, max_size=4))
    return n.graph(inputs, outputs)


@settings(max_examples=150, deadline=None)
@given(graphs())
def test_no_value_is_overwritten_before_its_last_read(graph: Graph) -> None:
    check(graph)


def odd_graphs() -> Iterator[Graph]:
    x = Value("x", int8(1, 8))
    yield Net("passthrough").graph([x], [x])
    n = Net("view_of_input_out")
    yield n.graph([x], [n.apply(Reshape((8,)), x), x])
    n = Net("same_value_twice")
    y = n.apply(Add(out_quant=Q), x, x)
    yield n.graph([x], [y, y])
    n = Net("constant_out")
    yield n.graph([x], [n.constant("k", int8(1, 4)), n.apply(Concat(1), x, x)])
    n = Net("only_a_constant_out")
    yield n.graph([x], [n.constant("k", int8(1, 4))])
    n = Net("unused_input")
    yield n.graph([x, Value("u", int8(1, 32))], [n.apply(Concat(1), x, x)])
    n = Net("view_read_after_its_source_is_consumed")
    table, view = n.constant("t", int8(256)), n.apply(Reshape((8,)), x)
    y = n.apply(Lookup(Q), view, table)
    yield n.graph([x], [n.apply(Add(out_quant=Q), y, n.apply(Reshape((8,)), n.apply(Lookup(Q), x, table))), view])
    a, b = Value("a", int8(1, 8)), Value("b", int8(1, 8))
    yield Net("swap").graph([a, b], [b, a])


@pytest.mark.parametrize("graph", tuple(odd_graphs()), ids=lambda g: g.name)
def test_odd_graphs(graph: Graph) -> None:
    check(graph)


def test_in_place_chain_needs_one_buffer() -> None:
    n = Net()
    x = y = Value("x", int8(1, 64))
    table = n.constant("t", int8(256))
    for _ in range(4):
        y = n.apply(Reshape((64,) if len(y.type.shape) == 2 else (1, 64)), n.apply(Lookup(Q), y, table))
    schedule = check(n.graph([x], [y]))
    assert schedule.plan.nbytes == 64
    assert len({s.offset for s in schedule.slots.values()}) == 1


def test_everything_fits_and_is_reported() -> None:
    schedule = check(everything())
    assert schedule.scratch_bytes >= 0
    assert schedule.tensor_bytes + schedule.scratch_bytes == schedule.plan.nbytes
    assert schedule.modelled_cycles > 0


def test_forced_kernels() -> None:
    graph = everything()
    names = [s.name for s in make_schedule(graph, TARGET).steps]
    schedule = make_schedule(graph, TARGET, {"y2": "smg_conv2d_s8_scalar"})
    assert next(s for s in schedule.steps if s.name == "y2").choice.kernel.symbol == "smg_conv2d_s8_scalar"
    with pytest.raises(UsageError, match=r"no step is called nowhere\. The steps are: y0,") as e:
        make_schedule(graph, TARGET, {"nowhere": "smg_conv2d_s8_scalar"})
    assert all(n in str(e.value) for n in names)
    with pytest.raises(UsageError, match=r"no kernel 'smg_conv2d_s8_skalar'.*smg_conv2d_s8_scalar"):
        make_schedule(graph, TARGET, {"y2": "smg_conv2d_s8_skalar"})
    with pytest.raises(NoKernel, match="smg_add_s8_scalar was asked for"):
        make_schedule(graph, TARGET, {"y2": "smg_add_s8_scalar"})
