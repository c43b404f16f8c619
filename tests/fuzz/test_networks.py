# SPDX-License-Identifier: Apache-2.0
"""Random networks at every setting, byte for byte on the emulated core."""

from __future__ import annotations

import os
import shutil

import pytest

import smidgen
from smidgen.ir import evaluate
from smidgen.verify import random_inputs
from tests.layer_networks import LayerNetwork
from tests.random_networks import RandomNetwork

SETTINGS = ("speed", "ram", "size", "balanced")
PLACES = (("flash", "flash"), ("staged", "flash"), ("sram", "sram"))
CASES = 6
GCC = os.environ.get("SMIDGEN_ARM_GCC") or shutil.which("arm-none-eabi-gcc")

pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=[pytest.mark.full] if s >= 30 else [], id=str(s)) for s in range(300)]
)
def test_every_step_is_exact(seed: int) -> None:
    """Seeds next to each other differ in rounding, setting and where constants and code lie."""
    network = RandomNetwork if seed % 4 == 3 else LayerNetwork
    weights, code = PLACES[seed % 3]
    compiled = smidgen.compile(
        network(seed).graph(), optimize=SETTINGS[(seed + seed // 8) % 4], weights=weights, code=code, check_fit=False
    )
    toolchain = "gcc-arm" if GCC and seed % 7 == 0 else "zig"
    found = smidgen.verify(compiled, cases=CASES, seed=seed, toolchain=toolchain)
    assert (found.mismatches, found.first_divergence) == (0, None)


def test_outputs_lie_between_the_clamps() -> None:
    """A wrong sum hides behind a clamp: of most networks half of the outputs or more move freely."""
    free = 0
    for seed in range(20):
        graph = LayerNetwork(seed).graph()
        outputs = [evaluate(graph, case)[0] for case in list(random_inputs(graph, 6, seed))[3:]]
        free += sum(int(((y > -128) & (y < 127)).sum()) for y in outputs) * 2 > sum(y.size for y in outputs)
    assert free >= 14
