# SPDX-License-Identifier: Apache-2.0
"""int16 activations: exact sums and rounding beyond 32 bits, what each op writes, and what is refused."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smidgen.errors import InvalidGraph
from smidgen.ir import DType, Op, QuantParams, TensorType
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    MaxPool2D,
    Mean,
    Mul,
    Quantize,
    Requantize,
    Softmax,
)
from smidgen.ops.arithmetic import WIDE_SHIFT, requantize
from tests.op_graphs import int8_type, quant

Q = QuantParams((0.01,), (0,))
WEIGHTS = QuantParams((0.02,), (0,))
X16 = TensorType("int16", (1, 4, 4, 2), Q)
ROW = TensorType("int16", (1, 8), Q)
X8 = int8_type(1, 4, 4, 2)
MIXED: list[tuple[Op, list[TensorType]]] = [
    (Conv2D(out_quant=Q, rounding="even"), [X16, TensorType("int8", (3, 3, 3, 2), WEIGHTS)]),
    (DepthwiseConv2D(out_quant=Q, rounding="even"), [X16, TensorType("int8", (3, 3, 2), WEIGHTS)]),
    (FullyConnected(out_quant=Q, rounding="even"), [X16, TensorType("int8", (3, 2), WEIGHTS)]),
    (Add(out_quant=Q, rounding="even"), [X16, X8]),
    (Mul(out_quant=Q, rounding="even"), [X8, X16]),
    (AveragePool2D((2, 2), out_quant=Q, rounding="even"), [X16]),
    (Mean(1, 2, out_quant=Q, rounding="even"), [X16]),
    (LeakyRelu(0.1, Q, "even"), [X16]),
    (MaxPool2D((2, 2)), [X16]),
    (Clamp((-300, 300)), [X16]),
]


@pytest.mark.parametrize(("op", "types"), MIXED, ids=lambda v: type(v).__name__)
@pytest.mark.parametrize("dtype", [None, "int8", "int16"])
def test_element_types_are_chosen_apart(op: Op, types: list[TensorType], dtype: DType | None) -> None:
    if dtype is not None and hasattr(op, "out_dtype"):
        op = replace(op, out_dtype=dtype)  # type: ignore[type-var]  # ops are dataclasses
    elif dtype is not None:
        pytest.skip("it keeps its operand's type")
    (t,) = op.infer(types)
    assert t.dtype == (dtype or types[0].dtype)
    rng = np.random.default_rng(1)
    arrays = [rng.integers(np.iinfo(t.dtype).min, np.iinfo(t.dtype).max + 1, t.shape).astype(t.dtype) for t in types]
    (y,) = op.evaluate(types, arrays)
    assert (y.dtype, y.shape) == (np.dtype(t.dtype), t.shape)


REFUSED: list[tuple[Op, Sequence[TensorType], str]] = [
    (Conv2D(out_quant=Q), [X16, TensorType("int8", (3, 1, 1, 2), WEIGHTS)], "double rounding are not supported"),
    (Add(out_quant=Q), [X8, X16], "double rounding are not supported"),
    (Add(out_quant=Q, out_dtype="int16"), [X8, X8], "double rounding are not supported"),
    (Add(out_quant=Q, rounding="even"), [X8, replace(X16, quant=quant(1, 3))], "operand b is int16 with zero point 3"),
    (Add(out_quant=quant(1, 3), rounding="even"), [X16, X16], "the result is int16 with zero point 3"),
    (Add(out_quant=Q, out_dtype="uint8"), [X8, X8], "cannot read int8 and write uint8"),
    (Add(out_dtype="int16"), [TensorType("float32", (1,))] * 2, "cannot read float32 and write int16"),
    (Mul(out_quant=Q, rounding="even"), [X16, TensorType("float32", (1,))], "operand b is float32"),
    (FullyConnected(out_quant=Q, rounding="even"), [ROW, TensorType("int16", (3, 8), Q)], "operand w is int16"),
    (FullyConnected(out_quant=quant(1e-8), rounding="even"), [ROW, TensorType("int8", (3, 8), Q)], r"above 2\*\*13"),
    (Mean(0, 0, out_quant=quant(1e-9), rounding="even"), [ROW], r"above 2\*\*13"),
    (AveragePool2D((1, 1), out_quant=quant(1e-9), rounding="even"), [X16], r"above 2\*\*13"),
    (Softmax(out_quant=Q, rounding="even"), [ROW], "computed in float32, between Dequantize and Quantize"),
    (Requantize(Q, "int16"), [ROW], "double rounding are not supported"),
    (Requantize(Q, "uint8", rounding="even"), [ROW], "cannot read int16 and write uint8"),
    (Quantize(quant(1, 5), "int16", "even"), [TensorType("float32", (1,))], "int16 with zero point 5"),
    (Dequantize(), [replace(ROW, quant=quant(1, 5))], "int16 with zero point 5"),
    (Clamp((0, 1)), [replace(ROW, quant=None)], "carries no quantization"),
]


@pytest.mark.parametrize(("op", "types", "text"), REFUSED)
def test_refused(op: Op, types: Sequence[TensorType], text: str) -> None:
    with pytest.raises(InvalidGraph, match=text):
        op.infer(types)


@given(
    st.integers(-(1 << 47) + 1, (1 << 47) - 1),
    st.one_of(st.integers(1 << 30, (1 << 31) - 1), st.just(1 << 30)),
    st.integers(-31, WIDE_SHIFT),
)
@example(1 << 46, 1 << 30, -20)
@example(3 << 40, 1 << 30, -12)
@example((1 << 47) - 1, (1 << 31) - 1, WIDE_SHIFT)
@example(-(1 << 47) + 1, (1 << 31) - 1, WIDE_SHIFT)
@example((5 << 31) + (1 << 15), 1 << 30, -15)  # one above a tie
def test_sums_beyond_32_bits_are_rounded_once(acc: int, q31: int, shift: int) -> None:
    sums = np.array([acc, -(1 << 40), 1 << 40], np.int64)  # never all within 32 bits
    got = requantize(sums, q31, shift, "even")
    assert got[0] == round(Fraction(acc * q31, 1 << (31 - shift)))  # Python rounds halves to even


def just_above_a_tie(q31: int, bits: int, rest: int) -> int:
    """acc with acc * q31 = 2**(bits - 1) + rest, modulo 2**(bits + 1), q31 odd: a tie but for its last 16 bits.

    Rounded down where these are lost, for the integer below is even.
    """
    return ((1 << (bits - 1)) + rest) * pow(q31, -1, 1 << (bits + 1)) % (1 << (bits + 1))


@given(st.integers(1 << 29, (1 << 30) - 1), st.integers(18, 45), st.integers(1, (1 << 16) - 1))
def test_nothing_is_lost_just_above_a_tie(half: int, bits: int, rest: int) -> None:
    q31 = 2 * half + 1
    acc = just_above_a_tie(q31, bits, rest)
    for sign in (1, -1):
        got = requantize(np.array([sign * acc, 1 << 45]), q31, 31 - bits, "even")[0]
        assert got == round(Fraction(sign * acc * q31, 1 << bits))


@pytest.mark.parametrize("odd", [1, 3, -5])
@pytest.mark.parametrize("offset", [-1, 0, 1])
def test_ties_of_wide_sums_go_to_even(odd: int, offset: int) -> None:
    """acc / 2**20 exactly between two integers, and one step beside that."""
    acc = odd * (1 << 19) + offset + (1 << 40)
    got = requantize(np.array([acc, 1 << 45]), 1 << 30, -19, "even")[0]
    assert got == round(Fraction(acc, 1 << 20))


def test_a_long_dense_layer_is_exact_beyond_32_bits() -> None:
    """Against Python's integers: every product at its largest."""
    k = 70_000
    x, w = np.full((1, k), -32768, np.int16), np.full((2, k), -128, np.int8)
    w[1] = 127
    types = [TensorType("int16", x.shape, Q), TensorType("int8", w.shape, QuantParams((1e-6,), (0,)))]
    op = FullyConnected(out_quant=QuantParams((3.0,), (0,)), rounding="even")
    (y,) = op.evaluate(types, [x, w])
    q31, shift = (int(v[0]) for v in op.multipliers(types))
    want = [round(Fraction(k * a * q31, 1 << (31 - shift))) for a in (128 * 32768, -127 * 32768)]
    assert abs(k * 128 * 32768) > 1 << 37
    assert y.tolist() == [[min(v, 32767) for v in want]]


def test_quantize_is_the_nearest_step() -> None:
    x = np.array([0.5, 1.5, -2.5, 40000, -40000, np.nan, 32766.5, 0.49], np.float32)
    (q,) = Quantize(QuantParams((1.0,), (0,)), "int16", "even").evaluate([TensorType("float32", x.shape)], [x])
    assert q.dtype == np.int16
    assert q.tolist() == [0, 2, -2, 32767, -32768, 0, 32766, 0]
