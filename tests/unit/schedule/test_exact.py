# SPDX-License-Identifier: Apache-2.0
"""The solver as an independent answer: our own plan is what it finds, and its bound is what ours is."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import smidgen
from smidgen.errors import ToolNotFound, UsageError
from smidgen.ir import Graph
from smidgen.schedule import Planner, schedule_with
from smidgen.schedule.exact import make_planner, solve
from smidgen.schedule.tasks import task_graph
from smidgen.targets import load_target
from tests.graphs import everything
from tests.unit.schedule.made_up import Layer, branchy, networks

TARGET = load_target("generic-cortex-m4")


def independent(graph: Graph, layers: list[Layer]) -> tuple[int, int]:
    """Bytes and bound that the solver finds without help."""
    nodes = [layer.node for layer in layers]
    tasks = task_graph(graph, nodes, {layer.node: layer.choice for layer in layers})
    loose = 2 * sum(tasks.tensor_bytes) + sum(t.new_bytes for t in tasks.tasks)
    found = solve(tasks, range(len(nodes)), loose, 0, 20)
    return found.nbytes, found.bound_bytes


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 12))
def test_the_solver_finds_nothing_better(seed: int, count: int) -> None:
    graph, layers = branchy(seed, count)
    plan = schedule_with(graph, TARGET, {layer.node: layer.choice for layer in layers}).plan
    nbytes, bound = independent(graph, layers)
    assert plan.nbytes == nbytes == bound
    assert plan.bound_bytes <= bound


@settings(max_examples=25, deadline=None)
@given(networks())
def test_no_plan_is_below_the_solvers_bound(case: tuple[Graph, list[Layer]]) -> None:
    """With views, and in-place kernels of any size, which the solver treats a little too freely."""
    graph, layers = case
    choices = {layer.node: layer.choice for layer in layers}
    plan = schedule_with(graph, TARGET, choices).plan
    nbytes, bound = independent(graph, layers) if layers else (0, 0)
    assert bound <= nbytes <= max(plan.nbytes, bound)
    exact = schedule_with(graph, TARGET, choices, planner=Planner(True, 5)).plan
    assert plan.bound_bytes <= exact.bound_bytes <= exact.nbytes <= plan.nbytes


def test_compile_with_the_exact_planner(monkeypatch: pytest.MonkeyPatch) -> None:
    plan = smidgen.compile(everything(), planner="exact", planner_seconds=5).schedule.plan
    assert plan.bound_bytes <= plan.nbytes <= smidgen.compile(everything()).schedule.plan.nbytes
    with pytest.raises(UsageError, match="no planner 'best'; there are fast, exact"):
        smidgen.compile(everything(), planner="best")
    with pytest.raises(UsageError, match="planner-seconds takes a number above 0"):
        make_planner("exact", 0)
    for name in [n for n in sys.modules if n.partition(".")[0] == "ortools"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "ortools", None)
    smidgen.compile(everything())
    with pytest.raises(ToolNotFound, match=r"needs OR-tools.*pip install 'smidgen\[exact\]'.*--planner at fast"):
        smidgen.compile(everything(), planner="exact")
