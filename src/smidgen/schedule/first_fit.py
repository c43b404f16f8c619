# SPDX-License-Identifier: Apache-2.0
"""Finds a place for every buffer in the arena: first fit in several orders, then a climb over orders."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence

from smidgen.schedule.plan import Buffer, Overlap, Placement, Plan, aligned, lower_bound, verify_plan

_ROUNDS = 400  # of the hill climb, at most; small graphs reach their bound long before
_PAIRS = 1_000_000  # of buffers compared in the whole climb: large graphs get fewer rounds

_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.nbytes, b.first),
    lambda b: (b.first, -b.nbytes),
    lambda b: (-(b.last - b.first + 1) * b.nbytes, b.first),
    lambda b: (b.first - b.last, -b.nbytes),
    lambda b: (-b.last, -b.first, b.nbytes),
)
"""By size is TFLite Micro's greedy planner; by lifetime and by breadth are Pisarchyk and Lee's, "Efficient Memory
Management for Deep Neural Net Inference" (2020). Backwards in time puts results below the operands they may overlap."""


def place(buffers: Sequence[Buffer], overlaps: Sequence[Overlap] = (), *, climb: bool = True) -> Plan:
    """First fit in several orders, then (``climb``) a seeded hill climb over orders until the lower bound is met.

    Deterministic, and the order of ``buffers`` does not matter.
    """
    items = sorted(buffers, key=lambda b: b.name)
    bound = lower_bound(items, overlaps)
    fit = FirstFit(items, overlaps)
    starts = [sorted(range(len(items)), key=lambda i, k=key: k(items[i])) for key in _ORDERS]  # type: ignore[misc]  # k: bound
    order = min(starts, key=fit.peak)
    if climb:
        order = _climb(fit, order, bound)
    offsets = fit.offsets(order)
    placements = (Placement(b, at) for b, at in zip(items, offsets, strict=True))
    plan = Plan(tuple(sorted(placements, key=lambda p: (p.offset, p.buffer.name))), bound)
    verify_plan(plan, items, overlaps)
    return plan


class FirstFit:
    """First fit of one set of buffers; they are known by index, sizes and leads are rounded up to the alignment.

    Some order always leads to the least possible peak: that of the offsets in a plan that has it.
    """

    def __init__(self, buffers: Sequence[Buffer], overlaps: Sequence[Overlap]) -> None:
        self.nbytes = [aligned(b.nbytes) for b in buffers]
        leads = {(o.lower, o.upper): aligned(o.lead_bytes) for o in overlaps}
        self._meets: list[list[tuple[int, int, int]]] = [[] for _ in buffers]
        for i, a in enumerate(buffers):
            for j, b in enumerate(buffers):
                if i != j and a.meets(b):
                    below = min(self.nbytes[i], leads.get((a.name, b.name), self.nbytes[i]))
                    above = min(self.nbytes[j], leads.get((b.name, a.name), self.nbytes[j]))
                    self._meets[i].append((j, below, above))

    def offsets(self, order: Sequence[int]) -> list[int]:
        """Each buffer in turn at the lowest offset where it disturbs none of those before it."""
        at = [-1] * len(self.nbytes)
        for i in order:
            taken = [(at[j] - below, at[j] + above) for j, below, above in self._meets[i] if at[j] >= 0]
            taken.sort()
            lowest = 0
            for low, high in taken:  # starts between the two, exclusively, are not allowed
                if lowest <= low:
                    break
                lowest = max(lowest, high)
            at[i] = lowest
        return at

    def peak(self, order: Sequence[int]) -> int:
        """Bytes of the arena that this order leads to."""
        return max((at + n for at, n in zip(self.offsets(order), self.nbytes, strict=True)), default=0)


def _climb(fit: FirstFit, order: list[int], bound: int) -> list[int]:
    """From ``order``: swap two, keep what is no worse, stop at the bound."""
    rng = random.Random(0)
    best = fit.peak(order)
    rounds = min(_ROUNDS, _PAIRS // max(len(order), 1) ** 2) if len(order) > 1 else 0
    for _ in range(rounds):
        if best <= bound:
            break
        i, j = rng.sample(range(len(order)), 2)
        trial = list(order)
        trial[i], trial[j] = trial[j], trial[i]
        peak = fit.peak(trial)
        if peak <= best:
            order, best = trial, peak
    return order
