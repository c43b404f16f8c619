# SPDX-License-Identifier: Apache-2.0
"""Milliseconds come with the range in which silicon is expected, where a board was ever compared with it."""

from __future__ import annotations

import pytest

from smidgen.report import latency_range
from smidgen.targets import load_target


def test_the_range_is_that_of_the_figure_it_belongs_to() -> None:
    board = load_target("nucleo-l4r5zi")
    assert board.latency_error is not None
    assert latency_range(board, 12_000_000, None) == pytest.approx((101.0, 136.0))
    assert latency_range(board, 12_000_000, 14_400_000) == pytest.approx((108.0, 132.0))


def test_a_board_that_was_never_compared_has_none() -> None:
    assert latency_range(load_target("numaker-m467hj"), 1_000_000, 2_000_000) is None
