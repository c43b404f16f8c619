# SPDX-License-Identifier: Apache-2.0
"""Do buffers fit into so many bytes? A search that finds their offsets, proves that there are none, or gives up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.schedule.plan import Buffer, Overlap, aligned


@dataclass(frozen=True, slots=True)
class Pair:
    """Two buffers alive at one step: either start(b) - start(a) >= a_below, or start(a) - start(b) >= b_below."""

    a: int
    b: int
    a_below: int
    b_below: int


@dataclass(frozen=True, slots=True)
class Layout:
    """Buffers by index with aligned sizes, and the pairs that restrict them.

    If ``split`` is given, a further buffer of no bytes stands at it for the end of the first memory.
    """

    nbytes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    split: int | None = None


def layout_of(buffers: Sequence[Buffer], overlaps: Sequence[Overlap], split: int | None = None) -> Layout:
    """Sizes and leads rounded up to the alignment."""
    nbytes = tuple(aligned(b.nbytes) for b in buffers)
    leads = {(o.lower, o.upper): aligned(o.lead_bytes) for o in overlaps}
    pairs: list[Pair] = []
    for j, b in enumerate(buffers):
        for i, a in enumerate(buffers[:j]):
            if a.meets(b):
                first = max(a.first, b.first)  # where they meet, both are largest at the first step
                a_bytes, b_bytes = aligned(a.at(first)), aligned(b.at(first))
                a_below = min(a_bytes, leads.get((a.name, b.name), a_bytes))
                b_below = min(b_bytes, leads.get((b.name, a.name), b_bytes))
                pairs.append(Pair(i, j, a_below, b_below))
    if split is None:
        return Layout(nbytes, tuple(pairs))
    ends = (Pair(i, len(nbytes), n, 0) for i, n in enumerate(nbytes))
    return Layout((*nbytes, 0), (*pairs, *ends), split)


class GaveUp(Exception):
    """The search took more decisions than allowed."""


def fit(layout: Layout, capacity_bytes: int, decisions: int) -> list[int] | None:
    """Offsets that end by ``capacity_bytes``, or None if there are none. GaveUp after so many ``decisions``.

    A decision says which of two buffers lies below; bounds on all offsets follow by propagation. The next pair is one
    that the lowest offsets do not satisfy yet, with the least room for the conflicts it was in before (Boussemart et
    al., "Boosting Systematic Search by Weighting Constraints", 2004). Deterministic.
    """
    return _Search(layout, capacity_bytes).run(decisions)


_OPEN, _A_BELOW, _B_BELOW = 0, 1, 2


class _Search:
    def __init__(self, layout: Layout, capacity_bytes: int) -> None:
        self.pairs = [(p.a, p.b, p.a_below, p.b_below) for p in layout.pairs]
        self.low = [0] * len(layout.nbytes)  # of each offset
        self.high = [capacity_bytes - n for n in layout.nbytes]
        if layout.split is not None:
            self.low[-1] = self.high[-1] = layout.split
        self.state = [_OPEN] * len(self.pairs)
        self.weight = [1] * len(self.pairs)
        self.incident: list[list[int]] = [[] for _ in layout.nbytes]
        for index, pair in enumerate(layout.pairs):
            self.incident[pair.a].append(index)
            self.incident[pair.b].append(index)
        self.trail: list[tuple[list[int], int, int]] = []  # what was changed: list, index, value before

    def run(self, decisions: int) -> list[int] | None:
        if any(h < 0 for h in self.high) or not self._propagate(range(len(self.low))):
            return None
        stack: list[tuple[int, int, int]] = []  # trail length, pair, the way still to be tried
        while (index := self._violated()) is not None:
            decisions -= 1
            if decisions < 0:
                raise GaveUp
            a, b, a_below, b_below = self.pairs[index]
            roomier = self.high[b] - self.low[a] - a_below >= self.high[a] - self.low[b] - b_below
            stack.append((len(self.trail), index, _B_BELOW if roomier else _A_BELOW))
            if self._decide(index, _A_BELOW if roomier else _B_BELOW):
                continue
            if not self._backtrack(stack):
                return None
        return self.low

    def _backtrack(self, stack: list[tuple[int, int, int]]) -> bool:
        """Undo decisions until one can be taken the other way; False if none can."""
        while stack:
            mark, index, way = stack.pop()
            while len(self.trail) > mark:
                changed, place, before = self.trail.pop()
                changed[place] = before
            if self._decide(index, way):  # stays even if what follows undoes it: then both ways have failed
                return True
        return False

    def _violated(self) -> int | None:
        """The pair to decide next."""
        low, high = self.low, self.high
        best, found = 0.0, None
        for index, (a, b, a_below, b_below) in enumerate(self.pairs):
            apart = low[b] - low[a]
            if apart < a_below and -apart < b_below:
                room = high[b] - low[a] - a_below + high[a] - low[b] - b_below
                score = self.weight[index] / (room + 8)
                if score > best:
                    best, found = score, index
        return found

    def _decide(self, index: int, way: int) -> bool:
        self._set(self.state, index, way)
        return self._propagate(self.pairs[index][:2])

    def _set(self, values: list[int], index: int, value: int) -> None:
        self.trail.append((values, index, values[index]))
        values[index] = value

    def _propagate(self, changed: Sequence[int]) -> bool:
        """Tighten the bounds until nothing follows; False if a pair has no way left."""
        todo = dict.fromkeys(changed)
        while todo:
            i = next(iter(todo))
            del todo[i]
            for index in self.incident[i]:
                a, b, a_below, b_below = self.pairs[index]
                state = self.state[index]
                below = state != _B_BELOW and self.low[a] + a_below <= self.high[b]
                above = state != _A_BELOW and self.low[b] + b_below <= self.high[a]
                if below and above:
                    continue
                if not (below or above):
                    self.weight[index] += 1
                    return False
                lower, upper, gap = (a, b, a_below) if below else (b, a, b_below)
                if self.low[lower] + gap > self.low[upper]:
                    self._set(self.low, upper, self.low[lower] + gap)
                    todo[upper] = None
                if self.high[upper] - gap < self.high[lower]:
                    self._set(self.high, lower, self.high[upper] - gap)
                    todo[lower] = None
        return True
