# SPDX-License-Identifier: Apache-2.0
"""Energy of a run of the Python runner of github.com/mlcommons/tiny, from its results.json.

One object a trial: ``power.samples`` in joules a millisecond, ``power.timestamps`` as [event counter, sample index]
(the last two bound the trial), ``power.voltage`` in volts, ``infer.iterations``. A streaming wakeword run is one trial
whose result is its mean power.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from smidgen.energy.printed import Printed, compared, parse_results, read_text
from smidgen.energy.windows import (
    EnergyWindow,
    Samples,
    TraceReport,
    make_window,
    read_bytes,
    rule_notes,
    with_given,
)
from smidgen.errors import InvalidInput

RESULTS_JSON = "results.json"
RATE_HZ = 1000.0
"""The Python runner's sample rate; results.json does not say it (benchmark/runner/main.py: energy_sampling_freq)."""

_Object = Mapping[str, Any]  # Any: a JSON object, checked field by field below


@dataclass(frozen=True, slots=True)
class Trial:
    """One trial: joules a millisecond, and after how many samples each edge of the timestamp pin came."""

    samples_j: Samples
    events: tuple[tuple[int, int], ...]
    supply_v: float | None
    iterations: int | None
    streaming: bool


def analyse_results(folder: Path, inferences: Sequence[int] | None = None) -> TraceReport:
    """As traces.analyse does, for a folder with a results.json."""
    where = str(folder / RESULTS_JSON)
    trials = parse_trials(read_bytes(folder / RESULTS_JSON), where)
    windows = tuple(_window(t, i, f"{where}, trial {i}") for i, t in enumerate(trials))
    if inferences is not None:
        windows = with_given(windows, inferences, where)
    text = read_text(folder / "results.txt")
    agreement = compared(windows, Printed() if text is None else parse_results(text), "trial", 1.0)
    notes = [] if trials[0].streaming else rule_notes(windows)
    return TraceReport(folder, "MLC", RATE_HZ, trials[0].supply_v, windows, agreement, tuple(notes))


def parse_trials(data: bytes, where: str) -> tuple[Trial, ...]:
    """The trials; entries that only name a broken rule ({"error": "error 2"}) are left out."""
    try:
        document = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise InvalidInput(f"{where}: not JSON: {error}") from None
    if not isinstance(document, list) or not all(isinstance(t, dict) for t in document):
        raise InvalidInput(f"{where}: a list of one object a trial is expected")
    found = tuple(_trial(t, f"{where}, trial {i}") for i, t in enumerate(t for t in document if "error" not in t))
    if not found:
        raise InvalidInput(f"{where}: holds no trials")
    return found


def _trial(entry: _Object, where: str) -> Trial:
    power = entry.get("power")
    if not isinstance(power, dict):
        raise InvalidInput(f"{where}: no 'power': it was not recorded in energy mode (-m e)")
    samples, events = power.get("samples"), power.get("timestamps")
    if not isinstance(samples, list) or not all(_is_number(s) for s in samples):
        raise InvalidInput(f"{where}: 'samples' is not a list of joules")
    if not isinstance(events, list):
        raise InvalidInput(f"{where}: 'timestamps' is not a list of [event, sample]")
    volts = power.get("voltage")
    infer = entry.get("infer")
    count = infer.get("iterations") if isinstance(infer, dict) else None
    return Trial(
        np.array([float(s) for s in samples], dtype=np.float64),
        tuple(_events(events, where)),
        float(volts) if isinstance(volts, int | float) and 0 < volts < 1000 else None,
        count if isinstance(count, int) and not isinstance(count, bool) and count > 0 else None,
        "dutycycle" in entry,
    )


def _is_number(value: Any) -> bool:  # Any: a JSON value
    return isinstance(value, int | float) and not isinstance(value, bool) and not abs(value) > 1e300  # NaN: told later


def _events(entries: list[Any], where: str) -> Iterator[tuple[int, int]]:  # Any: JSON values
    for entry in entries:
        try:
            counter, sample = (int(v) for v in entry)
        except (TypeError, ValueError, OverflowError):
            raise InvalidInput(f"{where}: timestamp {str(entry)[:40]!r} is not [event, sample]") from None
        yield counter, sample


def _window(trial: Trial, number: int, where: str) -> EnergyWindow:
    if len(trial.events) < 2:
        raise InvalidInput(
            f"{where}: {len(trial.events)} timestamps; the last two bound the window. Was the pin connected?"
        )
    (first, low), (second, high) = trial.events[-2:]
    if second - first != 1:
        raise InvalidInput(f"{where}: events {first} and {second} are not consecutive: the instrument lost one")
    if not 0 <= low < high <= len(trial.samples_j):
        raise InvalidInput(
            f"{where}: the window goes from sample {low} to {high} of {len(trial.samples_j)}: "
            f"the trace was cut short, or its timestamps are of another run"
        )
    seconds = (low / RATE_HZ, high / RATE_HZ)
    window = make_window(trial.samples_j * 1e6, (low, high), seconds, number, RATE_HZ, where)
    return window if trial.streaming else replace(window, inferences=trial.iterations)
