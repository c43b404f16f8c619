# SPDX-License-Identifier: Apache-2.0
"""Quantising the official float models: smidgen beside ONNX Runtime's quantize_static, on the same samples.

    python bench/quantization.py                    the table from measuring again, compared with quantization.json
    python bench/quantization.py --update           write bench/quantization.json
    python bench/quantization.py --only ort --models kws,ad

SQNR of a sample: 10 log10(sum y^2 / sum (y - yq)^2), y the float model's first output as ONNX Runtime computes it, yq
the quantised model's, both as reals; at most 100 dB, also where nothing differs. Figures are means over the samples
that judge, which calibration never sees (quantization_data.py). Needs scikit-image and scikit-learn for pictures and
the AUC.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.quantization_data import SAMPLES, Samples
from bench.quantization_ort import DEFAULTS, Quantizer, Setting, first_settings, outputs, variations

from smidgen.cli.common import show, table
from smidgen.compiler import load_float
from smidgen.errors import SmidgenError, UsageError
from smidgen.ir import Array, Graph
from smidgen.quantize import Recipe, evaluate_batch, layers, quantize

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "bench/quantization.json"
MODELS = ("kws", "ic", "vww", "ad", "sww")
MOST_DB = 100.0
Entry = dict[str, Any]  # Any: JSON


def sqnr_db(real: Array, quantized: Array) -> Array:
    """Of each sample: (n,), from -MOST_DB to MOST_DB."""
    y = real.reshape(len(real), -1).astype(np.float64)
    error = ((y - quantized.reshape(len(real), -1)) ** 2).sum(axis=1)
    least = np.finfo(np.float64).tiny
    ratio = np.maximum((y**2).sum(axis=1), least) / np.maximum(error, least)
    decibels: Array = np.clip(10 * np.log10(ratio), -MOST_DB, MOST_DB)
    return decibels


def pooled_db(real: Array, quantized: Array) -> float:
    """Of all samples as one signal."""
    return float(sqnr_db(real.reshape(1, -1), quantized.reshape(1, -1))[0])


def judge(real: Array, quantized: Array, labels: Array | None) -> Entry:
    """What one quantised model is worth: decibels, and the task's figures where there are labels."""
    decibels = sqnr_db(real, quantized)
    entry: Entry = {
        "sqnr_db": round(float(decibels.mean()), 2),
        "worst_db": round(float(decibels.min()), 2),
        "pooled_db": round(pooled_db(real, quantized), 2),
        "same_top1": round(float((real.argmax(1) == quantized.argmax(1)).mean()), 4),
    }
    if labels is not None:
        entry |= task_figures(quantized, labels)
    return entry


def task_figures(y: Array, labels: Array) -> Entry:
    from sklearn.metrics import roc_auc_score

    scores = y.astype(np.float64)
    scores /= scores.sum(axis=1, keepdims=True)
    auc = roc_auc_score(labels, scores, multi_class="ovr", average="macro")
    return {"top1": round(float((y.argmax(1) == labels).mean()), 4), "auc": round(float(auc), 5)}


@dataclass(frozen=True, slots=True)
class Subject:
    """One float model with its samples and what it says about those that judge."""

    name: str
    path: Path
    samples: Samples
    real: Array

    def judge(self, quantized: Array) -> Entry:
        return judge(self.real, quantized, self.samples.labels)


def subject(name: str, shared: Path) -> Subject:
    path = shared / "zoo" / f"{name}01" / f"{name}01_fp32.onnx"
    if not path.is_file():
        raise UsageError(f"{path} is absent; --shared is the folder that has zoo/ and datasets/")
    samples = SAMPLES[name](shared / "datasets")
    return Subject(name, path, samples, outputs(path, samples.judged))


def measure_ort(s: Subject) -> Entry:
    """ONNX Runtime's defaults, its best setting, and all that were tried."""
    tried: dict[str, Entry] = {}
    with tempfile.TemporaryDirectory(prefix="smidgen-bench-") as folder:
        quantizer = Quantizer(s.path, s.samples.calibration, Path(folder))
        settings = [DEFAULTS, *first_settings()]
        best = _best(s, quantizer, settings, tried)
        best = _best(s, quantizer, [best, *variations(best)], tried)
    return {"defaults": tried[str(DEFAULTS)], "best": {"setting": str(best), **tried[str(best)]}, "tried": tried}


def _best(s: Subject, quantizer: Quantizer, settings: Sequence[Setting], tried: dict[str, Entry]) -> Setting:
    for setting in settings:
        if str(setting) not in tried:
            tried[str(setting)] = _try(s, quantizer, setting)
    return max(settings, key=lambda setting: tried[str(setting)].get("sqnr_db", -np.inf))


def _try(s: Subject, quantizer: Quantizer, setting: Setting) -> Entry:
    try:
        return s.judge(outputs(quantizer.run(setting), s.samples.judged))
    except Exception as e:  # quantize_static raises whatever its parts raise for what it cannot do
        return {"failed": f"{type(e).__name__}: {str(e).splitlines()[0][:120] if str(e) else ''}"}


_PLAIN = Recipe(equalize=False, correct_bias=False, adapt_rounding=False, clip_weights=False)


def recipes(graph: Graph) -> dict[str, Recipe]:
    last = layers(graph)[-1].output.name
    return {
        "affine": Recipe(),
        "affine, no repairs": _PLAIN,
        "affine, last layer int16": Recipe(precisions={last: "int16"}),
        "affine, int16 activations": Recipe(precision="int16"),
        "affine, four-bit weights": Recipe(precision="int4"),
        "power-of-two": replace(_PLAIN, scheme="power-of-two"),
    }


def measure_smidgen(s: Subject) -> Entry:
    """Each recipe by the integer graph that is compiled, evaluated exactly."""
    graph = load_float(s.path)
    entry: Entry = {}
    for label, recipe in recipes(graph).items():
        quantized = quantize(graph, [s.samples.calibration], recipe)
        entry[label] = s.judge(evaluate_batch(quantized.graph, [s.samples.judged])[0])
    return entry


_COST = """
import json, resource, sys, time
from pathlib import Path
import numpy as np
from smidgen.compiler import load_float
from smidgen.quantize import quantize
graph, samples = load_float(Path(sys.argv[1])), np.load(sys.argv[2])
started = time.monotonic()
quantize(graph, [samples])
seconds, peak = round(time.monotonic() - started, 1), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
print(json.dumps({"seconds": seconds, "peak_kib": peak, "tag": "measured"}))
"""


def measure_cost(s: Subject) -> Entry:
    """Wall time of quantising (every repair) and the peak memory of a process that does only that, on this machine."""
    with tempfile.TemporaryDirectory(prefix="smidgen-bench-") as folder:
        data = Path(folder) / "samples.npy"
        np.save(data, s.samples.calibration)
        command = [sys.executable, "-c", _COST, str(s.path), str(data)]
        done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=600)
    entry: Entry = json.loads(done.stdout)
    return entry


def measure(name: str, shared: Path, only: str) -> Entry:
    s = subject(name, shared)
    started = time.monotonic()
    entry: Entry = {"samples": {"calibration": len(s.samples.calibration), "judged": len(s.samples.judged)}}
    if s.samples.labels is not None:
        entry["float"] = task_figures(s.real, s.samples.labels)
    if only in ("", "ort"):
        entry["onnxruntime"] = measure_ort(s)
    if only in ("", "smidgen"):
        entry["smidgen"] = measure_smidgen(s)
    if only in ("", "cost"):
        entry["cost"] = measure_cost(s)
    print(f"{name}: {time.monotonic() - started:.0f} s", file=sys.stderr)
    return entry


def rows(name: str, entry: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """Table rows of one model: who, SQNR, worst sample, same top-1, task figures."""
    found: list[tuple[str, Entry]] = [("float", entry.get("float", {}))]
    ort = entry.get("onnxruntime", {})
    found += [
        ("ONNX Runtime, defaults", ort.get("defaults", {})),
        (f"best: {ort.get('best', {}).get('setting')}", ort.get("best", {})),
    ]
    found += [(f"smidgen, {scheme}", figures) for scheme, figures in entry.get("smidgen", {}).items()]
    keys = ("sqnr_db", "worst_db", "pooled_db", "same_top1", "top1", "auc")
    return [(name, who, *(str(figures.get(k, "")) for k in keys)) for who, figures in found if figures]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--shared", type=Path, default=ROOT.parent / "shared")
    parser.add_argument("--models", default=",".join(MODELS))
    parser.add_argument("--only", choices=("", "ort", "smidgen", "cost"), default="")
    parser.add_argument("--update", action="store_true")
    arguments = parser.parse_args()
    kept: dict[str, Entry] = json.loads(RESULTS.read_text()) if RESULTS.is_file() else {}
    t = table("quantised", "model", "by", "SQNR dB", "worst", "pooled", "same top-1", "top-1", "AUC")
    for name in arguments.models.split(","):
        entry = {**kept.get(name, {}), **measure(name, arguments.shared, arguments.only)}
        kept[name] = entry
        for row in rows(name, entry):
            t.add_row(*row)
        if arguments.update:
            RESULTS.write_text(json.dumps(kept, indent=1, sort_keys=True) + "\n")
    show(t)


if __name__ == "__main__":
    try:
        main()
    except SmidgenError as e:
        sys.exit(f"error: {e}")
