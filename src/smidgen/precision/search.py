# SPDX-License-Identifier: Apache-2.0
"""Finds the cheapest level of every layer under a bound on the drop; knows nothing of networks.

Start with everything at the base. Where that keeps the bound, try everything as low as it goes, in each group size of
four-bit weights; then list what would be cheaper, in order of cost saved by noise added at the output (each measured
alone, taken to add up), and find by bisection how far down that list one may go; each step is judged by a true
measurement, only the order is a guess. Then try what was left out one by one, and explore around the best: one or two
layers changed, up or down, and seeded random changes of more, until nothing promising is left or a fixed number were
tried. Under additive noise the list alone is within the saving of one layer of the best that raises no layer (the bound
of greedy filling of a knapsack). Where the base breaks the bound, layers are raised in order of noise removed by cost
added, likewise, and what turns out not to be needed is lowered again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

from smidgen.precision.explore import Model, Move, candidates, changed, lowest
from smidgen.precision.levels import FINER, Assignment, Level, rank
from smidgen.quantize.recipe import FLOATS

_LEAST_NOISE = 1e-12  # of the signal's power: a move that adds nothing measurable comes first, not with 0 below
_MEASURED_AROUND = 40  # assignments measured around the best, at most
_COSTED_AROUND = 160  # and looked at for their cost
_SINGLY = 32  # moves that bisection left out, tried one by one at most
_EQUAL = 1e-9  # of the bound: rounding of floating point, far below what one sample of any data makes


def is_answer(a: Assignment) -> bool:
    """Something is quantised: the float model itself is no answer."""
    return not a or any(p != "float" for p in a)


def keeps(drop: float, limit: float) -> bool:
    """A drop within the bound: a drop of exactly as much keeps it, however its subtraction was rounded."""
    return drop <= limit + _EQUAL * abs(limit)


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
    options: Sequence[Sequence[Level]]
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
    singles: dict[tuple[int, Level], Trial]
    finished: bool
    measured: int


@dataclass
class _Search:
    problem: Problem
    trials: dict[Assignment, Trial] = field(default_factory=dict)
    singles: dict[tuple[int, Level], Trial] = field(default_factory=dict)

    def measure(self, a: Assignment) -> Trial:
        if a not in self.trials:
            self.trials[a] = self.problem.measure(a)
        return self.trials[a]

    def allowed(self, a: Assignment) -> bool:
        """An answer, measured to keep the bound."""
        return is_answer(a) and keeps(self.measure(a).drop, self.problem.limit)

    def cheaper(self, a: Assignment, than: Assignment) -> bool:
        return self.problem.cost(a) < self.problem.cost(than)

    def single(self, layer: int, to: Level) -> Trial:
        if (layer, to) not in self.singles:
            self.singles[layer, to] = self.sense(changed(self.problem.base, Move(layer, to)))
        return self.singles[layer, to]

    def sense(self, a: Assignment) -> Trial:
        return self.measure(a) if self.problem.sense is None else self.problem.sense(a)

    def run(self) -> None:
        base = self.problem.base
        if keeps(self.measure(base).drop, self.problem.limit):
            self.cheapen(base)
        elif (raised := self.raise_until_met(base)) is not None:
            self.cheapen(self.lower_again(raised))

    # Down from what keeps the bound

    def cheapen(self, start: Assignment) -> None:
        self._if_better(start, lowest(start, self._possible(start)))  # the least there is, whatever the budget
        moves, model = self._cheaper_moves(start)
        together = [a for a in _uniform(start, moves).values() if self.cheaper(a, start)]
        current = next((a for a in sorted(together, key=self.problem.cost) if self.allowed(a)), start)
        taken = self._furthest(start, moves)
        current = self._if_better(current, lowest(start, moves[:taken]))
        for move in moves[taken : taken + _SINGLY]:
            current = self._if_better(current, changed(current, move))
        self._explore(self._thin_out(start, current, moves), model)

    def _thin_out(self, start: Assignment, current: Assignment, moves: Sequence[Move]) -> Assignment:
        """Takes back what does not pay: one by one, and the smallest savings together, which may share their code."""
        for layer in dict.fromkeys(m.layer for m in moves):
            current = self._if_better(current, changed(current, Move(layer, start[layer])))
        cost = self.problem.cost
        made = [m for m in moves if current[m.layer] == m.to]
        made.sort(key=lambda m: cost(changed(current, Move(m.layer, start[m.layer]))))  # removing it costs the least
        fewer = [_apply(current, [Move(m.layer, start[m.layer]) for m in made[:k]]) for k in range(2, len(made))]
        for other in sorted(fewer, key=cost)[:1]:
            current = self._if_better(current, other)
        return current

    def _if_better(self, current: Assignment, other: Assignment) -> Assignment:
        return other if other != current and self.cheaper(other, current) and self.allowed(other) else current

    def _possible(self, start: Assignment) -> list[Move]:
        """What lowers a layer that has not been raised."""
        untouched = [m for m in self._moves(start) if start[m.layer] == self.problem.base[m.layer]]
        return [m for m in untouched if rank(m.to) < rank(start[m.layer])]

    def _cheaper_moves(self, start: Assignment) -> tuple[list[Move], Model]:
        """By saving over noise added, each step down from the one above it in its layer; and both figures of each."""
        possible = self._possible(start)
        saved = self._savings(start, [m for m in possible if m.to not in FINER])
        base = self.sense(self.problem.base).noise
        noise = {m: max(self.single(m.layer, m.to).noise - base, _LEAST_NOISE) for m in saved}
        finer = [m for m in possible if m.to in FINER and Move(m.layer, "int4") in saved]
        shares = self._shares(start, base, _uniform(start, [*saved, *finer]))
        for m in finer:
            cost_share, noise_share = shares[m.to]
            saved[m] = saved[Move(m.layer, "int4")] * cost_share
            noise[m] = max(noise[Move(m.layer, "int4")] * noise_share, _LEAST_NOISE)
        model = Model(start, saved, noise)
        return sorted(saved, key=lambda m: (-model.worth(m), m.layer, -rank(m.to))), model

    def _savings(self, start: Assignment, moves: Sequence[Move]) -> dict[Move, float]:
        """What each saves as the last of all, else what it saves alone; those that do."""
        bottom, cost = lowest(start, moves), self.problem.cost
        saving: dict[Move, float] = {}
        for move in moves:
            saved = cost(changed(bottom, Move(move.layer, start[move.layer]))) - cost(changed(bottom, move))
            if saved <= 0:
                saved = cost(start) - cost(changed(start, move))
            if saved > 0:
                saving[move] = saved
        return saving

    def _shares(
        self, start: Assignment, base: float, uniform: Mapping[Level, Assignment]
    ) -> dict[Level, tuple[float, float]]:
        """Of four-bit weights in smaller groups: their saving and noise as shares of the largest group's, all layers
        together; taken to be so in each. Measuring each layer alone in each group would take three times as long."""
        if len(uniform) == 1:
            return {}
        cost, bottom = self.problem.cost, uniform["int4"]
        saved, added = cost(start) - cost(bottom), max(self.sense(bottom).noise - base, _LEAST_NOISE)
        found = {}
        for level in FINER:
            if level in uniform:
                a = uniform[level]
                share = (cost(start) - cost(a)) / saved if saved > 0 else 1.0
                noise = (self.sense(a).noise - base) / added
                found[level] = (min(max(share, 0.0), 1.0), min(max(noise, 0.01), 1.0))
        return found

    def _furthest(self, start: Assignment, moves: Sequence[Move]) -> int:
        """How many of the moves may be made together, by bisection."""
        low, high = 0, len(moves) + 1
        tried = len(moves)  # all at once is worth a look
        while high - low > 1:
            if self.allowed(lowest(start, moves[:tried])):
                low = tried
            else:
                high = tried
            tried = (low + high) // 2
        return low

    def _explore(self, current: Assignment, model: Model) -> None:
        """Whatever is near and promises to be cheaper, the most promising first; begun anew from each improvement."""
        measured = looked = 0
        improved = True
        while improved:
            improved = False
            kept = [a for a, t in self.trials.items() if keeps(t.drop, self.problem.limit)]
            for other in candidates(current, model, kept):
                if other in self.trials:
                    continue
                looked += 1
                if measured >= _MEASURED_AROUND or looked > _COSTED_AROUND:
                    return
                if not self.cheaper(other, current):
                    continue
                measured += 1
                if self.allowed(other):
                    current, improved = other, True
                    break

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

    def _raising_moves(self, base: Assignment) -> list[Move]:
        """By noise removed over cost added; int16 before float in each layer. ``lower_again`` tries float16."""
        noise, cost = self.sense(base).noise, self.problem.cost(base)
        dearer = [m for m in self._moves(base) if rank(m.to) > rank(base[m.layer])]
        moves = [m for m in dearer if m.to != "float16" or "float" not in self.problem.options[m.layer]]
        worth: dict[Move, float] = {}
        for m in moves:
            removed = max(noise - self.single(m.layer, m.to).noise, 0.0)
            worth[m] = removed / max(self.problem.cost(changed(base, m)) - cost, 1e-9 * max(cost, 1.0))
        first = sorted(moves, key=lambda m: (-worth[m], m.layer))
        order = {m: i for i, m in enumerate(first)}
        for m in moves:  # a layer's float comes after its int16
            before = Move(m.layer, "int16")
            if m.to == "float" and before in order:
                order[m] = max(order[m], order[before])
        return sorted(moves, key=lambda m: (order[m], rank(m.to), m.layer))

    def lower_again(self, raised: Assignment) -> Assignment:
        """Takes back what is not needed, the dearest first, one step at a time."""
        base, current, cost = self.problem.base, raised, self.problem.cost
        dearest = sorted(
            (i for i, p in enumerate(raised) if p != base[i]),
            key=lambda i: (cost(changed(raised, Move(i, base[i]))), i),
        )
        for i in dearest:
            steps = [p for p in self.problem.options[i] if rank(p) < rank(current[i])]
            for p in sorted(steps, key=rank):
                if rank(p) >= rank(base[i]) and self.allowed(changed(current, Move(i, p))):
                    current = changed(current, Move(i, p))
                    break
        return current

    def _moves(self, start: Assignment) -> list[Move]:
        return [Move(i, p) for i, o in enumerate(self.problem.options) for p in o if p != start[i]]

    def best(self) -> tuple[bool, Assignment]:
        answers = [a for a in self.trials if is_answer(a)] or list(self.trials)
        met = [a for a in answers if keeps(self.trials[a].drop, self.problem.limit) and is_answer(a)]

        def order(a: Assignment) -> tuple[float, ...]:
            trial = self.trials[a]
            return (trial.drop, trial.noise, *map(rank, a))

        if met:
            return True, min(met, key=lambda a: (self.problem.cost(a), *order(a)))
        return False, min(answers, key=order)


def _uniform(start: Assignment, moves: Sequence[Move]) -> dict[Level, Assignment]:
    """Every layer as low as it goes ("int4"); and with four-bit weights in each of the smaller groups, if there are."""
    bottom = lowest(start, moves)
    found: dict[Level, Assignment] = {"int4": bottom}
    for level in FINER:
        finer = [m for m in moves if m.to == level]
        if finer:
            found[level] = _apply(bottom, finer)
    return found


def _apply(a: Assignment, moves: Sequence[Move]) -> Assignment:
    for move in moves:
        a = changed(a, move)
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
