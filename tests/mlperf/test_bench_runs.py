# SPDX-License-Identifier: Apache-2.0
"""Whole runs: files, resuming, several processes, a full disk, a serial port that is a pseudo-terminal."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
from pathlib import Path

import pytest

from smidgen.errors import DeviceError, InvalidInput, LinkLost, OutputError, UsageError
from smidgen.mlperf.formats.results_files import read_folder
from smidgen.mlperf.formats.results_types import Mode
from smidgen.mlperf.runner import journal
from smidgen.mlperf.runner.bench import Outcome, Run, run
from smidgen.mlperf.runner.datasets import DataSet, Sample, load_data_set, random_data_set
from smidgen.mlperf.runner.measure import Order
from smidgen.mlperf.runner.serial_link import SerialLink, SerialOpener, find_port
from smidgen.mlperf.runner.workers import Opened
from smidgen.mlperf.tasks import TASKS
from tests.mlperf.peer import Faults, Peer, PeerOpener
from tests.mlperf.rig_peer import serial_port

_KWS = TASKS["kws"]


def _data(count: int = 12) -> DataSet:
    drawn = random_data_set(_KWS, count)
    samples = tuple(Sample(s.file, 12, i % 12) for i, s in enumerate(drawn.samples))
    return DataSet(_KWS, "test", samples, drawn.read)


def _run(folder: Path, mode: Mode = "performance", *, count: int = 12, **other: object) -> Outcome:
    fields = {
        "order": Order(_KWS, mode, warmups=1), "data": _data(count), "opener": PeerOpener(), "folder": folder / mode,
        "provenance": "measured", "baud": 115_200, "firmware": "f",
    }  # fmt: skip
    return run(Run(**(fields | other)), lambda done, total: None, lambda text: None)  # type: ignore[arg-type]


def test_a_performance_run_writes_the_official_files(tmp_path: Path) -> None:
    outcome = _run(tmp_path)
    assert outcome.median_throughput == 25.0
    assert (outcome.iterations, outcome.valid) == (258, True)
    found = read_folder(tmp_path / "performance")
    assert sorted(p.name for p in (tmp_path / "performance").iterdir()) == ["log.txt", "results.json", "results.txt"]
    assert found.results is not None
    assert found.log is not None
    assert found.json is not None
    assert not found.remarks
    assert [w.inferences for w in found.results.windows] == [258] * 5
    assert [r.file for r in found.log.runs] == [f"random_{i:06}.bin" for i in range(5)]
    assert [r.results for r in found.log.runs] == [e.results for e in found.json.entries]


def test_several_processes_find_the_same(tmp_path: Path) -> None:
    one, two = _run(tmp_path / "1", "accuracy"), _run(tmp_path / "2", "accuracy", processes=2)
    assert (one.top1, one.auc) == (two.top1, two.auc)
    entries = [json.loads((tmp_path / d / "accuracy/results.json").read_text()) for d in "12"]
    for a, b in zip(*entries, strict=True):
        assert (a["file"], a["infer"]["results"]) == (b["file"], b["infer"]["results"])
    assert not multiprocessing.active_children()


def test_a_failing_process_ends_them_all(tmp_path: Path) -> None:
    opener = PeerOpener(faults=Faults(vanish_at_command=60))
    with pytest.raises(LinkLost, match="gone"):
        _run(tmp_path, "accuracy", opener=opener, processes=2)
    assert not multiprocessing.active_children()


def test_resuming_goes_on(tmp_path: Path) -> None:
    """After a port that vanished: only what is missing is run, and the files are as if nothing had happened."""
    with pytest.raises(LinkLost):
        _run(tmp_path, "accuracy", opener=PeerOpener(faults=Faults(vanish_at_command=120)))
    lines = (tmp_path / "accuracy.journal").read_bytes().splitlines()
    assert 1 < len(lines) < 13
    assert len((tmp_path / "accuracy/log.txt").read_text().split("m-results")) == len(lines)
    with (tmp_path / "accuracy.journal").open("ab") as stream:
        stream.write(lines[1][:40])  # torn, as by a loss of power
    with pytest.raises(UsageError, match="--resume goes on with it"):
        _run(tmp_path, "accuracy")
    made: list[Peer] = []

    def opener() -> Opened:
        made.append(Peer(_KWS))
        return Opened(made[-1])

    resumed = _run(tmp_path, "accuracy", opener=opener, resume=True)
    whole = _run(tmp_path / "whole", "accuracy")
    assert made[0].loads == 1 + 12 - (len(lines) - 1)  # one to learn the device's speed
    assert (resumed.top1, resumed.auc, resumed.inputs) == (whole.top1, whole.auc, 12)
    journalled = [json.loads(x)["index"] for x in (tmp_path / "accuracy.journal").read_bytes().splitlines()[1:]]
    assert journalled == list(range(12))
    assert _run(tmp_path, "accuracy", resume=True).top1 == whole.top1  # nothing left to do


@pytest.mark.parametrize("text", [b"[" * 100_000 + b"\nmine\n", b"keep\nthis\n"])
def test_a_file_that_is_no_journal_is_kept(tmp_path: Path, text: bytes) -> None:
    (tmp_path / "performance.journal").write_bytes(text)
    with pytest.raises(UsageError, match="is no journal of a run"):
        _run(tmp_path, resume=True)
    assert (tmp_path / "performance.journal").read_bytes() == text


def test_one_run_at_a_time_has_a_folder(tmp_path: Path) -> None:
    _run(tmp_path)
    path = tmp_path / "performance.journal"
    with path.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        before = path.read_bytes()
        with pytest.raises(UsageError, match="another run writes it"):
            _run(tmp_path, resume=True)
        assert path.read_bytes() == before
    assert _run(tmp_path, resume=True).median_throughput == 25.0


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"firmware": "g"}, "its firmware is 'f', now it is 'g'"),
        ({"opener": PeerOpener(vendor="other")}, "its device is 'peer'"),
        ({"baud": 9600}, "its baud"),
        ({"data": random_data_set(_KWS, 12, seed=1)}, "its data"),
    ],
)
def test_resuming_refuses_another_run(tmp_path: Path, changed: dict[str, object], says: str) -> None:
    _run(tmp_path)
    before = (tmp_path / "performance.journal").read_bytes()
    with pytest.raises(UsageError, match=says):
        _run(tmp_path, resume=True, **changed)
    assert (tmp_path / "performance.journal").read_bytes() == before


def test_a_full_disk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One message; what was measured stays, and is gone on with once there is room."""
    kept = journal.Journal._write

    def full(self: journal.Journal, item: dict[str, object]) -> None:
        if item.get("index") == 3:
            with journal.disk(self.path):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        kept(self, item)

    with monkeypatch.context() as patch:
        patch.setattr(journal.Journal, "_write", full)
        with pytest.raises(
            OutputError, match=r"No space left on device: what was measured until now is kept\. Make room"
        ):
            _run(tmp_path)
    assert len((tmp_path / "performance.journal").read_bytes().splitlines()) == 1 + 3
    assert _run(tmp_path, resume=True).inputs == 5


def test_accuracy_needs_labels(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="needs its data set: --data"):
        _run(tmp_path, "accuracy", data=random_data_set(_KWS, 5))
    with pytest.raises(InvalidInput, match="4 files; performance needs the first 5"):
        _run(tmp_path, count=4)
    assert not any(tmp_path.iterdir())


def test_accuracy_needs_every_class(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="labels name 11 of 12 classes"):
        _run(tmp_path, "accuracy", count=11, data=_data(11))
    assert not list(tmp_path.iterdir())


def test_energy(tmp_path: Path) -> None:
    outcome = _run(tmp_path, "energy", opener=PeerOpener(faults=Faults(energy=True)))
    assert outcome.energy_uj == pytest.approx(40 * 40)  # mW x ms
    assert outcome.valid
    found = read_folder(tmp_path / "energy")
    assert found.results is not None
    assert len(found.results.energy_windows) == 5


def test_anomaly_windows(tmp_path: Path) -> None:
    """Every file's windows, in order, and the mean of their errors as its score."""
    task = TASKS["ad"]
    drawn = random_data_set(task, 2)
    data = DataSet(task, "test", tuple(Sample(s.file, 2, i) for i, s in enumerate(drawn.samples)), drawn.read)
    pieces = data.pieces(1)
    assert len(pieces) == 196
    assert pieces[3] == data.read(1)[3 * 512 : 3 * 512 + 2560]
    outcome = _run(tmp_path, "accuracy", order=Order(task, "accuracy"), data=data, opener=PeerOpener("ad"))
    assert outcome.inputs == 392
    found = read_folder(tmp_path / "accuracy")
    assert found.json is not None
    assert [e.total_length for e in found.json.entries] == [196] * 392


def test_over_a_serial_port(tmp_path: Path) -> None:
    with serial_port(Peer(_KWS)) as port:
        assert find_port(115_200, (port,)) == port
        assert _run(tmp_path, opener=SerialOpener(port, 115_200)).median_throughput == 25.0


def test_ports_that_are_none(tmp_path: Path) -> None:
    with pytest.raises(DeviceError, match=r"cannot open .*tty9.* at 115200 baud"):
        SerialLink(str(tmp_path / "tty9"))
    (tmp_path / "file").write_bytes(b"x")
    for name, why in (("tty9", "it does not exist"), ("file", "it is no serial port"), (".", "it is a folder")):
        with pytest.raises(DeviceError, match=why):
            SerialLink(str(tmp_path / name))
    with serial_port(Peer(_KWS)) as port:
        first = SerialLink(port)
        with pytest.raises(DeviceError, match="another program uses it"):
            SerialLink(port)
        first.close()
    with pytest.raises(DeviceError, match="no device answers 'name' at 9600 baud"):
        find_port(9_600, (str(tmp_path / "tty9"),))


def _kws_folder(folder: Path, count: int = 5) -> Path:
    kws = folder / "kws01"
    kws.mkdir(parents=True)
    (kws / "y_labels.csv").write_text("".join(f"f{i}.bin, 12, {i}\n" for i in range(count)))
    for i in range(count):
        (kws / f"f{i}.bin").write_bytes(bytes([i]) * 490)
    return kws


def test_a_data_set_of_files(tmp_path: Path) -> None:
    kws = _kws_folder(tmp_path)
    for where in (tmp_path, kws):
        data = load_data_set(_KWS, where)
        assert [s.label for s in data.samples] == [0, 1, 2, 3, 4]
        assert data.read(3) == b"\x03" * 490
        assert "the official set has 1000" in data.notes[0]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        ("f0.bin,12\n", "line 1: 'f0.bin,12' is not 'file,classes,label'"),
        ("f0.bin,10,1\n", "10 classes, but kws has 12"),
        ("f0.bin,12,0\nf1.bin,12,12\n", "line 2: label 12 is out of range"),
        ("f0.bin,12,0\nf0.bin,12,0\n", "line 2: f0.bin is there twice"),
        ("f9.bin,12,0\n", "f9.bin: named in y_labels.csv, but no such file"),
        ("../f0.bin,12,0\n", "not the name of a file in the folder"),
        ("\n", "no labels"),
    ],
)
def test_labels_that_do_not_match(tmp_path: Path, labels: str, says: str) -> None:
    (_kws_folder(tmp_path) / "y_labels.csv").write_text(labels)
    with pytest.raises(InvalidInput, match=says):
        load_data_set(_KWS, tmp_path)


def test_a_truncated_file(tmp_path: Path) -> None:
    kws = _kws_folder(tmp_path)
    (kws / "f2.bin").write_bytes(b"x" * 489)
    with pytest.raises(InvalidInput, match=r"f2\.bin: 489 bytes, files of kws have 490: truncated"):
        load_data_set(_KWS, tmp_path)
    with pytest.raises(InvalidInput, match="no data set of ic"):
        load_data_set(TASKS["ic"], tmp_path)
