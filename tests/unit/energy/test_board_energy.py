# SPDX-License-Identifier: Apache-2.0
"""Energy a cycle: from published results, how far it is off, and what boards' files say of it."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable
from pathlib import Path

import pytest

from smidgen.energy.model import cycle_energies, cycle_energy, inference_energy
from smidgen.energy.published_energy import (
    Measured,
    across_software,
    errors,
    measured,
    of_board,
    within_systems,
)
from smidgen.errors import TargetError, UsageError
from smidgen.targets import load_target

BOARD = load_target("nucleo-l4r5zi")
ALL = measured()


def test_what_is_measured() -> None:
    assert len(ALL) == 154
    for m in ALL:
        assert m.result.energy_uj == pytest.approx(m.picojoules * m.result.mcycles)
    stated = {m.result.source: m.conditions.supply_mv for m in ALL}
    taken_over = [m for m in ALL if m.result.supply_mv is None]
    assert {m.result.benchmark for m in taken_over} == {"vww"}, "ST's v1.3, measured by the Python runner"
    assert {stated[m.result.source] for m in taken_over} == {1800, 3000}


@pytest.mark.parametrize(
    ("board", "bound", "count"),
    [("nucleo-l4r5zi", 4.5, 44), ("nucleo-u575zi-q", 2.5, 20), ("nucleo-h7a3zi-q", 4.5, 23)],
)
def test_one_benchmark_from_its_systems_others(board: str, bound: float, count: int) -> None:
    for average in (statistics.median, statistics.fmean):
        found = errors([p for p in within_systems(ALL, average) if p.measured in of_board(ALL, board)])
        assert found is not None
        assert found.count == count, "no result is left out"
        assert found.mean <= bound


def test_a_prediction_is_made_without_what_it_predicts() -> None:
    """By hand, and unmoved by any change of the predicted result."""
    system = [m for m in ALL if "Skymizer/results/NUCLEO_L4R5ZI-mbed_os" in m.result.source]
    assert len(system) == 4
    for predicted in within_systems(system):
        others = [m.picojoules for m in system if m is not predicted.measured]
        assert predicted.predicted_uj == statistics.median(others) * predicted.measured.result.mcycles
        assert predicted.sources == 3
    peers = [m for m in of_board(ALL, "nucleo-l4r5zi", 1800)]
    for predicted in across_software(peers):
        own = predicted.measured.result.published_system
        others = [m.picojoules for m in peers if m.result.published_system != own]
        assert predicted.predicted_uj == statistics.median(others) * predicted.measured.result.mcycles
        assert predicted.sources == len(others) == 32
    assert within_systems(system[:2]) == (), "one other is too few"
    assert across_software(system) == ()
    assert errors(()) is None


def test_odd_results_are_told_and_kept() -> None:
    found = errors([p for p in within_systems(ALL) if p.measured in of_board(ALL, "nucleo-l4r5zi")])
    assert found is not None
    assert found.worst.measured.result.source.endswith("v1.1/closed/STMicroelectronics/results/NUCLEO_L4R5ZI/ic")
    assert found.most == abs(found.worst.error_percent) > 30


ZEPHYR = ("zephyr", "microtvm")
STATES: dict[str, Callable[[Measured], bool]] = {
    "default": lambda m: m.conditions.board_name == "nucleo-l4r5zi" and m.conditions.supply_mv == 1800,
    "mbed": lambda m: m.conditions.board_name == "nucleo-l4r5zi" and "mbed_os" in m.result.system,
    "zephyr": lambda m: STATES["default"](m) and any(w in m.result.system.lower() for w in ZEPHYR),
    "3V0": lambda m: m.conditions.board_name == "nucleo-l4r5zi" and m.conditions.supply_mv == 3000,
    "3V0-smps": lambda m: m.conditions.board_name == "nucleo-l4r5zi-p" and m.conditions.clock_mhz == 120,
}


@pytest.mark.parametrize("name", STATES)
def test_the_boards_figures_are_those_of_the_results(name: str) -> None:
    rows = [m for m in ALL if STATES[name](m)]
    cycle = cycle_energy(BOARD, name)
    figures = [m.picojoules for m in rows]
    assert cycle.picojoules == round(statistics.median(figures))
    assert {m.conditions.supply_mv for m in rows} == {cycle.supply_mv}
    assert cycle.error_percent is not None
    low, high = (100 * (f / cycle.picojoules - 1) for f in (min(figures), max(figures)))
    assert cycle.error_percent[0] - 0.5 <= low < cycle.error_percent[0] + 1.5
    assert cycle.error_percent[1] - 1.5 < high <= cycle.error_percent[1] + 0.5
    across = errors(across_software(rows))
    if across is None:
        assert cycle.mean_error_percent is None, "one firmware: nothing to tell the error by"
    else:
        assert cycle.mean_error_percent == round(across.mean)


def test_states_and_supplies() -> None:
    assert [c.state for c in cycle_energies(BOARD)] == list(STATES)
    assert cycle_energy(BOARD).picojoules == 375
    assert cycle_energy(BOARD, supply_mv=3000).state == "3V0"
    assert cycle_energy(BOARD, "zephyr", 1800).picojoules == 431
    with pytest.raises(UsageError, match=r"no figure for energy of 2\.5 V; there are default \(1\.8 V\), mbed"):
        cycle_energy(BOARD, supply_mv=2500)
    with pytest.raises(UsageError, match=r"no figure for energy of state 'zephyr' at 3 V"):
        cycle_energy(BOARD, "zephyr", 3000)
    with pytest.raises(UsageError, match="numaker-m467hj has no figure for energy: nobody has published"):
        cycle_energy(load_target("numaker-m467hj"))
    assert cycle_energies(load_target("numaker-m467hj")) == ()


def test_energy_of_an_inference() -> None:
    energy = inference_energy(5_000_000, 120e6, cycle_energy(BOARD), (40.0, 50.0))
    assert energy.energy_uj == 1875.0
    assert energy.power_mw == 45.0
    assert energy.range_uj == (round(40 * 45 * 0.73, 3), round(50 * 45 * 1.23, 3))
    assert energy.kind == "modelled"
    assert inference_energy(1, 120e6, cycle_energy(BOARD)).range_uj is None


STATE = 'provenance = "x"\n[[energy.states]]\nname = "a"\nsupply_mv = 1\nprovenance = "y"'


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('mean_error_percent = -1\nprovenance = "x"', "energy: mean_error_percent is -1; a percentage"),
        ('mean_error_percent = "a"\nprovenance = "x"', "mean_error_percent is 'a'"),
        ('error_percent = [3, -3]\nprovenance = "x"', r"error_percent is \[3, -3\]; two whole percentages"),
        ('supply_mv = -1800\nprovenance = "x"', "supply_mv is -1800, below 0"),
        ('volts = 3\nprovenance = "x"', "energy: unknown volts"),
        ('provenance = "x"\n[energy.sleep]\nnanoamperes = 3', r"energy\.sleep: provenance is missing"),
        (STATE, "picojoules_per_cycle is missing"),
        (f"{STATE}\npicojoules_per_cycle = 0", "is 0"),
        (f"{STATE}\nfoo = 0", "unknown foo"),
    ],
)
def test_boards_files_that_do_not_load(text: str, message: str, tmp_path: Path) -> None:
    source = Path(load_target.__code__.co_filename).parent / "boards/nucleo-l4r5zi.toml"
    board = source.read_text().split("[energy]")[0] + f"[energy]\npicojoules_per_cycle = 300\n{text}\n"
    (tmp_path / "b.toml").write_text(board)
    with pytest.raises(TargetError, match=message):
        load_target(tmp_path / "b.toml")


def test_a_plain_figure_is_enough(tmp_path: Path) -> None:
    source = Path(load_target.__code__.co_filename).parent / "boards/nucleo-l4r5zi.toml"
    board = source.read_text().split("[energy]")[0] + '[energy]\npicojoules_per_cycle = 300\nprovenance = "x"\n'
    (tmp_path / "b.toml").write_text(board)
    cycle = cycle_energy(load_target(tmp_path / "b.toml"))
    assert (cycle.picojoules, cycle.error_percent, cycle.supply_mv) == (300, None, None)
    assert math.isclose(inference_energy(1e6, 1e8, cycle, (9.0, 11.0)).energy_uj, 300)
