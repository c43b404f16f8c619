# SPDX-License-Identifier: Apache-2.0
"""The wakeword device on the virtual board: detections, commands, and the official layouts."""

from __future__ import annotations

import json
import re
import struct
import zlib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import smidgen
from smidgen.energy.traces import analyse
from smidgen.errors import InvalidInput, ProtocolError, UsageError
from smidgen.features import features
from smidgen.mlperf.board import BoardLink, VirtualBoard
from smidgen.mlperf.board.energy import IDLE_SHARE
from smidgen.mlperf.firmware import firmware
from smidgen.mlperf.firmware.detector import detections_ms, detector, scores
from smidgen.mlperf.formats.picture import trace_picture
from smidgen.mlperf.formats.results_json import parse_results_json, wakeword_object
from smidgen.mlperf.formats.results_text import parse_results
from smidgen.mlperf.formats.results_types import Power
from smidgen.mlperf.runner.protocol import Device
from smidgen.mlperf.submission.runs import VIRTUAL
from smidgen.mlperf.tasks import TASKS
from smidgen.mlperf.wakeword.bench import bench_wakeword, find_recordings
from smidgen.mlperf.wakeword.files import WakewordTest, read_tests, read_wav
from smidgen.mlperf.wakeword.run import run_wakeword, run_wakeword_rig, wakeword_board
from tests.shared import SHARED, needs_shared
from tests.unit.features.sounds import Samples, clipped
from tests.unit.mlperf.test_wakeword_files import write_wav

SWW = TASKS["sww"]


def audio(frames: int) -> Samples:
    """Noise whose level changes."""
    rng = np.random.default_rng(6)
    return clipped(rng.normal(0, 1, 512 * frames) * np.repeat(rng.uniform(1, 20000, frames), 512))


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of the built-in network, streaming."""
    compiled = smidgen.compile("sww", streaming=True)
    return firmware(compiled, SWW).build(work_dir=tmp_path_factory.mktemp("dut"))


@pytest.fixture
def board(elf: Path) -> Iterator[VirtualBoard]:
    with wakeword_board(elf, smidgen.load_target("nucleo-l4r5zi"), audio(40)) as found:
        yield found


def test_the_device_hears_what_the_host_computes(board: VirtualBoard) -> None:
    test = WakewordTest("noise.wav", ((0.2, 0.4),), 1.28, 16_000)
    told: list[float] = []
    result = run_wakeword(board, test, progress=lambda done, total: told.append(done / total))
    expected = scores(detector(smidgen.load("sww")), audio(40))
    assert list(result.activations) == expected[:, 0].tolist()
    assert len(set(result.activations)) > 5
    assert [t - result.detections_ms[0] for t in result.detections_ms] == detections_ms(
        detector(smidgen.load("sww")), expected
    )
    assert len(result.duty.starts_s) == 40
    assert result.duty.period_s == pytest.approx(0.032, rel=1e-3)
    assert 100_000 / 120e6 < result.duty.processing_time_s < 300_000 / 120e6
    assert told[-1] == 1.0
    assert board.lost_frames == 0
    (entry,) = parse_results_json(json.dumps([wakeword_object(result.entry("p"), result.activations)])).wakeword
    assert entry == result.entry("p")
    again = run_wakeword(board, test)  # the stream, and the device with it, begin anew
    assert again.activations == result.activations


def test_frames_sent_over_the_line_give_features_and_scores(board: VirtualBoard) -> None:
    device = Device(BoardLink(board), chunk_bytes=256)
    device.resynchronise()
    x, spec = audio(3), detector(smidgen.load("sww")).features
    expected = scores(detector(smidgen.load("sww")), x)
    for i, row in enumerate(features(spec, x, padded=True)):
        device.load(x[512 * i : 512 * i + 512].astype("<i2").tobytes())
        reply = device.command("extract_uart_stream")
        text = " ".join(reply.lines)
        assert reply.lines[0] == "Received command: extract_uart_stream"
        assert f"m-features-[{', '.join(map(str, row[:16]))}," in text
        assert f"m-activations-[{', '.join(map(str, expected[i]))}]" in text
    results = device.command("infer 1 0").find(r"m-results-\[(.*)\]")
    assert len(results[0].split(",")) == 3


def test_a_broken_download_can_go_on_where_it_was(board: VirtualBoard) -> None:
    device = Device(BoardLink(board))
    device.resynchronise()
    device.command("db load 1024")
    assert "4 bytes received" in device.command("db 01020304").lines
    assert device.command("db setptr 2").errors == ()
    assert "3 bytes received" in device.command("db ff").lines
    assert device.command("db print").lines[-1] == "m-buffer-01-02-ff"
    for wrong in ("9", "", "x"):
        assert "at most 3" in device.command(f"db setptr {wrong}").errors[0]


def test_commands_out_of_place_are_answered(board: VirtualBoard) -> None:
    device = Device(BoardLink(board))
    device.resynchronise()
    assert "m-[Not listening]" in device.command("stop").lines
    assert device.command("extract_uart_stream").errors == ("A frame is 1024 bytes, 0 are loaded",)
    assert device.command("infer 1 0").errors == ("A frame is 1024 bytes, 0 are loaded",)
    assert device.command("results").errors == ("No results before an inference",)
    device.command("start")
    assert "m-[Listening already]" in device.command("start").lines
    assert device.command("forget").errors == ("Listening to audio: stop first",)
    assert device.command("extract_uart_stream").errors == ("Listening to audio: stop first",)
    assert any("target activations:" in line for line in device.command("stop").lines)
    device.command("proc_hi")
    device.command("proc_lo")
    assert [e.level for e in board.pin_events if e.pin == "processing"][-2:] == [True, False]
    assert {e.pin for e in board.pin_events} >= {"processing"}


def test_a_timestamp_leaves_the_other_pins_alone(tmp_path: Path) -> None:
    compiled = smidgen.compile("sww", streaming=True)
    elf = firmware(compiled, SWW, mode="energy").build(work_dir=tmp_path)
    with wakeword_board(elf, compiled.target, audio(4)) as board:
        device = Device(BoardLink(board))
        device.resynchronise()
        device.command("timestamp")
        assert {e.pin for e in board.pin_events} == {"timestamp"}
        run_wakeword(board, WakewordTest("a", (), 0.128, 16_000))
        falls = [e for e in board.pin_events if e.pin == "timestamp" and not e.level]
        assert len(falls) == 4  # boot, the command, start, stop


class Script:
    """A line whose other end answers each command with given lines."""

    name = "script"

    def __init__(self, answers: dict[str, str]) -> None:
        self.answers, self._out = answers, b""
        self.sent: list[str] = []
        self._in = b""

    def write(self, data: bytes) -> None:
        self._in += data
        while b"%" in self._in:
            command, _, self._in = self._in.partition(b"%")
            self.sent.append(command.decode())
            self._out += (self.answers.get(command.decode(), "") + "m-ready\r\n").encode()

    def read(self, timeout: float) -> bytes:
        data, self._out = self._out, b""
        return data

    def close(self) -> None:
        pass


def test_a_rig_is_driven_as_the_official_runner_does() -> None:
    dut = Script({"stop": "target activations:\r\n[1, 2]\r\n"})
    starts, stops = "5,3205,\r\n6405,\r\n", "505,3705,6905,\r\n"
    board = Script(
        {
            "print_detections": "Detection Timestamps (ms)\r\n33,\r\n1133,\r\n",
            "print_dutycycle": f"Duty cycle start times (s)\r\n{starts}Duty cycle stop times (s)\r\n{stops}",
        }
    )
    test = WakewordTest("long_wav.wav", ((1.0, 1.5),), 10.0, 16_000)
    waited: list[float] = []
    result = run_wakeword_rig(Device(dut), Device(board), test, pause=waited.append)
    assert dut.sent == ["stop", "start", "stop"]
    assert board.sent == ["record_detections", "play long_wav.wav", "print_detections", "print_dutycycle"]
    assert result.lines == (
        "Accuracy: 1 True positives, 0 False negatives, 0 False positives",
        "Average duty cycle: 0.15625",
        "Average period: 0.032 s",
        "Estimated throughput: 200.0 inf./sec.",
    )
    assert result.activations == (1, 2)
    with pytest.raises(ProtocolError, match="refuses to listen: Unknown command"):
        run_wakeword_rig(Device(Script({"start": "e-[Unknown command: start]\r\n"})), Device(board), test)


def test_other_networks_are_refused() -> None:
    with pytest.raises(UsageError, match="is no wakeword network"):
        firmware(smidgen.compile("kws"), SWW)


@needs_shared
def test_the_official_network_finds_its_words(tmp_path: Path) -> None:
    data = SHARED / "datasets" / "sww01"
    (test,) = read_tests(data / "sww_short_test.json")
    samples = read_wav(data / test.wav_file)
    compiled = smidgen.compile(SHARED / "zoo" / "sww01" / "sww01_int8.tflite", streaming=True)
    assert compiled.stream is not None
    found = detector(compiled.stream.window)
    expected = scores(found, samples)
    elf = firmware(compiled, SWW).build(work_dir=tmp_path)
    with wakeword_board(elf, compiled.target, samples) as board:
        result = run_wakeword(board, test)
    assert list(result.activations) == expected[:, 0].tolist()
    assert [t - result.detections_ms[0] for t in result.detections_ms] == detections_ms(found, expected)
    assert result.score.found_s == (1.0, 4.0)
    assert result.score.false_s == ()


def test_features_run_from_ram_where_kernels_do() -> None:
    compiled = smidgen.compile("sww", streaming=True)
    kernel = min(path for path in compiled.sources.files if path.startswith("kernels/") and path.endswith(".c"))
    sources = replace(compiled.sources, interface=replace(compiled.sources.interface, ram_code=(kernel,)))
    fast, plain = (firmware(c, SWW).files["link.ld"] for c in (replace(compiled, sources=sources), compiled))
    assert "smg_features_passes_m4f.o(.text" in fast
    assert "smg_features" not in plain


def recordings(folder: Path) -> Path:
    """A data folder with a short test, and a longer one whose recording is missing."""
    inner = folder / "sww01"
    inner.mkdir(parents=True)
    test = {"wav_file": "a.wav", "detection_windows": [[0.2, 0.4]], "length_sec": 0.64, "sample_rate": 16000}
    (inner / "sww_long_test.json").write_text(json.dumps([{**test, "wav_file": "long.wav"}]))
    (inner / "sww_short_test.json").write_text(json.dumps([test]))
    write_wav(inner / "a.wav", np.stack([audio(20), np.zeros(512 * 20, np.int16)], axis=1))
    return folder


def test_bench_writes_the_official_files(tmp_path: Path) -> None:
    data, out = recordings(tmp_path / "data"), tmp_path / "out"
    compiled = smidgen.compile("sww", streaming=True)
    outcome = bench_wakeword(compiled, SWW, "performance", out, data, "zig", lambda done, total: None)
    text = parse_results((out / "results.txt").read_text())
    assert text.wakeword is not None
    assert (text.wakeword.true_positives, text.wakeword.false_negatives) == (0, 1)
    assert text.estimated_throughput is not None
    assert text.estimated_throughput.value == pytest.approx(outcome.median_throughput, rel=1e-4)
    (entry,) = parse_results_json((out / "results.json").read_text()).wakeword
    assert (entry.wav_file, entry.mode) == ("a.wav", "p")
    log = (out / "log.txt").read_text()
    assert "== File a.wav (0.6 s) ==" in log
    assert VIRTUAL in log
    assert (outcome.met, outcome.valid) == (None, False)  # not the recording of submissions


def test_energy_is_that_between_start_and_stop(tmp_path: Path) -> None:
    data, out = recordings(tmp_path / "data"), tmp_path / "out"
    compiled = smidgen.compile("sww", streaming=True)
    outcome = bench_wakeword(compiled, SWW, "energy", out, data, "zig", lambda done, total: None)
    text = (out / "results.txt").read_text()
    (window,) = parse_results(text).energy_windows
    assert text.startswith("Power Edition Output\nEnergy data for trial 0\n")
    assert re.search(r"Power\s+: ([\d\.]+) mW.*", text), "what the official checker looks for"
    assert window.power_uw is not None
    assert window.runtime_s == pytest.approx(0.64, abs=0.005)
    assert outcome.power_mw == pytest.approx(window.power_uw / 1e3, abs=1e-4)
    assert compiled.target.energy is not None
    at_work = compiled.target.energy.picojoules_per_cycle * 1e-9 * compiled.target.clock_hz
    (entry,) = parse_results_json((out / "results.json").read_text()).wakeword
    assert entry.mode == "e"
    assert entry.duty_cycle == pytest.approx(0.05, abs=0.01)
    assert entry.duty_cycle is not None
    expected = at_work * (IDLE_SHARE + (1 - IDLE_SHARE) * entry.duty_cycle)
    assert outcome.power_mw == pytest.approx(expected, rel=0.01)
    report = analyse(out)
    assert report.mean_power_mw == pytest.approx(outcome.power_mw, rel=1e-4)
    assert report.differences == ()
    assert "samples:" in (out / "log.txt").read_text()
    assert (out / "energy_inf_000.png").read_bytes().startswith(b"\x89PNG"), "the official checker asks for it"


def test_a_trace_becomes_a_picture() -> None:
    power = Power((1e-5, 2e-5, 0.0, 1e-5), ((0, 1), (1, 3)), None)
    png = trace_picture(power)
    kinds: list[bytes] = []
    at = 8
    while at < len(png):
        length, kind = struct.unpack_from(">I4s", png, at)
        data = png[at + 8 : at + 8 + length]
        assert zlib.crc32(kind + data) == struct.unpack_from(">I", png, at + 8 + length)[0]
        kinds, at = [*kinds, kind], at + 12 + length
        if kind == b"IDAT":
            rows = np.frombuffer(zlib.decompress(data), np.uint8).reshape(400, 801)[:, 1:]
    assert kinds == [b"IHDR", b"PLTE", b"IDAT", b"IEND"]
    assert [np.count_nonzero(rows[20] == colour) for colour in (1, 2)] == [190 - 1, 2], "the largest, less an edge"
    assert [np.count_nonzero(rows[199] == colour) for colour in (1, 2)] == [380 - 1, 2], "half of it"
    assert trace_picture(Power((), (), None)).startswith(b"\x89PNG")


def test_recordings_are_found_or_named(tmp_path: Path) -> None:
    data = recordings(tmp_path / "data")
    assert find_recordings(data).folder == find_recordings(data / "sww01").folder == data / "sww01"
    assert not find_recordings(data / "sww01" / "sww_short_test.json").official
    with pytest.raises(InvalidInput, match=r"no sww_long_test.json with its recording"):
        find_recordings(tmp_path)
