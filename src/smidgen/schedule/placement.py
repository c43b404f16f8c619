# SPDX-License-Identifier: Apache-2.0
"""Finds a place for every buffer in the arena: first fit in several orders, then a search for something better."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from smidgen.schedule.fit import GaveUp, Layout, fit, layout_of, merged
from smidgen.schedule.plan import ALIGN, Buffer, Overlap, Placement, Plan, lower_bound, verify_plan

DECISIONS = 1000  # of one search for a plan below a size, before it is given up: less than a second
_GIVE_UPS = 3  # searches given up before the best plan so far is taken

_ORDERS: tuple[Callable[[Buffer], tuple[int, ...]], ...] = (
    lambda b: (-b.nbytes, b.first),
    lambda b: (b.first, -b.nbytes),
    lambda b: (-(b.last - b.first + 1) * b.nbytes, b.first),
    lambda b: (b.first - b.last, -b.nbytes),
    lambda b: (-b.last, -b.first, b.nbytes),
)
"""By size is TFLite Micro's greedy planner; by lifetime and by breadth are Pisarchyk and Lee's, "Efficient Memory
Management for Deep Neural Net Inference" (2020). Backwards in time puts results below the operands they may overlap."""


def place(
    buffers: Sequence[Buffer],
    overlaps: Sequence[Overlap] = (),
    *,
    decisions: int = DECISIONS,
    split: int | None = None,
) -> Plan:
    """First fit in several orders, then searches for a smaller plan until none is left or each has given up.

    At first all that may start together does; if that misses the bound, what works in place may lie apart as well.

    Deterministic, and the order of ``buffers`` does not matter. ``decisions`` bounds each search; 0 leaves it at first
    fit. No buffer lies across ``split``.
    """
    items = sorted(buffers, key=lambda b: b.name)
    bound = lower_bound(items, overlaps)
    layout = layout_of(items, overlaps, split)
    blocks, block = merged(layout)
    merged_items = _merged_buffers(items, blocks, block)
    starts = [sorted(range(len(merged_items)), key=lambda i, k=key: k(merged_items[i])) for key in _ORDERS]  # type: ignore[misc]  # k: bound
    found = min(first_fits(blocks, starts), key=blocks.peak)
    if decisions:
        found = _improve(blocks, found, bound, decisions)
    offsets = [found[i] for i in block]
    if decisions and len(blocks.nbytes) < len(layout.nbytes):
        offsets = _improve(layout, offsets, bound, decisions)
    placements = (Placement(b, at) for b, at in zip(items, offsets, strict=split is None))
    plan = Plan(tuple(sorted(placements, key=lambda p: (p.offset, p.buffer.name))), bound, split)
    verify_plan(plan, items, overlaps)
    return plan


def first_fits(layout: Layout, orders: Sequence[Sequence[int]]) -> list[list[int]]:
    """By order: offsets with each buffer in turn at the lowest one that disturbs none of those before it."""
    meets: list[list[tuple[int, int, int]]] = [[] for _ in layout.nbytes]
    for p in layout.pairs:
        meets[p.a].append((p.b, p.a_below, p.b_below))
        meets[p.b].append((p.a, p.b_below, p.a_below))
    return [_first_fit(meets, order, layout.split) for order in orders]


def _first_fit(meets: Sequence[Sequence[tuple[int, int, int]]], order: Sequence[int], split: int | None) -> list[int]:
    at = [-1] * len(meets)
    if split is not None:
        at[-1] = split
    for i in order:
        taken = [(at[j] - below, at[j] + above) for j, below, above in meets[i] if at[j] >= 0]
        taken.sort()
        lowest = 0
        for low, high in taken:  # offsets between the two, exclusively, are not allowed
            if lowest <= low:
                break
            lowest = max(lowest, high)
        at[i] = lowest
    return at


def _merged_buffers(items: Sequence[Buffer], blocks: Layout, block: Sequence[int]) -> list[Buffer]:
    """Each block as a buffer that is alive as long as any of its own, under the name of the first."""
    found: dict[int, Buffer] = {}
    for b, i in zip(items, block, strict=False):  # the split is no item
        before = found.get(i, b)
        found[i] = Buffer(before.name, blocks.nbytes[i], min(b.first, before.first), max(b.last, before.last))
    return [found[i] for i in sorted(found)]


def _improve(layout: Layout, offsets: list[int], bound: int, decisions: int) -> list[int]:
    """The least plan that bisection between the bound and the best so far finds; the bound itself is tried first."""
    low, high, trial = bound, layout.peak(offsets), bound
    given_up = 0
    while low < high and given_up < _GIVE_UPS:
        try:
            found = fit(layout, trial, decisions)
        except GaveUp:
            found = None
            given_up += 1
        if found is not None:
            offsets, high = found, layout.peak(found)
        else:
            low = trial + ALIGN
        trial = (low + high) // 2 // ALIGN * ALIGN
    return offsets
