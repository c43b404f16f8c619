# SPDX-License-Identifier: Apache-2.0
"""How well energy is predicted by cycles x energy a cycle, on every published MLPerf Tiny result with energy.

    python bench/energy.py             the tables, compared with energy.json
    python bench/energy.py --update    write bench/energy.json and the tables of docs/energy.md

Two questions, each answered without what is predicted: one benchmark of a published system from the median of its
others, and a system from the median of the others on the same board, supply and clock. No result is left out.
"""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from smidgen.energy.published_energy import (
    Conditions,
    Measured,
    Predicted,
    across_software,
    errors,
    measured,
    within_systems,
)
from smidgen.results import boards

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "bench/energy.json"
PAGE = ROOT / "docs/energy.md"
ODD_PERCENT = 15.0
"""From this error on a prediction is listed by itself."""


def figures() -> dict[str, Any]:
    """Everything that is written to energy.json, by board and by board, supply and clock."""
    rows = measured()
    within, across = within_systems(rows), across_software(rows)
    by_mean = within_systems(rows, statistics.fmean)
    names = sorted({m.conditions.board_name for m in rows})
    conditions = sorted({m.conditions for m in rows}, key=lambda c: (c.board_name, c.supply_mv or 0, c.clock_mhz))
    return {
        "results": len(rows),
        "benchmark_from_its_systems_others": {
            name: {"median": found, "mean": _errors(_of(by_mean, name))}
            for name in names
            if (found := _errors(_of(within, name))) is not None
        },
        "system_from_others": [entry for c in conditions if (entry := _condition(c, rows, across)) is not None],
        "odd": [_odd(p) for p in sorted(within, key=lambda p: -abs(p.error_percent)) if _is_odd(p)],
    }


def _of(predictions: Sequence[Predicted], name: str) -> list[Predicted]:
    return [p for p in predictions if p.measured.conditions.board_name == name]


def _is_odd(p: Predicted) -> bool:
    return abs(p.error_percent) >= ODD_PERCENT and not p.measured.result.accelerator


def _errors(predictions: Sequence[Predicted]) -> dict[str, float] | None:
    found = errors(predictions)
    if found is None:
        return None
    return {
        "predictions": found.count,
        "mean_percent": round(found.mean, 2),
        "median_percent": round(found.median, 2),
        "most_percent": round(found.most, 1),
    }


def _condition(c: Conditions, rows: Sequence[Measured], across: Sequence[Predicted]) -> dict[str, Any] | None:
    here = [m.picojoules for m in rows if m.conditions == c]
    found = _errors([p for p in across if p.measured.conditions == c])
    systems = len({m.result.published_system for m in rows if m.conditions == c})
    if len(here) < 2:
        return None
    return {
        "board": c.board_name,
        "supply_mv": c.supply_mv,
        "clock_mhz": c.clock_mhz,
        "systems": systems,
        "results": len(here),
        "picojoules_per_cycle": [round(v, 1) for v in (statistics.median(here), min(here), max(here))],
        "errors": found,
    }


def _odd(p: Predicted) -> dict[str, Any]:
    r = p.measured.result
    return {
        "source": r.source,
        "error_percent": round(p.error_percent, 1),
        "power_mw": r.power_mw,
        "latency_ms": r.latency_ms,
        "energy_latency_ms": r.energy_latency_ms,
        "notes": list(r.notes),
    }


def tables(f: dict[str, Any]) -> dict[str, str]:
    """The tables of docs/energy.md, by name."""
    systems = ["| board | predictions | mean error, % | median | most | with means |", "|---|---|---|---|---|---|"]
    for name, e in f["benchmark_from_its_systems_others"].items():
        m = e["median"]
        systems.append(
            f"| {boards()[name].title} | {m['predictions']} | {m['mean_percent']:.1f} | {m['median_percent']:.1f} | "
            f"{m['most_percent']:.1f} | {e['mean']['mean_percent']:.1f} |"
        )
    head = "| board | supply, V | MHz | systems | results | pJ a cycle (from, to) | error of another system, % | most |"
    states = [head, "|---|---|---|---|---|---|---|---|"]
    for c in f["system_from_others"]:
        middle, low, high = c["picojoules_per_cycle"]
        off = c["errors"]
        last = "- | -" if off is None else f"{off['mean_percent']:.1f} | {off['most_percent']:.1f}"
        supply = "-" if c["supply_mv"] is None else f"{c['supply_mv'] / 1000:g}"
        states.append(
            f"| {boards()[c['board']].title} | {supply} | {c['clock_mhz']:g} | {c['systems']} | {c['results']} | "
            f"{middle:g} ({low:g}, {high:g}) | {last} |"
        )
    odd = ["| result | error, % | mW | notes |", "|---|---|---|---|"]
    for o in f["odd"]:
        odd.append(f"| `{o['source']}` | {o['error_percent']:+.1f} | {o['power_mw']:.1f} | {'; '.join(o['notes'])} |")
    return {"systems": "\n".join(systems) + "\n", "states": "\n".join(states) + "\n", "odd": "\n".join(odd) + "\n"}


def page(text: str, made: dict[str, str]) -> str:
    """docs/energy.md with its tables made anew; the text round them is written by hand."""
    block = re.compile(r"<!-- table: (\w+) -->\n(.*?)<!-- end -->", re.DOTALL)
    return block.sub(lambda m: f"<!-- table: {m.group(1)} -->\n{made[m.group(1)]}<!-- end -->", text)


def as_text(f: dict[str, Any]) -> str:
    return json.dumps(f, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write bench/energy.json and docs/energy.md")
    update = parser.parse_args().update
    found = figures()
    made = tables(found)
    print("\n".join(made.values()), end="")
    if update:
        FIGURES.write_text(as_text(found), encoding="utf-8")
        PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), made), encoding="utf-8")
        return 0
    same = FIGURES.exists() and FIGURES.read_text(encoding="utf-8") == as_text(found)
    print(f"bench/energy.json is {'current' if same else 'not current: --update'}")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
