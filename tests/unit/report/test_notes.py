# SPDX-License-Identifier: Apache-2.0
"""Notes on models that compile, though not all of what they are is used or quantised."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from onnx import TensorProto

from smidgen.quantize import integerize
from smidgen.report import model_notes
from tests.onnx_models import Builder, imported


def test_integers_need_no_note() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 0.1, 0)
    graph = integerize(imported(b.build(b.quantize(b.node("LeakyRelu", x), 0.1, 0))))
    assert model_notes(graph) == ()
    assert model_notes(replace(graph, notes=("labels are left out",))) == ("labels are left out",)


def test_float_steps_are_named() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 4)), 0.1, 0)
    y = b.node("Gemm", b.node("LeakyRelu", x), b.constant(np.ones((4, 3), np.float32)))
    graph = integerize(imported(b.build(b.quantize(y, 0.1, 0))))
    (note,) = model_notes(graph)
    assert note.startswith("2 of 4 steps compute in float32, as nothing quantises them: ")
    assert all(n.output.name in note for n in graph.nodes[1:3])


def test_a_float_model_is_pointed_to_quantize() -> None:
    b = Builder()
    graph = imported(b.build(b.node("LeakyRelu", b.input((1, 4), TensorProto.FLOAT)), output_type=TensorProto.FLOAT))
    (note,) = model_notes(integerize(graph))
    assert "smidgen quantize" in note
