# SPDX-License-Identifier: Apache-2.0
"""The figures of bench/baseline.json: measuring them, comparing them, and their layout on disk."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import smidgen
from smidgen.errors import SmidgenError
from smidgen.schedule import SETTINGS
from smidgen.zoo import SYNTHETIC, ZOO, find_model

TARGET = "nucleo-l4r5zi"
WORSE = 1.01  # times the baseline's cycles: more fails
JOBS = 2
Entry = dict[str, Any]  # Any: JSON

OFFICIAL, ONNX, MADE, FLOAT = "official-tflite", "official-onnx", "synthetic", "official-float32"


@dataclass(frozen=True, slots=True)
class Task:
    """One program to measure. ``path`` None: the synthetic model. ``board``: with the slow model of the flash.

    ``weights`` is where they are read from. ``streaming``: a frame of a stream.
    """

    model: str
    form: str
    setting: str
    path: Path | None
    board: bool
    weights: str = "flash"
    streaming: bool = False

    @property
    def key(self) -> str:
        place = "" if self.weights == "flash" else f"-weights-{self.weights}"
        return f"{TARGET}/{self.model}-{self.form}/{self.setting}{place}{'-streaming' if self.streaming else ''}"


LABELS = {
    **{s: s for s in SETTINGS},
    "speed-weights-sram": "speed, --weights sram",
    "speed-streaming": "a frame, --streaming",
}
"""The last part of a key, and what tables call it."""


def tasks(models_dir: Path | None) -> list[Task]:
    """Every setting of each model in its best form, which is timed on the board too, as its float32 form is; the other
    forms for speed."""
    found = []
    for model in (m.name for m in ZOO):
        path = find_model(model, models_dir).path
        main = MADE if path is None else OFFICIAL
        found += [Task(model, main, s, path, True) for s in SETTINGS]
        if model == "ad":  # reads each weight once, so its time on the board is that of its flash
            found.append(Task(model, main, "speed", path, True, "sram"))
        if model == "sww":
            found.append(Task(model, main, "speed", path, True, streaming=True))
        if path is not None:
            onnx = path.with_suffix(".onnx")
            found += [Task(model, ONNX, "speed", onnx, False)] if onnx.is_file() else []
            found.append(Task(model, MADE, "speed", None, False))
            real = path.with_name(path.name.replace("int8", "fp32"))
            found += [Task(model, FLOAT, "speed", real, True)] if real != path and real.is_file() else []
    return found


def measure(task: Task) -> tuple[str, Entry]:
    """One program's figures, as the profile reports them."""
    graph = SYNTHETIC[task.model]() if task.path is None else task.path
    try:
        compiled = smidgen.compile(graph, TARGET, optimize=task.setting, weights=task.weights, streaming=task.streaming)
        report = smidgen.profile(compiled, memory_system=task.board)
    except SmidgenError as e:
        raise type(e)(f"{task.key}: {e}") from None
    return task.key, {
        "numerics": report.numerics,
        "macs": report.macs,
        "live_macs": report.live_macs,
        "instructions_counted": report.instructions,
        "cycles_modelled": report.cycles,
        "board_cycles_modelled": report.board_cycles,
        "latency_ms_range": report.latency_ms_range,
        "ram_bytes": {
            k: getattr(report.ram, k)
            for k in ("arena", "scratch", "static", "state", "stack")
            if getattr(report.ram, k) or k != "state"
        },
        "flash_bytes": {k: getattr(report.flash, k) for k in ("code", "live_weights", "growth", "tables")},
        "layers": [[getattr(layer, name) for name in LAYER] for layer in report.layers],
    }


LAYER = ("name", "kernel", "shape", "macs", "live_macs", "cycles", "stall_cycles", "ram_bytes", "flash_bytes")
"""The columns of an entry's layers."""


def measure_all(wanted: Iterable[Task]) -> dict[str, Entry]:
    """Every task, two at a time, in the order given."""
    with ProcessPoolExecutor(JOBS, mp_context=get_context("spawn")) as pool:
        return {key: json.loads(json.dumps(entry)) for key, entry in pool.map(measure, wanted)}


def ram_bytes(entry: Entry) -> int:
    return sum(entry["ram_bytes"].values())


def flash_bytes(entry: Entry) -> int:
    return sum(entry["flash_bytes"].values())


def regressions(before: Mapping[str, Entry], now: Mapping[str, Entry]) -> list[str]:
    """What is more than 1 % slower, or a byte of RAM larger, than the baseline has it; what the baseline lacks."""
    found = []
    for key, entry in now.items():
        old = before.get(key)
        if old is None:
            found.append(f"{key}: not in the baseline")
            continue
        for name in ("cycles_modelled", "board_cycles_modelled"):
            was, is_ = old[name], entry[name]
            if was is not None and is_ is not None and is_ > WORSE * was:
                found.append(f"{key}: {name} {was:,} -> {is_:,} ({100 * (is_ / was - 1):+.1f} %)")
        if ram_bytes(entry) > ram_bytes(old):
            found.append(f"{key}: RAM {ram_bytes(old):,} -> {ram_bytes(entry):,} bytes")
    return found


def changes(before: Mapping[str, Entry], now: Mapping[str, Entry]) -> list[str]:
    """The other differences, as cycles before and after."""
    both = [(key, before[key], entry) for key, entry in now.items() if before.get(key, entry) != entry]
    return [f"{key}: {old['cycles_modelled']:,} -> {e['cycles_modelled']:,} cycles" for key, old, e in both]


def text(entries: Mapping[str, Entry]) -> str:
    """The baseline's file: a line for each fact of an entry, and one for each layer."""
    parts = []
    for key, entry in sorted(entries.items()):
        facts = [f"  {json.dumps(k)}: {json.dumps(v)}" for k, v in entry.items() if k != "layers"]
        layers = ",\n".join(f"   {json.dumps(row)}" for row in entry["layers"])
        parts.append(f" {json.dumps(key)}: {{\n" + ",\n".join([*facts, f'  "layers": [\n{layers}\n  ]']) + "\n }")
    return "{\n" + ",\n".join(parts) + "\n}\n"
