# SPDX-License-Identifier: Apache-2.0
"""Do buffers fit into so many bytes? A search that finds their offsets, proves that there are none, or gives up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.schedule.plan import Buffer, Overlap, aligned


@dataclass(frozen=True, slots=True)
class Pair:
    """Two buffers alive at one step: either start(b) - start(a) >= a_below, or start(a) - start(b) >= b_below, or, if
    they may be the ``same``, start(a) = start(b)."""

    a: int
    b: int
    a_below: int
    b_below: int
    same: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """Buffers by index with aligned sizes, and the pairs that restrict them.

    If ``split`` is given, a further buffer of no bytes stands at it for the end of the first memory.
    """

    nbytes: tuple[int, ...]
    pairs: tuple[Pair, ...]
    split: int | None = None

    def peak(self, offsets: Sequence[int]) -> int:
        """Where the last buffer ends."""
        return max((at + n for at, n in zip(offsets, self.nbytes, strict=True)), default=0)


def layout_of(buffers: Sequence[Buffer], overlaps: Sequence[Overlap], split: int | None = None) -> Layout:
    """Sizes and leads rounded up to the alignment."""
    nbytes = tuple(aligned(b.nbytes) for b in buffers)
    leads = {(o.lower, o.upper): aligned(o.lead_bytes) for o in overlaps if not o.same_start}
    starts = {frozenset((o.lower, o.upper)) for o in overlaps if o.same_start}
    pairs: list[Pair] = []
    for j, b in enumerate(buffers):
        for i, a in enumerate(buffers[:j]):
            if a.meets(b):
                a_below = min(nbytes[i], leads.get((a.name, b.name), nbytes[i]))
                b_below = min(nbytes[j], leads.get((b.name, a.name), nbytes[j]))
                pairs.append(Pair(i, j, a_below, b_below, frozenset((a.name, b.name)) in starts))
    if split is None:
        return Layout(nbytes, tuple(pairs))
    ends = (Pair(i, len(nbytes), n, 0) for i, n in enumerate(nbytes))
    return Layout((*nbytes, 0), (*pairs, *ends), split)


def merged(layout: Layout) -> tuple[Layout, tuple[int, ...]]:
    """The layout with all buffers that may start together in one block, and the block of each buffer."""
    block = list(range(len(layout.nbytes)))
    for p in layout.pairs:
        if p.same:
            low, high = sorted((block[p.a], block[p.b]))
            block = [low if k == high else k for k in block]
    number = {k: i for i, k in enumerate(dict.fromkeys(block))}
    blocks = tuple(number[k] for k in block)
    nbytes = [0] * len(number)
    for i, n in zip(blocks, layout.nbytes, strict=True):
        nbytes[i] = max(nbytes[i], n)
    apart = (Pair(blocks[p.a], blocks[p.b], p.a_below, p.b_below) for p in layout.pairs if blocks[p.a] != blocks[p.b])
    return Layout(tuple(nbytes), tuple(dict.fromkeys(apart)), layout.split), blocks


class GaveUp(Exception):
    """The search took more decisions than allowed."""


def fit(layout: Layout, capacity_bytes: int, decisions: int) -> list[int] | None:
    """Offsets that end by ``capacity_bytes``, or None if there are none. GaveUp after so many ``decisions``.

    A decision says which of two buffers lies below, or that they start together; bounds on all offsets follow by
    propagation. The next pair is one that the lowest offsets do not satisfy yet, with the least room for the conflicts
    it was in before (Boussemart et al., "Boosting Systematic Search by Weighting Constraints", 2004). Deterministic.
    """
    return _Search(layout, capacity_bytes).run(decisions)


_A_BELOW, _B_BELOW, _SAME = 1, 2, 4  # ways that a pair can be apart: bits of a mask


class _Search:
    def __init__(self, layout: Layout, capacity_bytes: int) -> None:
        self.pairs = [(p.a, p.b, p.a_below, p.b_below) for p in layout.pairs]
        self.low = [0] * len(layout.nbytes)  # of each offset
        self.high = [capacity_bytes - n for n in layout.nbytes]
        if layout.split is not None:
            self.low[-1] = self.high[-1] = layout.split
        self.ways = [_A_BELOW | _B_BELOW | (_SAME if p.same else 0) for p in layout.pairs]  # still to be taken
        self.weight = [1] * len(self.pairs)
        self.incident: list[list[int]] = [[] for _ in layout.nbytes]
        for index, pair in enumerate(layout.pairs):
            self.incident[pair.a].append(index)
            self.incident[pair.b].append(index)
        self.trail: list[tuple[list[int], int, int]] = []  # what was changed: list, index, value before

    def run(self, decisions: int) -> list[int] | None:
        if any(h < 0 for h in self.high) or not self._propagate(range(len(self.low))):
            return None
        stack: list[tuple[int, int, int]] = []  # trail length, pair, the ways still to be tried
        while (index := self._violated()) is not None:
            decisions -= 1
            if decisions < 0:
                raise GaveUp
            way = self._next_way(index)
            stack.append((len(self.trail), index, self.ways[index] & ~way))
            if self._decide(index, way):
                continue
            if not self._backtrack(stack):
                return None
        return self.low

    def _next_way(self, index: int) -> int:
        """Together if that is left, else the way with more room."""
        a, b, a_below, b_below = self.pairs[index]
        ways = self.ways[index]
        if ways & _SAME and max(self.low[a], self.low[b]) <= min(self.high[a], self.high[b]):
            return _SAME
        roomier = self.high[b] - self.low[a] - a_below >= self.high[a] - self.low[b] - b_below
        way = _A_BELOW if roomier else _B_BELOW
        return way if ways & way else ways & ~_SAME

    def _backtrack(self, stack: list[tuple[int, int, int]]) -> bool:
        """Undo decisions until one can be taken another way; False if none can."""
        while stack:
            mark, index, ways = stack.pop()
            while len(self.trail) > mark:
                changed, place, before = self.trail.pop()
                changed[place] = before
            if ways and self._decide(index, ways):  # stays even if what follows undoes it: then all ways have failed
                return True
        return False

    def _violated(self) -> int | None:
        """The pair to decide next."""
        low, high = self.low, self.high
        best, found = 0.0, None
        for index, (a, b, a_below, b_below) in enumerate(self.pairs):
            apart = low[b] - low[a]
            if apart < a_below and -apart < b_below:
                if not apart and self.ways[index] & _SAME:
                    continue
                room = max(high[b] - low[a] - a_below, 0) + max(high[a] - low[b] - b_below, 0)
                score = self.weight[index] / (room + 8)
                if score > best:
                    best, found = score, index
        return found

    def _decide(self, index: int, ways: int) -> bool:
        self._set(self.ways, index, ways)
        return self._propagate(self.pairs[index][:2])

    def _set(self, values: list[int], index: int, value: int) -> None:
        self.trail.append((values, index, values[index]))
        values[index] = value

    def _propagate(self, changed: Sequence[int]) -> bool:
        """Tighten the bounds until nothing follows; False if a pair has no way left."""
        low, high = self.low, self.high
        todo = dict.fromkeys(changed)
        while todo:
            i = next(iter(todo))
            del todo[i]
            for index in self.incident[i]:
                a, b, a_below, b_below = self.pairs[index]
                ways = self.ways[index]
                below = ways & _A_BELOW and low[a] + a_below <= high[b]
                above = ways & _B_BELOW and low[b] + b_below <= high[a]
                same = ways & _SAME and low[a] <= high[b] and low[b] <= high[a]
                count = bool(below) + bool(above) + bool(same)
                if count > 1:
                    continue
                if not count:
                    self.weight[index] += 1
                    return False
                if below or same:
                    self._at_least(a, b, a_below if below else 0, todo)
                if above or same:
                    self._at_least(b, a, b_below if above else 0, todo)
        return True

    def _at_least(self, lower: int, upper: int, gap: int, todo: dict[int, None]) -> None:
        """``upper`` starts ``gap`` bytes above ``lower`` or more."""
        if self.low[lower] + gap > self.low[upper]:
            self._set(self.low, upper, self.low[lower] + gap)
            todo[upper] = None
        if self.high[upper] - gap < self.high[lower]:
            self._set(self.high, lower, self.high[upper] - gap)
            todo[lower] = None
