# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword benchmark: plays a recording to a device and scores what it detects.

Flow and layouts: benchmark/runner/script.py (``_ScriptStreamStep``) and streaming_ww_utils.py of mlcommons/tiny.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import DeviceError, ProtocolError, SmidgenError
from smidgen.mlperf.board import BoardLink, BoardSettings, VirtualBoard
from smidgen.mlperf.formats.results_types import Power, WakewordEntry
from smidgen.mlperf.link import PERFORMANCE_BAUD
from smidgen.mlperf.runner.measure import Monitor
from smidgen.mlperf.runner.protocol import Device, Reply
from smidgen.mlperf.wakeword.edges import Edges, parse_activations, parse_detections, parse_duty_cycle, record
from smidgen.mlperf.wakeword.files import WakewordTest
from smidgen.mlperf.wakeword.score import DutyCycle, Score, duty_cycle, score
from smidgen.targets import Target

COUNTED_FRAMES = 4
"""Frames of a virtual board whose cycles are counted; their mean stands for the others."""

_SLICE_S = 0.25
_AFTER_S = 10.0
_ACTIVATION_BITS = 100  # on the line, to print one: 62 at most, with room
_SETTLE_S = 0.25

Progress = Callable[[float, float], None]
"""Told seconds played, and of how many."""


def _quiet(done: float, total: float) -> None:
    pass


@dataclass(frozen=True, slots=True)
class WakewordResult:
    """One recording. ``activations`` are class 0 of each frame, as the device printed them."""

    test: WakewordTest
    score: Score
    duty: DutyCycle
    detections_ms: tuple[int, ...]
    activations: tuple[int, ...]
    remarks: tuple[str, ...]
    power: Power | None = None

    @property
    def lines(self) -> tuple[str, ...]:
        """results.txt, without the power that an energy run adds."""
        return (self.score.line, *self.duty.lines)

    @property
    def recorded(self) -> tuple[str, ...]:
        """What log.txt says when it has been played."""
        power = self.power
        captured = () if power is None else (f"samples:{len(power.samples_j)} timestamps:{len(power.events)}",)
        return (
            f"Playing {self.test.wav_file} (length = {self.test.length_s}s) ...  ... done",
            str(list(self.detections_ms)),
            f"Duty cycle = {self.duty.duty_cycle:.3f}, Period = {self.duty.period_s * 1e3:.3} ms",
            *captured,
        )

    @property
    def log_lines(self) -> tuple[str, ...]:
        """What log.txt has of the summary."""
        return (
            f"== File {self.test.wav_file} ({self.test.length_s:2.1f} s) ==",
            self.score.line,
            f"False negatives: {list(self.score.missed_s)}",
            f"False positives: {np.array2string(np.array(self.score.false_s), precision=3)}",
            *self.duty.lines,
        )

    def entry(self, mode: str) -> WakewordEntry:
        """What results.json keeps."""
        t, d = self.test, self.duty
        return WakewordEntry(
            t.wav_file,
            t.words_s,
            t.length_s,
            t.sample_rate,
            self.detections_ms,
            d.duty_cycle,
            d.period_s,
            d.processing_time_s,
            d.starts_s,
            d.stops_s,
            self.power,
            mode,
        )


def wakeword_board(
    elf: Path, target: Target, samples: NDArray[np.int16], *, baud: int = PERFORMANCE_BAUD
) -> VirtualBoard:
    """A virtual board that will hear ``samples`` after ``start``."""
    audio = samples.astype("<i2").tobytes()
    return VirtualBoard(elf, target, BoardSettings(baud=baud, counted_singles=COUNTED_FRAMES, audio=audio))


def run_wakeword(
    board: VirtualBoard,
    test: WakewordTest,
    *,
    on_line: Callable[[str], None] | None = None,
    progress: Progress = _quiet,
    monitor: Monitor | None = None,
) -> WakewordResult:
    """Plays what the board was made with, in modelled time. ``monitor`` records its energy from before ``start`` to
    after ``stop``. ProtocolError, SimulationError, LinkLost."""
    device = Device(BoardLink(board), on_line=on_line)
    device.resynchronise()
    device.command("stop")
    begin_s = board.seconds
    if monitor is not None:
        monitor.begin()
    _accepted(device.command("start"))
    while not board.run(_SLICE_S):
        progress(min(board.seconds - begin_s, test.length_s), test.length_s)
    progress(test.length_s, test.length_s)
    stopped = _stop(device, test, board.settings.baud)
    power = monitor.end() if monitor is not None else None
    edges = record([e for e in board.pin_events if e.seconds >= begin_s], _recording_begins(board, begin_s))
    return replace(_result(test, edges, stopped), power=power)


def _recording_begins(board: VirtualBoard, begin_s: float) -> float:
    """After the short pulse of the processing pin that answers ``start``: a real one records from then on, too."""
    edges = [e.seconds for e in board.pin_events if e.pin == "processing" and not e.level and e.seconds >= begin_s]
    if not edges:
        raise ProtocolError("the device did not move its processing pin: is it firmware for streaming wakeword?")
    return float(np.nextafter(edges[0], np.inf))


def run_wakeword_rig(
    device: Device,
    interface: Device,
    test: WakewordTest,
    *,
    baud: int = PERFORMANCE_BAUD,
    pause: Callable[[float], None] = time.sleep,
) -> WakewordResult:
    """The same on hardware: ``interface`` is the benchmark's interface board, which has the file and plays it in real
    time. Whatever goes wrong, the device is told to stop. NoAnswer, LinkLost, DeviceError, ProtocolError."""
    device.command("stop")
    try:
        _accepted(device.command("start"))
        interface.command("record_detections")
        _played(interface.command(f"play {test.wav_file}", test.length_s + _AFTER_S), interface, test)
        pause(_SETTLE_S)
        stopped = _stop(device, test, baud)
    except BaseException:
        with suppress(SmidgenError):
            device.link.write(b"stop%")  # not waited for
        raise
    detections = parse_detections(interface.command("print_detections", _AFTER_S).lines)
    if not detections:
        raise ProtocolError(
            f"{interface.link.name} saw no detection in {test.wav_file}, not even that of the first frame; the device "
            f"reports {len(parse_activations(stopped.lines))} frames. Without frames it hears nothing: check the three "
            "I2S wires and ground; with frames, check the wire of its detection pin"
        )
    starts, stops = parse_duty_cycle(interface.command("print_dutycycle", _AFTER_S).lines)
    return _result(test, Edges(detections, starts, stops), stopped)


def _played(reply: Reply, interface: Device, test: WakewordTest) -> None:
    if any("error" in line.lower() for line in reply.lines):
        raise DeviceError(
            f"{interface.link.name} cannot play {test.wav_file}: {reply.lines[-1]} Its SD card must hold the file, 16 "
            "bits at 16 kHz with two channels"
        )


def _stop(device: Device, test: WakewordTest, baud: int) -> Reply:
    frames = test.length_s * test.sample_rate / 512
    return device.command("stop", _AFTER_S + frames * _ACTIVATION_BITS / baud)


def _accepted(reply: Reply) -> None:
    if reply.errors:
        raise ProtocolError(f"the device refuses to listen: {reply.errors[0]}; is it firmware for streaming wakeword?")


def _result(test: WakewordTest, edges: Edges, stopped: Reply) -> WakewordResult:
    duty = duty_cycle(edges.start_ticks, edges.stop_ticks)
    remarks: Sequence[str] = (*duty.remarks, *stopped.errors)
    scored = score(edges.detections_ms, test.words_s)
    return WakewordResult(test, scored, duty, edges.detections_ms, parse_activations(stopped.lines), tuple(remarks))
