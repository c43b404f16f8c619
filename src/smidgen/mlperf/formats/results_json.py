# SPDX-License-Identifier: Apache-2.0
"""Reads results.json of the MLCommons runner, and writes it; nothing malformed raises when reading."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from smidgen.mlperf.formats.results_types import Entry, Power, Remark, ResultsJson, WakewordEntry

_DEEPEST = 50  # nesting of a results.json is 4; json would recurse until Python gives up


@dataclass(slots=True)
class _Reader:
    """Takes typed values out of a parsed object; what has another type is a remark and None."""

    where: str
    remarks: list[Remark] = field(default_factory=list)

    def complain(self, name: str, value: object, wanted: str) -> None:
        shown = json.dumps(value, default=str)[:40]
        self.remarks.append(Remark(0, f"{self.where}: {name} is {shown}, not {wanted}"))

    def text(self, table: Mapping[str, object], name: str) -> str | None:
        value = table.get(name)
        if value is None or isinstance(value, str):
            return value
        self.complain(name, value, "a text")
        return None

    def number(self, table: Mapping[str, object], name: str) -> float | None:
        value = table.get(name)
        if value is None:
            return None
        if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300:
            return float(value)
        self.complain(name, value, "a finite number")
        return None

    def whole(self, table: Mapping[str, object], name: str) -> int | None:
        """A whole number, also as a text (as in labels)."""
        value = table.get(name)
        if isinstance(value, str) and value.strip().isdecimal() and len(value) < 16:
            return int(value)
        if isinstance(value, str):
            self.complain(name, value, "a whole number")
            return None
        number = self.number(table, name)
        if number is not None and number != int(number):
            self.complain(name, value, "a whole number")
            return None
        return None if number is None else int(number)

    def numbers(self, table: Mapping[str, object], name: str) -> tuple[float, ...] | None:
        value = table.get(name)
        if value is None:
            return None
        if isinstance(value, list) and all(_is_finite(v) for v in value):
            return tuple(float(v) for v in value)
        self.complain(name, value, "a list of finite numbers")
        return None

    def pairs(self, table: Mapping[str, object], name: str) -> tuple[tuple[float, float], ...] | None:
        value = table.get(name)
        if value is None:
            return None
        if isinstance(value, list):
            found = [_pair(v) for v in value]
            if None not in found:
                return tuple(p for p in found if p is not None)
        self.complain(name, value, "a list of pairs of numbers")
        return None

    def table(self, table: Mapping[str, object], name: str) -> Mapping[str, object]:
        value = table.get(name)
        if value is None or isinstance(value, dict):
            return value or {}
        self.complain(name, value, "an object")
        return {}


def _is_finite(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < 1e300  # not NaN either


def _pair(value: object) -> tuple[float, float] | None:
    """Two numbers; the counter of an event is a text in files of the MLC runner."""
    if not isinstance(value, list) or len(value) != 2:
        return None
    numbers = []
    for v in value:
        try:
            numbers.append(float(v) if isinstance(v, int | float | str) else math.nan)
        except (ValueError, OverflowError):
            return None
    return (numbers[0], numbers[1]) if all(map(math.isfinite, numbers)) else None


def parse_results_json(text: str) -> ResultsJson:
    """What a results.json says; a file that is no JSON gives one remark."""
    try:
        value = json.loads(text)
    except json.JSONDecodeError as e:
        return ResultsJson(remarks=(Remark(e.lineno, f"not JSON: {e.msg} (column {e.colno})"),))
    except (RecursionError, ValueError) as e:
        return ResultsJson(remarks=(Remark(0, f"not a results.json: {type(e).__name__}"),))
    if not isinstance(value, list):
        return ResultsJson(remarks=(Remark(0, "not a list of objects"),))
    reader = _Reader("")
    entries, wakeword, errors = [], [], []
    for i, item in enumerate(value):
        reader.where = f"entry {i + 1}"
        if not isinstance(item, dict):
            reader.complain("it", item, "an object")
        elif "error" in item:
            errors.append(str(item["error"]))
        elif "dutycycle" in item or "wav_file" in reader.table(item, "infer"):
            wakeword.append(_wakeword(reader, item))
        else:
            entries.append(_entry(reader, item))
    return ResultsJson(tuple(entries), tuple(wakeword), tuple(errors), tuple(reader.remarks))


def _entry(r: _Reader, item: Mapping[str, object]) -> Entry:
    infer = r.table(item, "infer")
    if not infer:
        r.remarks.append(Remark(0, f"{r.where} has no inference"))
    return Entry(
        r.text(item, "file"),
        r.whole(item, "classes"),
        r.whole(item, "class"),
        r.text(item, "mode"),
        r.whole(item, "bytes_to_send"),
        r.whole(item, "stride"),
        r.whole(item, "total_length"),
        r.whole(infer, "start_time"),
        r.whole(infer, "end_time"),
        r.whole(infer, "elapsed_time"),
        r.whole(infer, "iterations"),
        r.whole(infer, "warmups"),
        r.whole(infer, "total_inferences"),
        r.number(infer, "throughput"),
        r.numbers(infer, "results"),
        _power(r, item),
    )


def _power(r: _Reader, item: Mapping[str, object]) -> Power | None:
    if item.get("power") is None:
        return None
    table = r.table(item, "power")
    events = r.pairs(table, "timestamps") or ()
    if any(n != int(n) or n < 0 for pair in events for n in pair):
        r.complain("timestamps", table.get("timestamps"), "whole numbers")
        events = ()
    return Power(
        r.numbers(table, "samples") or (), tuple((int(c), int(i)) for c, i in events), r.number(table, "voltage")
    )


def _wakeword(r: _Reader, item: Mapping[str, object]) -> WakewordEntry:
    infer, duty = r.table(item, "infer"), r.table(item, "dutycycle")
    return WakewordEntry(
        r.text(infer, "wav_file"),
        r.pairs(infer, "detection_windows") or (),
        r.number(infer, "length_sec"),
        r.number(infer, "sample_rate"),
        r.numbers(infer, "detections") or (),
        r.number(duty, "duty_cycle"),
        r.number(duty, "period"),
        r.number(duty, "processing_time"),
        r.numbers(duty, "start_times_s") or (),
        r.numbers(duty, "stop_times_s") or (),
        _power(r, item),
        r.text(item, "mode"),
    )


def entry_of(item: Mapping[str, object]) -> Entry | None:
    """One object as ``entry_object`` made it; None if it is malformed."""
    reader = _Reader("")
    entry = _entry(reader, item)
    return None if reader.remarks else entry


def results_json(entries: Sequence[Entry], errors: Sequence[str] = ()) -> str:
    """The text of a results.json, laid out as the MLC runner does."""
    return json.dumps([*map(entry_object, entries), *({"error": e} for e in errors)], allow_nan=False)


def entry_object(e: Entry) -> dict[str, object]:
    """One entry as JSON types, keys in the runner's order; labels are texts, as there."""
    infer: dict[str, object] = {}
    if e.start_us is not None:
        infer |= {"start_time": e.start_us, "end_time": e.end_us}
    infer["results"] = list(e.results or ())
    if e.elapsed_us is not None:
        infer["elapsed_time"] = e.elapsed_us
    infer |= {"total_inferences": e.total_inferences, "iterations": e.iterations, "warmups": e.warmups}
    if e.throughput is not None:
        infer["throughput"] = e.throughput
    item: dict[str, object] = {
        "file": e.file,
        "classes": _as_text(e.classes),
        "class": _as_text(e.label),
        "bytes_to_send": _as_text(e.bytes_to_send),
        "stride": _as_text(e.stride),
        "total_length": e.total_length,
        "infer": infer,
    }
    if e.power is not None:
        item["power"] = power_object(e.power)
    return item | {"mode": e.mode}


def wakeword_object(w: WakewordEntry, activations: Sequence[int]) -> dict[str, object]:
    """A streaming run as JSON types; ``activations`` as the device printed them."""
    return {
        "infer": {
            "wav_file": w.wav_file,
            "detection_windows": [list(window) for window in w.detection_windows_s],
            "length_sec": w.length_s,
            "sample_rate": w.sample_rate_hz,
            "detections": list(w.detections_ms),
            "iterations": 1,
            "warmups": 0,
        },
        "dutycycle": {
            "duty_cycle": w.duty_cycle,
            "period": w.period_s,
            "processing_time": w.processing_time_s,
            "start_times_s": list(w.start_times_s),
            "stop_times_s": list(w.stop_times_s),
        },
        "activations": list(activations),
        **({} if w.power is None else {"power": power_object(w.power)}),
        "mode": w.mode,
    }


def power_object(power: Power) -> dict[str, object]:
    """What an energy run recorded, as JSON types; the counters of events are texts, as there."""
    return {
        "samples": list(power.samples_j),
        "timestamps": [[f"{c:02d}", i] for c, i in power.events],
        "extracted_power": None,
        "voltage": power.voltage_v,
    }


def _as_text(number: int | None) -> str | None:
    return None if number is None else str(number)
