# SPDX-License-Identifier: Apache-2.0
"""The table of published results, the boards' names, and questions to it."""

from __future__ import annotations

import csv
import math
from collections import Counter

import pytest

from smidgen.errors import UsageError
from smidgen.results import (
    BENCHMARKS,
    MACS,
    SORTED_BY,
    Question,
    best_of_each_engine,
    best_published,
    boards,
    find_board,
    ordered,
    published,
    select,
)
from smidgen.results.boards import family
from tests.shared import SHARED, needs_shared


def test_the_table_is_whole() -> None:
    """As many rows of each round as its tree has, and no result twice."""
    assert Counter(p.round for p in published()) == {
        "v0.5": 19, "v0.7": 59, "v1.0": 60, "v1.1": 111, "v1.2": 73, "v1.3": 43,
    }  # fmt: skip
    assert len({p.source for p in published()}) == len(published()) == 365
    assert sum(p.energy_uj is not None for p in published()) == 163
    assert sum(bool(p.accuracy) for p in published()) == 360
    assert {p.benchmark for p in published()} == set(BENCHMARKS) == set(MACS)
    assert {p.division for p in published()} == {"closed", "open"}
    assert {p.status for p in published()} == {"Available", "Preview", "RDI", ""}


def test_rows_agree_with_themselves() -> None:
    for p in published():
        if p.benchmark != "sww":
            assert p.throughput * p.latency_ms == pytest.approx(1000, rel=2e-3), p.source
        assert (p.energy_uj is None) == (p.power_mw is None), p.source
        if p.energy_uj is not None and p.power_mw is not None:
            milliseconds = p.energy_latency_ms or 32.0
            assert p.energy_uj == pytest.approx(p.power_mw * milliseconds, rel=0.01), p.source
        if p.least_window_s is not None and p.least_window_s < 9.99:
            assert any("under 10 s" in n for n in p.notes), p.source
        if p.windows not in (5, None):
            assert any("windows, not 5" in n for n in p.notes), p.source


def test_caveats_are_notes() -> None:
    rows = {p.source: p.notes for p in published()}
    short = [s for s, notes in rows.items() if any("under 10 s" in n for n in notes)]
    assert len(short) == 24
    old = [p for p in published() if "accuracy on the old IC images" in p.notes]
    assert {p.benchmark for p in old} == {"ic"}
    assert {p.submitter for p in old if p.round == "v1.1"} == {"Krai", "STMicroelectronics"}
    assert all("no windows" in " ".join(p.notes) for p in published() if p.benchmark == "sww")


def test_known_figures() -> None:
    """From the rounds' results.txt, as mlcommons/tiny_results_v1.1 and v1.2 have them."""
    by = {p.source.split("results_")[1]: p for p in published()}
    p = by["v1.1/closed/Skymizer/results/NUCLEO_L4R5ZI-mbed_os/ic"]
    assert (p.energy_uj, p.supply_mv, p.clock_mhz, p.engine) == (12684.27, 1800, 120.0, "Tiny ONNC")
    assert p.cycles_per_mac == pytest.approx(2.867, abs=0.001)
    assert by["v1.2/closed/STMicroelectronics/results/NUCLEO_U575ZI_Q/kws"].energy_uj == pytest.approx(656.2, abs=0.1)
    accelerated = next(p for s, p in by.items() if "gap9_650_240/" in s)
    assert accelerated.cycles_per_mac is None
    assert math.isnan(next(p for p in published() if p.clock_mhz is None).mcycles)


def test_boards_are_found_by_any_name() -> None:
    for board in boards().values():
        for word in (board.name, board.title, *board.spellings, *board.aliases):
            assert find_board(word) == find_board(word.upper()) == board
        assert board.variant_of is None or board.variant_of in boards()
    assert {p.board_name for p in published()} == set(boards())
    assert find_board("NUCLEO_L4R5ZI").title == "NUCLEO-L4R5ZI"
    assert family(find_board("l4r5zi")) == {"nucleo-l4r5zi", "nucleo-l4r5zi-p"}
    assert family(find_board("l4r5zi-p")) == {"nucleo-l4r5zi-p"}


@pytest.mark.parametrize(
    ("word", "message"),
    [
        ("nucleo-l4r5zj", "no published result is of a board 'nucleo-l4r5zj': did you mean nucleo-l4r5zi"),
        ("qqqq", "there are nucleo-l4r5zi, nucleo-l4r5zi-p"),
        ("", "there are nucleo-l4r5zi"),
    ],
)
def test_unknown_boards(word: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        find_board(word)


def test_questions() -> None:
    rows = select(Question(board="l4r5zi", benchmark="ic"))
    assert rows
    assert {(p.benchmark, p.board_name) for p in rows} == {("ic", "nucleo-l4r5zi"), ("ic", "nucleo-l4r5zi-p")}
    assert len(select(Question())) == 365
    assert {p.submitter for p in select(Question(submitter="st"))} == {"STMicroelectronics"}
    assert {p.submitter for p in select(Question(submitter="RENESAS"))} == {"renesas", "Renesas"}
    assert {p.core for p in select(Question(core="m4"))} == {"Cortex-M4"}
    assert {p.round for p in select(Question(round="1.2"))} == {"v1.2"}
    assert {p.division for p in select(Question(division="Open"))} == {"open"}
    assert select(Question(board="gap9", benchmark="sww")) == ()
    for question, message in (
        (Question(round="v1.5"), "the round 'v1.5': did you mean v1"),
        (Question(benchmark="mnist"), "the benchmark 'mnist'"),
        (Question(submitter="nobody"), "the submitter 'nobody'"),
        (Question(core="z80"), "there are Cortex-M0"),
    ):
        with pytest.raises(UsageError, match=message):
            select(question)


@pytest.mark.parametrize("by", SORTED_BY)
def test_order(by: str) -> None:
    rows = ordered(published(), by)
    assert len(rows) == 365
    figure = {
        "latency": lambda p: p.latency_ms,
        "energy": lambda p: math.inf if p.energy_uj is None else p.energy_uj,
        "cycles-per-mac": lambda p: math.inf if p.cycles_per_mac is None else p.cycles_per_mac,
        "round": lambda p: p.round,
    }[by]
    for benchmark in BENCHMARKS:
        figures = [figure(p) for p in rows if p.benchmark == benchmark]
        assert figures == sorted(figures)
    assert [p.benchmark for p in rows] == sorted((p.benchmark for p in rows), key=BENCHMARKS.index)


def test_best_of_a_board() -> None:
    best = best_published("ic", "nucleo-h7a3zi-q")
    assert best is not None
    assert (best.submitter, round(best.latency_ms, 2)) == ("STMicroelectronics", 40.84)
    engines = [p.engine for p in best_of_each_engine("kws", "nucleo-u575zi-q")]
    assert len(engines) == len(set(engines)) > 2
    with pytest.raises(UsageError, match="not sorted by 'speed'"):
        ordered(published(), "speed")


@needs_shared
def test_as_the_facts_have_it() -> None:
    """Every row beside the table of facts that it was made from."""
    with (SHARED / "data/published_results.csv").open(encoding="utf-8", newline="") as stream:
        facts = {r["path"]: r for r in csv.DictReader(stream)}
    assert set(facts) == {p.source for p in published()}
    for p in published():
        row = facts[p.source]
        assert str(p.latency_ms) == str(float(row["latency_ms"]))
        energy = row["energy_uj_per_inf"]
        assert p.energy_uj == (float(energy) if energy else None)
        assert p.accuracy == row["accuracy"]
        assert (p.supply_mv or "") == (row["supply_mv"] and int(row["supply_mv"]))
