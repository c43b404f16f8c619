# SPDX-License-Identifier: Apache-2.0
"""Weights in half precision: every half on host and core, which kernels take them, and the flash they take."""

from __future__ import annotations

import ctypes
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.compiler import compile as compile_model
from smidgen.compiler import profile, verify
from smidgen.ir import Array, Graph, Half, Node, TensorType, Value
from smidgen.kernels.registry import all_kernels
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.schedule.constants import constant_bytes, weight_bits
from tests.kernels.admitted import EVERY_FEATURE
from tests.kernels.host import build
from tests.kernels.test_float_cost import LAYERS, layer

WRAPPERS = """
#include "smg_half.h"
float portable(uint32_t half) { return smg_half_portable((uint16_t)half); }
float low(uint32_t pair) { return smg_half_low(pair); }
float high(uint32_t pair) { return smg_half_high(pair); }
"""


def all_halves() -> Array:
    """Every finite half, of both signs."""
    every = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    return every[np.isfinite(every)]


def halved(graph: Graph) -> Graph:
    """A layer's graph with its weights rounded to half precision; float32 yet."""
    (node,) = graph.nodes
    w = node["w"]
    rounded = replace(w, data=w.constant.astype(np.float16).astype(np.float32))
    return graph.with_nodes((replace(node, inputs=(node.inputs[0], rounded, *node.inputs[2:])),))


def kept(node: Node) -> Node:
    w = node["w"]
    return replace(node, inputs=(node.inputs[0], replace(w, type=replace(w.type, storage=Half())), *node.inputs[2:]))


def test_every_half_becomes_the_same_number(tmp_path: Path) -> None:
    (tmp_path / "wrappers.c").write_text(WRAPPERS)
    library = build([tmp_path / "wrappers.c"], tmp_path / "half.so")
    halves = all_halves()
    assert halves.size == 63488
    bits = halves.view(np.uint16).astype(int).tolist()
    want = halves.astype(np.float32).view(np.uint32)
    for name, shift in (("portable", 0), ("low", 0), ("high", 16)):
        function = library[name]
        function.restype = ctypes.c_float
        got = np.array([function(ctypes.c_uint32(b << shift | 0x7C01 * (shift == 16))) for b in bits], np.float32)
        np.testing.assert_array_equal(got.view(np.uint32), want, name)


@pytest.mark.slow
@pytest.mark.parametrize("kernel", ["smg_fully_connected_half_f32_fpu", "smg_fully_connected_half_f32_scalar"])
def test_every_half_on_the_core(kernel: str) -> None:
    """As the only weight of each output, and in sums of sixteen: by blocks of rows, and one row."""
    halves = all_halves().astype(np.float32)
    for shape, rows in (((1984, 32), 5), ((7936, 8), 1)):
        w = np.zeros((shape[0], shape[1]), np.float32)
        w[:] = halves.reshape(shape)
        inputs = Value("x", TensorType("float32", (rows, shape[1]))), Value("w", TensorType("float32", shape), w)
        y = Value("y", TensorType("float32", (rows, shape[0])))
        graph = Graph("halves", "onnx-qdq.v1", inputs[:1], (y,), (Node(FullyConnected(), inputs, (y,), "test"),))
        compiled = compile_model(graph, kernels={"y": kernel})
        (step,) = compiled.schedule.steps
        assert step.choice.kernel.symbol == kernel
        ones = [np.eye(rows, shape[1], k=k, dtype=np.float32) for k in range(0, shape[1], 5)]
        found = verify(compiled, inputs=[(x,) for x in ones])
        assert (found.first_divergence, found.mismatches) == (None, 0)


@pytest.mark.parametrize("name", LAYERS)
def test_either_kind_of_weights_has_kernels_of_its_own(name: str) -> None:
    op, x, w, _ = LAYERS[name]
    (node,) = halved(layer(op, x, w)).nodes
    able = [
        {k.symbol for k in all_kernels() if k.op is type(op) and k.rejects(n, EVERY_FEATURE) is None}
        for n in (node, kept(node))
    ]
    assert len(able[0]) == len(able[1]) == 2
    assert {s.replace("_half_", "_") for s in able[1]} == able[0]
    assert all("_half_" in s for s in able[1])


def test_reasons() -> None:
    op, x, w, _ = LAYERS["dense"]
    (node,) = halved(layer(op, x, w)).nodes
    kernels = {k.symbol: k for k in all_kernels()}
    assert kernels["smg_fully_connected_half_f32_fpu"].rejects(node, EVERY_FEATURE) == (
        "needs: Weights and bias are constants, the weights kept in half precision"
    )
    assert kernels["smg_fully_connected_f32_fpu"].rejects(kept(node), EVERY_FEATURE) == (
        "needs: Weights are kept as float32"
    )


@pytest.mark.slow
@pytest.mark.parametrize("name", LAYERS)
def test_costs_and_flash(name: str) -> None:
    op, x, w, bound = LAYERS[name]
    graph = layer(op, x, w)
    compiled, whole = compile_model(halved(graph)), compile_model(graph)
    (step,), (plain,) = compiled.schedule.steps, whole.schedule.steps
    assert step.choice.kernel.symbol == plain.choice.kernel.symbol.replace("_f32_", "_half_f32_")
    report = profile(compiled, memory_system=False)
    assert step.choice.kernel.cost(step.node, compiled.target.core) == pytest.approx(report.layers[0].cycles, rel=bound)
    assert not report.unknown_instructions
    assert report.layers[0].weight_bits == weight_bits(step.node) == 16
    taken, before = (constant_bytes(s.choice.kernel, s.node) for s in (step, plain))
    assert taken.weights == step.node["w"].type.stored_nbytes == before.weights // 2
    assert 2 * taken.growth <= before.growth + 64 * (type(op) is DepthwiseConv2D)


def test_the_last_channels_of_a_depthwise_layer_overlap() -> None:
    """Packed by fours of channels: nothing but the overlap is kept twice."""
    w = np.arange(9 * 7, dtype=np.float32).reshape(3, 3, 7)
    (node,) = layer(DepthwiseConv2D(), (1, 5, 5, 7), (3, 3, 7)).nodes
    node = kept(replace(node, inputs=(node["x"], replace(node["w"], data=w))))
    kernel = next(k for k in all_kernels() if k.symbol == "smg_depthwise_half_f32_fpu")
    packed = kernel.packed(node)["w"].data
    assert packed is not None
    assert packed.dtype == np.uint32
    halves = packed.view(np.float16).reshape(2, 3, 3, 4)
    np.testing.assert_array_equal(halves[0], w[..., :4])
    np.testing.assert_array_equal(halves[1], w[..., 3:])


def test_groups_take_the_plain_kernel() -> None:
    (node,) = halved(layer(Conv2D(groups=2), (1, 4, 4, 4), (6, 3, 3, 2))).nodes
    able = [k.symbol for k in all_kernels() if k.op is Conv2D and k.rejects(kept(node), EVERY_FEATURE) is None]
    assert able == ["smg_conv2d_half_f32_scalar"]
