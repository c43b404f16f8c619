# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny results of NUCLEO-L4R5ZI boards, measured by their submitters; ``source`` is the path in MLCommons'
repository of that round (github.com/mlcommons/tiny_results_<round>)."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from pathlib import Path

_FILE = Path(__file__).parent / "published.csv"

COMPARABLE = ("ad", "kws", "ic", "vww")
"""Benchmarks whose published time is one inference as ours is. Streaming wakeword's is one frame of a stream, with its
float front end; ours is the network on a whole window."""


@dataclass(frozen=True, slots=True)
class Published:
    """One result. ``engine`` is the software's name without versions; energy is per inference, None: not measured."""

    benchmark: str
    engine: str
    software: str
    submitter: str
    round: str
    division: str
    board: str
    clock_mhz: float
    latency_ms: float
    energy_uj: float | None
    source: str

    @property
    def mcycles(self) -> float:
        """Millions of cycles at the board's clock."""
        return self.latency_ms * self.clock_mhz / 1e3


@cache
def published() -> tuple[Published, ...]:
    """Every result, by benchmark, engine and round."""
    with _FILE.open(encoding="utf-8", newline="") as stream:
        return tuple(_row(row) for row in csv.DictReader(stream))


def best_of_each_engine(benchmark: str) -> tuple[Published, ...]:
    """The fastest result of each engine on one benchmark, the fastest first."""
    best: dict[str, Published] = {}
    for p in sorted(published(), key=lambda p: (p.latency_ms, p.round, p.source)):
        if p.benchmark == benchmark:
            best.setdefault(p.engine, p)
    return tuple(best.values())


def best_published(benchmark: str) -> Published | None:
    """The fastest comparable result of all, if there is one."""
    found = best_of_each_engine(benchmark) if benchmark in COMPARABLE else ()
    return found[0] if found else None


def _row(row: dict[str, str]) -> Published:
    energy = row["energy_uj"]
    return Published(
        benchmark=row["benchmark"],
        engine=row["engine"],
        software=row["software"],
        submitter=row["submitter"],
        round=row["round"],
        division=row["division"],
        board=row["board"],
        clock_mhz=float(row["clock_mhz"]),
        latency_ms=float(row["latency_ms"]),
        energy_uj=float(energy) if energy else None,
        source=row["source"],
    )
