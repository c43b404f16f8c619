# SPDX-License-Identifier: Apache-2.0
"""smidgen bench: a virtual board and a rig of peers from the command line; files, JSON, resuming, what it refuses."""

from __future__ import annotations

import json
import multiprocessing
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smidgen.energy.traces import analyse
from smidgen.mlperf.formats.results_files import read_folder
from smidgen.mlperf.tasks import TASKS
from tests.mlperf.peer import Faults, Peer
from tests.mlperf.rig_peer import IoManagerPeer, Lpm01aPeer, RigFaults, serial_port
from tests.mlperf.small_kws import data_folder, model
from tests.tflite_tiny import tiny_parts
from tests.unit.cli.conftest import Smidgen, everything_in, start

_FIELDS = {
    "task", "mode", "provenance", "device", "folder", "inputs", "iterations", "window_s", "median_throughput",
    "latency_ms", "energy_uj", "power_mw", "top1", "auc", "target", "met", "valid", "notes",
}  # fmt: skip


@pytest.fixture
def kws(tmp_path: Path) -> tuple[str, ...]:
    """The options that name a small model and its data."""
    (tmp_path / "small.tflite").write_bytes(model())
    return ("--model", str(tmp_path / "small.tflite"), "--data", str(data_folder(tmp_path / "data")))


def test_a_virtual_board_in_all_modes(smidgen: Smidgen, kws: tuple[str, ...]) -> None:
    result = smidgen("bench", "kws", *kws, "--mode", "all", "--iterations", 300, "--jobs", 1, "-o", "out", "--json")
    assert result.code == 1, "twelve random files do not meet the quality target"
    found = result.json
    assert set(found) == {"folder", "results"}
    performance, accuracy, energy = found["results"]
    assert [r["mode"] for r in found["results"]] == ["performance", "accuracy", "energy"]
    for r in found["results"]:
        assert set(r) == _FIELDS
        assert (r["task"], r["provenance"], r["folder"]) == ("kws", "modelled", f"out/kws/{r['mode']}")
        files = everything_in(Path(r["folder"]))
        assert files == ["log.txt", "results.json", "results.txt"]
        assert not read_folder(Path(r["folder"])).remarks
    assert performance["latency_ms"] * performance["median_throughput"] == pytest.approx(1000)
    assert len(performance["window_s"]) == 5
    assert not performance["valid"]
    assert energy["energy_uj"] == pytest.approx(energy["latency_ms"] * energy["power_mw"], rel=0.05)
    assert performance["notes"] == energy["notes"] == ["a window is shorter than 10 s or 10 inferences: not valid for "
                                                       "a submission"]  # fmt: skip
    assert (accuracy["inputs"], accuracy["target"], accuracy["met"]) == (12, 90.0, False)
    assert analyse(Path("out/kws/energy")).differences == ()
    assert everything_in(Path("out")) == sorted(
        ["kws", *(f"kws/{m}.journal" for m in ("performance", "accuracy", "energy"))]
        + [f"kws/{m}{f}" for m in ("performance", "accuracy", "energy")
           for f in ("", "/log.txt", "/results.json", "/results.txt")]
    )  # fmt: skip
    assert not multiprocessing.active_children()
    again = smidgen("bench", "kws", *kws, "-o", "out")
    assert again.code in (1, 2)
    assert "--resume goes on with it" in again.err


def _lasting(folder: Path) -> dict[str, Any]:
    """What does not depend on when it ran: everything but dates and the counter's absolute values."""
    entries = json.loads((folder / "results.json").read_text())
    for e in entries:
        begin, end = e["infer"].pop("start_time"), e["infer"].pop("end_time")
        assert (end - begin) % (1 << 32) == e["infer"]["elapsed_time"]
        del e["infer"]["elapsed_time"]  # which of two microseconds a stamp falls in depends on what came before
    texts = {n: re.sub(r"\d{4}\.\d{6} ", "", (folder / n).read_text()) for n in ("log.txt", "results.txt")}
    texts["log.txt"] = re.sub(r"(Throughput +: +)\S+", r"\1", texts["log.txt"])
    return {"entries": entries} | texts


def test_interrupted_and_resumed(smidgen: Smidgen, kws: tuple[str, ...], tmp_path: Path) -> None:
    """The files of a run that a signal stopped are, once resumed, those of one that nothing stopped."""
    kws = (*kws[:3], str(data_folder(tmp_path / "more", 120)))
    what = ("bench", "kws", *kws, "--mode", "accuracy", "--jobs")
    process = start(*what, "2", "-o", "out", stdout=subprocess.PIPE)
    journal = Path("out/kws/accuracy.journal")
    _wait_for(lambda: journal.exists() and journal.read_bytes().count(b"\n") > 3, "nothing is measured", process)
    children = _children(process.pid)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    assert process.returncode == 130, err
    assert "Traceback" not in err
    assert "the same command with -o out --resume goes on" in err.replace("\n", " ")
    assert children
    _wait_for(lambda: not any(map(_runs, children)), "processes are left behind")
    kept = journal.read_bytes()
    assert 3 < kept.count(b"\n") < 121, "it was to be stopped in the middle"
    assert not Path("out/kws/accuracy/results.json").exists()
    resumed = smidgen(*what, 1, "-o", "out", "--resume", "--json").json["results"][0]
    assert journal.read_bytes().startswith(kept)
    whole = smidgen(*what, 1, "-o", "whole", "--json").json["results"][0]
    assert resumed | {"folder": ""} == whole | {"folder": ""}
    assert _lasting(Path("out/kws/accuracy")) == _lasting(Path("whole/kws/accuracy"))


def _wait_for(true: Callable[[], bool], problem: str, process: subprocess.Popen[str] | None = None) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end, problem
        assert process is None or process.poll() is None, process.communicate()
        time.sleep(0.002)


def _runs(pid: str) -> bool:
    """Whether a process is there, and not only waiting to be forgotten."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def _children(pid: int) -> list[str]:
    return Path(f"/proc/{pid}/task/{pid}/children").read_text().split()


def test_a_full_disk(smidgen: Smidgen, kws: tuple[str, ...]) -> None:
    log = Path("out/kws/performance/log.txt")
    log.parent.mkdir(parents=True)
    log.symlink_to("/dev/full")
    what = ("bench", "kws", *kws, "--iterations", 10, "--jobs", 1, "-o", "out")
    result = smidgen(*what)
    assert result.code == 1
    assert "No space left on device: what was measured until now is kept. Make room" in result.err.replace("\n", " ")
    log.unlink()
    assert smidgen(*what, "--resume").code == 0
    assert len(json.loads((log.parent / "results.json").read_text())) == 5


def _message(result: Any) -> str:
    return " ".join(result.err.split())


_RIG = ("--monitor", "lpm01a", "--monitor-port", "b", "--voltage", "1.8")
_ENERGY = ("--mode", "energy", "--port", "a")


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("--data", "nowhere"), "nowhere"),
        (("--data", "."), "no data set of kws"),
        (("--mode", "accuracy"), "accuracy of kws needs its data set: --data DIR"),
        (("--port", "/dev/ttyNONE"), "performance of kws needs its data set"),
        (("--port", "/dev/ttyNONE", "--data", "DATA"), "cannot open /dev/ttyNONE at 115200 baud"),
        (("--port", "/dev/null", "--data", "DATA"), "cannot open /dev/null"),
        (("--data", "DATA", "--labels", "y_none.csv"), "y_none.csv"),
        (("--model", "OTHER", "--data", "DATA"), "kws"),
        (("--model", "nowhere.tflite"), "nowhere.tflite"),
        (("--model", "OTHER", "--port", "a"), "--model is for one task on a virtual board"),
        (("--resume",), "--resume needs -o"),
        (_ENERGY, "needs an instrument: --monitor lpm01a --monitor-port PORT --voltage 1.8"),
        ((*_ENERGY, "--monitor", "lpm01a"), "--monitor lpm01a needs --voltage"),
        ((*_ENERGY, "--monitor", "lpm01a", "--voltage", "1.8"), "--monitor lpm01a needs its --monitor-port"),
        ((*_ENERGY, *_RIG[:5], "5"), "--voltage 5: lpm01a gives 1.8 to 3.3 V"),
        ((*_ENERGY, *_RIG[:5], "1,8"), "is not a voltage"),
        ((*_ENERGY, *_RIG, "--io-manager", "c"), "either at --port, or behind the IO manager"),
        ((*_ENERGY, "--monitor", "js220", "--voltage", "3", "--monitor-port", "b"), "a JS220 is found on USB"),
        ((*_ENERGY[:2], "--io-manager", "b", *_RIG), "b cannot be both"),
        ((*_ENERGY[:2], "--io-manager", "c", *_RIG, "--baud", "9600"), "--baud is not for a device behind an IO"),
        ((*_ENERGY[:2], "--port", "auto", *_RIG), "--port auto finds no device that is off"),
        (("--mode", "energy", *_RIG), "--monitor is for the energy of a real device"),
        (("--port", "a", *_RIG), "--monitor is for the energy of a real device"),
        ((*_ENERGY, "--monitor", "js220", "--voltage", "3", "--data", "DATA"), "cannot open a at 9600 baud"),
    ],
)
def test_what_is_refused(
    smidgen: Smidgen, kws: tuple[str, ...], tmp_path: Path, options: tuple[str, ...], says: str
) -> None:
    """With one message, before anything is measured or written."""
    (tmp_path / "other.tflite").write_bytes(tiny_parts().file())
    places = {"DATA": kws[3], "OTHER": str(tmp_path / "other.tflite")}
    given = [places.get(o, o) for o in options]
    if "--model" not in given and "--port" not in given and "--io-manager" not in given:
        given += kws[:2]
    result = smidgen("bench", "kws", *given)
    assert result.code in (1, 2)
    assert says in _message(result)
    assert not everything_in(Path.cwd())


def test_labels_that_do_not_match(smidgen: Smidgen, kws: tuple[str, ...]) -> None:
    labels = Path(kws[3]) / "kws01/y_labels.csv"
    text = labels.read_text()
    labels.write_text(text.replace("f3.bin, 12, 3\n", ""))
    result = smidgen("bench", "kws", *kws, "--mode", "accuracy", "-o", "out")
    assert "its labels name 11 of 12 classes: AUC is not defined" in _message(result)
    labels.write_text(text.replace("12, 3", "12, 13"))
    assert "label 13 is out of range" in _message(smidgen("bench", "kws", *kws, "-o", "out"))
    (labels.parent / "f0.bin").write_bytes(b"short")
    labels.write_text(text)
    assert "f0.bin: 5 bytes, files of kws have 490" in _message(smidgen("bench", "kws", *kws, "-o", "out"))
    assert not Path("out").exists()


def _rig(device: Faults | None = None, faults: RigFaults | None = None) -> tuple[Peer, IoManagerPeer, Lpm01aPeer]:
    device = device or Faults()
    device.energy = True
    peer = Peer(TASKS["kws"], faults=device)
    faults = faults or RigFaults()
    return peer, IoManagerPeer(peer, faults), Lpm01aPeer(peer, faults)


def test_energy_of_a_rig_at_serial_ports(smidgen: Smidgen, kws: tuple[str, ...]) -> None:
    _, manager, instrument = _rig()
    with serial_port(manager) as a, serial_port(instrument) as b:
        result = smidgen(
            "bench", "kws", "--mode", "energy", *kws[2:], "--io-manager", a, "--monitor", "lpm01a", "--monitor-port", b,
            "--voltage", "1800mV", "-o", "out", "--json",
        )  # fmt: skip
    assert result.code == 0, result.err
    (found,) = result.json["results"]
    assert (found["provenance"], found["valid"], found["device"]) == ("measured", True, "peer")
    assert found["energy_uj"] == pytest.approx(1600, rel=1e-3)
    report = analyse(Path("out/kws/energy"))
    assert (report.notes, report.differences, report.supply_v) == ((), (), 1.8)
    assert instrument.commands[-3:] == ["stop", "pwr off", "hrc"]
    assert manager.commands[-1] == "disable-timer"


def test_an_interrupted_rig_is_switched_off(kws: tuple[str, ...]) -> None:
    """A device that hangs, and somebody who does not wait for the end of that."""
    peer, manager, instrument = _rig(Faults(hang_at_command=30))
    with serial_port(manager) as a, serial_port(instrument) as b:
        process = start(
            "bench", "kws", "--mode", "energy", *kws[2:], "--io-manager", a, *_RIG[:3], b, *_RIG[4:], "-o", "out",
            stdout=subprocess.PIPE,
        )  # fmt: skip
        _wait_for(lambda: len(peer.commands) >= 30, "it does not hang", process)
        assert instrument.fed
        os.kill(process.pid, signal.SIGINT)
        _, err = process.communicate(timeout=10)
        _wait_for(lambda: instrument.commands[-3:] == ["stop", "pwr off", "hrc"], "the supply is on")
    assert process.returncode == 130
    assert "Traceback" not in err
