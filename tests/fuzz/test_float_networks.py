# SPDX-License-Identifier: Apache-2.0
"""Random networks that compute in float32, wholly or in part, byte for byte on the emulated core."""

from __future__ import annotations

import os
import shutil

import pytest

import smidgen
from tests.mixed_networks import mixed_network
from tests.qdq_networks import FloatNetwork

PLACES = (("flash", "flash"), ("staged", "flash"), ("sram", "sram"))
GCC = os.environ.get("SMIDGEN_ARM_GCC") or shutil.which("arm-none-eabi-gcc")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=[pytest.mark.full] if s >= 16 else [], id=str(s)) for s in range(200)]
)
def test_every_step_is_exact(seed: int) -> None:
    """Even seeds: all in floats; odd ones: islands. Neighbours differ in where constants and code lie."""
    graph = mixed_network(seed) if seed % 2 else FloatNetwork(seed).graph()
    weights, code = PLACES[seed % 3]
    compiled = smidgen.compile(graph, weights=weights, code=code, check_fit=False)
    toolchain = "gcc-arm" if GCC and seed % 5 == 0 else "zig"
    found = smidgen.verify(compiled, cases=5, seed=seed, toolchain=toolchain)
    assert (found.cases, found.mismatches, found.first_divergence) == (5, 0, None)
