# SPDX-License-Identifier: Apache-2.0
"""How dense layers are cut into loops, which lanes their weights take, and how bytes of biases are counted."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from smidgen.compiler import compile as compile_model
from smidgen.ir import Node, Rounding
from smidgen.kernels.compact.records import signed_bytes
from smidgen.kernels.fast_requantize import CLAMPED_AT_ZERO_POINT, EVEN, requantize_columns, rounding_mode
from smidgen.kernels.fully_connected import dense
from smidgen.zoo.topologies import SYNTHETIC
from tests.kernels.test_pointwise import layer


@pytest.mark.parametrize("loop", [dense.short_loop, dense.long_loop])
def test_passes_take_every_step_once(loop: Callable[[Node], dense.Loop]) -> None:
    for in_c in (1, 3, 4, 8, 27, 28, 29, 64, 100, 128, 130, 640):
        turns, words = loop(layer(1, in_c, 8)), -(-in_c // 4) * 2
        assert turns.passes * turns.steps - turns.skip == words
        assert turns.steps % 2 == turns.skip % 2 == 0
        assert 0 <= turns.skip < turns.steps
        assert turns.passes == 1 or turns.skip < 2 * turns.passes  # fewer steps would not do


def test_short_loops_fit_a_kilobyte() -> None:
    for low in (-128, -127):
        node = layer(1, 640, 64, low=low)
        assert dense._code_bytes(node, dense.short_loop(node)) <= 1008 < dense._code_bytes(node, dense.long_loop(node))


def macro(node: Node, name: str) -> int:
    return dense.constants(node, loop=dense.short_loop)[name]


def test_lanes_of_two_weights() -> None:
    """256 * odd + even is below -32768 with -128 beside a negative weight; large layers need 512 times a sum."""
    assert macro(layer(1, 32, 8), "SMG_NARROW") == 1
    assert macro(layer(1, 32, 8, weight=-128), "SMG_NARROW") == 0
    assert macro(layer(1, 4096, 8), "SMG_NARROW") == 0


def test_shifts_that_differ_are_no_constant() -> None:
    node = layer(1, 32, 8)
    shifts = requantize_columns(node)[:, 3]
    assert macro(node, "SMG_SHIFT") == 0
    assert len(set(requantize_columns(node)[:, 1])) > 1, "one multiplier a channel"
    assert (shifts > 0).all()


@pytest.mark.parametrize("rounding", ["double", "even"])
def test_a_sum_times_256_gives_the_same_output(rounding: Rounding) -> None:
    """Of every accumulator, whatever mult and shift: in exact integers, as SMMLAR, SMMLA and SSAT compute."""
    mode = rounding_mode(layer(1, 32, 8, rounding=rounding))
    assert mode == (EVEN if rounding == "even" else CLAMPED_AT_ZERO_POINT)
    rng = np.random.default_rng(3)
    for shift in range(1, 15):
        mult = int(rng.integers(1 << 30, 1 << 31))
        zero_point = int(rng.integers(-128, 128))
        addend = (1 << (shift - 1)) + (zero_point << shift)
        for acc in rng.integers(-(1 << 21), 1 << 21, 500).tolist():
            half = 0 if mode == EVEN else 1 << 31
            plain = (((2 * acc * mult + half) >> 32) + addend) >> shift
            scaled = ((512 * acc * mult) >> 32) + 256 * addend + (0 if mode == EVEN else 128)
            assert abs(scaled) < 1 << 31
            assert scaled >> (shift + 8) == plain


@pytest.mark.parametrize(
    ("least", "most", "count"),
    [
        (-128, 127, 1),
        (-129, 0, 2),
        (0, 128, 2),
        (-(1 << 15), 0, 2),
        (0, 1 << 15, 3),
        (0, 1 << 23, 4),
        (-(1 << 31), 0, 4),
    ],
)
def test_bytes_of_biases(least: int, most: int, count: int) -> None:
    assert signed_bytes(np.array([0, least, most])) == count


def test_the_size_setting_copies_in_a_short_loop() -> None:
    name, graph = next(iter(sorted(SYNTHETIC.items())))
    texts = ["".join(compile_model(graph(), optimize=o).sources.files.values()) for o in ("speed", "size")]
    assert ["words[8]" in t for t in texts] == [True, False], name
