# SPDX-License-Identifier: Apache-2.0
"""The search for offsets below a size: what it finds fits, and where it finds nothing there is nothing."""

from __future__ import annotations

from itertools import combinations, permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.schedule import Buffer, Overlap, Placement, Plan, lower_bound, place, verify_plan
from smidgen.schedule.fit import GaveUp, fit, layout_of, merged
from smidgen.schedule.placement import first_fits


@st.composite
def problems(draw: st.DrawFn) -> tuple[list[Buffer], list[Overlap]]:
    """Up to six buffers over five steps, at each step at most one that others may overlap."""
    buffers = []
    for i in range(draw(st.integers(1, 6))):
        first, last = sorted(draw(st.tuples(st.integers(0, 4), st.integers(0, 4))))
        buffers.append(Buffer(f"b{i}", draw(st.integers(1, 64)), first, last))
    overlaps = []
    for step in range(1, 5):
        uppers = [b for b in buffers if b.last == step and b.first < step]
        lowers = [b for b in buffers if b.first == step]
        if uppers and lowers:
            upper = draw(st.sampled_from(uppers))
            for lower in lowers[: draw(st.integers(0, 2))]:
                overlaps.append(Overlap(lower.name, upper.name, draw(st.integers(0, 40))))
        starts = [b for b in lowers if any(b.nbytes <= x.nbytes for x in uppers)]
        if starts and draw(st.booleans()):
            lower = draw(st.sampled_from(starts))
            upper = draw(st.sampled_from([x for x in uppers if lower.nbytes <= x.nbytes]))
            overlaps.append(Overlap(lower.name, upper.name, 0, same_start=True))
    return buffers, overlaps


def brute_force(buffers: list[Buffer], overlaps: list[Overlap]) -> int:
    """The least over every set of buffers that start together and every order of first fit of the rest.

    Of those in place any may lie apart: that is what leaving the promise out says.
    """
    kept, inplace = [o for o in overlaps if not o.same_start], [o for o in overlaps if o.same_start]
    peaks = []
    for count in range(len(inplace) + 1):
        for together in combinations(inplace, count):
            layout, _ = merged(layout_of(buffers, [*kept, *together]))
            every = first_fits(layout, list(permutations(range(len(layout.nbytes)))))
            peaks.append(min(map(layout.peak, every)))
    return min(peaks)


@settings(max_examples=200, deadline=None)
@given(problems())
def test_place_finds_the_least_plan(problem: tuple[list[Buffer], list[Overlap]]) -> None:
    """Some order of first fit leads to the least plan there is: all of them are tried."""
    buffers, overlaps = problem
    layout = layout_of(buffers, overlaps)
    least = brute_force(buffers, overlaps)
    assert place(buffers, overlaps).nbytes == least
    assert lower_bound(buffers, overlaps) <= least
    assert fit(layout, least - 8, 10**6) is None
    found = fit(layout, least + 16, 10**6)
    assert found is not None
    placements = tuple(Placement(b, at) for b, at in zip(buffers, found, strict=True))
    verify_plan(Plan(placements, 0), buffers, overlaps)


def test_the_search_gives_up_when_told_to() -> None:
    buffers = [Buffer(f"b{i}", 24 + 8 * (i * 7 % 5), i % 6, i % 6 + 2) for i in range(24)]
    layout = layout_of(buffers, [])
    least = place(buffers).nbytes
    with pytest.raises(GaveUp):
        fit(layout, least, 1)
    assert fit(layout, least, 10**5) is not None
