# SPDX-License-Identifier: Apache-2.0
"""An arena in two memories: no buffer lies across their border, and the program computes the same."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings

import smidgen
from smidgen.errors import DoesNotFit, InvalidPlan
from smidgen.schedule import Buffer, Overlap, Placement, Plan, place, verify_plan
from smidgen.targets import Region, Target, load_target
from tests.unit.schedule.test_fit import problems
from tests.unit.schedule.test_staging import network


def board(first_kb: int, second_kb: int) -> Target:
    """The usual board's core and flash with other RAM."""
    base = load_target("nucleo-l4r5zi")
    sram = Region("sram1", 0x2000_0000, first_kb * 1024, "sram", provenance="made up")
    ccm = Region("ccm", 0x1000_0000, second_kb * 1024, "sram", provenance="made up")
    return replace(base, name="two-rams", regions=(base.region("flash"), sram, ccm))


@settings(max_examples=100, deadline=None)
@given(problems())
def test_no_buffer_lies_across_the_border(problem: tuple[list[Buffer], list[Overlap]]) -> None:
    buffers, overlaps = problem
    whole = place(buffers, overlaps)
    split = max(whole.nbytes // 16 * 8, 8)
    parts = place(buffers, overlaps, split=split)
    assert all(p.end <= split or p.offset >= split for p in parts.placements)
    verify_plan(parts, buffers, overlaps)
    assert parts.nbytes >= whole.nbytes


def test_verify_plan_sees_the_border() -> None:
    b = Buffer("b", 16, 0, 0)
    with pytest.raises(InvalidPlan, match="b lies across 16"):
        verify_plan(Plan((Placement(b, 8),), 0, 16), [b])
    verify_plan(Plan((Placement(b, 16),), 0, 16), [b])


@pytest.mark.parametrize("toolchain", ["zig", "gcc-arm"])
def test_an_arena_larger_than_the_first_memory_goes_to_two(toolchain: str) -> None:
    compiled = smidgen.compile(network(256), board(64, 64))
    plan, memory = compiled.schedule.plan, compiled.memory
    assert plan.split is not None
    assert 0 < memory.second < memory.arena
    assert memory.second == plan.nbytes - plan.split
    found = smidgen.verify(compiled, cases=2, toolchain=toolchain)
    assert (found.cases, found.mismatches) == (2, 0)
    ram = smidgen.profile(compiled, memory_system=False, toolchain=toolchain).ram
    assert ram.arena + ram.scratch == memory.arena
    source = compiled.sources.files["smg_net.c"]
    assert 'section(".bss.smg_net_arena2")' in source


def test_one_memory_where_it_is_enough_and_a_message_where_two_are_not() -> None:
    assert smidgen.compile(network(256), board(128, 64)).schedule.plan.split is None
    with pytest.raises(DoesNotFit, match=r"the arena's second part \d+\), two-rams has 4096"):
        smidgen.compile(network(256), board(52, 4))
