# SPDX-License-Identifier: Apache-2.0
"""The tables that the official tools make of a checked tree: summary.csv, and the final report's rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.mlperf.submission.checker import Report, Result

_DESCRIBED = (
    ("HostProcessorModelName", "Processor(s) Name"),
    ("HostProcessorFrequency", "Processor(s) Frequencies"),
    ("HostProcessorMemory", "Processor memory type and capacity"),
    ("AcceleratorModelName", "Accelerator"),
    ("AcceleratorFrequency", "Accelerator(s) Frequencies"),
    ("AcceleratorMemory", "Accelerator memory type and capacity"),
    ("HardwareNotes", "Hardware Notes"),
    ("InferenceFramework", "Inference Framework"),
    ("SoftwareLibraries", "Software Libraries"),
    ("SoftwareNotes", "Software Notes"),
)
_HEAD = (
    "Organization", "Availability", "Division", "BoardName", "SystemDesc", "Model", "MlperfModel", "Result",
    "ResultUnit", "Accuracy", "HasPower", "Power", "PowerUnit", *(name for name, _ in _DESCRIBED),
)  # fmt: skip
_STREAMING = ("FalsePositives", "FalseNegatives", "DutyCycle")

BENCHMARKS = ("ad", "ic", "ic2", "kws", "sww", "vww")
"""As the final report orders its columns."""


def summary_csv(report: Report) -> str:
    """The columns of the official checker's summary.csv, for results that it would count."""
    streaming = report.round in ("v1.3", "v1.4")
    stream = io.StringIO()
    stream.write(",".join((*_HEAD, *(_STREAMING if streaming else ()))) + "\n")
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL, lineterminator="\n")
    for r in report.results:
        if r.counts:
            row = _row(r)
            writer.writerow([*row, *(_streaming(r) if streaming else ())])
    return stream.getvalue()


def _row(r: Result) -> list[object]:
    unit = "mW" if r.task == "sww" else "uJ/inf."
    return [
        r.submitter, r.status.lower(), r.division, r.description.get("Board Name", ""), r.system, r.benchmark, r.task,
        r.throughput, "inf./sec.", _plain(r.accuracy), r.energy is not None, r.energy or 0, unit,
        *(r.description.get(key, "") for _, key in _DESCRIBED),
    ]  # fmt: skip


def _streaming(r: Result) -> list[object]:
    return [_plain(v) for v in (r.false_positives, r.false_negatives, r.duty_cycle)]


def _plain(value: float | None) -> object:
    return "" if value is None else value


@dataclass(frozen=True, slots=True)
class Row:
    """A system in the final report: latencies in ms and energy (uJ an inference; sww: mW) by benchmark."""

    id: str
    division: str
    status: str
    submitter: str
    system: str
    board: str
    latency_ms: dict[str, float]
    energy: dict[str, float]


def final_report(report: Report) -> tuple[Row, ...]:
    """The rows of the official final report: one a system, numbered by division, availability and submitter."""
    systems: dict[tuple[str, str, str, str], list[Result]] = {}
    for r in report.results:
        if r.counts:
            systems.setdefault((r.division, r.status.lower(), r.submitter, r.system), []).append(r)
    return tuple(
        Row(
            id=f"{report.round.removeprefix('v')}-{i:04}",
            division=key[0],
            status=key[1],
            submitter=key[2],
            system=key[3],
            board=found[0].description.get("Board Name", ""),
            latency_ms={r.task or r.benchmark: r.latency_ms for r in found if r.latency_ms is not None},
            energy={r.task or r.benchmark: r.energy for r in found if r.energy},
        )
        for i, (key, found) in enumerate(sorted(systems.items()), 1)
    )


def final_report_csv(rows: Sequence[Row]) -> str:
    """The same as CSV: Result columns in ms, Power columns empty without energy."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    head = ("ID", "Category", "Availability", "Submitter", "SystemDesc", "BoardName")
    writer.writerow((*head, *(f"Result {b}" for b in BENCHMARKS), *(f"Power {b}" for b in BENCHMARKS)))
    for r in rows:
        values = [*(r.latency_ms.get(b, "") for b in BENCHMARKS), *(r.energy.get(b, "") for b in BENCHMARKS)]
        writer.writerow((r.id, r.division, r.status, r.submitter, r.system, r.board, *values))
    return stream.getvalue()
