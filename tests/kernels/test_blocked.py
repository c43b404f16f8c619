# SPDX-License-Identifier: Apache-2.0
"""Lanes that may not touch, requantisation by half a product, and which cores the blocked kernels are for."""

from __future__ import annotations

import subprocess
import sys
from ctypes import CDLL, POINTER, c_int32
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.ir import Graph, Node, Rounding
from smidgen.kernels import Kernel
from smidgen.kernels.affine_requantize import channel_steps
from smidgen.kernels.blocked import KERNELS
from smidgen.kernels.blocked.nibbles import STEP, Nibbles
from smidgen.kernels.blocked.nibbles import chunks_of as four_bit_chunks
from smidgen.kernels.blocked.pairs import Lanes, Pairs, RowPairs, chunks_of
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.kernels.high_requantize import HIGH, SIGNED, find_constants, high_constants, high_form
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from smidgen.targets import load_target
from tests.four_bit_graphs import in_four_bits
from tests.kernels.admitted import core_of, draw_nodes
from tests.kernels.host import FLAGS, build_instances, run
from tests.kernels.nodes import make
from tests.kernels.test_pointwise import layer

NAMED = {k.symbol: k for k in KERNELS}
BLOCKS: tuple[Lanes, ...] = (Pairs(3, 4), RowPairs(6, 2), RowPairs(4, 1))


def extreme(seed: int, in_c: int = 37) -> Node:
    """A layer with weights of -128 and 127 beside small ones, where two products nearly fill a lane."""
    node = layer(9, in_c, 8)
    rng = np.random.default_rng(seed)
    w = rng.choice([-127, -128, 127, 1, -1, 0, 64, -90], node["w"].type.shape).astype(np.int8)
    return make(node.op, [(node["x"].type, None), (node["w"].type, w)])


def lanes(w: Int64s) -> tuple[int, int]:
    """The least and the largest sum that bytes can give."""
    return int(np.where(w > 0, -128 * w, 127 * w).sum()), int(np.where(w > 0, 127 * w, -128 * w).sum())


@pytest.mark.parametrize("block", BLOCKS, ids=repr)
@pytest.mark.parametrize("node", [extreme(1), extreme(2, 40), layer(9, 64, 8), layer(9, 1, 8)], ids=range(4))
def test_chunks_fit_lanes_and_are_as_long_as_that_allows(block: Lanes, node: Node) -> None:
    unroll, ends = block.ends(node)
    w = block.weights(node)
    for channels, begins in zip(w, ends, strict=True):
        chunks = chunks_of(begins)
        assert sum(steps for _, steps in chunks) * unroll == w.shape[2]
        for i, (first, steps) in enumerate(chunks):
            assert steps > 0
            spans = [lanes(c[first * unroll : (first + steps) * unroll]) for c in channels]
            assert all(low >= -(1 << 15) and high < 1 << 15 for low, high in spans)
            if i + 1 < len(chunks):
                longer = [lanes(c[first * unroll : (first + steps + 1) * unroll]) for c in channels]
                assert any(low < -(1 << 15) or high >= 1 << 15 for low, high in longer)


@pytest.mark.parametrize("name", ["1x1_pairs_3x4", "1x1_row_pairs_6x2", "1x1_4x4", "row_pairs_4x1"])
def test_inputs_that_fill_the_lanes(name: str, tmp_path: Path) -> None:
    """Random bytes hardly come near a lane's ends; these reach them in every chunk, up and down."""
    kernel, node = NAMED[f"smg_conv2d_{name}_s8_portable"], extreme(3)
    assert kernel.rejects(node, core_of(kernel)) is None
    library = build_instances(kernel, [node], tmp_path)
    w = channel_weights(node)
    x = np.where(w > 0, 127, -128).astype(np.int8)  # a pixel drives a channel up
    x = np.concatenate([x, np.where(w > 0, -128, 127)])[:9].astype(np.int8).reshape(node["x"].type.shape)
    arrays = [x, node["w"].constant]
    np.testing.assert_array_equal(run(library, kernel, node, arrays), node.op.evaluate(node.types, arrays)[0])


def four_bits(node: Node, group: int | None) -> Node:
    """The same layer with weights of the nearest four-bit products."""
    return in_four_bits(Graph("one", "onnx-qdq.v1", node.inputs[:1], node.outputs, (node,)), group).nodes[0]


@pytest.mark.parametrize("group", [None, 8, 24])
@pytest.mark.parametrize("in_c", [3, 64, 131])
def test_chunks_of_four_bit_weights(in_c: int, group: int | None) -> None:
    """They fit lanes, stay within groups, and without these hold at least 28 inputs where that many are left."""
    block, node = Nibbles(3, 4), four_bits(extreme(5, in_c), group)
    w = block.weights(node)
    assert np.abs(w).max() <= 8
    for channels, chunks in zip(w, four_bit_chunks(node, block), strict=True):
        assert [at for at, _ in chunks] == np.cumsum([0, *(steps for _, steps in chunks[:-1])]).tolist()
        assert sum(steps for _, steps in chunks) * STEP == channels.shape[1]
        for at, steps in chunks:
            spans = [lanes(c[at * STEP : (at + steps) * STEP]) for c in channels]
            assert all(low >= -(1 << 15) and high < 1 << 15 for low, high in spans)
            assert group is None or at * STEP // group == ((at + steps) * STEP - 1) // group
        if group is None:
            whole = chunks[:-2] if in_c % STEP else chunks[:-1]
            assert all(steps * STEP >= 28 for _, steps in whole)


@pytest.mark.parametrize("group", [None, 16])
@pytest.mark.parametrize("name", ["1x1_four_bit_3x4", "four_bit_2x2"])
def test_inputs_that_fill_the_lanes_of_four_bit_weights(name: str, group: int | None, tmp_path: Path) -> None:
    kernel, node = NAMED[f"smg_conv2d_{name}_s8_portable"], four_bits(extreme(6, 67), group)
    assert kernel.rejects(node, core_of(kernel)) is None
    library = build_instances(kernel, [node], tmp_path)
    w = channel_weights(node)
    x = np.concatenate([np.where(w > 0, 127, -128), np.where(w > 0, -128, 127)])[:9]
    arrays = [x.astype(np.int8).reshape(node["x"].type.shape), node["w"].constant]
    np.testing.assert_array_equal(run(library, kernel, node, arrays), node.op.evaluate(node.types, arrays)[0])


def assert_same_outputs(node: Node, form: int) -> None:
    """Of every channel and every sum it can have, in exact integers as the C computes them."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
    found, (low, high), zero_point = high_form(node), int_bounds(op.clamp), out_quant(node).zero_point[0]
    assert found is not None
    assert found[0] == form == high_constants(node)["SMG_HIGH"]
    w = channel_weights(node)
    mult, shift = (np.broadcast_to(a.astype(np.int64), len(w)) for a in multipliers(node))
    offsets = fitted_bias(node) - node["x"].type.zero_point * w.sum(axis=1)
    for i, c in enumerate(found[1]):
        least, most = lanes(w[i])
        sums = np.arange(least, most + 1, dtype=np.int64)
        want = np.clip(requantize(sums + offsets[i], mult[i], shift[i], op.rounding) + zero_point, low, high)
        biased = sums + c.bias
        scaled = biased * c.mult >> 32 if form == HIGH else (2 * biased * c.mult >> 32) + (biased >> 31)
        assert np.abs(biased).max() < 1 << 30
        assert np.abs(scaled + c.addend).max() < 1 << 31
        np.testing.assert_array_equal(np.clip(scaled + c.addend >> c.shift, low, high), want)


@pytest.mark.parametrize("rounding", ["double", "even"])
def test_the_upper_half_of_a_product_gives_the_same_outputs(rounding: Rounding) -> None:
    assert_same_outputs(layer(4, 32, 8, rounding=rounding), HIGH)


def test_negative_ties_take_1_off_below_zero() -> None:
    """A clamp away from the zero point hides no tie."""
    forms = set()
    for node, _ in draw_nodes(NAMED["smg_fully_connected_1x8_s8_portable"], 12):
        if (found := high_form(node)) is not None:
            assert_same_outputs(node, found[0])
            forms.add(found[0])
    assert forms >= {HIGH, SIGNED}


def test_no_constants_for_multipliers_of_one_half_or_more() -> None:
    steps = channel_steps(layer(4, 32, 8))[0]
    assert find_constants(steps, 0, None) is not None
    assert find_constants(replace(steps, ratio=0.5), 0, None) is None


def test_high_multiplication_by_halves(tmp_path: Path) -> None:
    """As cores without a long multiplication do it, at the ends and at random."""
    source = tmp_path / "high.c"
    source.write_text(
        '#include "smg_high.h"\n'
        "void smg_many(const int32_t *a, const int32_t *b, int32_t *y, int32_t n);\n"
        "void smg_many(const int32_t *a, const int32_t *b, int32_t *y, int32_t n) {\n"
        "    for (int32_t i = 0; i < n; i++) y[i] = smg_high_mul(a[i], b[i]);\n}\n"
    )
    library = tmp_path / "high.so"
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-D__ARM_ARCH_6M__", "-shared", "-fPIC", "-o", library]
    done = subprocess.run([*map(str, command), str(source)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    rng = np.random.default_rng(4)
    ends = np.array([0, 1, -1, 65535, 65536, -65536, (1 << 31) - 1, -(1 << 31), 0x7FFF0000, -0x7FFF0001], np.int64)
    a, b = (v.reshape(-1) for v in np.meshgrid(ends, np.abs(ends[ends > -(1 << 31)])))
    a = np.concatenate([a, rng.integers(-(1 << 31), 1 << 31, 20000)]).astype(np.int32)
    b = np.concatenate([b, rng.integers(0, 1 << 31, 20000)]).astype(np.int32)
    y = np.empty_like(a)
    pointers = [v.ctypes.data_as(POINTER(c_int32)) for v in (a, b, y)]
    CDLL(str(library)).smg_many(*pointers, c_int32(len(a)))
    np.testing.assert_array_equal(y, (a.astype(np.int64) * b) >> 32)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
def test_cores_with_better_kernels_do_not_see_these(kernel: Kernel) -> None:
    node = four_bits(layer(16, 32, 8), None) if "four_bit" in kernel.symbol else layer(16, 32, 8)
    if kernel.op is Conv2D:
        reason = kernel.rejects(node, load_target("nucleo-l4r5zi").core) or ""
        assert "better kernels" in reason or "lacks" in reason
        if "four_bit" not in kernel.symbol:
            assert kernel.rejects(node, core_of(kernel)) is None


def test_blocks_need_rows_and_channels() -> None:
    kernel = NAMED["smg_conv2d_1x1_row_pairs_6x2_s8_portable"]
    assert kernel.rejects(layer(5, 32, 8), core_of(kernel)) == "needs: There are at least 6 rows of outputs"
    assert kernel.rejects(layer(6, 32, 1), core_of(kernel)) == "needs: There are at least 2 output channels"
