# SPDX-License-Identifier: Apache-2.0
"""Which kernels int16 activations reach, how their sums fit, and the rounding of sums of 64 bits."""

from __future__ import annotations

import ctypes
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from smidgen.ir import Node, QuantParams, TensorType
from smidgen.kernels import Kernel
from smidgen.kernels.int16 import block_widths, layer_widths
from smidgen.kernels.registry import all_kernels
from smidgen.ops import FullyConnected
from smidgen.ops.arithmetic import WIDE_SHIFT
from tests.kernels.admitted import EVERY_FEATURE, draw_nodes
from tests.kernels.host import build, build_instances, run
from tests.kernels.nodes import make
from tests.unit.ops.test_int16 import just_above_a_tie

KERNELS = [k for k in all_kernels() if "_s16" in k.symbol]
WRAPPER = """
#include "smg_elements.h"
int32_t wide(int64_t v, int32_t m, int32_t s) { return smg_requantize_64(v, m, s); }
"""


@pytest.fixture(scope="module")
def primitives(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("wide")
    (folder / "wide.c").write_text(WRAPPER)
    library = build([folder / "wide.c"], folder / "wide.so")
    library.wide.argtypes = [ctypes.c_int64, ctypes.c_int32, ctypes.c_int32]
    return library


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
def test_no_other_kernel_takes_their_nodes(kernel: Kernel) -> None:
    """A kernel that reads int16 as bytes would be wrong in silence."""
    for node, _ in draw_nodes(kernel, 6):
        able = [k.symbol for k in all_kernels() if k.op is type(node.op) and k.rejects(node, EVERY_FEATURE) is None]
        assert kernel.symbol in able
        assert all("_s16" in symbol for symbol in able), node.types


def test_both_widths_of_sums_and_all_pairs_of_types_are_drawn() -> None:
    for kernel in KERNELS:
        if kernel.constants is None or kernel.family == "four_bit":
            continue
        seen = [kernel.constants(node) for node, _ in draw_nodes(kernel, 60)]
        if "SMG_SUM_BITS" in seen[0] and kernel.symbol != "smg_depthwise_s16_dsp":  # which has few taps
            assert {s["SMG_SUM_BITS"] for s in seen} == {32, 64}, kernel.symbol
        if "SMG_IN_BITS" in seen[0]:
            pairs = {(s["SMG_IN_BITS"], s["SMG_OUT_BITS"]) for s in seen}
            assert len(pairs) == (2 if kernel.family == "rescale" else 3), kernel.symbol


def dense(weights: int, scale: float, bias: int = 0) -> Node:
    w = np.full((1, weights), 127, np.int8)
    types = [
        (TensorType("int16", (1, weights), QuantParams((1.0,), (0,))), None),
        (TensorType("int8", w.shape, QuantParams((scale,), (0,))), w),
        (TensorType("int32", (1,)), np.array([bias], np.int32)),
    ]
    return make(FullyConnected(out_quant=QuantParams((1.0,), (0,)), rounding="even"), types)


def test_32_bits_are_taken_where_they_provably_suffice() -> None:
    """127 * 32768 * 516 = 2,147,352,576 is 131,072 below 2**31."""
    assert layer_widths(dense(516, 0.01, 131_071))["SMG_SUM_BITS"] == 32
    assert layer_widths(dense(516, 0.01, 131_072))["SMG_SUM_BITS"] == 64
    assert layer_widths(dense(516, 0.01, -131_072))["SMG_SUM_BITS"] == 64
    assert layer_widths(dense(517, 0.01))["SMG_SUM_BITS"] == 64
    assert block_widths(dense(516, 0.49))["SMG_SUM_BITS"] == 32
    assert block_widths(dense(516, 0.51))["SMG_SUM_BITS"] == 64  # shifted left by one


@settings(max_examples=400, deadline=None)
@given(
    st.one_of(st.integers(-(1 << 47) + 1, (1 << 47) - 1), st.integers(-(1 << 33), 1 << 33)),
    st.one_of(st.integers(1 << 30, (1 << 31) - 1), st.just(1 << 30)),
    st.integers(-31, WIDE_SHIFT),
)
@example((5 << 31) + (1 << 15), 1 << 30, -15)
@example((1 << 40) + (1 << 19), 1 << 30, -19)  # a tie
@example((1 << 40) + (1 << 19) + 1, 1 << 30, -19)
@example(-(1 << 40) - (1 << 19), 1 << 30, -19)
def test_wide_sums_are_rounded_once(primitives: ctypes.CDLL, acc: int, q31: int, shift: int) -> None:
    want = round(Fraction(acc * q31, 1 << (31 - shift)))
    assert primitives.wide(acc, q31, shift) == min(max(want, -(1 << 31)), (1 << 31) - 1)


@settings(deadline=None)
@given(st.integers(1 << 29, (1 << 30) - 1), st.integers(18, 45), st.integers(1, (1 << 16) - 1))
def test_nothing_is_lost_just_above_a_tie(primitives: ctypes.CDLL, half: int, bits: int, rest: int) -> None:
    q31 = 2 * half + 1
    acc = just_above_a_tie(q31, bits, rest)
    for sign in (1, -1):
        want = round(Fraction(sign * acc * q31, 1 << bits))
        assert primitives.wide(sign * acc, q31, 31 - bits) == min(max(want, -(1 << 31)), (1 << 31) - 1)


@pytest.mark.parametrize("symbol", ["smg_fully_connected_s16_scalar", "smg_fully_connected_s16_dsp"])
def test_the_largest_sums_there_are(symbol: str, tmp_path: Path) -> None:
    """All products as large as they get and of one sign, at the end of 32 bits and beyond, in runs of any length."""
    (kernel,) = (k for k in KERNELS if k.symbol == symbol)
    cases = [dense(n, 5e-6, bias) for n, bias in ((516, 131_071), (517, 0), (1100, 1 << 30), (503, 0), (1009, -9))]
    library = build_instances(kernel, cases, tmp_path)
    for node in cases:
        for x in (-32768, 32767):
            arrays = [np.full(node["x"].type.shape, x, np.int16), *(v.constant for v in node.inputs[1:])]
            (want,) = node.op.evaluate(node.types, arrays)
            assert 5_000 < abs(int(want[0, 0])) < 32_000
            np.testing.assert_array_equal(run(library, kernel, node, arrays), want)
