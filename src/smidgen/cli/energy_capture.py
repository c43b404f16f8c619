# SPDX-License-Identifier: Apache-2.0
"""smidgen energy --monitor: a measurement with an instrument, saved as the Python runner saves a trial."""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import click

from smidgen.cli.common import facts, print_json, progress, show
from smidgen.codegen.folder import check_folder, write_folder
from smidgen.energy.monitors import Recording, capture
from smidgen.energy.units import in_words
from smidgen.mlperf.runner.rig import INSTRUMENTS


@dataclass(frozen=True, slots=True)
class Measurement:
    """What is asked for: which instrument where, for how long, at which supply, and where to save it."""

    monitor: str
    port: str | None
    seconds: float
    supply_v: float
    output: Path
    inferences: int | None


MONITORS = tuple(INSTRUMENTS)
"""What --monitor takes."""


def measure(m: Measurement, *, as_json: bool) -> None:
    """Open, measure, save, tell. The folder is looked at first: what was measured must have a place."""
    check_folder(m.output, replace=False)
    if m.monitor == "lpm01a" and m.port is None:
        raise click.UsageError("--monitor lpm01a needs its --port: /dev/ttyACM0 or COM3")
    monitor = INSTRUMENTS[m.monitor](m.port, m.supply_v)
    whole = math.ceil(m.seconds)
    with progress(f"measuring with {m.monitor}", whole, quiet=as_json) as advance:
        recording = capture(monitor, m.seconds, lambda done: advance(min(int(done), whole)))
    write_folder(m.output, {"results.json": recording.results_json(m.inferences), "log.txt": _log(recording)})
    if as_json:
        print_json(_json(recording, m.output))
    else:
        show(facts(_rows(recording, m.output)))


def _log(r: Recording) -> str:
    notes = "".join(f"note: {n}\n" for n in r.notes)
    return f"{r.instrument}: {len(r.samples_j)} samples, {len(r.events)} events at {r.supply_v:g} V\n{notes}"


def _json(r: Recording, folder: Path) -> dict[str, object]:
    return {
        "kind": "measured",
        "instrument": r.instrument,
        "folder": folder,
        "sample_rate_hz": r.rate_hz,
        "supply_v": r.supply_v,
        "samples": len(r.samples_j),
        "events": r.events,
        "energy_j": r.energy_j,
        "power_w": r.power_w,
        "notes": r.notes,
    }


def _rows(r: Recording, folder: Path) -> list[tuple[str, str]]:
    rows = [
        ("measured", f"{r.seconds:.3f} s with {r.instrument} at {r.supply_v:g} V, {r.rate_hz:g} samples a second"),
        ("energy", in_words(r.energy_j, "J")),
        ("mean power", in_words(r.power_w, "W")),
        ("events", f"{len(r.events)} edges of the timestamp pin" if r.events else "none: no edge of the timestamp pin"),
        ("saved", str(folder)),
    ]
    if len(r.events) >= 2:
        rows.append(("next", f"smidgen energy --trace {folder}: energy between the last two edges"))
    return [*rows, *(("note", n) for n in r.notes)]
