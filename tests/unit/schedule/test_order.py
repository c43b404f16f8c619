# SPDX-License-Identifier: Apache-2.0
"""The order of execution: no order needs less than the bound, small graphs reach it, and large ones are quick."""

from __future__ import annotations

import time
from collections.abc import Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Graph, Node
from smidgen.schedule import arrange, lower_bound, schedule_with, verify_plan
from smidgen.schedule.lifetimes import view_roots
from smidgen.schedule.order import best_order
from smidgen.schedule.tasks import task_graph
from smidgen.targets import load_target
from tests.unit.schedule.made_up import Layer, branchy, networks

TARGET = load_target("generic-cortex-m4")
WORST_RATIO = 1.0  # reached over bound, 60 branchy graphs of 10 to 69 layers
SECONDS_FOR_200 = 10.0


def orders(graph: Graph) -> Iterator[list[Node]]:
    """Every topological order of the nodes that are no views."""
    nodes = [n for n in graph.nodes if not n.op.view]
    roots = view_roots(graph)
    ours = {v for n in nodes for v in n.outputs}

    def rest(done: frozenset[Node]) -> Iterator[list[Node]]:
        if len(done) == len(nodes):
            yield []
        made = {v for n in done for v in n.outputs}
        for n in nodes:
            if n not in done and all(roots[v] in made or roots[v] not in ours for v in n.inputs):
                for tail in rest(done | {n}):
                    yield [n, *tail]

    return rest(frozenset())


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 7))
def test_the_best_order_is_the_best_of_all(seed: int, count: int) -> None:
    graph, layers = branchy(seed, count)
    choices = {layer.node: layer.choice for layer in layers}
    nodes = list(graph.nodes)
    found = best_order(task_graph(graph, nodes, choices))
    bounds = {}
    for order in orders(graph):
        lives = arrange(graph, order, choices, decisions=0).lifetimes
        bounds[tuple(order)] = lower_bound(lives.buffers, lives.overlaps)
    assert found.peak_bytes == found.bound_bytes == min(bounds.values())
    assert bounds[tuple(nodes[i] for i in found.tasks)] == found.peak_bytes
    hurried = best_order(task_graph(graph, nodes, choices), states=2, beam=1)
    assert hurried.bound_bytes <= found.bound_bytes <= hurried.peak_bytes
    assert bounds[tuple(nodes[i] for i in hurried.tasks)] == hurried.peak_bytes


@settings(max_examples=150, deadline=None)
@given(networks())
def test_the_bound_holds_with_views_and_in_place_kernels(case: tuple[Graph, list[Layer]]) -> None:
    graph, layers = case
    choices = {layer.node: layer.choice for layer in layers}
    nodes = [layer.node for layer in layers]
    bound = best_order(task_graph(graph, nodes, choices)).bound_bytes
    assert schedule_with(graph, TARGET, choices).plan.bound_bytes == bound
    for order, _ in zip(orders(graph), range(20), strict=False):
        arranged = arrange(graph, order, choices)
        assert bound <= arranged.plan.bound_bytes <= arranged.plan.nbytes


def test_branchy_graphs_come_close_to_the_bound() -> None:
    ratios = []
    for seed in range(60):
        graph, layers = branchy(seed, 10 + seed)
        schedule = schedule_with(graph, TARGET, {layer.node: layer.choice for layer in layers})
        lives = arrange(graph, [s.node for s in schedule.steps], {s.node: s.choice for s in schedule.steps}).lifetimes
        verify_plan(schedule.plan, lives.buffers, lives.overlaps)
        ratios.append(schedule.plan.nbytes / schedule.plan.bound_bytes)
    assert max(ratios) <= WORST_RATIO


def test_two_hundred_layers_take_seconds() -> None:
    graph, layers = branchy(1, 200)
    start = time.process_time()
    schedule_with(graph, TARGET, {layer.node: layer.choice for layer in layers})
    assert time.process_time() - start < SECONDS_FOR_200


def test_the_graphs_own_order_stays_where_no_other_is_better() -> None:
    for seed in range(20):
        graph, layers = branchy(seed, 12)
        choices = {layer.node: layer.choice for layer in layers}
        nodes = [layer.node for layer in layers]
        schedule = schedule_with(graph, TARGET, choices)
        if [s.node for s in schedule.steps] != nodes:
            assert schedule.plan.nbytes < arrange(graph, nodes, choices).plan.nbytes
