# SPDX-License-Identifier: Apache-2.0
"""bench/baseline.json, and with it the README's table, is what the compiler does now: counts repeat exactly."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import smidgen
from smidgen.zoo import SYNTHETIC
from tests.shared import SHARED, needs_shared

BASELINE = json.loads((Path(__file__).resolve().parents[2] / "bench/baseline.json").read_text(encoding="utf-8"))
TARGET = "nucleo-l4r5zi"

pytestmark = pytest.mark.slow


def same_as_baseline(compiled: smidgen.Compiled, key: str) -> None:
    report, entry = smidgen.profile(compiled, memory_system=False), BASELINE[f"{TARGET}/{key}"]
    now = {
        "macs": report.macs,
        "instructions_counted": report.instructions,
        "cycles_modelled": report.cycles,
        "ram_bytes": {"arena": report.ram.arena, "scratch": report.ram.scratch, "stack": report.ram.stack},
        "flash_bytes": {"code": report.flash.code, "weights": report.flash.weights},
        "kernels": [layer.kernel for layer in report.layers],
    }
    assert now == {name: entry[name] for name in now}, "run `make bench` (with --models for the official files)"


@pytest.mark.parametrize("model", sorted(SYNTHETIC))
def test_synthetic_models(model: str) -> None:
    same_as_baseline(smidgen.compile(SYNTHETIC[model](), TARGET), f"{model}-synthetic")


@needs_shared
@pytest.mark.parametrize("form", ["tflite", "onnx"])
@pytest.mark.parametrize("model", sorted(SYNTHETIC))
def test_official_models(model: str, form: str) -> None:
    path = SHARED / f"zoo/{model}01/{model}01_int8.{form}"
    same_as_baseline(smidgen.compile(path, TARGET), f"{model}-official-{form}")


LIMITS = {"ad": 742_000, "kws": 9_430_000, "ic": 35_800_000, "vww": 30_400_000, "sww": 2_750_000}
"""TFLite Micro with CMSIS-NN, same models, emulator and cycle rules (README)."""


@pytest.mark.parametrize("form", ["tflite", "onnx"])
@pytest.mark.parametrize("model", sorted(LIMITS))
def test_no_model_is_slower_than_tflite_micro_with_cmsis_nn(model: str, form: str) -> None:
    assert BASELINE[f"{TARGET}/{model}-official-{form}"]["cycles_modelled"] < LIMITS[model]
