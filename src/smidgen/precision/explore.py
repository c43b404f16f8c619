# SPDX-License-Identifier: Apache-2.0
"""Which assignments near a good one promise to be cheaper: by savings and noise of single changes, taken to add up."""

from __future__ import annotations

import random
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from smidgen.precision.levels import Assignment, Level, rank

_HOPELESS = 1.5  # times the most noise that is known to keep the bound: metrics jump about, but not that far
_DRAWS = 400  # of random changes
_MOST_CHANGED = 5  # layers in a random change
_SEED = 0


@dataclass(frozen=True, slots=True)
class Move:
    layer: int
    to: Level


def changed(a: Assignment, move: Move) -> Assignment:
    return (*a[: move.layer], move.to, *a[move.layer + 1 :])


def lowest(a: Assignment, moves: Iterable[Move]) -> Assignment:
    """All moves made; of two to one layer, the lower level stays."""
    for move in moves:
        if rank(move.to) < rank(a[move.layer]):
            a = changed(a, move)
    return a


@dataclass(frozen=True, slots=True)
class Model:
    """Of each move down from ``start``: the cost it saves and the noise it adds."""

    start: Assignment
    saved: dict[Move, float]
    noise: dict[Move, float]

    def worth(self, move: Move) -> float:
        """Saving over noise of the step to this level from the next higher one of the layer that there is."""
        above = [m for m in self.saved if m.layer == move.layer and rank(m.to) > rank(move.to)]
        nearest = min(above, key=lambda m: rank(m.to), default=None)
        saved = self.saved[move] - (0.0 if nearest is None else self.saved[nearest])
        noise = self.noise[move] - (0.0 if nearest is None else self.noise[nearest])
        return saved / max(noise, 1e-3 * self.noise[move])

    def figures(self, a: Assignment) -> tuple[float, float] | None:
        """Saving and noise of an assignment of these moves; None for another."""
        moves = [Move(i, p) for i, (p, s) in enumerate(zip(a, self.start, strict=True)) if p != s]
        if not all(m in self.saved for m in moves):
            return None
        return sum(self.saved[m] for m in moves), sum(self.noise[m] for m in moves)

    def levels(self) -> dict[int, tuple[Level, ...]]:
        """What each layer may have: its start and what it may move to."""
        layers = sorted({m.layer for m in self.saved})
        return {i: (self.start[i], *(m.to for m in self.saved if m.layer == i)) for i in layers}


def candidates(current: Assignment, model: Model, kept: Collection[Assignment]) -> Iterator[Assignment]:
    """What saves more than ``current``: one or two layers changed, then several at random; the most saving for the
    noise first. ``kept``: assignments that keep the bound; what is much noisier than they are is left out."""
    here = model.figures(current)
    if here is None:
        return
    known = [f[1] for f in map(model.figures, kept) if f is not None]
    most = _HOPELESS * max([here[1], *known])
    for tier in (_near(current, model), _far(current, model)):
        yield from _sorted(tier, model, here, most)


def _sorted(found: Iterable[Assignment], model: Model, here: tuple[float, float], most: float) -> list[Assignment]:
    ranked = []
    for a in dict.fromkeys(found):
        figures = model.figures(a)
        if figures is not None and figures[0] > here[0] and figures[1] <= most:
            gain, added = figures[0] - here[0], figures[1] - here[1]
            ranked.append(((added > 0, -gain / added if added > 0 else -gain, tuple(map(rank, a))), a))
    return [a for _, a in sorted(ranked)]


def _near(current: Assignment, model: Model) -> Iterator[Assignment]:
    levels = model.levels()
    moves = [Move(i, p) for i, options in levels.items() for p in options if p != current[i]]
    for move in moves:
        yield changed(current, move)
    for one, two in combinations(moves, 2):
        if one.layer != two.layer:
            yield changed(changed(current, one), two)


def _far(current: Assignment, model: Model) -> Iterator[Assignment]:
    """Three to five layers, at random; always the same ones."""
    levels = model.levels()
    if len(levels) < 3:
        return
    generator = random.Random(_SEED)
    for _ in range(_DRAWS):
        count = generator.randint(3, min(_MOST_CHANGED, len(levels)))
        yield _redrawn(current, levels, generator.sample(sorted(levels), count), generator)


def _redrawn(
    current: Assignment, levels: dict[int, tuple[Level, ...]], layers: Sequence[int], generator: random.Random
) -> Assignment:
    for layer in layers:
        current = changed(current, Move(layer, generator.choice(levels[layer])))
    return current
