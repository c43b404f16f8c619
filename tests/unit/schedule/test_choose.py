# SPDX-License-Identifier: Apache-2.0
"""The choice of a whole program against all programs, on made-up kernels: within limits and best, or refused."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass
from math import prod, sqrt
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.errors import DoesNotFit, UsageError
from smidgen.schedule import SETTINGS, Objective, Search, Totals, make_objective, pareto
from smidgen.schedule.choose import choose
from smidgen.schedule.objective import SIZE_CYCLES_FACTOR, parse_bytes

RUN_CODE, RUN_STACK = 500, 40


@dataclass(frozen=True)
class Made:
    """A made-up candidate with what the search asks of one."""

    name: str
    cycles: float
    step_bytes: int
    constant_bytes: int
    function: str
    code_bytes: int
    stack_bytes: int = 0
    scratch: int = 0
    stall_cycles: float = 0.0

    @property
    def kernel(self) -> SimpleNamespace:
        return SimpleNamespace(symbol=self.function, scratch=lambda node: self.scratch)

    @property
    def node(self) -> None:
        return None


def made_layer(index: int, *candidates: Made) -> SimpleNamespace:
    node = SimpleNamespace(loc=f"model:op {index}")
    alive = ((f"x{index}", 1000 * (index + 1)), (f"y{index}", 10))
    return SimpleNamespace(name=f"layer{index}", node=node, candidates=candidates, rejected=(), alive=alive)


def search_of(*rows: tuple[Made, ...], gap: int = 0) -> Search:
    """``gap``: what the plan of a program whose steps need odd hundreds of bytes loses to fragmentation."""

    def arena(chosen: list[Made]) -> int:
        peak = max(c.step_bytes for c in chosen)
        return peak + (gap if peak // 100 % 2 else 0)

    layers = [made_layer(i, *row) for i, row in enumerate(rows)]
    return Search(layers, arena, run_code_bytes=RUN_CODE, run_stack_bytes=RUN_STACK)  # type: ignore[arg-type]


def programs(search: Search) -> Iterator[tuple[tuple[int, ...], Totals]]:
    for picks in itertools.product(*(range(len(layer.candidates)) for layer in search.layers)):
        yield picks, search.totals(picks)


@st.composite
def searches(draw: st.DrawFn) -> Search:
    code = {f: draw(st.integers(1, 30)) * 100 for f in "abcdef"}
    stack = {f: draw(st.integers(0, 3)) * 8 for f in "abcdef"}
    rows = []
    for i in range(draw(st.integers(1, 4))):
        row = []
        for f in draw(st.lists(st.sampled_from("abcdef"), min_size=1, max_size=4, unique=True)):
            cycles, step = draw(st.integers(1, 60)) * 100, draw(st.integers(1, 40)) * 100
            row.append(Made(f"{i}{f}", cycles, step, draw(st.integers(0, 40)) * 100, f, code[f], stack[f]))
        rows.append(tuple(sorted(row, key=lambda c: (c.cycles, c.function))))
    return search_of(*rows, gap=draw(st.sampled_from([0, 0, 72])))


def taken(search: Search, objective: Objective) -> Totals:
    chosen = choose(search, objective, "net")
    picks = tuple(layer.candidates.index(c) for layer, c in zip(search.layers, chosen, strict=True))
    return search.totals(picks)


@pytest.fixture(scope="module", params=["all", "descent"])
def near(request: pytest.FixtureRequest) -> Iterator[float]:
    """How far from the best a choice may be: not at all where all programs are tried, some way for a descent."""
    with pytest.MonkeyPatch.context() as patch:
        if request.param == "descent":
            patch.setattr("smidgen.schedule.choose._ALL_PROGRAMS", 0)
        yield 1.0 if request.param == "all" else 1.5


@settings(max_examples=100, deadline=None)
@given(searches())
def test_every_setting_against_all_programs(near: float, search: Search) -> None:
    totals = [t for _, t in programs(search)]
    speed = taken(search, Objective())
    assert speed.cycles == min(t.cycles for t in totals)
    assert speed.ram_bytes <= min(t.ram_bytes for t in totals if t.cycles == speed.cycles) + 72
    lean = taken(search, Objective("ram"))
    most = 1.5 * 0.97 * speed.cycles
    assert lean.cycles <= most
    assert lean.ram_bytes <= 1.005 * min(t.ram_bytes for t in totals if t.cycles <= most)
    small = taken(search, Objective("size"))
    assert small.cycles <= SIZE_CYCLES_FACTOR * speed.cycles
    assert small.flash_bytes <= 1.01 * near * min(
        t.flash_bytes for t in totals if t.cycles <= SIZE_CYCLES_FACTOR * speed.cycles
    )
    balance = taken(search, Objective("balanced"))
    assert product_of(balance) <= 1.000001 * near * min(map(product_of, totals))


def product_of(t: Totals) -> float:
    return t.cycles * sqrt(t.ram_bytes * t.flash_bytes)


@settings(max_examples=100, deadline=None)
@given(searches(), st.data())
def test_limits_of_ram_are_kept_or_refused(near: float, search: Search, data: st.DataObject) -> None:
    totals = [t for _, t in programs(search)]
    ram = data.draw(st.sampled_from(sorted({t.ram_bytes for t in totals}))) - data.draw(st.sampled_from([0, 0, 1]))
    least = min(t.ram_bytes for t in totals)
    for setting in SETTINGS:
        objective = Objective(setting, max_ram_bytes=ram)
        if ram < least:
            with pytest.raises(DoesNotFit, match=f"the least possible is {least:,}"):
                taken(search, objective)
            continue
        found = taken(search, objective)
        assert found.ram_bytes <= ram
        if setting == "speed":
            assert found.cycles <= near * min(t.cycles for t in totals if t.ram_bytes <= ram)


@settings(max_examples=100, deadline=None)
@given(searches(), st.data())
def test_limits_of_flash_are_kept_or_refused(near: float, search: Search, data: st.DataObject) -> None:
    totals = [t for _, t in programs(search)]
    flash = data.draw(st.sampled_from(sorted({t.flash_bytes for t in totals}))) - data.draw(st.sampled_from([0, 0, 1]))
    least = min(t.flash_bytes for t in totals)
    for setting in SETTINGS:
        try:
            found = taken(search, Objective(setting, max_flash_bytes=flash))
        except DoesNotFit:
            assert flash < near * least
            continue
        assert found.flash_bytes <= flash
        if setting == "speed" and near == 1:
            assert found.cycles == min(t.cycles for t in totals if t.flash_bytes <= flash)


@settings(max_examples=60, deadline=None)
@given(searches())
def test_no_program_of_the_front_beats_another_and_the_extremes_are_there(search: Search) -> None:
    front = [o.totals for o in pareto(search)]
    for a, b in itertools.permutations(front, 2):
        assert not a.dominates(b)
    assert front[0].cycles == min(t.cycles for _, t in programs(search))


FAST = Made("fast", 100, 4000, 9000, "winograd", 3000)
LEAN = Made("lean", 140, 1000, 2000, "direct", 1000)
TINY = Made("tiny", 390, 1000, 1000, "scalar", 300)


def test_settings_differ_where_kernels_do() -> None:
    search = search_of((FAST, LEAN, TINY), (FAST, LEAN, TINY))
    names = {s: [c.name for c in choose(search, Objective(s), "net")] for s in SETTINGS}
    assert names == {"speed": ["fast"] * 2, "balanced": ["lean"] * 2, "ram": ["lean"] * 2, "size": ["tiny"] * 2}


def test_shared_code_counts_once() -> None:
    """Alone the function with its own code is the larger one, for three layers the smaller one."""
    own = Made("own", 10, 100, 100, "own", 900)
    other = Made("other", 10, 100, 500, "other", 0)
    assert taken(search_of((own, other)), Objective("size")).flash_bytes == RUN_CODE + 500
    shared = search_of((own, other), (own, other), (own, other))
    assert taken(shared, Objective("size")).flash_bytes == RUN_CODE + 900 + 300


def test_equal_cycles_go_to_less_ram_then_less_flash() -> None:
    a, b, c = (Made(n, 10, step, flash, n, 0) for n, step, flash in (("a", 96, 8), ("b", 80, 16), ("c", 80, 12)))
    assert [m.name for m in choose(search_of((a, b, c)), Objective(), "net")] == ["c"]


def test_messages_name_the_layer_its_buffers_and_the_least_possible() -> None:
    search = search_of((LEAN,), (Made("big", 10, 50_000, 70_000, "big", 2000, 24, scratch=4096),))
    with pytest.raises(DoesNotFit) as ram:
        choose(search, Objective(max_ram_bytes=8192), "net")
    assert str(ram.value) == (
        "net cannot keep max-ram: 8,192 bytes are allowed and the least possible is 50,064. In the way: step layer1 "
        "(model:op 1), where scratch 4,096 + x1 2,000 + y1 10 bytes are alive at once with big. Allow 50,064 bytes, or "
        "take a smaller model"
    )
    with pytest.raises(DoesNotFit) as flash:
        choose(search, Objective(max_flash_bytes=65536), "net")
    assert str(flash.value) == (
        "net cannot keep max-flash: 65,536 bytes are allowed and the least possible is 75,500. In the way: constants "
        "of 72,000 bytes, most of them in layer1 (model:op 1) 70,000, layer0 (model:op 0) 2,000, and code of 3,500. "
        "Allow 75,500 bytes, or take a smaller model"
    )


def test_limits_that_only_clash_together() -> None:
    search = search_of((FAST, Made("roomy", 100, 8000, 100, "roomy", 100)))
    with pytest.raises(DoesNotFit, match=r"each alone, but not both: with that RAM the least flash .* is 12,500 bytes"):
        choose(search, Objective(max_ram_bytes=5000, max_flash_bytes=5000), "net")


def test_the_choice_repeats() -> None:
    rows = [
        tuple(Made(f"{i}{f}", 100 + 7 * i, 800, 90 * k, f, 400 - 40 * k) for k, f in enumerate("abc")) for i in range(9)
    ]
    assert prod(len(r) for r in rows) > 10_000
    once, again = (choose(search_of(*rows), Objective("size"), "net") for _ in range(2))
    assert once == again


@pytest.mark.parametrize(("text", "nbytes"), [("64K", 65536), ("1M", 1 << 20), ("512", 512), (700, 700), ("2k", 2048)])
def test_bytes(text: str | int, nbytes: int) -> None:
    assert parse_bytes(text, "max-ram") == nbytes


@pytest.mark.parametrize("text", ["", "0", "-1", "64KB", "1.5M", "K", "64 K", "9" * 30, 0, -5, True, "１"])
def test_bad_bytes(text: str | int) -> None:
    with pytest.raises(UsageError, match="max-flash takes a positive number of bytes like 65536, 64K or 1M, not"):
        make_objective("speed", None, text)


def test_unknown_setting() -> None:
    with pytest.raises(UsageError, match="no setting 'fast' to optimize for; there are speed, balanced, size, ram"):
        make_objective("fast", None, None)
