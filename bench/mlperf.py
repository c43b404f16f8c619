# SPDX-License-Identifier: Apache-2.0
"""MLPerf Tiny on the virtual reference board: modelled latency and energy, counted accuracy, and what the run takes.

    python bench/mlperf.py --data DIR             the table, compared with mlperf.json: exit 1 if a result differs
    python bench/mlperf.py --data DIR --update    write bench/mlperf.json

DIR holds ad01, ic01, kws01 and vww01. Latency and energy depend on the inputs by less than 0.01 %; accuracy needs the
official sets, so that of a task whose files are made up (``--made-up ic``) is left out.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "bench/mlperf.json"
TASKS = ("ad", "ic", "kws", "vww")
MODES = ("accuracy", "performance", "energy")
START = "from smidgen.cli.main import main; main()"


def run(data: Path, folder: Path, task: str, mode: str) -> tuple[dict[str, Any], float, float]:
    """The outcome of one task in one mode, and the processor's and the wall's seconds that it took (measured)."""
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    command = (sys.executable, "-c", START, "bench", task, "--mode", mode, "--json", "--data", str(data), "-o", folder)
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode not in (0, 1):  # 1: an accuracy misses its target
        sys.exit(done.returncode)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    outcome: dict[str, Any] = json.loads(done.stdout)["results"][0]
    return outcome, cpu, time.monotonic() - began


def windows_per_second(journal: Path) -> float:
    """How fast results came, from the first to the last (measured)."""
    times: list[float] = [json.loads(line)["when"] for line in journal.read_text(encoding="utf-8").splitlines()[1:]]
    return round((len(times) - 1) / (max(times) - min(times)), 1)


def figures(outcomes: list[dict[str, Any]], made_up: list[str]) -> dict[str, dict[str, Any]]:
    """By task: what does not depend on the machine."""
    by_mode = {(o["task"], o["mode"]): o for o in outcomes}
    found: dict[str, dict[str, Any]] = {}
    for task in TASKS:
        performance, accuracy, energy = (by_mode.get((task, m)) for m in ("performance", "accuracy", "energy"))
        entry: dict[str, Any] = {}
        if performance is not None:
            entry["latency_ms"] = round(performance["latency_ms"], 3)
        if energy is not None:
            entry["energy_uj"] = round(energy["energy_uj"], 1)
        if accuracy is not None and task not in made_up:
            entry |= {"inputs": accuracy["inputs"], "top1": accuracy["top1"], "auc": accuracy["auc"]}
        found[task] = entry
    return found


def effort(cpu: dict[str, dict[str, float]], wall: float, rate: float) -> dict[str, Any]:
    """What the runs took on this machine."""
    return {
        "cores": os.cpu_count(),
        "cpu_seconds": {task: {mode: round(s) for mode, s in modes.items()} for task, modes in cpu.items()},
        "cpu_seconds_total": round(sum(s for modes in cpu.values() for s in modes.values())),
        "wall_seconds_total": round(wall),
        "ad_windows_per_s": rate,
    }


def as_text(found: dict[str, Any]) -> str:
    return json.dumps(found, indent=1) + "\n"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="the data sets, as for smidgen bench")
    parser.add_argument("--made-up", action="append", default=[], choices=TASKS, help="its files are not the official")
    parser.add_argument("--update", action="store_true", help="write bench/mlperf.json")
    chosen = parser.parse_args()
    outcomes, cpu, wall = [], {task: dict.fromkeys(MODES, 0.0) for task in TASKS}, 0.0
    with tempfile.TemporaryDirectory() as folder:
        for task, mode in itertools.product(TASKS, MODES):
            outcome, cpu[task][mode], seconds = run(chosen.data, Path(folder) / "runs", task, mode)
            outcomes.append(outcome)
            wall += seconds
        rate = windows_per_second(Path(folder) / "runs/ad/accuracy.journal")
    found, took = figures(outcomes, chosen.made_up), effort(cpu, wall, rate)
    print(as_text({"took": took, "tasks": found}), end="")
    if chosen.update:
        text = as_text(
            {"target": "nucleo-l4r5zi", "modelled": ["latency_ms", "energy_uj"], "took": took, "tasks": found}
        )
        FIGURES.write_text(text, encoding="utf-8")
        return 0
    same = FIGURES.exists() and json.loads(FIGURES.read_text(encoding="utf-8"))["tasks"] == found
    print(f"the results are {'those' if same else 'not those'} of bench/mlperf.json")
    return 0 if same else 1


if __name__ == "__main__":
    sys.exit(main())
