# SPDX-License-Identifier: Apache-2.0
"""What the pointwise and dense kernels refuse, and what they say they need."""

from __future__ import annotations

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen import ops
from smidgen.compiler import compile, verify
from smidgen.ir import Graph, Node, QuantParams, Rounding, TensorType
from smidgen.kernels import Kernel, function_name
from smidgen.kernels.fully_connected import KERNELS as DENSE
from smidgen.kernels.pointwise import FOUR_BIT
from smidgen.kernels.pointwise import KERNELS as EVERY
from smidgen.kernels.pointwise.packing import affine_layer, is_narrow
from tests.kernels.admitted import EVERY_FEATURE, draw_nodes
from tests.kernels.host import build_instances, run
from tests.kernels.nodes import make, quant
from tests.kernels.test_strided import code_bytes

POINTWISE = tuple(k for k in EVERY if k not in FOUR_BIT)
ROWS = next(k for k in DENSE if k.symbol == "smg_conv2d_1x1_rows_s8_m4")
FAST_DENSE = tuple(k for k in DENSE if k.constants is not None)


def layer(pixels: int, in_c: int, out_c: int, *, low: int = -128, weight: int | None = None,
          rounding: Rounding = "double") -> Node:  # fmt: skip
    """A 1x1 convolution; with ``weight`` the first one of the second channel, after a negative one of the first."""
    rng = np.random.default_rng(1)
    w = rng.integers(-127, 128, (out_c, 1, 1, in_c)).astype(np.int8)
    if weight is not None:
        w[0, 0, 0, 0], w[1, 0, 0, 0] = -1, weight
    scales = tuple(float(s) for s in np.float32(0.5 * rng.uniform(0.5, 1, out_c) / (70 * math.sqrt(in_c))))
    w_type = TensorType("int8", w.shape, QuantParams(scales, (0,) * out_c, 0))
    x_type = TensorType("int8", (1, 1, pixels, in_c), quant(0.5, -3))
    op = ops.Conv2D(clamp=(low, math.inf), out_quant=quant(1.0, -128), rounding=rounding)
    return make(op, [(x_type, None), (w_type, w)])


def reason(kernel: Kernel, node: Node) -> str | None:
    return kernel.rejects(node, EVERY_FEATURE)


@pytest.mark.parametrize("kernel", POINTWISE, ids=lambda k: k.symbol)
def test_refusals(kernel: Kernel) -> None:
    assert reason(kernel, layer(4, 32, 8)) is None
    assert reason(kernel, layer(3, 32, 8)) == "needs: There are at least 4 pixels"
    assert "256 input channels" in (reason(kernel, layer(4, 257, 8)) or "")
    assert "2 to 1023 output channels" in (reason(kernel, layer(4, 32, 1)) or "")
    assert "fit an int16" in (reason(kernel, layer(4, 32, 8, weight=-128)) or "")
    assert reason(kernel, layer(4, 24, 8, weight=-128)) is None  # each weight is an int16 of its own


def test_rows_take_what_groups_refuse() -> None:
    for node in (layer(3, 32, 8), layer(4, 257, 8), layer(1, 32, 1), layer(4, 32, 8, weight=-128)):
        assert reason(ROWS, node) is None


def test_layers_that_clamp_at_the_zero_point_are_affine() -> None:
    assert affine_layer(layer(4, 64, 64)) is not None
    assert affine_layer(layer(4, 16, 16)) is not None
    assert affine_layer(layer(4, 64, 64, low=-127)) is None
    assert affine_layer(layer(4, 64, 64, low=-127, rounding="even")) is not None
    assert is_narrow(layer(4, 24, 8))
    assert not is_narrow(layer(4, 25, 8))


def test_blocks_and_leads() -> None:
    """The output may start as far below the input as all blocks but the last grow it."""
    one, four = POINTWISE[0], POINTWISE[2]
    grows, shrinks = layer(2304, 8, 16), layer(2304, 16, 8)
    assert one.overlap
    assert four.overlap
    assert one.overlap(shrinks) == {"y": 0}
    assert one.overlap(grows)["y"] == (2304 - 64) * 8
    assert four.overlap(grows)["y"] == (2304 - 256) * 8
    assert [k.scratch(grows) for k in POINTWISE] == [1024, 2048, 4096, 7424]
    assert one.overlap(layer(60, 8, 16)) == {"y": 0}  # one block


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [POINTWISE[0], *FAST_DENSE], ids=lambda k: k.symbol)
def test_code_bytes_are_estimated_from_above(kernel: Kernel) -> None:
    nodes = {function_name(kernel, node): node for node, _ in draw_nodes(kernel, 6)}
    for node, code in zip(nodes.values(), code_bytes(kernel, list(nodes.values())), strict=True):
        assert kernel.footprint is not None
        assert code <= kernel.footprint(node)[0] <= 1.3 * code, function_name(kernel, node)


@pytest.mark.slow
@pytest.mark.parametrize(("pixels", "out_c"), [(5, 514), (4, 1021)])
def test_numbers_of_pairs_that_no_eight_bits_hold(pixels: int, out_c: int) -> None:
    """Only MOVW has an immediate for them."""
    node = layer(pixels, 8, out_c)
    node = Node(node.op, node.inputs, (replace(node.output, name="out"),), node.loc)
    graph = Graph("wide", "tflm-int8.v1", node.inputs[:1], node.outputs, (node,))
    found = verify(compile(graph, kernels={"out": POINTWISE[0].symbol}), cases=4)
    assert (found.first_divergence, found.mismatches) == (None, 0)


def test_the_sum_of_very_many_inputs_wraps(tmp_path: Path) -> None:
    """256 times it does not fit 32 bits, which the host's tests would see as undefined behaviour."""
    in_c, kernel = 34_000, next(k for k in DENSE if k.symbol == "smg_fully_connected_s8_m4")
    w = np.zeros((2, in_c), np.int8)
    w[:, ::1000] = 100
    x = np.full((1, in_c), 127, np.int8)
    w_type = TensorType("int8", w.shape, QuantParams((2.0**-12,), (0,)))
    op = ops.FullyConnected(clamp=(-math.inf, math.inf), out_quant=quant(0.5, 0), rounding="double")
    node = make(op, [(TensorType("int8", x.shape, quant(0.5, 0)), None), (w_type, w)])
    assert reason(kernel, node) is None
    (want,) = node.op.evaluate(node.types, [x, w])
    assert abs(int(want[0, 0])) < 127
    np.testing.assert_array_equal(run(build_instances(kernel, [node], tmp_path), kernel, node, [x, w]), want)
