# SPDX-License-Identifier: Apache-2.0
"""The order of execution that needs the fewest bytes at once, with a bound that holds for every order."""

from __future__ import annotations

import heapq
from dataclasses import dataclass

from smidgen.schedule.tasks import TaskGraph

_STATES = 20_000  # of the exact search, before it gives up: about a second
_BEAM = 48  # states kept a step where the exact search gave up


@dataclass(frozen=True, slots=True)
class Order:
    """Tasks in an order that needs ``peak_bytes`` at once; no order needs less than ``bound_bytes``."""

    tasks: tuple[int, ...]
    peak_bytes: int
    bound_bytes: int


@dataclass(frozen=True, slots=True)
class _State:
    """A prefix of an order: the tasks in it as a bit mask, and the last of them with the prefix before it."""

    done: int
    peak_bytes: int
    live_bytes: int
    last: int = -1
    before: _State | None = None

    def tasks(self) -> tuple[int, ...]:
        found: list[int] = []
        state: _State | None = self
        while state is not None and state.last >= 0:
            found.append(state.last)
            state = state.before
        return tuple(reversed(found))


def best_order(graph: TaskGraph, states: int = _STATES, beam: int = _BEAM) -> Order:
    """The order with the least peak, by best-first search over sets of finished tasks (a bottleneck shortest path).

    What is alive depends on the set alone. After ``states`` sets a beam search completes an order; the bound is then
    the least peak that any set not yet looked into has already. Deterministic.
    """
    search = _Search(graph)
    every = (1 << len(graph.tasks)) - 1
    start = search.settle(_State(0, max(graph.start_bytes, search.least()), graph.start_live_bytes))
    queue = [(start.peak_bytes, 0, 0, start)]
    least = {start.done: start.peak_bytes}  # peak of each set met
    pushed = 0
    while queue:
        peak, _, _, state = heapq.heappop(queue)
        if state.done == every:
            return Order(state.tasks(), peak, peak)
        if len(least) > states:
            found = search.beam(start, every, beam)
            return Order(found.tasks(), found.peak_bytes, peak)
        for after in search.successors(state):
            if after.done not in least or after.peak_bytes < least[after.done]:
                least[after.done] = after.peak_bytes
                pushed += 1
                heapq.heappush(queue, (after.peak_bytes, -after.done.bit_count(), pushed, after))
    raise AssertionError("a graph in topological order has an order")


class _Search:
    def __init__(self, graph: TaskGraph) -> None:
        self._graph = graph

    def least(self) -> int:
        """What the neediest task takes on its own."""
        sizes = self._graph.tensor_bytes
        return max(
            (sum(sizes[r] for r in t.reads) + t.new_bytes - sum(n for _, n in t.savings) for t in self._graph.tasks),
            default=0,
        )

    def successors(self, state: _State) -> list[_State]:
        """The states one task further, by index of the task, settled."""
        return [self.settle(self._run(state, i)) for i in self._ready(state)]

    def settle(self, state: _State) -> _State:
        """Run what costs nothing: tasks that stay within the peak and leave no more bytes alive.

        No order is lost by that: moved from where it was to here, such a task only lowers what is alive in between.
        """
        moved = True
        while moved:
            moved = False
            for i in self._ready(state):
                after = self._run(state, i)
                if after.peak_bytes <= state.peak_bytes and after.live_bytes <= state.live_bytes:
                    state, moved = after, True
                    break
        return state

    def beam(self, start: _State, every: int, width: int) -> _State:
        """The best complete order that keeping ``width`` states a round leads to."""
        best: _State | None = None
        states = [start]
        while states:
            found: dict[int, _State] = {}
            for state in states:
                for after in self.successors(state):
                    if after.done not in found or after.peak_bytes < found[after.done].peak_bytes:
                        found[after.done] = after
            ended = found.pop(every, None)
            if ended is not None and (best is None or ended.peak_bytes < best.peak_bytes):
                best = ended
            limit = best.peak_bytes if best is not None else None
            ranked = sorted(found.values(), key=lambda s: (s.peak_bytes, s.live_bytes, s.done))
            states = [s for s in ranked if limit is None or s.peak_bytes < limit][:width]
        assert best is not None, "a state that is not complete has a successor"
        return best

    def _ready(self, state: _State) -> list[int]:
        done = state.done
        return [i for i, t in enumerate(self._graph.tasks) if not done >> i & 1 and t.needs & ~done == 0]

    def _run(self, state: _State, index: int) -> _State:
        """The state after one more task."""
        task, readers, sizes = self._graph.tasks[index], self._graph.readers, self._graph.tensor_bytes
        done = state.done | 1 << index
        dying = [t for t in task.reads if readers[t] & ~done == 0]
        need = state.live_bytes + task.new_bytes - sum(n for t, n in task.savings if t in dying)
        live = state.live_bytes + task.kept_bytes - sum(sizes[t] for t in dying)
        return _State(done, max(state.peak_bytes, need), live, index, state)
