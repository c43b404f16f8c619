# SPDX-License-Identifier: Apache-2.0
"""The official models on emulated cores without SIMD, byte for byte, and within the instructions that is the aim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

import smidgen
from smidgen.codegen import emit
from smidgen.compiler import Compiled, profile
from smidgen.errors import DoesNotFit
from smidgen.report import LayerReport
from smidgen.schedule import make_schedule
from tests.acceptance.test_official import MODELS, official
from tests.shared import needs_shared

CASES = 2
MOST_PER_MAC = 5.0  # instructions of a Cortex-M0+

pytestmark = [needs_shared, pytest.mark.slow]


QUICK = (("ad", "rv32imc", "tflite"), ("kws", "generic-cortex-m0plus", "tflite"))
EVERY = [(m, t, f) for m in MODELS for t in ("rv32imc", "generic-cortex-m0plus") for f in ("tflite", "onnx")]


def quick_first(cases: Sequence[tuple[str, ...]], quick: Sequence[tuple[str, ...]]) -> list[Any]:
    """All cases; those that are not quick for the long run."""
    return [pytest.param(*c, marks=() if c in quick else pytest.mark.full) for c in cases]


@pytest.mark.parametrize(("model", "target", "form"), quick_first(EVERY, QUICK))
def test_byte_exact(model: str, target: str, form: str) -> None:
    compiled = smidgen.compile(official(model, form), target)
    found = smidgen.verify(compiled, cases=CASES, seed=7)
    assert (found.cases, found.mismatches, found.first_divergence) == (CASES, 0, None)
    assert found.steps == len(compiled.schedule.steps)


@pytest.mark.parametrize(
    "model", ["ad", "kws", pytest.param("vww", marks=pytest.mark.full), pytest.param("ic", marks=pytest.mark.full)]
)
def test_instructions_of_a_cortex_m0plus(model: str) -> None:
    report = profile(smidgen.compile(official(model, "tflite"), "generic-cortex-m0plus"), memory_system=False)
    assert report.instructions_per_mac is not None
    assert report.instructions_per_mac <= MOST_PER_MAC


PREDICTED = [(m, t) for m in MODELS for t in ("generic-cortex-m0plus", "generic-cortex-m3", "rv32imc")]


def cost_of(layer: LayerReport) -> int:
    """Modelled cycles, or instructions where nothing more is known of the core."""
    return layer.instructions if layer.cycles is None else layer.cycles


QUICK_PREDICTED = (("sww", "generic-cortex-m0plus"), ("kws", "generic-cortex-m3"))


@pytest.mark.parametrize(("model", "target"), quick_first(PREDICTED, QUICK_PREDICTED))
def test_layers_take_what_was_predicted(model: str, target: str) -> None:
    """Within a quarter, of layers that matter: the choice between kernels rests on it."""
    compiled = smidgen.compile(official(model, "tflite"), target, check_fit=False)
    report = profile(compiled, memory_system=False)
    least, core = sum(map(cost_of, report.layers)) / 100, compiled.schedule.target.core
    ratios = {
        s.name: s.choice.kernel.cost(s.node, core) / cost_of(r)
        for s, r in zip(compiled.schedule.steps, report.layers, strict=True)
        if cost_of(r) > least
    }
    assert len(ratios) >= 5
    assert {name: r for name, r in ratios.items() if not 0.75 < r < 1.25} == {}


@pytest.mark.parametrize(
    ("model", "layer", "others"),
    [
        pytest.param("vww", "conv_2d_0", ("stride2_tile4_2x2", "stride2_tile2_2x2", "row_pairs_4x1", "pairs_2x2"),
                     marks=pytest.mark.full),
        pytest.param("ic", "conv_2d_4", ("stride2_tile2_2x2", "row_pairs_6x1", "pairs_2x2"), marks=pytest.mark.full),
        ("sww", "conv_2d_3", ("1x1_row_pairs_4x1", "1x1_pairs_1x4")),
    ],
)  # fmt: skip
def test_the_choice_is_the_best(model: str, layer: str, others: Sequence[str]) -> None:
    """On a Cortex-M0+: no other kernel takes less."""
    compiled = smidgen.compile(official(model, "tflite"), "generic-cortex-m0plus", check_fit=False)
    taken = layer_cycles(compiled, layer)
    for other in others:
        forced = make_schedule(
            compiled.schedule.graph, compiled.schedule.target, {layer: f"smg_conv2d_{other}_s8_portable"}
        )
        sources, memory = emit(forced, compiled.origin)
        changed = replace(compiled, schedule=forced, sources=sources, memory=memory)
        assert layer_cycles(changed, layer) >= 0.98 * taken, other


def layer_cycles(compiled: Compiled, layer: str) -> int:
    report = profile(compiled, memory_system=False)
    return next(cost_of(r) for s, r in zip(compiled.schedule.steps, report.layers, strict=True) if s.name == layer)


LITTLE = ("nucleo-g0b1re", "nrf5340-dk-net", "rp2040")


@pytest.mark.parametrize("target", LITTLE)
@pytest.mark.parametrize("model", MODELS)
def test_models_fit_boards_with_little_flash(model: str, target: str) -> None:
    """Kernels whose weights take more than the model's give way; nothing but AD's own weights is too large."""
    if (model, target) == ("ad", "nrf5340-dk-net"):
        with pytest.raises(DoesNotFit):
            smidgen.compile(official(model, "tflite"), target)
        return
    compiled = smidgen.compile(official(model, "tflite"), target)
    assert compiled.memory.weights < compiled.target.region("flash").size_bytes
