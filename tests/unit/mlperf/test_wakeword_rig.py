# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword on hardware: a device and an interface board that are scripted, and what can go wrong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from smidgen.cli.main import cli
from smidgen.errors import DeviceError, NoAnswer, ProtocolError, UsageError
from smidgen.mlperf.formats.results_files import parse_results, parse_results_json
from smidgen.mlperf.tasks import TASKS
from smidgen.mlperf.wakeword import rig
from smidgen.mlperf.wakeword.bench import Recordings
from smidgen.mlperf.wakeword.files import WakewordTest
from smidgen.mlperf.wakeword.rig import play_all
from tests.mlperf.rig_peer import serial_port
from tests.unit.mlperf.test_wakeword import Script

SWW = TASKS["sww"]
FOUND = Recordings((WakewordTest("long_wav.wav", ((1.0, 1.5),), 10.0, 16_000),), Path(), official=True)


def device(**more: str) -> Script:
    answers = {
        "name": "m-name-dut-[acme]\r\n",
        "profile": "m-profile-[ULPMark for tinyML Firmware V0.0.1]\r\nm-model-[strww01]\r\n",
        "start": "m-lap-us-5\r\nm-[Listening]\r\n",
        "stop": "m-[Stopped]\r\ntarget activations:\r\n[1,\r\n2]\r\n",
    }
    return Script(answers | more)


def interface(**more: str) -> Script:
    starts, stops = "5,3205,\r\n6405,\r\n", "505,3705,6905,\r\n"
    answers = {
        "name": "tinyML Enhanced Interface Board\r\n",
        "record_detections": "Now recording detections\r\n",
        "play long_wav.wav": "Attempting to play long_wav.wav\nsucceeded.\n",
        "print_detections": "Detection Timestamps (ms)\r\n33,\r\n1133,\r\n",
        "print_dutycycle": f"Duty cycle start times (s)\r\n{starts}Duty cycle stop times (s)\r\n{stops}",
    }
    return Script(answers | more)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rig, "_NAME_S", 0.05)


def quiet(done: float, total: float) -> None:
    assert 0 <= done <= total == 10.0


def test_ports_to_official_files(tmp_path: Path) -> None:
    test = {"wav_file": "long_wav.wav", "detection_windows": [[1.0, 1.5]], "length_sec": 10.0, "sample_rate": 16000}
    (tmp_path / "sww_long_test.json").write_text(json.dumps([test]))  # the audio is on the SD card
    with serial_port(device()) as port, serial_port(interface()) as board:
        arguments = ["bench", "sww", "--port", port, "--interface", board, "--data", str(tmp_path), "--json"]
        done = CliRunner().invoke(cli, [*arguments, "-o", str(tmp_path / "out")], catch_exceptions=False)
    (outcome,) = json.loads(done.stdout)["results"]
    assert (outcome["device"], outcome["provenance"], outcome["met"]) == ("acme", "measured", True)
    folder = tmp_path / "out" / "sww" / "performance"
    text = parse_results((folder / "results.txt").read_text())
    assert text.wakeword is not None
    assert (text.wakeword.true_positives, text.wakeword.false_negatives) == (1, 0)
    (entry,) = parse_results_json((folder / "results.json").read_text()).wakeword
    assert entry.detections_ms == (33, 1133)
    assert "Device name retrieved: acme" in (folder / "log.txt").read_text()


@pytest.mark.parametrize(
    ("dut", "board", "error", "match"),
    [
        ({}, {"name": "m-name-dut-[x]\r\n"}, DeviceError, "are --port and --interface exchanged"),
        ({}, {"play long_wav.wav": "Error playing file. Check that\n"}, DeviceError, "cannot play long_wav.wav"),
        ({}, {"print_detections": "Detection Timestamps (ms)\r\n"}, ProtocolError, "reports 2 frames"),
        ({}, {"print_detections": "e-[what]\r\n"}, ProtocolError, "print_detections is answered with"),
        ({"start": "e-[Unknown command]\r\n"}, {}, ProtocolError, "refuses to listen"),
        ({"profile": "m-profile-[x]\r\nm-model-[kws01]\r\n"}, {}, DeviceError, "holds the model kws01"),
    ],
)
def test_what_goes_wrong_is_said(
    dut: dict[str, str], board: dict[str, str], error: type[Exception], match: str
) -> None:
    line = device(**dut)
    with pytest.raises(error, match=match):
        play_all(line, interface(**board), FOUND, SWW, 115_200, quiet)
    assert "start" not in line.sent or line.sent[-1] == "stop"


class Silent(Script):
    def read(self, timeout: float) -> bytes:
        self._out = b""
        return b""


def test_a_silent_interface_board_is_named() -> None:
    with pytest.raises(NoAnswer, match="no interface board answers at 115200 baud"):
        play_all(device(), Silent({}), FOUND, SWW, 115_200, quiet)


class Interrupted(Script):
    """Ctrl-C while it plays."""

    def read(self, timeout: float) -> bytes:
        if self.sent and self.sent[-1].startswith("play"):
            raise KeyboardInterrupt
        return super().read(timeout)


def test_an_interruption_stops_the_device() -> None:
    line = device()
    with pytest.raises(KeyboardInterrupt):
        play_all(line, Interrupted(interface().answers), FOUND, SWW, 115_200, quiet)
    assert line.sent[-2:] == ["start", "stop"]


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (["sww", "--port", "a"], "needs --port, the device's, and --interface"),
        (["sww", "--port", "auto", "--interface", "b"], "two different ones, not auto"),
        (["sww", "--port", "a", "--interface", "a"], "two different ones, not a"),
        (["kws", "--port", "a", "--interface", "b"], "--interface is for sww"),
        (["sww", "--port", "/dev/none", "--interface", "/dev/none2"], "cannot open /dev/none "),
    ],
)
def test_a_rig_that_is_not_whole_is_refused(arguments: list[str], match: str, tmp_path: Path) -> None:
    test = [{"wav_file": "a.wav", "detection_windows": []}]
    (tmp_path / "sww_short_test.json").write_text(json.dumps(test))
    with pytest.raises((UsageError, DeviceError), match=match):
        CliRunner().invoke(
            cli, ["bench", *arguments, "--data", str(tmp_path), "-o", str(tmp_path / "o")], catch_exceptions=False,
            standalone_mode=False,
        )  # fmt: skip
    assert not (tmp_path / "o").exists()
