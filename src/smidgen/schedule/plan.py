# SPDX-License-Identifier: Apache-2.0
"""Where every activation and scratch buffer lives in the arena, and the proof that none disturbs another."""

from __future__ import annotations

import random
from bisect import insort
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from smidgen.errors import InvalidPlan

ALIGN = 8  # bytes, of every buffer: kernels may assume it
_ROUNDS = 400  # of the hill climb, at most; small graphs reach their bound long before
_PAIRS = 1_000_000  # of buffers compared in the whole climb: large graphs get fewer rounds


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes alive during steps first..last, both inclusive. Scratch is a buffer with first == last."""

    name: str
    nbytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """True if both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Placement:
    buffer: Buffer
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.buffer.nbytes


@dataclass(frozen=True, slots=True)
class Plan:
    """Placements by offset; ``nbytes`` is the arena's size; no plan for these lifetimes can beat ``bound_bytes``."""

    placements: tuple[Placement, ...]
    bound_bytes: int

    @property
    def nbytes(self) -> int:
        return max((_aligned(p.end) for p in self.placements), default=0)

    def offset(self, name: str) -> int:
        """Of the buffer of this name; InvalidPlan if the plan has none."""
        for p in self.placements:
            if p.buffer.name == name:
                return p.offset
        raise InvalidPlan(f"the plan has no buffer {name!r}")


def place(buffers: Sequence[Buffer]) -> Plan:
    """First fit in several orders, then a seeded hill climb over orders until the lower bound is met.

    Deterministic. The orders are those of TFLite Micro's greedy planner (by size) and of Pisarchyk and Lee, "Efficient
    Memory Management for Deep Neural Net Inference" (2020): by lifetime and by breadth.
    """
    bound = lower_bound(buffers)
    orders: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
        lambda b: (-b.nbytes, b.first),
        lambda b: (b.first, -b.nbytes),
        lambda b: (-(b.last - b.first + 1) * b.nbytes, b.first),
        lambda b: (b.first - b.last, -b.nbytes),
    )
    starts = [sorted(buffers, key=lambda b, k=key: (*k(b), b.name)) for key in orders]  # type: ignore[misc]  # k: bound
    order, placed = min(((o, _first_fit(o)) for o in starts), key=lambda pair: _peak(pair[1]))
    best = _climb(order, placed, bound)
    plan = Plan(tuple(sorted(best, key=lambda p: (p.offset, p.buffer.name))), bound)
    verify_plan(plan, buffers)
    return plan


def lower_bound(buffers: Sequence[Buffer]) -> int:
    """The most bytes alive at one step: no placement can need less."""
    steps = {b.first for b in buffers}
    alive = (sum(_aligned(b.nbytes) for b in buffers if b.first <= t <= b.last) for t in steps)
    return max(alive, default=0)


def verify_plan(plan: Plan, buffers: Sequence[Buffer]) -> None:
    """Raise InvalidPlan unless every buffer is placed once, aligned, and apart from all it meets. O(n^2), no planner's
    code."""
    if sorted(b.name for b in buffers) != sorted(p.buffer.name for p in plan.placements):
        raise InvalidPlan("the plan does not place every buffer exactly once")
    for i, p in enumerate(plan.placements):
        if p.offset < 0 or p.offset % ALIGN:
            raise InvalidPlan(f"{p.buffer.name} at {p.offset} is not aligned to {ALIGN}")
        for q in plan.placements[:i]:
            if p.buffer.meets(q.buffer) and p.offset < q.end and q.offset < p.end:
                raise InvalidPlan(f"{p.buffer.name} overlaps {q.buffer.name} while both are alive")
    if plan.nbytes < plan.bound_bytes:
        raise InvalidPlan(f"the plan claims {plan.nbytes} bytes, below the lower bound {plan.bound_bytes}")


def _aligned(n: int) -> int:
    return -(-n // ALIGN) * ALIGN


def _peak(placements: Sequence[Placement]) -> int:
    return max((p.end for p in placements), default=0)


def _first_fit(order: Sequence[Buffer]) -> list[Placement]:
    """Each buffer in turn at the lowest offset where it meets nobody."""
    done: list[Placement] = []
    for b in order:
        at = 0
        for p in done:  # kept sorted by offset
            if not p.buffer.meets(b):
                continue
            if at + b.nbytes <= p.offset:
                break
            at = max(at, _aligned(p.end))
        insort(done, Placement(b, at), key=lambda p: p.offset)
    return done


def _climb(order: Sequence[Buffer], best: list[Placement], bound: int) -> list[Placement]:
    """From ``best``, first fit in ``order``: swap two of the order, keep what is no worse, stop at the bound."""
    rng = random.Random(0)
    current, score = list(order), _peak(best)
    rounds = min(_ROUNDS, _PAIRS // max(len(current), 1) ** 2) if len(current) > 1 else 0
    for _ in range(rounds):
        if _peak(best) <= bound:
            break
        i, j = rng.sample(range(len(current)), 2)
        trial = list(current)
        trial[i], trial[j] = trial[j], trial[i]
        placed = _first_fit(trial)
        if _peak(placed) <= score:
            current, score = trial, _peak(placed)
        if _peak(placed) < _peak(best):
            best = placed
    return best
