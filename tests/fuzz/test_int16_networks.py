# SPDX-License-Identifier: Apache-2.0
"""Random networks with int8 and int16 activations side by side, byte for byte on the emulated core."""

from __future__ import annotations

import numpy as np
import pytest

import smidgen
from smidgen.ir import Array, Graph, Value, evaluate
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize import integerize
from smidgen.transforms import FLOAT, run_pipeline
from tests.qdq_networks import FloatNetwork, float_inputs, quantized

PLACES = (("flash", "flash"), ("staged", "flash"), ("sram", "sram"))

pytestmark = pytest.mark.slow


def networks(seed: int) -> tuple[Graph, Graph]:
    """A float network, and the same quantised: a random part of its activations has 16 bits; in QDQ form."""
    graph, random = FloatNetwork(seed).graph(), np.random.default_rng(seed)
    share = (0.3, 0.7, 1.0)[seed % 3]
    values: list[Value] = [*graph.inputs, *(v for n in graph.nodes for v in n.outputs)]
    wide = frozenset(v for v in values if random.random() < share)
    return graph, quantized(graph, wide=wide)


def real(v: Value, data: Array) -> Array:
    return data if v.type.dtype == "float32" else Dequantize().evaluate([v.type], [data])[0]


def given(graph: Graph, inputs: list[Array]) -> list[Array]:
    """Float inputs as the integer graph takes them."""
    return [
        x if v.type.quant is None else Quantize(v.type.quant, v.type.dtype, "even").evaluate([v.type], [x])[0]
        for v, x in zip(graph.inputs, inputs, strict=True)
    ]


@pytest.mark.parametrize(
    "seed", [pytest.param(s, marks=[pytest.mark.full] if s >= 12 else [], id=str(s)) for s in range(200)]
)
def test_every_step_is_exact(seed: int) -> None:
    plain, qdq = networks(seed)
    graph = integerize(run_pipeline(FLOAT, qdq))
    inputs = float_inputs(plain)
    for v, w, got, want in zip(
        graph.outputs, qdq.outputs, evaluate(graph, given(graph, inputs)), evaluate(qdq, inputs), strict=True
    ):
        a, b = real(v, got), real(w, want)
        span = float(np.ptp(b)) or 1.0
        assert np.abs(a - b).max() <= 0.05 * span, "what integers compute is what the floats between Q and DQ mean"
    weights, code = PLACES[seed % 3]
    compiled = smidgen.compile(graph, weights=weights, code=code, check_fit=False)
    found = smidgen.verify(compiled, cases=4, seed=seed)
    assert (found.cases, found.mismatches, found.first_divergence) == (4, 0, None)


def test_networks_have_both_and_pass_between_them() -> None:
    seen = set()
    for seed in range(12):
        for node in integerize(run_pipeline(FLOAT, networks(seed)[1])).nodes:
            seen.add((node.types[0].dtype, node.output.type.dtype))
    assert {("int8", "int16"), ("int16", "int8"), ("int16", "int16"), ("int8", "int8")} <= seen
