# SPDX-License-Identifier: Apache-2.0
"""What a read TFLite model looks like beside its numbers: names, places, constants."""

from __future__ import annotations

from dataclasses import replace

import pytest

from smidgen.frontends import load_bytes
from smidgen.ir import verify
from smidgen.ir.names import Names
from tests.tflite_builder import Options, int8, single
from tests.tflite_tiny import tiny_parts


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("serving_default_input:0", "serving_default_input_0"),
        ("1st", "v1st"),
        ("", "input"),
        ("\u00e9\u00e8", "value"),
        ("x" * 100, "x" * 32),
        ("add_0", "add_0"),  # as the operator's own output would be called
    ],
)
def test_names_of_inputs(written: str, name: str) -> None:
    x = replace(int8((1, 4)), name=written)
    graph = load_bytes(single("ADD", [x, x], int8((1, 4)), Options("AddOptions")), "m", "m.tflite")
    verify(graph, "integer")
    assert [v.name for v in graph.inputs] == [name, f"{name}_2"]


def test_every_node_says_where_it_comes_from() -> None:
    graph = load_bytes(tiny_parts().file(), "tiny", "tiny.tflite")
    for node in graph.nodes:
        assert node.loc.startswith("tiny.tflite:op ")
    assert graph.nodes[-1].loc == "tiny.tflite:op 17 DEQUANTIZE"
    assert (graph.name, graph.numerics) == ("tiny", "tflm-int8.v1")


def test_names_are_the_same_each_time() -> None:
    data = tiny_parts().file()
    first, second = (load_bytes(data, "tiny", "tiny.tflite") for _ in range(2))
    assert [v.name for v in first.values()] == [v.name for v in second.values()]
    names = Names()
    assert all(names.fresh(v.name) == v.name for v in first.values())
