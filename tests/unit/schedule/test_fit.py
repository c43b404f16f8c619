# SPDX-License-Identifier: Apache-2.0
"""The search for offsets below a size: what it finds fits, and where it finds nothing there is nothing."""

from __future__ import annotations

from itertools import permutations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.schedule import Buffer, Overlap, Placement, Plan, lower_bound, place, verify_plan
from smidgen.schedule.fit import GaveUp, fit, layout_of
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
    return buffers, overlaps


@settings(max_examples=200, deadline=None)
@given(problems())
def test_place_finds_the_least_plan(problem: tuple[list[Buffer], list[Overlap]]) -> None:
    """Some order of first fit leads to the least plan there is: all of them are tried."""
    buffers, overlaps = problem
    layout = layout_of(buffers, overlaps)
    every = first_fits(layout, list(permutations(range(len(buffers)))))
    least = min(max(at + n for at, n in zip(found, layout.nbytes, strict=True)) for found in every)
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
