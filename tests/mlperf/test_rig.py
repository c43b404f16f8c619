# SPDX-License-Identifier: Apache-2.0
"""Energy of a real rig: an IO manager and an LPM01A, played by peers, and what goes wrong with them."""

from __future__ import annotations

import json
import re
import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

from smidgen.energy.monitors import Lpm01a
from smidgen.energy.traces import analyse
from smidgen.errors import DeviceError, LinkLost, NoAnswer
from smidgen.mlperf.formats.results_files import read_folder
from smidgen.mlperf.link import Link
from smidgen.mlperf.runner import io_manager, rig
from smidgen.mlperf.runner.bench import Outcome, Run, run
from smidgen.mlperf.runner.datasets import DataSet, Sample, random_data_set
from smidgen.mlperf.runner.io_manager import IoManagerLink
from smidgen.mlperf.runner.measure import Order
from smidgen.mlperf.runner.protocol import Device, Refused
from smidgen.mlperf.runner.rig import open_rig, window_power
from smidgen.mlperf.runner.workers import Opened
from smidgen.mlperf.tasks import TASKS
from tests.mlperf.peer import Faults, Peer
from tests.mlperf.rig_peer import IoManagerPeer, Lpm01aPeer, RigFaults

_KWS = TASKS["kws"]


@pytest.fixture(autouse=True)
def _no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    """Time of peers is the device's: nothing is gained by waiting for it."""
    for module, name, seconds in (
        (rig, "_SETTLE_S", 0.02), (rig, "_EDGES_S", 0.2), (rig, "_QUIET_S", 0.05), (rig, "_SLICE_S", 0.005),
        (io_manager, "_FIRST_S", 0.1), (io_manager, "_ANSWER_S", 0.1), (io_manager, "_BREATH_S", 0.001),
    ):  # fmt: skip
        monkeypatch.setattr(module, name, seconds)


@dataclass
class _Rig:
    """Opens a rig of peers, and keeps them to be looked at."""

    manager: bool = True
    faults: RigFaults = field(default_factory=RigFaults)
    device: Faults = field(default_factory=Faults)
    us: float = 40_000.0
    notes: list[str] = field(default_factory=list)

    def __call__(self) -> Opened:
        self.device.energy = True
        self.peer = Peer(_KWS, self.us, self.device)
        self.instrument = Lpm01aPeer(self.peer, self.faults)
        self.line = IoManagerPeer(self.peer, self.faults)
        line: Link = self.line if self.manager else self.peer
        instrument = Lpm01a(self.instrument, 1.8)
        return open_rig(line, instrument, 1.8, through_manager=self.manager, note=self.notes.append)


def _run(made: _Rig, folder: Path, **other: object) -> Outcome:
    drawn = random_data_set(_KWS, 5)
    data = DataSet(_KWS, "test", tuple(Sample(s.file, 12, i) for i, s in enumerate(drawn.samples)), drawn.read)
    fields = {
        "order": Order(_KWS, "energy", warmups=1), "data": data, "opener": made, "folder": folder / "energy",
        "provenance": "measured", "baud": 9_600,
    }  # fmt: skip
    return run(Run(**(fields | other)), lambda done, total: None, made.notes.append)  # type: ignore[arg-type]


def _off(made: _Rig) -> bool:
    """Whether the device's supply is cut, the ports are let go of and no thread is left."""
    return (
        made.instrument.commands[-3:] == ["stop", "pwr off", "hrc"]
        and made.instrument.closed
        and not any(t.name == "instrument" for t in threading.enumerate())
    )


@pytest.mark.parametrize("manager", [True, False])
def test_a_rig(tmp_path: Path, manager: bool) -> None:
    """Five windows bounded by the instrument's edges, recomputed alike by the analysis of traces."""
    made = _Rig(manager)
    outcome = _run(made, tmp_path)
    assert outcome.energy_uj == pytest.approx(40 * 40)  # mW x ms
    assert (outcome.valid, outcome.iterations, outcome.provenance) == (True, 258, "measured")
    assert made.notes == []
    report = analyse(tmp_path / "energy")
    assert (report.notes, report.differences, report.supply_v) == ((), (), 1.8)
    assert report.median_uj_per_inference == pytest.approx(1600)
    assert [w.inferences for w in report.windows] == [258] * 5
    entry = json.loads((tmp_path / "energy/results.json").read_text())[0]
    assert list(entry["power"]) == ["samples", "timestamps", "extracted_power", "voltage"]
    (_, low), (_, high) = entry["power"]["timestamps"]
    assert (low, high - low) == (40, 10_320)  # the warm-up before
    assert entry["mode"] == "e"
    assert not read_folder(tmp_path / "energy").remarks
    assert _off(made)
    longest = max(len(c) for c in made.peer.commands if c.startswith("db "))
    assert longest == 3 + 2 * (26 if manager else 31)
    if manager:
        assert made.line.commands[:3] == ["name", "tm 0", "enable-timer"]
        assert made.line.commands[-1] == "disable-timer"
        assert made.line.closed


def test_the_device_is_on_before_it_is_asked(tmp_path: Path) -> None:
    made = _Rig()
    opened = made()
    assert made.instrument.fed
    assert made.peer.commands == []
    opened.link.close()
    opened.link.close()
    assert not made.instrument.fed


_RECOVERED: dict[str, tuple[RigFaults, str]] = {
    "an edge is lost": (RigFaults(lose_edges=frozenset({7})), "saw 1 edges of the timestamp pin during 'infer', not 2"),
    "noise on the pin": (RigFaults(double_edges=frozenset({7})), "saw 3 edges"),
    "the instrument lost an event": (RigFaults(skip_event_numbers=frozenset({7})), "not consecutive: it lost one"),
    "a sample is lost": (RigFaults(damage_samples=frozenset({900})), "lost samples within the window"),
    "a sample does not come": (RigFaults(drop_samples=frozenset({900})), "999 samples came, not 1000"),
    "a command is damaged": (RigFaults(refuse_at=frozenset({30})), r"e-\[Unknown command: dt "),
    "the clocks differ": (RigFaults(manager_lap_scale=1.05), "the IO manager one of 10.836 s"),
}


@pytest.mark.parametrize("name", _RECOVERED)
def test_what_a_rig_recovers_from(tmp_path: Path, name: str) -> None:
    """It is noted, run again, and the result is the one without."""
    faults, says = _RECOVERED[name]
    made = _Rig(faults=faults)
    outcome = _run(made, tmp_path)
    assert outcome.energy_uj == pytest.approx(1600)
    assert outcome.valid
    assert any(re.search(says, n) for n in made.notes), made.notes
    assert analyse(tmp_path / "energy").differences == ()
    assert _off(made)


@pytest.mark.parametrize("chatter", [b"\x00", b"\xff\x80", b"m-lap"])
def test_half_duplex_noise(tmp_path: Path, chatter: bytes) -> None:
    made = _Rig(faults=RigFaults(chatter=chatter, manager_sleeps_for=2))
    assert _run(made, tmp_path).energy_uj == pytest.approx(1600)


def test_fast_inferences(tmp_path: Path) -> None:
    """Shorter than the instrument's samples: both edges in one, until there are enough of them."""
    made = _Rig(us=300.0)
    outcome = _run(made, tmp_path)
    assert outcome.valid
    assert outcome.energy_uj == pytest.approx(12, rel=1e-3)


_FATAL: dict[str, tuple[_Rig, type[DeviceError], str]] = {
    "instrument vanishes": (_Rig(faults=RigFaults(vanish_after_samples=700)), LinkLost, "lpm01a is gone"),
    "instrument vanishes without a manager": (
        _Rig(False, RigFaults(vanish_after_samples=25_000)), LinkLost, "lpm01a is gone",
    ),
    "pin not connected": (
        _Rig(faults=RigFaults(lose_edges=frozenset(range(1000)))),
        DeviceError,
        r"given up after 4 tries\. the instrument saw 0 edges of the timestamp pin .* wired to the instrument",
    ),
    "edges of another run": (
        _Rig(faults=RigFaults(manager_lap_scale=2.0)), DeviceError, "the IO manager one of 0.080 s: not the same edges",
    ),
    "no manager": (_Rig(faults=RigFaults(manager_silent=True)), NoAnswer, r"no IO manager answers.*--port"),
    "a device, no manager": (_Rig(faults=RigFaults(manager_is_device=True)), DeviceError, "is a device, not an IO"),
    "manager falls silent": (
        _Rig(faults=RigFaults(manager_silent_at=40)), DeviceError, "does not acknowledge .* Nor does it answer since",
    ),
    "energy of performance firmware": (_Rig(), DeviceError, "runs performance firmware"),
    "device vanishes": (_Rig(False, device=Faults(vanish_at_command=40)), LinkLost, "peer is gone"),
}  # fmt: skip


@pytest.mark.parametrize("name", _FATAL)
def test_what_ends_a_rig(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message; the device's supply is cut and everything is let go of."""
    made, kind, says = _FATAL[name]
    if name.startswith("energy of"):
        monkeypatch.setattr(Peer, "_stamp", lambda self: self._say("m-lap-us-1"))
    with pytest.raises(kind, match=f"(?s){says}"):
        _run(made, tmp_path)
    assert made.instrument.closed
    assert not any(t.name == "instrument" for t in threading.enumerate())
    if "vanishes" not in name and "manager" not in name:
        assert _off(made)


def test_a_device_without_supply_is_not_waited_for(tmp_path: Path) -> None:
    """The instrument goes while the device works: the device is silent since, and might be for two minutes."""
    made = _Rig(faults=RigFaults(vanish_at_infer=True), device=Faults(hang_at_command=26))
    begin = time.monotonic()
    with pytest.raises(LinkLost, match="lpm01a is gone"):
        _run(made, tmp_path)
    assert made.peer.commands[-1] == "infer 1 0"
    assert time.monotonic() - begin < 30


def test_a_rig_is_resumed(tmp_path: Path) -> None:
    with pytest.raises(LinkLost):
        _run(_Rig(faults=RigFaults(vanish_after_samples=35_000)), tmp_path)
    kept = (tmp_path / "energy.journal").read_text().splitlines()
    assert 1 < len(kept) < 6
    assert _run(_Rig(), tmp_path, resume=True).energy_uj == pytest.approx(1600)
    assert (tmp_path / "energy.journal").read_text().splitlines()[: len(kept)] == kept
    assert len(analyse(tmp_path / "energy").windows) == 5


def test_samples_that_are_missing_outside_a_window_are_cut_off() -> None:
    samples = np.arange(10.0)
    samples[[1, 8]] = np.nan
    power = window_power(samples, ((3, 4), (4, 6)), 3.0)
    assert power.samples_j == (2.0, 3.0, 4.0, 5.0, 6.0, 7.0)
    assert power.events == ((3, 2), (4, 4))
    assert sum(power.samples_j[2:4]) == samples[4:6].sum()
    assert window_power(samples, ((99, 4), (0, 6)), 3.0).events == ((99, 2), (100, 4))
    with pytest.raises(Refused, match="lost samples"):
        window_power(samples, ((0, 4), (1, 9)), 3.0)
    with pytest.raises(Refused, match="lost samples"):
        window_power(samples, ((0, 4), (1, 11)), 3.0)


def test_only_the_devices_lines_come_through_a_manager() -> None:
    peer = Peer(_KWS, faults=Faults(energy=True))
    line = IoManagerPeer(peer, RigFaults())
    link = IoManagerLink(line)
    device = Device(link, chunk_bytes=26)
    assert device.identify().name == "peer"
    assert not device.timestamps(), "the timer's m-lap-us is not the device's"
    assert link.laps_us
    link.close()
    assert not line.timer
