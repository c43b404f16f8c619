# SPDX-License-Identifier: Apache-2.0
"""Float layers whose weights are rounded to half precision and kept so."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smidgen.ir import Half, verify
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize import Recipe, evaluate_batch, layers, quantize
from tests.unit.quantize.networks import normal, small_network, sqnr_db


def test_float16_layers_compute_with_rounded_weights() -> None:
    graph, data = small_network(), normal(20, 6, 6, 3)
    q = quantize(graph, [data], Recipe(precision="float16", equalize=False))
    verify(q.qdq, "imported")
    assert not any(isinstance(n.op, Quantize | Dequantize) for n in q.qdq.nodes)
    for before, after in zip(layers(graph), layers(q.graph), strict=True):
        assert after["w"].type.storage == Half()
        assert np.array_equal(after["w"].constant, before["w"].constant.astype(np.float16).astype(np.float32))
        assert after["b"].type == before["b"].type
    assert [e.precision for e in q.layers] == ["float16"] * 4
    assert all(65 < e.weight_sqnr_db < 85 and 60 < e.own_sqnr_db < 110 for e in q.layers)
    (out,) = evaluate_batch(q.graph, [data])
    assert {t.name: t for t in q.tensors}[graph.outputs[0].name].sqnr_db == pytest.approx(
        sqnr_db(evaluate_batch(graph, [data])[0], out), abs=0.5
    )


def test_weights_beyond_half_precision_stay_float32() -> None:
    graph = small_network()
    (first, *_) = layers(graph)
    large = replace(first["w"], data=first["w"].constant * np.float32(1e5))
    graph = graph.with_nodes(
        tuple(replace(n, inputs=(n["x"], large, *n.inputs[2:])) if n is first else n for n in graph.nodes)
    )
    recipe = Recipe(equalize=False, precision="float16")
    q = quantize(graph, [normal(20, 6, 6, 3)], recipe)
    assert [e.precision for e in q.layers] == ["float", "float16", "float16", "float16"]
    assert [n["w"].type.storage for n in layers(q.graph)] == [None, Half(), Half(), Half()]
    assert np.array_equal(layers(q.graph)[0]["w"].constant, large.constant)
