# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny results of rounds v0.5 to v1.3, measured by their submitters; ``source`` is the path in MLCommons'
repository of that round (github.com/mlcommons/tiny_results_<round>)."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from smidgen.results.boards import board_spelt, boards, family

_FILE = Path(__file__).parent / "published.csv"

COMPARABLE = ("ad", "kws", "ic", "vww")
"""Benchmarks whose published time is one inference as ours is. Streaming wakeword's is one frame of a stream, with its
float front end; ours is the network on a whole window."""

BENCHMARKS = ("ad", "ic", "kws", "vww", "sww")
"""Every benchmark that has results."""

REFERENCE = "nucleo-l4r5zi"
"""The board that best_of_each_engine and best_published look at unless told otherwise."""

MACS: Mapping[str, int] = MappingProxyType(
    {"ad": 264_192, "ic": 12_501_632, "kws": 2_656_768, "vww": 7_489_664, "sww": 826_368}
)
"""Multiply-accumulates of the reference models (the int8 files of github.com/mlcommons/tiny), sww's of one frame."""


@dataclass(frozen=True, slots=True)
class Published:
    """One result. ``engine`` is the software's name without versions, ``board`` the board's title, ``board_name`` its
    name in boards.toml. Energy is of one inference, None: not measured; ``power_mw`` is the mean inside the windows.

    ``accuracy`` is printed as submitted: percent (top1), an area (auc), or counts (sww: TP, FN, FP). ``notes`` are
    what to know before comparing it: windows under the ten seconds that the rules ask for, an old data set.
    """

    benchmark: str
    engine: str
    software: str
    submitter: str
    round: str
    division: str
    board: str
    clock_mhz: float | None
    latency_ms: float
    energy_uj: float | None
    source: str
    board_name: str
    system: str
    variant: str
    status: str
    processor: str
    core: str
    accelerator: str
    throughput: float
    metric: str
    accuracy: str
    power_mw: float | None
    supply_mv: int | None
    energy_latency_ms: float | None
    windows: int | None
    inferences: int | None
    least_window_s: float | None
    energy_windows: int | None
    duty_cycle: float | None
    period_s: float | None
    runner: str
    notes: tuple[str, ...]

    @property
    def mcycles(self) -> float:
        """Millions of cycles at the board's clock; NaN where the clock is not known."""
        return self.latency_ms * (float("nan") if self.clock_mhz is None else self.clock_mhz) / 1e3

    @property
    def cycles_per_mac(self) -> float | None:
        """Of a nominal multiply-accumulate; None without a clock, and where an accelerator computes beside the core."""
        if self.clock_mhz is None or self.accelerator or self.division != "closed":
            return None
        return self.mcycles * 1e6 / MACS[self.benchmark]

    @property
    def published_system(self) -> tuple[str, str, str, str]:
        """What one submission calls a system: its results share hardware, supply, clock and software."""
        return self.round, self.division, self.submitter, self.system


@cache
def published() -> tuple[Published, ...]:
    """Every result, by benchmark, engine and round."""
    with _FILE.open(encoding="utf-8", newline="") as stream:
        return tuple(_row(row) for row in csv.DictReader(stream))


def best_of_each_engine(benchmark: str, board: str = REFERENCE) -> tuple[Published, ...]:
    """The fastest result of each engine on one benchmark, the fastest first, on ``board`` and its variants."""
    names = family(boards()[board])
    best: dict[str, Published] = {}
    for p in sorted(published(), key=lambda p: (p.latency_ms, p.round, p.source)):
        if p.benchmark == benchmark and p.board_name in names:
            best.setdefault(p.engine, p)
    return tuple(best.values())


def best_published(benchmark: str, board: str = REFERENCE) -> Published | None:
    """The fastest comparable result of all, if there is one."""
    found = best_of_each_engine(benchmark, board) if benchmark in COMPARABLE else ()
    return found[0] if found else None


def _row(row: dict[str, str]) -> Published:
    board = board_spelt(row["board"])
    return Published(
        benchmark=row["benchmark"],
        engine=row["engine"],
        software=row["software"],
        submitter=row["submitter"],
        round=row["round"],
        division=row["division"],
        board=board.title,
        clock_mhz=_float(row["clock_mhz"]),
        latency_ms=float(row["latency_ms"]),
        energy_uj=_float(row["energy_uj"]),
        source=row["source"],
        board_name=board.name,
        system=row["system"],
        variant=row["variant"],
        status=row["status"],
        processor=row["processor"],
        core=row["core"],
        accelerator=row["accelerator"],
        throughput=float(row["throughput"]),
        metric=row["metric"],
        accuracy=row["accuracy"],
        power_mw=_float(row["power_mw"]),
        supply_mv=_int(row["supply_mv"]),
        energy_latency_ms=_float(row["energy_latency_ms"]),
        windows=_int(row["windows"]),
        inferences=_int(row["inferences"]),
        least_window_s=_float(row["least_window_s"]),
        energy_windows=_int(row["energy_windows"]),
        duty_cycle=_float(row["duty_cycle"]),
        period_s=_float(row["period_s"]),
        runner=row["runner"],
        notes=tuple(row["notes"].split("; ")) if row["notes"] else (),
    )


def _float(text: str) -> float | None:
    return float(text) if text else None


def _int(text: str) -> int | None:
    return int(text) if text else None
