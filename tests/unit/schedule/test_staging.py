# SPDX-License-Identifier: Apache-2.0
"""Weights copied to RAM: where it pays, within limits, and with the same bytes as a result."""

from __future__ import annotations

from dataclasses import replace

import pytest

import smidgen
from smidgen.errors import DoesNotFit, UsageError
from smidgen.ir import Graph, TensorType, Value
from smidgen.kernels import function_name
from smidgen.ops import Conv2D, FullyConnected, Reshape
from smidgen.schedule import check_weights, make_schedule
from smidgen.schedule.objective import Objective
from smidgen.schedule.staging import (
    choose_ram_code,
    choose_staged,
    code_gain_cycles,
    gain_cycles,
    operand_arrays,
    staged_bytes,
    staged_offsets,
)
from smidgen.targets import load_target
from tests.graphs import Net, Q, int8, quant

BOARD, NO_WAITS = load_target("nucleo-l4r5zi"), load_target("generic-cortex-m4")

LONG, SHORT = "smg_conv2d_1x1_8k_s8_m4", "smg_conv2d_1x1_strided_wide_s8_m4"  # loops above 1 KB, and below it
LONG_LOOPS = dict.fromkeys(("y0", "y1"), LONG)
FORCED = dict.fromkeys(("y0", "y1"), "smg_conv2d_1x1_s8_dsp")  # reads its weights for every two pixels


def network(channels: int = 32, classes: int = 4) -> Graph:
    """Two pointwise layers that read 1 KB of weights for each of 64 pixels, and a dense one that reads its once."""
    n = Net()
    x = y = Value("x", int8(1, 8, 8, channels))
    for i in range(2):
        w = n.constant(f"w{i}", int8(channels, 1, 1, channels, q=quant(0.01, 0, channels)))
        b = n.constant(f"b{i}", TensorType("int32", (channels,)))
        y = n.apply(Conv2D(out_quant=Q), y, w, b)
    y = n.apply(Reshape((1, 64 * channels)), y)
    y = n.apply(
        FullyConnected(out_quant=Q), y, n.constant("w", int8(classes, 64 * channels, q=quant(0.01, 0, classes)))
    )
    return n.graph([x], [y])


def test_steps_that_read_their_weights_often_are_staged() -> None:
    graph = network()
    staged = make_schedule(graph, BOARD, FORCED, weights="staged")
    assert [s.staged_bytes > 1024 for s in staged.steps] == [True, True, False]
    assert staged.weights == "staged"
    for s in staged.steps[:2]:
        arrays = operand_arrays(s.choice.kernel, s.node)
        assert s.staged_bytes == staged_bytes(arrays) == staged.plan.alive_bytes(s.index) - plain_bytes(graph, s.index)
        offsets = staged_offsets(arrays)
        ends = [offsets[name] + a.nbytes for name, a in arrays]
        assert all(at % 8 == 0 for at in offsets.values())
        assert all(end <= at for end, at in zip(ends, [*offsets.values()][1:], strict=False))
        assert max(ends) <= s.staged_bytes
    for weights, board in (("flash", BOARD), ("sram", BOARD), ("staged", NO_WAITS)):
        assert not any(s.staged for s in make_schedule(graph, board, FORCED, weights=check_weights(weights)).steps)


def plain_bytes(graph: Graph, step: int) -> int:
    return make_schedule(graph, BOARD, FORCED).plan.alive_bytes(step)


def test_staging_keeps_to_the_limit_and_takes_the_largest_gains() -> None:
    choices = {s.node: s.choice for s in make_schedule(network(), BOARD, FORCED).steps}
    first, second, dense = choices
    each = staged_bytes(operand_arrays(choices[first].kernel, first))
    assert choose_staged(choices, BOARD, lambda staged: sum(staged.values()), 10**6) == {first: each, second: each}
    assert choose_staged(choices, BOARD, lambda staged: sum(staged.values()), each) == {first: each}  # ties by name
    assert choose_staged(choices, BOARD, lambda staged: sum(staged.values()), each - 1) == {}
    assert gain_cycles(dense, 8192, BOARD) <= 0 < gain_cycles(first, each, BOARD)
    assert gain_cycles(first, 256, BOARD) == 0  # the data cache holds them
    arena = make_schedule(network(), BOARD, FORCED).plan.nbytes
    for room in (0, 400, 4000):
        limited = Objective(max_ram_bytes=arena + room)
        assert make_schedule(network(), BOARD, FORCED, objective=limited, weights="staged").plan.nbytes <= arena + room


@pytest.mark.parametrize("weights", ["staged", "sram"])
def test_the_result_is_the_same_and_the_board_faster(weights: str) -> None:
    from_flash, other = (smidgen.compile(network(), weights=w, kernels=FORCED) for w in ("flash", weights))
    found = smidgen.verify(other, cases=3)
    assert (found.cases, found.mismatches) == (3, 0)
    before, after = smidgen.profile(from_flash), smidgen.profile(other)
    assert before.board_cycles is not None
    assert after.board_cycles is not None
    assert after.board_cycles < 0.9 * before.board_cycles
    stalls = [report.layers[1].stall_cycles for report in (before, after)]
    assert None not in stalls
    assert (stalls[1] or 0) < 0.5 * (stalls[0] or 0)
    assert after.ram.static == other.memory.static == (other.memory.weights if weights == "sram" else 0)
    assert other.memory.ram == other.memory.arena + other.memory.stack + other.memory.static
    assert after.ram.total > before.ram.total


def test_limits_and_names() -> None:
    with pytest.raises(UsageError, match="no place 'ram' for weights; there are flash, staged, sram"):
        smidgen.compile(network(), weights="ram")
    with pytest.raises(DoesNotFit, match=r"kept in RAM .* takes .* --weights staged or flash"):
        smidgen.compile(network(), weights="sram", max_ram="12K")


@pytest.mark.parametrize("toolchain", ["zig", "gcc-arm"])
def test_loops_larger_than_the_cache_run_from_ram(toolchain: str) -> None:
    from_flash, from_ram = (smidgen.compile(network(64), code=code, kernels=LONG_LOOPS) for code in ("flash", "sram"))
    files = from_ram.schedule.ram_code
    first = from_ram.schedule.steps[0]
    assert f"kernels/{function_name(first.choice.kernel, first.node)}.c" in files
    found = smidgen.verify(from_ram, cases=2, toolchain=toolchain)
    assert (found.cases, found.mismatches) == (2, 0)
    before, after = (smidgen.profile(c, toolchain=toolchain) for c in (from_flash, from_ram))
    assert before.board_cycles is not None
    assert after.board_cycles is not None
    assert after.board_cycles < 0.97 * before.board_cycles
    assert before.ram.static == 0 < after.ram.static <= from_ram.memory.static
    assert after.flash.code >= before.flash.code  # stored there still
    assert not from_flash.schedule.ram_code
    tight = smidgen.compile(network(64), code="sram", kernels=LONG_LOOPS, max_ram=from_flash.memory.ram)
    assert not tight.schedule.ram_code


def test_only_loops_that_miss_the_cache_are_worth_ram() -> None:
    long, short = (make_schedule(network(64), BOARD, dict.fromkeys(("y0", "y1"), k)).steps[0] for k in (LONG, SHORT))
    for step in (long, short):
        use = step.choice.kernel.flash_use
        assert use is not None
        loops = [nbytes for nbytes, _ in use(step.node).loops]
        assert (code_gain_cycles(step.choice, step.node, BOARD) > 0) == (max(loops) > 1024)
        assert code_gain_cycles(step.choice, step.node, NO_WAITS) == 0
    assert code_gain_cycles(long.choice, long.node, BOARD) > 0 == code_gain_cycles(short.choice, short.node, BOARD)
    rest = {long.node: replace(long.choice, cycles=1e9)}  # all that it can gain is little of so many cycles
    assert choose_ram_code({long.node: long.choice}, BOARD, None)
    assert not choose_ram_code(rest, BOARD, None)


@pytest.mark.parametrize("toolchain", ["zig", "gcc-arm"])
def test_more_weights_than_lie_below_the_code_are_kept_in_ram_with_it(toolchain: str) -> None:
    """The code takes the board's second SRAM, 192 KB above the first byte; more constants than that lie above it."""
    both = smidgen.compile(network(64, 48), BOARD, weights="sram", code="sram", kernels=LONG_LOOPS)
    assert both.schedule.ram_code
    found = smidgen.verify(both, cases=1, toolchain=toolchain)
    assert (found.cases, found.mismatches) == (1, 0)
    assert both.memory.static > 192 * 1024


def test_code_in_ram_needs_a_board_that_has_such_ram() -> None:
    with pytest.raises(UsageError, match="generic-cortex-m4 has no RAM that code runs from without wait states"):
        smidgen.compile(network(64), NO_WAITS, code="sram")
    with pytest.raises(UsageError, match="no place 'tcm' for code; there are flash, sram"):
        smidgen.compile(network(64), code="tcm")
