# SPDX-License-Identifier: Apache-2.0
"""The bound on accumulators is one computation: kernels and the compiler's check draw the line at the same sum."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.errors import UnsupportedModel
from smidgen.ir import Graph, Node, Rounding, TensorType, Value
from smidgen.kernels.common import accumulator_fits
from smidgen.ops import FullyConnected
from smidgen.ops.accumulators import shifted_worst_case, worst_case
from smidgen.transforms.check_accumulators import check_accumulators
from tests.op_graphs import quant


def dense(bias: int, rounding: Rounding, out_scale: float) -> Graph:
    x = Value("x", TensorType("int8", (1, 4), quant(1.0, -128)))
    w = Value("w", TensorType("int8", (2, 4), quant(1.0, 0)), np.array([[1, -1, 2, 0], [-3, 3, 0, 1]], np.int8))
    b = Value("b", TensorType("int32", (2,)), np.array([0, bias], np.int32))
    op = FullyConnected(out_quant=quant(out_scale, 0), rounding=rounding)
    y = Value("y", op.infer([x.type, w.type, b.type])[0])
    return Graph("dense", "tflm-int8.v1", (x,), (y,), (Node(op, (x, w, b), (y,), "dense"),))


@pytest.mark.parametrize(
    ("rounding", "out_scale", "left"), [("double", 4.0, 0), ("double", 0.25, 3), ("even", 0.25, 0)]
)
def test_kernels_and_check_draw_one_line(rounding: Rounding, out_scale: float, left: int) -> None:
    most = ((1 << 31) - 1 >> left) - 7 * 255
    graph = dense(-most, rounding, out_scale)
    (node,) = graph.nodes
    assert worst_case(node).tolist() == [4 * 255, 7 * 255 + most]
    assert shifted_worst_case(node).tolist() == [4 * 255 << left, (7 * 255 + most) << left]
    assert accumulator_fits(node)
    assert check_accumulators(graph) is graph
    over = dense(-most - 1, rounding, out_scale)
    assert not accumulator_fits(over.nodes[0])
    with pytest.raises(UnsupportedModel, match="output channel 1 can overflow"):
        check_accumulators(over)
