# SPDX-License-Identifier: Apache-2.0
"""Costs of the zoo's models on the reference targets, against bench/baseline.json.

    python bench/run.py            compare with the baseline; exit 1 on any difference
    python bench/run.py --update   write it

Official files are used where SMIDGEN_ZOO or --models has them; the synthetic models are always measured. Counts repeat
exactly, so any difference is a change of the compiler, its kernels or its toolchain.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import smidgen
from smidgen.zoo import SYNTHETIC, ZOO, find_model

BASELINE = Path(__file__).parent / "baseline.json"
TARGETS = ("nucleo-l4r5zi",)
Entry = dict[str, Any]  # Any: JSON


def measure(compiled: smidgen.Compiled) -> Entry:
    report = smidgen.profile(compiled)
    return {
        "numerics": report.numerics,
        "macs": report.macs,
        "instructions_counted": report.instructions,
        "cycles_modelled": report.cycles,
        "board_cycles_modelled": report.board_cycles,
        "ram_bytes": {"arena": report.ram.arena, "scratch": report.ram.scratch, "stack": report.ram.stack},
        "flash_bytes": {"code": report.flash.code, "weights": report.flash.weights},
        "kernels": [layer.kernel for layer in report.layers],
        "layer_cycles_modelled": [layer.cycles for layer in report.layers],
    }


def measure_all(models_dir: Path | None) -> dict[str, Entry]:
    entries: dict[str, Entry] = {}
    for target in TARGETS:
        for model in ZOO:
            graph = SYNTHETIC[model.name]()
            entries[f"{target}/{model.name}-synthetic"] = measure(smidgen.compile(graph, target))
            found = find_model(model.name, models_dir)
            if found.path is None:
                continue
            entries[f"{target}/{model.name}-official-tflite"] = measure(smidgen.compile(found.path, target))
            onnx = found.path.with_suffix(".onnx")
            if onnx.is_file():
                entries[f"{target}/{model.name}-official-onnx"] = measure(smidgen.compile(onnx, target))
            print(f"{target} {model.name}", file=sys.stderr)
    return entries


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--update", action="store_true", help="write the baseline")
    parser.add_argument("--models", type=Path, help="folder with the official files")
    arguments = parser.parse_args()
    now = measure_all(arguments.models)
    before = json.loads(BASELINE.read_text(encoding="utf-8")) if BASELINE.exists() else {}
    differences = [k for k in now if before.get(k) != now[k]]
    for key in differences:
        old = before.get(key, {}).get("cycles_modelled")
        print(f"{key}: {old} -> {now[key]['cycles_modelled']} cycles (modelled)")
    if arguments.update:
        BASELINE.write_text(json.dumps({**before, **now}, indent=1) + "\n", encoding="utf-8")
        return 0
    print(f"{len(now)} entries, {len(differences)} differ from the baseline")
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
