# SPDX-License-Identifier: Apache-2.0
"""Programs within so many bytes as planned, where a step's neighbours count: against all programs of small models."""

from __future__ import annotations

import itertools
from math import inf

from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.schedule.search import Search
from smidgen.schedule.squeeze import leanest, squeeze
from tests.unit.schedule.test_choose import Made, made_layer

RUN_STACK = 40


@st.composite
def crowded(draw: st.DrawFn) -> Search:
    """Kernels with scratch, of which a plan has to hold that of two neighbours at once: no step shows that alone.

    In each layer the faster kernels take more scratch, as kernels do that are worth having.
    """
    layers = []
    for i in range(draw(st.integers(1, 5))):
        scratch = sorted({8 * n for n in draw(st.lists(st.integers(0, 200), min_size=1, max_size=3))}, reverse=True)
        cycles = sorted({100 * n for n in draw(st.lists(st.integers(1, 60), min_size=3, max_size=3, unique=True))})
        tensors = 1000 * (i + 1) + 10
        pairs = zip(scratch, cycles, strict=False)
        row = [Made(f"{i}", c, tensors + n, 0, f"f{i}_{n}", 100, draw(st.sampled_from([0, 8])), n) for n, c in pairs]
        layers.append(made_layer(i, *row))

    def arena(chosen: list[Made]) -> int:
        alone = max(c.step_bytes for c in chosen)
        return max([alone, *(a.step_bytes + b.scratch for a, b in itertools.pairwise(reversed(chosen)))])

    return Search(layers, arena, run_code_bytes=500, run_stack_bytes=RUN_STACK)  # type: ignore[arg-type]  # made up


@settings(max_examples=200, deadline=None)
@given(crowded(), st.data())
def test_squeezed_programs_fit_and_are_found_where_there_are_any(search: Search, data: st.DataObject) -> None:
    every = [search.totals(p, flash=False) for p in search.all_programs()]
    limit = data.draw(st.sampled_from(sorted({t.ram_bytes + d for t in every for d in (-1, 0, 100)})))
    found = squeeze(search, limit)
    within = [t for t in every if t.ram_bytes <= limit]
    assert (found is not None) == bool(within)
    if found is not None:
        totals = search.totals(found, flash=False)
        assert totals.ram_bytes <= limit
        assert totals.cycles <= 1.6 * min(t.cycles for t in within)  # one layer after the other, not all together


@settings(max_examples=200, deadline=None)
@given(crowded(), st.sampled_from([1.0, 1.5, inf]))
def test_the_leanest_program_keeps_what_is_asked_of_it(search: Search, factor: float) -> None:
    fast = search.fastest(search.widest())
    most = factor * search.cycles(fast)
    found = leanest(search, fast, lambda p: search.cycles(p) <= most)
    assert found is not None
    assert search.cycles(found) <= most
    assert search.ram_bytes(found) <= search.ram_bytes(fast)
    if factor == inf:
        assert search.ram_bytes(found) <= 1.001 * min(
            search.totals(p, flash=False).ram_bytes for p in search.all_programs()
        )
