# SPDX-License-Identifier: Apache-2.0
"""The search for precisions on official models: bytes kept, drop, time and memory; recorded in quantization.json.

    python bench/precision_search.py                  KWS at seeds 0 to 4, and VWW
    python bench/precision_search.py --update         also writes them, as "search" of each model
    python bench/precision_search.py --models kws --seeds 1

KWS: the 500 official samples, 100 of them calibrate, top-1 on the other 400 may fall by 1.0 points. VWW: 100 pictures
calibrate and 100 judge (quantization_data.py), of which as many as the bound says may be told otherwise than by the
float model. Every search begins with nothing known, in a process of its own. Bytes are counted (weights as packed) or
modelled (code in flash), drops are measured with the integer graph that is compiled, and so are seconds and
memory, on this machine.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.quantization_data import SAMPLES

from smidgen.cli.common import show
from smidgen.compiler import load_float
from smidgen.ir import Graph
from smidgen.precision.session import Settings, run_session
from smidgen.precision.summary import Names, summarize
from smidgen.quantize import Recipe
from smidgen.quantize.data import Affine, load_samples, make_samples
from smidgen.quantize.split import Split, split_samples
from smidgen.report.quantization import QuantizationReport
from smidgen.targets import load_target

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/quantization.json"
SEEDS = {"kws": (0, 1, 2, 3, 4), "vww": (0,)}
MAX_DROP = 1.0
_VWW_JUDGED = 100
_KWS_STEPS = Affine(0.5847029, 83.0)
_MEGABYTE = 1024.0  # of ru_maxrss, kilobytes on Linux
Entry = dict[str, Any]  # Any: JSON


def data_of(name: str, graph: Graph, shared: Path, seed: int) -> Split:
    """The samples that calibrate and those that judge."""
    datasets = shared / "datasets"
    if name == "kws":
        return split_samples(load_samples(graph, datasets / "kws01/kws01.npz", _KWS_STEPS), None, seed)
    found, given = SAMPLES[name](datasets), graph.inputs[0].name
    calibration = make_samples(graph, {given: found.calibration}, "pictures")
    judged = make_samples(graph, {given: found.judged[:_VWW_JUDGED]}, "other pictures")
    return Split(calibration, judged, "other pictures", seed)


def run(name: str, shared: Path, seed: int) -> Entry:
    """One search, from the model's file to the report's figures."""
    began = time.monotonic()
    graph = load_float(next((shared / "zoo").glob(f"{name}*/*fp32.onnx")))
    split = data_of(name, graph, shared, seed)
    settings = Settings(load_target("nucleo-l4r5zi"), Recipe(seed=seed), max_drop=MAX_DROP, resume=False)
    session = run_session(graph, split, settings, lambda stage, done, total: None)
    seconds = time.monotonic() - began
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / _MEGABYTE
    entry = figures(summarize(graph, split, settings, session, Names(name, "")), seconds, peak)
    entry["measured"]["int8_drop"] = round(session.reference_judged.drop or 0.0, 6)
    return entry


def figures(report: QuantizationReport, seconds: float, peak: float) -> Entry:
    """What is recorded of a report."""
    costs = {c.name: c for c in report.costs}
    plain, chosen, found, m = costs["int8"], costs["chosen"], report.search, report.metric
    assert found is not None
    assert plain.weights_bytes
    assert chosen.weights_bytes
    words = [x.precision if x.group is None else f"{x.precision}/{x.group}" for x in report.layers]
    return {
        "modelled": {"flash_bytes": chosen.flash_bytes, "int8_flash_bytes": plain.flash_bytes},
        "counted": {
            "weights_bytes": chosen.weights_bytes,
            "int8_weights_bytes": plain.weights_bytes,
            "weights_share": round(chosen.weights_bytes / plain.weights_bytes, 4),
            "layers": {w: words.count(w) for w in sorted(set(words))},
            "judged_assignments": found.judged,
        },
        "measured": {
            "metric": m.name,
            "judged_samples": report.split.evaluation_samples,
            "float_score": round(m.float_score, 6),
            "score": round(m.score, 6),
            "drop": round(m.drop, 6),
            "max_drop": m.max_drop,
            "met": m.met,
            "finished": found.finished,
            "seconds": round(seconds),
            "peak_mb": round(peak),
        },
    }


def measure(name: str, shared: Path, seed: int) -> Entry:
    """``run`` in a process of its own, whose peak of memory is that of the search alone."""
    command = [sys.executable, __file__, "--one", name, "--seeds", str(seed), "--shared", str(shared)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=3600, check=False)
    if done.returncode:
        raise SystemExit(done.stderr)
    entry: Entry = json.loads(done.stdout)
    return entry


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", default=",".join(SEEDS))
    parser.add_argument("--seeds", help="such as 0,1; default: all")
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared", help="folder with zoo/ and datasets/")
    parser.add_argument("--update", action="store_true")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(run(options.one, options.shared, int(options.seeds))))
        return
    kept: dict[str, Entry] = json.loads(RESULTS.read_text(encoding="utf-8"))
    for name in options.models.split(","):
        seeds = SEEDS[name] if options.seeds is None else tuple(map(int, options.seeds.split(",")))
        for seed in seeds:
            entry = measure(name, options.shared, seed)
            show(f"{name} seed {seed}: {json.dumps(entry, sort_keys=True)}")
            kept.setdefault(name, {}).setdefault("search", {})[str(seed)] = entry
        if options.update:
            RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
