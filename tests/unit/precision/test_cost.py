# SPDX-License-Identifier: Apache-2.0
"""What a program costs, and the energy figure against the published results that it is taken from."""

from __future__ import annotations

import statistics
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import UsageError
from smidgen.precision.cost import check_minimized, cost_of, lower
from smidgen.precision.evaluate import exact_outputs, has_floats, outputs_of
from smidgen.quantize import allows_int4, layers, quantize
from smidgen.quantize.data import Samples
from smidgen.quantize.recipe import FLOATS, Precision, Recipe
from smidgen.results.published import published
from smidgen.targets import load_target
from tests.float_classifier import samples, save_classifier

BOARD = load_target("nucleo-l4r5zi")


def test_energy_is_near_what_was_published() -> None:
    """uJ an inference over cycles, of the results in the package but those of the 3 V supply, which are over 520."""
    rows = [r for r in published() if r.energy_uj is not None and r.board == "NUCLEO-L4R5ZI"]
    figures = [r.energy_uj / r.mcycles for r in rows if r.energy_uj is not None]
    low = [pj for pj in figures if pj < 520]
    assert len(low) > 20
    assert BOARD.energy is not None
    assert abs(BOARD.energy.picojoules_per_cycle / statistics.median(low) - 1) < 0.1


@pytest.mark.parametrize("precision", ["int8", "int4", "int16", "float16", "float"])
def test_costs_and_outputs_by_precision(precision: Precision, tmp_path: Path) -> None:
    graph = save_classifier(tmp_path / "net.onnx")
    data = Samples("d", (samples(graph, 12),))
    quantized = quantize(graph, data.inputs, Recipe(precision=precision))
    cost = cost_of(lower(quantized.graph), BOARD)
    whole = sum(n["w"].type.elements for n in layers(graph))
    four = sum(n["w"].type.elements for n in layers(graph) if allows_int4(n))
    factors = 16 + 32 + 3  # at most one pair of four-bit factors a channel
    expected = {"int8": whole, "int16": whole, "float16": 2 * whole, "float": 4 * whole, "int4": whole - four / 2}[
        precision
    ]
    assert expected <= cost.weights_bytes <= expected + factors
    assert cost.energy_uj == pytest.approx(cost.cycles * 375 / 1e6)
    assert cost.flash_bytes == cost.constants_bytes + cost.code_bytes
    assert cost.constants_bytes >= cost.weights_bytes
    assert has_floats(quantized.graph) == (precision in FLOATS)
    quick, exact = outputs_of(quantized.graph, data), exact_outputs(quantized.graph, data)
    if precision in FLOATS:
        np.testing.assert_allclose(quick[0], exact[0], rtol=1e-4, atol=1e-4)  # sums in another order
    else:
        np.testing.assert_array_equal(quick[0], exact[0])


def test_what_can_be_minimised() -> None:
    assert check_minimized("energy", BOARD) == "energy"
    with pytest.raises(UsageError, match="nucleo-l4r5zi has no figure for energy"):
        check_minimized("energy", replace(BOARD, energy=None))
    with pytest.raises(UsageError, match="no cost 'time' to minimise; there are flash, weights, ram, cycles, energy"):
        check_minimized("time", BOARD)
