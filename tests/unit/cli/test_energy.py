# SPDX-License-Identifier: Apache-2.0
"""smidgen energy and smidgen results: what they print, refuse and save."""

from __future__ import annotations

import csv
import io
import json
import os
import select
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest

from smidgen.cli.results_text import fitting
from smidgen.results import published
from tests.unit.cli.conftest import Smidgen, everything_in
from tests.unit.energy.test_monitors import SESSION
from tests.unit.energy.test_traces import STAMPS, folder, noise

HAND = ("--energy", "1.8mJ", "--latency", "100ms")


def test_a_battery_by_hand(smidgen: Smidgen) -> None:
    """1.8 mJ at 1.8 V every 10 s and 2 uA between are 101.98 uA."""
    use = (*HAND, "--every", "10s", "--sleep-current", "2uA", "--supply", "1.8", "--battery", "220mAh")
    result = smidgen("energy", *use)
    assert result.code == 0, result.err
    assert "awake 1 % of the time" in result.out
    assert "mean current  102 uA at 1.8 V" in result.out
    assert "lasts         89.9 days" in result.out
    assert "self-discharge is not counted" in result.out
    found = smidgen("energy", *use, "--self-discharge", "10%/year", "--wake-time", "100ms", "--json").json
    assert found["mean_a"] == pytest.approx((1e-3 + 1e-3 + 2e-6 * 9.8) / 10)
    assert found["life_s"] == pytest.approx(792 / (found["mean_a"] + 792 * 0.1 / (365.25 * 86_400)))
    assert found["consumer"]["kind"] == "given"
    assert found["life_s_range"] is None


def test_energy_of_a_model(smidgen: Smidgen) -> None:
    one = smidgen("energy", "ad", "--json").json
    assert one["kind"] == "modelled"
    profile = smidgen("profile", "ad", "--json").json
    assert one["energy_j"] == pytest.approx(profile["energy"]["energy_uj"] / 1e6)
    assert profile["energy"]["energy_uj"] == pytest.approx(profile["board_cycles"] * 375e-6, abs=1e-3)
    assert profile["energy"]["kind"] == "modelled"
    low, high = profile["energy"]["range_uj"]
    assert low < profile["energy"]["energy_uj"] < high
    found = smidgen("energy", "ad", "--every", "1s", "--battery", "220mAh", "--state", "zephyr", "--json").json
    assert found["consumer"]["energy_j"] == pytest.approx(one["energy_j"] * 431 / 375, rel=1e-4)
    assert found["duty"]["sleep_a"] == pytest.approx(2.8e-6)
    assert any("Stop 2" in n for n in found["notes"])
    least, most = found["life_s_range"]
    assert least < found["life_s"] < most
    text = smidgen("energy", "ad", "--clock", "60MHz").out
    assert "no energy of this board was published at other clocks" in text.replace("\n", " ")
    half = smidgen("energy", "ad", "--clock", "60MHz", "--json").json
    assert half["latency_s"] == pytest.approx(2 * one["latency_s"])
    assert half["energy_j"] == one["energy_j"]


def test_energy_of_a_published_result(smidgen: Smidgen) -> None:
    use = ("energy", "--result", "v1.2/STMicroelectronics/NUCLEO_U575ZI_Q/kws")
    result = smidgen(*use, "--every", "1s", "--sleep-current", "0A", "--battery", "220mAh", "--json")
    assert result.json["consumer"]["kind"] == "measured"
    assert result.json["consumer"]["energy_j"] == pytest.approx(656.2e-6, rel=1e-3)
    assert result.json["duty"]["supply_v"] == 1.8
    by_the_other_runner = smidgen("energy", "--result", "v1.3/NUCLEO_U575ZI_Q/vww", "--json").json
    assert by_the_other_runner["supply_v"] == 1.8, "as the system's other results say"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((), "give one of MODEL, --result"),
        (("kws", *HAND), "give one of MODEL, --result"),
        (("--energy", "1mJ"), "--energy and --latency go together"),
        (
            (*HAND, "--every", "50ms", "--supply", "1.8", "--sleep-current", "0A"),
            "every 0.05 s cannot be: it takes 0.1 s",
        ),
        ((*HAND, "--every", "0s"), "more than 0 and finite"),
        ((*HAND, "--every", "-3s"), "more than 0 and finite"),
        ((*HAND, "--every", "nan"), "'nan' is not a time"),
        ((*HAND, "--every", "10"), "'10' is not a time"),
        ((*HAND, "--every", "1s"), "at which supply was this energy measured"),
        ((*HAND, "--every", "1s", "--supply", "3"), "what flows between inferences"),
        ((*HAND, "--battery", "220mAh"), "how often is there an inference"),
        ((*HAND, "--every", "1s", "--battery", "0mAh"), "more than 0 and finite"),
        ((*HAND, "--state", "zephyr"), "--clock and --state are for a MODEL"),
        (("ad", "--supply", "2.5"), "no figure for energy of 2.5 V"),
        (("ad", "-t", "numaker-m467hj"), "nobody has published a measurement"),
        (("--result", "kws"), "published results with energy are like 'kws'"),
        (("--result", "v9/nobody"), "no published result with energy"),
        (("--result", "/"), "no published result with energy"),
        (("--result", "v1.2/NUCLEO_U575ZI_Q/kws", "--supply", "3"), "was measured at 1.8 V, not at 3 V"),
        (("--trace", "none"), "none is not a folder"),
        (("--trace", "none", *HAND), "stand alone"),
        (("--trace", "none", "--supply", "3"), "stand alone"),
        (("--monitor", "ppk2", "--trace", "x"), "give one of them"),
        ((*HAND, "--seconds", "3"), "go with --monitor"),
        (("--monitor", "lpm01a", "--seconds", "3"), "needs --seconds S, --voltage VOLTAGE and -o DIR"),
        (("--monitor", "lpm01a", "--seconds", "3", "--voltage", "1.8", "-o", "t"), "needs its --port"),
        (
            ("--monitor", "lpm01a", "--seconds", "3", "--voltage", "1.8", "-o", "t", "--port", "nope"),
            "cannot open nope",
        ),
        (("--monitor", "ppk2", "--seconds", "3", "--voltage", "9", "-o", "t"), "gives 0.8 to 5 V"),
        ((*HAND, "-n", "3"), "--inferences goes with --trace"),
    ],
)
def test_what_energy_refuses(arguments: tuple[str, ...], message: str, smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("energy", *arguments)
    assert result.code in (1, 2)
    assert message in result.err.replace("\n", " ")
    assert everything_in(own_folder) == []


def test_a_trace(smidgen: Smidgen, own_folder: Path) -> None:
    path = folder(own_folder / "t", noise(67), STAMPS)
    result = smidgen("energy", "--trace", path, "-n", 40)
    assert result.code == 0, result.err
    assert "uJ an inference" in result.out
    assert "nothing to compare with" in result.out
    found = smidgen("energy", "--trace", path, "-n", 40, "--json").json
    assert (found["kind"], found["runner"], len(found["windows"])) == ("measured", "EnergyRunner", 5)
    assert found["median_uj_per_inference"] == sorted(w["uj_per_inference"] for w in found["windows"])[2]
    (path / "results.txt").write_text("Energy data for window 2 at time 1\n  Energy : 1.000 uJ\n")
    text = smidgen("energy", "--trace", path, "-n", 40).out
    assert "1 differ from what is recomputed" in text
    assert "window 2, energy: printed 1.0, recomputed" in text


@contextmanager
def instrument(session: str) -> Iterator[str]:
    """The session's instrument at the end of a pseudo-terminal."""
    ours, theirs = os.openpty()
    ended = threading.Event()
    said: dict[bytes, bytes] = {}
    command = b""
    for line in session.splitlines():
        mark, _, text = line.partition(" ")
        if mark == ">":
            command = text.encode()
            said[command] = b""
        elif mark == "<":
            said[command] += f"{text}\r\n".encode("latin-1")
        elif mark == "~":
            said[command] += said[command].splitlines(keepends=True)[-1] * int(text)

    def answer() -> None:
        heard = b""
        while not ended.is_set():
            if select.select([ours], [], [], 0.02)[0]:
                heard += os.read(ours, 4096)
                *commands, heard = heard.split(b"\r\n")
                for one in commands:
                    os.write(ours, said.pop(one, b""))

    thread = threading.Thread(target=answer)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        ended.set()
        thread.join()
        os.close(ours)
        os.close(theirs)


def test_a_measurement_over_a_serial_line(smidgen: Smidgen, own_folder: Path) -> None:
    with instrument(SESSION) as port:
        result = smidgen(
            "energy", "--monitor", "lpm01a", "--port", port, "--seconds", "0.3", "--voltage", "1.8", "-n", 40, "-o", "t"
        )
    assert result.code == 0, result.err
    assert "2.002 s with lpm01a at 1.8 V" in result.out
    assert "smidgen energy --trace t" in result.out
    found = smidgen("energy", "--trace", "t", "--json").json
    assert found["windows"][0]["uj_per_inference"] == pytest.approx(1200 * 42.5 / 40)
    with instrument(SESSION) as port:
        again = smidgen(
            "energy", "--monitor", "lpm01a", "--port", port, "--seconds", "0.3", "--voltage", "1.8", "-o", "t"
        )
    assert again.code == 1
    assert "Use --force" in again.err or "another" in again.err


def test_results_in_a_table(smidgen: Smidgen) -> None:
    result = smidgen("results", "--board", "nucleo-l4r5zi", "--benchmark", "ic")
    assert result.code == 0, result.err
    lines = result.out.splitlines()
    assert lines[0].startswith(
        "21 published MLPerf Tiny results of benchmark ic, board nucleo-l4r5zi, by latency (ms): measured"
    )
    assert "X-CUBE-AI v9.0" in lines[2]
    assert "TensorFlow Lite Micro" in lines[22]
    assert " a  accuracy on the old IC images" in lines
    assert "smidgen:" not in result.out


def test_columns_that_fit() -> None:
    figures = ["ms", "Mcycles", "cyc/MAC", "uJ", "mW", "V"]
    names = ["bench", "board", "MHz", "software", "submitter", "round", *figures, "quality", "notes"]
    cells = [dict.fromkeys(names, "1.23") | {"software": "x" * 30}]
    assert fitting(cells, None) == tuple(cells[0])
    assert fitting(cells, 200) == tuple(cells[0])
    narrow = fitting(cells, 80)
    assert {"software", "round", "ms", "uJ", "notes"} <= set(narrow)
    assert "Mcycles" not in narrow
    assert sum(max(len(n), len(cells[0][n])) for n in narrow) + 2 * len(narrow) - 2 <= 80
    assert "cyc/MAC" in fitting(cells, 10, "cyc/MAC")
    assert fitting(cells, 10) == ("software", "round", "ms", "uJ", "notes"), "what is left is not left out"


def test_results_as_json_and_csv(smidgen: Smidgen) -> None:
    found = smidgen("results", "--json").json
    assert len(found["published"]) == 365
    assert {r["kind"] for r in found["published"]} == {"measured"}
    assert found["ours"] == []
    rows = list(csv.DictReader(io.StringIO(smidgen("results", "--csv", "--sort", "round").out)))
    assert len(rows) == 365
    by_source = {p.source: p for p in published()}
    assert all(float(r["latency_ms"]) == by_source[r["source"]].latency_ms for r in rows)
    assert json.dumps(found)  # no NaN in it


def test_ours_stand_apart(smidgen: Smidgen) -> None:
    result = smidgen("results", "--board", "l4r5zi", "--benchmark", "ad", "--ours", "zoo")
    assert result.code == 0, result.err
    measured, _, modelled = result.out.partition("smidgen: modelled, not measured: no place in the ranking above")
    assert "ad" in modelled.splitlines()[2]
    assert "smidgen" not in measured
    found = smidgen("results", "--board", "l4r5zi", "--benchmark", "ad", "--ours", "ad", "--json").json
    (ours,) = found["ours"]
    assert ours["kind"] == "modelled"
    assert ours["latency_ms_range"][0] < ours["latency_ms"] < ours["latency_ms_range"][1]
    assert {r["kind"] for r in found["published"]} == {"measured"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--board", "nucleo-l4r5zj"), "did you mean nucleo-l4r5zi"),
        (("--round", "v2"), "there are v0.5, v0.7"),
        (("--board", "gap9", "--benchmark", "sww"), "no published result is of all of that: benchmark sww, board gap9"),
        (("--board", "gap9", "--ours", "zoo"), "--ours needs a board that smidgen models"),
        (("--csv", "--json"), "--csv holds published results only"),
        (("--csv", "--ours", "zoo"), "--csv holds published results only"),
        (("--plot", "p.gif", "--benchmark", "sww"), "a plot is one of .svg, .png, .pdf"),
        (("--plot", "p.svg"), "bars are too many for one plot"),
        (("--plot", "p.svg", "--sort", "energy", "--board", "raspberry-pi-4b"), "nothing to plot"),
    ],
)
def test_what_results_refuses(arguments: tuple[str, ...], message: str, smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("results", *arguments)
    assert result.code in (1, 2)
    assert message in (result.err or result.out).replace("\n", " ")
    assert everything_in(own_folder) == []


@pytest.mark.parametrize("sort", ["latency", "energy", "cycles-per-mac", "round"])
def test_a_plot(sort: str, smidgen: Smidgen, own_folder: Path) -> None:
    result = smidgen("results", "--board", "u575", "--benchmark", "kws", "--sort", sort, "--plot", "p.svg")
    assert result.code == 0, result.err
    first = (own_folder / "p.svg").read_bytes()
    assert first.count(b"NUCLEO-U575ZI-Q") >= 5
    smidgen("results", "--board", "u575", "--benchmark", "kws", "--sort", sort, "--plot", "p.svg")
    assert (own_folder / "p.svg").read_bytes() == first
    assert np.all([w in first for w in (b"published results, measured", b"kws, measured")])
