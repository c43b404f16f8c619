# SPDX-License-Identifier: Apache-2.0
"""The official models on emulated cores without SIMD, byte for byte, and within the instructions that is the aim."""

from __future__ import annotations

import pytest

import smidgen
from smidgen.compiler import profile
from tests.acceptance.test_official import MODELS, official
from tests.shared import needs_shared

CASES = 2
MOST_PER_MAC = 5.0  # instructions of a Cortex-M0+

pytestmark = [needs_shared, pytest.mark.slow]


@pytest.mark.parametrize("form", ["tflite", pytest.param("onnx", marks=pytest.mark.full)])
@pytest.mark.parametrize("target", ["rv32imc", "generic-cortex-m0plus"])
@pytest.mark.parametrize("model", MODELS)
def test_byte_exact(model: str, target: str, form: str) -> None:
    compiled = smidgen.compile(official(model, form), target)
    found = smidgen.verify(compiled, cases=CASES, seed=7)
    assert (found.cases, found.mismatches, found.first_divergence) == (CASES, 0, None)
    assert found.steps == len(compiled.schedule.steps)


@pytest.mark.parametrize("model", ["ad", "kws", "vww", "ic"])
def test_instructions_of_a_cortex_m0plus(model: str) -> None:
    report = profile(smidgen.compile(official(model, "tflite"), "generic-cortex-m0plus"))
    assert report.instructions_per_mac is not None
    assert report.instructions_per_mac <= MOST_PER_MAC
