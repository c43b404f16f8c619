# SPDX-License-Identifier: Apache-2.0
"""Costs of the zoo's models on every target: cycles where RTL or a documented model tells them, instructions elsewhere.

    python bench/targets.py                      a comparison with bench/targets.json: exit 1 if anything is worse
    python bench/targets.py --update             write it
    python bench/targets.py --target ibex ...    those targets only

Needs the official models (SMIDGEN_ZOO or --models). Every program is verified with one input before it is counted.
Targets whose simulator is not installed are named and passed over. Counts repeat exactly.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import smidgen
from smidgen.errors import DoesNotFit, SmidgenError, ToolNotFound
from smidgen.targets import list_targets

ROOT = Path(__file__).resolve().parent.parent
FILE = ROOT / "bench/targets.json"
MODELS = ("ad", "kws", "ic", "vww", "sww")

Row = dict[str, Any]  # Any: numbers, strings and None, as JSON has them


def count(model: str, target: str, models: Path | None = None) -> Row:
    """What one inference takes. SmidgenError if it does not fit, cannot run, or differs from the reference."""
    compiled = smidgen.compile(model, target=target, models_dir=models)
    if smidgen.verify(compiled, cases=1).mismatches:
        raise SmidgenError(f"{model} on {target} differs from the reference")
    report = smidgen.profile(compiled, memory_system=False)
    return {
        "macs": report.macs,
        "instructions": report.instructions,
        "cycles": report.cycles,
        "cycles_kind": report.cycles_kind,
        "ram_bytes": report.ram.total,
        "flash_bytes": report.flash.total,
    }


def count_all(targets: list[str], models: Path | None) -> dict[str, dict[str, Row]]:
    """By target and model. A model that does not fit a target has a row with the reason alone."""
    found: dict[str, dict[str, Row]] = {}
    for target in targets:
        rows: dict[str, Row] = {}
        try:
            for model in MODELS:
                try:
                    rows[model] = count(model, target, models)
                except DoesNotFit as error:
                    rows[model] = {"does_not_fit": str(error)}
                print(f"{target} {model}: {line(rows[model])}", flush=True)
        except ToolNotFound as error:
            print(f"{target}: passed over: {error}", file=sys.stderr)
            continue
        found[target] = rows
    return found


def line(row: Row) -> str:
    """A row in words."""
    if "does_not_fit" in row:
        return str(row["does_not_fit"])
    text = f"{row['instructions']:,} instructions, {row['instructions'] / row['macs']:.3f} a MAC"
    if row["cycles"] is None:
        return text
    return f"{text}; {row['cycles']:,} cycles ({row['cycles_kind']}), {row['cycles'] / row['macs']:.3f} a MAC"


def worse(before: dict[str, dict[str, Row]], now: dict[str, dict[str, Row]]) -> list[str]:
    """What takes more than 1 % more cycles, or instructions where there are none, or no longer fits."""
    found = []
    for target, rows in now.items():
        for model, row in rows.items():
            old = before.get(target, {}).get(model)
            if old is None or "does_not_fit" in old:
                continue
            unit = "cycles" if old["cycles"] is not None else "instructions"
            if "does_not_fit" in row or row[unit] is None or row[unit] > 1.01 * old[unit]:
                found.append(f"{target} {model}: was {line(old)}; is {line(row)}")
    return found


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write bench/targets.json")
    parser.add_argument("--models", type=Path, help="folder with the official files")
    parser.add_argument("--target", action="append", choices=list_targets(), help="only this one (repeatable)")
    arguments = parser.parse_args()
    try:
        now = count_all(arguments.target or list(list_targets()), arguments.models)
    except SmidgenError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    before = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    findings = worse(before, now)
    for finding in findings:
        print(f"worse: {finding}", file=sys.stderr)
    if arguments.update:
        kept = {target: rows for target, rows in {**before, **now}.items() if target in list_targets()}
        FILE.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")
        return 0
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main())
