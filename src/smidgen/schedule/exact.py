# SPDX-License-Identifier: Apache-2.0
"""Order of execution and placement as one problem for OR-tools' CP-SAT solver: an optional second opinion."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from smidgen.errors import ToolNotFound, UsageError
from smidgen.schedule.plan import ALIGN
from smidgen.schedule.tasks import Task, TaskGraph

_Var = Any  # an integer variable or a literal of the solver, whose types are its own


@dataclass(frozen=True, slots=True)
class Planner:
    """How order and placement are found: by our own searches, or (``exact``) by the solver too, for so many seconds."""

    exact: bool = False
    seconds: float = 60.0


PLANNERS: Mapping[str, str] = {
    "fast": "our own searches: at the bound nearly always",
    "exact": "order and placement as one problem for OR-tools' CP-SAT",
}


def make_planner(name: str, seconds: float) -> Planner:
    """A planner from what a user typed; UsageError says what is wrong and what is accepted."""
    if name not in PLANNERS:
        raise UsageError(f"no planner {name!r}; there are {', '.join(PLANNERS)}")
    if not 0 < seconds < 1e6:
        raise UsageError(f"planner-seconds takes a number above 0 and below a million, not {seconds}")
    return Planner(name == "exact", seconds)


@dataclass(frozen=True, slots=True)
class Solution:
    """``order`` of the tasks; ``nbytes`` of the arena the solver found for it; no program needs less than the bound."""

    order: tuple[int, ...]
    nbytes: int
    bound_bytes: int


def solve(graph: TaskGraph, hint: Sequence[int], limit_bytes: int, bound_bytes: int, seconds: float) -> Solution:
    """The best order and placement that the solver finds in ``seconds`` (of its own deterministic time).

    ``hint`` is an order with a plan of ``limit_bytes``, ``bound_bytes`` what is proven already. Raises ToolNotFound if
    OR-tools is not installed.
    """
    try:
        from ortools.sat.python import cp_model  # an optional dependency, and heavy
    except ImportError:
        raise ToolNotFound(
            "the exact planner needs OR-tools, which is not installed. Install it (pip install 'smidgen[exact]'), or "
            "leave --planner at fast, which needs nothing"
        ) from None
    model = _Model(cp_model, graph, limit_bytes, bound_bytes)
    model.hint(hint)
    solver = cp_model.CpSolver()
    solver.parameters.max_deterministic_time = seconds
    solver.parameters.num_workers = 1  # several would make the result a matter of chance
    status = solver.solve(model.model)
    if status not in (cp_model.OPTIMAL, cp_model.FEASIBLE):
        return Solution(tuple(hint), limit_bytes, bound_bytes)
    order = sorted(range(len(graph.tasks)), key=lambda i: solver.value(model.position[i]))
    found = ALIGN * round(solver.objective_value)
    return Solution(tuple(order), found, max(bound_bytes, ALIGN * round(solver.best_objective_bound)))


class _Model:
    """A step lasts two units of time: in the first what was alive is alive, in the second results and scratch too.

    So a dying operand that may be overlapped ends one unit early and is kept apart from the step's own buffers by a
    condition of its own. Sizes and addresses are in units of the alignment.
    """

    def __init__(self, cp_model: Any, graph: TaskGraph, limit_bytes: int, bound_bytes: int) -> None:  # Any: a module
        self.graph = graph
        self.model = cp_model.CpModel()
        self.top = limit_bytes // ALIGN
        count = len(graph.tasks)
        self.peak = self.model.new_int_var(bound_bytes // ALIGN, self.top, "peak")
        self.position = [self.model.new_int_var(0, count - 1, f"position{i}") for i in range(count)]
        self.model.add_all_different(self.position)
        for i, task in enumerate(graph.tasks):
            for j in range(count):
                if task.needs >> j & 1:
                    self.model.add(self.position[j] < self.position[i])
        self.times: list[_Var] = []
        self.spaces: list[_Var] = []
        self.sizes: list[int] = []
        self.offset = [self._offset(n) for n in graph.tensor_bytes]
        self.work = [self._work(i, task) for i, task in enumerate(graph.tasks)]
        for t in range(len(graph.tensor_bytes)):
            self._tensor(t)
        self.model.add_no_overlap_2d(self.times, self.spaces)
        self.model.add_cumulative(self.times, self.sizes, self.peak)
        self.model.minimize(self.peak)

    def hint(self, order: Sequence[int]) -> None:
        for place, i in enumerate(order):
            self.model.add_hint(self.position[i], place)

    def _offset(self, nbytes: int) -> _Var:
        offset = self.model.new_int_var(0, self.top - nbytes // ALIGN, "")
        self.model.add(offset + nbytes // ALIGN <= self.peak)
        return offset

    def _work(self, i: int, task: Task) -> list[tuple[_Var, int, str]]:
        """Scratch and copied constants of a task: offset, bytes and kind."""
        found: list[tuple[_Var, int, str]] = []
        for nbytes, kind in ((task.scratch_bytes, "scratch"), (task.staged_bytes, "staged")):
            if nbytes:
                found.append((self._offset(nbytes), nbytes, kind))
                self._box(2 * self.position[i] + 1, 2 * self.position[i] + 2, nbytes, found[-1][0])
        return found

    def _box(self, start: _Var, end: _Var, nbytes: int, offset: _Var) -> None:
        latest = 2 * len(self.graph.tasks) + 1
        size, until = self.model.new_int_var(0, latest + 2, ""), self.model.new_int_var(0, latest, "")
        self.model.add(until == end)
        self.times.append(self.model.new_interval_var(start, size, until, ""))
        self.spaces.append(self.model.new_fixed_size_interval_var(offset, nbytes // ALIGN, ""))
        self.sizes.append(nbytes // ALIGN)

    def _tensor(self, t: int) -> None:
        graph, count = self.graph, len(self.graph.tasks)
        made = graph.makers[t]
        start = -2 if made < 0 else 2 * self.position[made] + 1
        readers = [i for i in range(count) if graph.readers[t] >> i & 1] if graph.readers[t] > 0 else []
        if graph.readers[t] < 0:
            end = 2 * count + 1
        elif not readers:
            end = 0 if made < 0 else 2 * self.position[made] + 2
        else:
            last = self.model.new_int_var(0, count - 1, "")
            self.model.add_max_equality(last, [self.position[i] for i in readers])
            early = [self._shared(t, i, last) for i in readers if self._may_share(graph.tasks[i], t)]
            end = 2 * last + 2 - sum(early)
        self._box(start, end, graph.tensor_bytes[t], self.offset[t])

    @staticmethod
    def _may_share(task: Task, t: int) -> bool:
        return any(s.operand == t for s in task.shares)

    def _shared(self, t: int, i: int, last: _Var) -> _Var:
        """True if tensor ``t`` dies at task ``i``; then it is apart from what that makes, or far enough above it."""
        task, size = self.graph.tasks[i], self.graph.tensor_bytes[t] // ALIGN
        dies = self.model.new_bool_var("")
        self.model.add(self.position[i] == last).only_enforce_if(dies)
        self.model.add(self.position[i] < last).only_enforce_if(dies.negated())
        x = self.offset[t]
        lower = [(self.offset[y], self.graph.tensor_bytes[y], "y") for y in task.makes] + self.work[i]
        for at, nbytes, kind in lower:
            below, above = self.model.new_bool_var(""), self.model.new_bool_var("")
            ways = [below, above]
            self.model.add(x >= at + nbytes // ALIGN).only_enforce_if(above)
            self.model.add(x + size <= at).only_enforce_if(below)
            for share in task.shares:
                if share.operand == t and share.lower == kind:
                    way = self.model.new_bool_var("")
                    self.model.add(x >= at + share.lead_bytes // ALIGN).only_enforce_if(way)
                    if share.same_start:
                        self.model.add(x == at).only_enforce_if(way)
                    ways.append(way)
            self.model.add_bool_or(ways).only_enforce_if(dies)
        return dies
