# SPDX-License-Identifier: Apache-2.0
"""Finds the cheapest precision of every layer under a bound on the drop; knows nothing of networks.

Start with everything at the base precision. Where that keeps the bound, list what would be cheaper, in order of cost
saved by noise added at the output (each measured alone, taken to add up), and find by bisection how far down that list
one may go; each step is judged by a true measurement, only the order is a guess. Then try what was left out one by one,
and exchanges. Under additive noise the list alone is within the saving of one layer of the best that raises no layer
(the bound of greedy filling of a knapsack); raising one to lower others is not tried. Where the base breaks the bound,
layers are raised in order of noise removed by cost added, likewise, and what turns out not to be needed is lowered
again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import count

from smidgen.quantize.recipe import FLOATS, PRECISIONS, Precision

Assignment = tuple[Precision, ...]
"""The precision of each layer, in the graph's order."""

_LEAST_NOISE = 1e-12  # of the signal's power: a move that adds nothing measurable comes first, not with 0 below
_EXCHANGES = 24  # tried at most


def is_answer(a: Assignment) -> bool:
    """Something is quantised: the float model itself is no answer."""
    return not a or any(p != "float" for p in a)


class OutOfBudget(Exception):
    """Raised by a measurement that must not be begun; the search ends with the best found so far."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Of one assignment: how much worse than float, the noise at the output as a fraction of the signal's power."""

    drop: float
    noise: float


@dataclass(frozen=True, slots=True)
class Problem:
    """``options``: the precisions that each layer may have; an assignment without any quantised layer is no answer.

    ``measure`` decides. ``sense`` (None: the same) may be rougher and quicker: it orders the layers. ``cost`` is the
    quickest. The caller remembers what they said.
    """

    base: Assignment
    options: Sequence[Sequence[Precision]]
    limit: float
    measure: Callable[[Assignment], Trial]
    cost: Callable[[Assignment], float]
    sense: Callable[[Assignment], Trial] | None = None


@dataclass(frozen=True, slots=True)
class Found:
    """``best``: the cheapest that keeps the bound (``met``), else the one with the least drop.

    ``singles``: what was measured of one layer changed alone: (layer, precision) to its trial. ``finished``: False
    where the budget cut it off.
    """

    met: bool
    best: Assignment
    trial: Trial
    singles: dict[tuple[int, Precision], Trial]
    finished: bool
    measured: int


@dataclass(frozen=True, slots=True)
class _Move:
    layer: int
    to: Precision


@dataclass
class _Search:
    problem: Problem
    trials: dict[Assignment, Trial] = field(default_factory=dict)
    singles: dict[tuple[int, Precision], Trial] = field(default_factory=dict)

    def measure(self, a: Assignment) -> Trial:
        if a not in self.trials:
            self.trials[a] = self.problem.measure(a)
        return self.trials[a]

    def allowed(self, a: Assignment) -> bool:
        """An answer, measured to keep the bound."""
        return is_answer(a) and self.measure(a).drop <= self.problem.limit

    def cheaper(self, a: Assignment, than: Assignment) -> bool:
        return self.problem.cost(a) < self.problem.cost(than)

    def single(self, layer: int, to: Precision) -> Trial:
        if (layer, to) not in self.singles:
            self.singles[layer, to] = self.sense(_with(self.problem.base, _Move(layer, to)))
        return self.singles[layer, to]

    def sense(self, a: Assignment) -> Trial:
        return self.measure(a) if self.problem.sense is None else self.problem.sense(a)

    def run(self) -> None:
        base = self.problem.base
        if self.measure(base).drop <= self.problem.limit:
            self.cheapen(base)
        elif (raised := self.raise_until_met(base)) is not None:
            self.cheapen(self.lower_again(raised))

    # Down from what keeps the bound

    def cheapen(self, start: Assignment) -> None:
        moves = self._cheaper_moves(start)
        taken = self._furthest(start, moves)
        current = _lowest(start, moves[:taken])
        for move in moves[taken:]:
            current = self._if_better(current, _with(current, move))
        self._exchange(start, self._thin_out(start, current, moves), moves)

    def _thin_out(self, start: Assignment, current: Assignment, moves: Sequence[_Move]) -> Assignment:
        """Takes back what does not pay: one by one, and the smallest savings together, which may share their code."""
        for move in moves:
            current = self._if_better(current, _with(current, _Move(move.layer, start[move.layer])))
        cost = self.problem.cost
        made = [m for m in moves if current[m.layer] == m.to]
        made.sort(key=lambda m: cost(_with(current, _Move(m.layer, start[m.layer]))))  # removing it costs the least
        fewer = [_apply(current, [_Move(m.layer, start[m.layer]) for m in made[:k]]) for k in range(2, len(made))]
        for other in sorted(fewer, key=cost)[:1]:
            current = self._if_better(current, other)
        return current

    def _if_better(self, current: Assignment, other: Assignment) -> Assignment:
        return other if other != current and self.cheaper(other, current) and self.allowed(other) else current

    def _cheaper_moves(self, start: Assignment) -> list[_Move]:
        """By saving over noise added: what it saves as the last of all, else what it saves alone."""
        saving: dict[_Move, float] = {}
        untouched = [m for m in self._moves(start) if start[m.layer] == self.problem.base[m.layer]]
        possible = [m for m in untouched if PRECISIONS.index(m.to) < PRECISIONS.index(start[m.layer])]
        lowest = _lowest(start, possible)
        cost = self.problem.cost
        for move in possible:
            other = _with(lowest, _Move(move.layer, start[move.layer]))
            saved = cost(other) - cost(_with(lowest, move))
            if saved <= 0:
                saved = cost(start) - cost(_with(start, move))
            if saved > 0:
                saving[move] = saved
        base = self.sense(self.problem.base).noise
        added = {m: max(self.single(m.layer, m.to).noise - base, _LEAST_NOISE) for m in saving}
        return sorted(saving, key=lambda m: (-saving[m] / added[m], m.layer))

    def _furthest(self, start: Assignment, moves: Sequence[_Move]) -> int:
        """How many of the moves may be made together, by bisection."""
        low, high = 0, len(moves) + 1
        tried = len(moves)  # all at once is worth a look
        while high - low > 1:
            if self.allowed(_lowest(start, moves[:tried])):
                low = tried
            else:
                high = tried
            tried = (low + high) // 2
        return low

    def _exchange(self, start: Assignment, current: Assignment, moves: Sequence[_Move]) -> Assignment:
        """One move in for one out, as long as that pays."""
        tries = count()
        improved = True
        while improved:
            improved = False
            for other in self._exchanged(start, current, moves):
                if not self.cheaper(other, current):
                    continue
                if next(tries) >= _EXCHANGES:
                    return current
                if self.allowed(other):
                    current, improved = other, True
                    break
        return current

    @staticmethod
    def _exchanged(start: Assignment, current: Assignment, moves: Sequence[_Move]) -> Iterator[Assignment]:
        outside = [m for m in moves if current[m.layer] != m.to]
        inside = [m for m in moves if current[m.layer] == m.to]
        for come in outside:
            for leave in reversed(inside):
                yield _with(_with(current, _Move(leave.layer, start[leave.layer])), come)

    # Up from what breaks it

    def raise_until_met(self, base: Assignment) -> Assignment | None:
        """The first assignment on the way up that keeps the bound; None if none does."""
        moves = self._raising_moves(base)
        low, high = 0, len(moves)
        while high > 0 and not is_answer(_apply(base, moves[:high])):
            high -= 1
        if not self.allowed(_apply(base, moves[:high])):
            return self._last_resort(base)
        while high - low > 1:
            middle = (low + high) // 2
            if self.allowed(_apply(base, moves[:middle])):
                high = middle
            else:
                low = middle
        return _apply(base, moves[:high])

    def _last_resort(self, base: Assignment) -> Assignment | None:
        """Every layer in float16; or everything in floats but the layer that adds the least noise if only it is not."""
        if not all("float" in o for o in self.problem.options):
            return None
        halves: Assignment = tuple("float16" if "float16" in o else "float" for o in self.problem.options)
        allowed = [halves] if self.allowed(halves) else []
        for i, options in enumerate(self.problem.options):
            for p in options:
                a = tuple("float" if j != i else p for j in range(len(base)))
                if p not in FLOATS and self.allowed(a):
                    allowed.append(a)
        return min(allowed, key=lambda a: (self.problem.cost(a), self.trials[a].drop)) if allowed else None

    def _raising_moves(self, base: Assignment) -> list[_Move]:
        """By noise removed over cost added; int16 before float in each layer. ``lower_again`` tries float16."""
        noise, cost = self.sense(base).noise, self.problem.cost(base)
        dearer = [m for m in self._moves(base) if PRECISIONS.index(m.to) > PRECISIONS.index(base[m.layer])]
        moves = [m for m in dearer if m.to != "float16" or "float" not in self.problem.options[m.layer]]
        worth: dict[_Move, float] = {}
        for m in moves:
            removed = max(noise - self.single(m.layer, m.to).noise, 0.0)
            worth[m] = removed / max(self.problem.cost(_with(base, m)) - cost, 1e-9 * max(cost, 1.0))
        first = sorted(moves, key=lambda m: (-worth[m], m.layer))
        order = {m: i for i, m in enumerate(first)}
        for m in moves:  # a layer's float comes after its int16
            before = _Move(m.layer, "int16")
            if m.to == "float" and before in order:
                order[m] = max(order[m], order[before])
        return sorted(moves, key=lambda m: (order[m], PRECISIONS.index(m.to), m.layer))

    def lower_again(self, raised: Assignment) -> Assignment:
        """Takes back what is not needed, the dearest first, one step at a time."""
        base, current, cost = self.problem.base, raised, self.problem.cost
        dearest = sorted(
            (i for i, p in enumerate(raised) if p != base[i]),
            key=lambda i: (cost(_with(raised, _Move(i, base[i]))), i),
        )
        for i in dearest:
            steps = [p for p in self.problem.options[i] if PRECISIONS.index(p) < PRECISIONS.index(current[i])]
            for p in sorted(steps, key=PRECISIONS.index):
                if PRECISIONS.index(p) >= PRECISIONS.index(base[i]) and self.allowed(_with(current, _Move(i, p))):
                    current = _with(current, _Move(i, p))
                    break
        return current

    def _moves(self, start: Assignment) -> list[_Move]:
        return [_Move(i, p) for i, o in enumerate(self.problem.options) for p in o if p != start[i]]

    def best(self) -> tuple[bool, Assignment]:
        answers = [a for a in self.trials if is_answer(a)] or list(self.trials)
        met = [a for a in answers if self.trials[a].drop <= self.problem.limit and is_answer(a)]

        def rank(a: Assignment) -> tuple[float, ...]:
            trial = self.trials[a]
            return (trial.drop, trial.noise, *map(PRECISIONS.index, a))

        if met:
            return True, min(met, key=lambda a: (self.problem.cost(a), *rank(a)))
        return False, min(answers, key=rank)


def _with(a: Assignment, move: _Move) -> Assignment:
    return (*a[: move.layer], move.to, *a[move.layer + 1 :])


def _lowest(a: Assignment, moves: Sequence[_Move]) -> Assignment:
    """All moves made; of two to one layer, the lower precision stays."""
    for move in moves:
        if PRECISIONS.index(move.to) < PRECISIONS.index(a[move.layer]):
            a = _with(a, move)
    return a


def _apply(a: Assignment, moves: Sequence[_Move]) -> Assignment:
    for move in moves:
        a = _with(a, move)
    return a


def search(problem: Problem) -> Found:
    """The cheapest assignment found whose drop keeps ``problem.limit``. Deterministic; OutOfBudget ends it early.

    The base is always measured: OutOfBudget raised by that goes to the caller.
    """
    run = _Search(problem)
    run.measure(problem.base)
    finished = True
    try:
        run.run()
    except OutOfBudget:
        finished = False
    met, best = run.best()
    return Found(met, best, run.trials[best], dict(run.singles), finished, len(run.trials))
