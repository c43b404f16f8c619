# SPDX-License-Identifier: Apache-2.0
"""What the files of a benchmark session say: windows, energy, accuracy, and remarks about what is malformed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Layout = Literal["mlc", "eembc"]
"""Who lays out the files: the MLCommons Python runner, or EEMBC's EnergyRunner."""

Mode = Literal["performance", "accuracy", "energy"]

MODE_LETTERS: Mapping[Mode, str] = {"performance": "p", "accuracy": "a", "energy": "e"}
"""As results.json names them."""


@dataclass(frozen=True, slots=True)
class Remark:
    """Something that is not as it should be: in which line (from 1; 0: the whole file), and what."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class PerformanceWindow:
    """One timed window as printed. None: the line is missing or no number. ``number`` is the printed one."""

    number: int
    inferences: int | None
    runtime_s: float | None
    throughput: float | None
    requirements_met: bool
    line: int


@dataclass(frozen=True, slots=True)
class EnergyWindow:
    """One window of energy as printed; ``inferences`` is in the MLC layout only, ``start_s`` in EnergyRunner's only."""

    number: int
    inferences: int | None
    start_s: float | None
    runtime_s: float | None
    energy_uj: float | None
    power_uw: float | None
    energy_per_inference_uj: float | None
    line: int


@dataclass(frozen=True, slots=True)
class Figure:
    """A printed number: its value, its text (targets are compared with what is printed), and its line."""

    value: float
    text: str
    line: int


@dataclass(frozen=True, slots=True)
class WakewordFigures:
    """What a streaming wakeword run prints."""

    true_positives: int
    false_negatives: int
    false_positives: int
    line: int


@dataclass(frozen=True, slots=True)
class ResultsText:
    """A results.txt, or the summary that ends a log.txt. Of figures printed repeatedly the last counts."""

    layout: Layout | None
    windows: tuple[PerformanceWindow, ...] = ()
    median_throughput: Figure | None = None
    energy_windows: tuple[EnergyWindow, ...] = ()
    median_energy_uj: Figure | None = None
    top1: Figure | None = None
    auc: Figure | None = None
    wakeword: WakewordFigures | None = None
    duty_cycle: Figure | None = None
    period_s: Figure | None = None
    estimated_throughput: Figure | None = None
    errors: tuple[Remark, ...] = ()
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class LogRun:
    """One ``infer`` in a log: what was loaded, how often it ran, and what came out.

    ``start_us``/``end_us`` are the device's stamps (EnergyRunner's log only); ``runtime_s`` their difference, or what
    the MLC runner printed. ``offset`` is that of the window in the file (AD), in bytes, or its number (MLC).
    """

    file: str | None
    offset: int
    iterations: int | None
    warmups: int | None
    start_us: int | None
    end_us: int | None
    runtime_s: float | None
    throughput: float | None
    results: tuple[float, ...] | None
    line: int


@dataclass(frozen=True, slots=True)
class Log:
    """A log.txt. ``stamps_us`` are all lap stamps in order (EnergyRunner's only)."""

    layout: Layout | None
    name: str | None = None
    profile: str | None = None
    model_id: str | None = None
    runs: tuple[LogRun, ...] = ()
    stamps_us: tuple[int, ...] = ()
    summary: ResultsText = field(default_factory=lambda: ResultsText(None))
    remarks: tuple[Remark, ...] = ()


@dataclass(frozen=True, slots=True)
class Power:
    """Energy samples of one entry, in J per millisecond; ``events`` are (counter, index of the sample)."""

    samples_j: tuple[float, ...]
    events: tuple[tuple[int, int], ...]
    voltage_v: float | None = None


@dataclass(frozen=True, slots=True)
class Entry:
    """One object of results.json: an input that ran. None: not there, or not of the right type.

    ``label`` is the file's "class"; ``bytes_to_send``, ``stride`` and ``total_length`` (windows a file) are AD's.
    Times are the device's stamps in microseconds (not in energy mode).
    """

    file: str | None
    classes: int | None
    label: int | None
    mode: str | None = None
    bytes_to_send: int | None = None
    stride: int | None = None
    total_length: int | None = None
    start_us: int | None = None
    end_us: int | None = None
    elapsed_us: int | None = None
    iterations: int | None = None
    warmups: int | None = None
    total_inferences: int | None = None
    throughput: float | None = None
    results: tuple[float, ...] | None = None
    power: Power | None = None


@dataclass(frozen=True, slots=True)
class WakewordEntry:
    """The object of results.json that a streaming run leaves; times in seconds, detections in milliseconds."""

    wav_file: str | None
    detection_windows_s: tuple[tuple[float, float], ...]
    length_s: float | None
    sample_rate_hz: float | None
    detections_ms: tuple[float, ...]
    duty_cycle: float | None
    period_s: float | None
    processing_time_s: float | None
    start_times_s: tuple[float, ...] = ()
    stop_times_s: tuple[float, ...] = ()
    power: Power | None = None
    mode: str | None = None


@dataclass(frozen=True, slots=True)
class ResultsJson:
    """A results.json. ``errors`` are its {"error": ...} objects."""

    entries: tuple[Entry, ...] = ()
    wakeword: tuple[WakewordEntry, ...] = ()
    errors: tuple[str, ...] = ()
    remarks: tuple[Remark, ...] = ()
