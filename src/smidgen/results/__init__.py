# SPDX-License-Identifier: Apache-2.0
"""Every published MLPerf Tiny result: facts with their sources, to stand beside ours."""

from smidgen.results.boards import Board, boards, find_board
from smidgen.results.published import (
    BENCHMARKS,
    COMPARABLE,
    MACS,
    Published,
    best_of_each_engine,
    best_published,
    published,
)
from smidgen.results.select import SORTED_BY, Question, ordered, select

__all__ = [
    "BENCHMARKS",
    "COMPARABLE",
    "MACS",
    "SORTED_BY",
    "Board",
    "Published",
    "Question",
    "best_of_each_engine",
    "best_published",
    "boards",
    "find_board",
    "ordered",
    "published",
    "select",
]
