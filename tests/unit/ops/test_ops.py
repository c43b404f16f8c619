# SPDX-License-Identifier: Apache-2.0
"""What each op refuses, and its meaning on reals beside its meaning on integers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, Op, QuantParams, TensorType
from smidgen.ops import (
    OPS,
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    Curve,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Reshape,
    SlideWindow,
    Softmax,
    Transpose,
)
from tests.op_graphs import int8_type, quant, random_arrays

F32, BARE = TensorType("float32", (1, 4, 4, 2)), TensorType("int8", (1, 4, 4, 2))
X, Q = int8_type(1, 4, 4, 2), quant()
ROW = int8_type(2, 8)
ONES = QuantParams((1.0, 1.0), (0, 0), 0)


def weights(*shape: int, quant: QuantParams | None = Q) -> TensorType:
    return TensorType("int8", shape, quant)


def bias(n: int) -> TensorType:
    return TensorType("int32", (n,))


REFUSED: list[tuple[Op, Sequence[TensorType], str]] = [
    (Conv2D(out_quant=Q), [ROW, weights(3, 1, 1, 2)], "need 4 dimensions"),
    (Conv2D(out_quant=Q), [X, weights(3, 1, 1, 5)], "do not fit 2 input channels"),
    (Conv2D(out_quant=Q, groups=2), [X, weights(3, 1, 1, 1)], "in 2 groups do not fit"),
    (Conv2D(out_quant=Q), [X, weights(3, 1, 1, 2, quant=None)], "carry no quantization"),
    (Conv2D(out_quant=Q), [X, weights(3, 1, 1, 2, quant=quant(1, 5))], "zero point other than 0"),
    (Conv2D(out_quant=Q), [X, weights(3, 1, 1, 2, quant=ONES)], "2 weight scales on axis 0, need 3 on axis 0"),
    (Conv2D(out_quant=Q), [X, weights(3, 5, 1, 2)], "a window of 5 does not fit into 4"),
    (Conv2D(out_quant=Q, dilation=(4, 1)), [X, weights(3, 2, 1, 2)], "a window of 5 does not fit into 4"),
    (Conv2D(out_quant=Q, padding=(9999, 0, 0, 0)), [X, weights(3, 2, 1, 2)], "more than 4096 a side"),
    (Conv2D(out_quant=Q), [X, weights(3, 1, 1, 2), bias(2)], r"operand b is int32\[2\], needs int32\[3\]"),
    (Conv2D(out_quant=quant(1e-30)), [X, weights(3, 1, 1, 2)], "is too large"),
    (Conv2D(), [X, weights(3, 1, 1, 2)], "needs out_quant"),
    (Conv2D(out_quant=Q), [F32, TensorType("float32", (3, 1, 1, 2))], "float32 one must not have it"),
    (DepthwiseConv2D(out_quant=Q), [X, weights(3, 3, 3)], "do not fit input"),
    (DepthwiseConv2D(out_quant=Q), [X, weights(1, 3, 3, 2)], "do not fit input"),
    (DepthwiseConv2D(out_quant=Q), [X, weights(3, 3, 2, quant=ONES)], "2 weight scales on axis 0, need 2 on axis 2"),
    (FullyConnected(out_quant=Q), [ROW, weights(3, 7)], "do not fit input"),
    (FullyConnected(out_quant=Q), [ROW, weights(3, 8), bias(2)], "operand b is"),
    (FullyConnected(out_quant=Q), [ROW, weights(3, 8, quant=ONES)], "2 weight scales on axis 0, need 3"),
    (FullyConnected(out_quant=Q), [ROW, weights(3, 8, quant=quant(1, 1))], "zero point other than 0"),
    (FullyConnected(out_quant=Q), [ROW, weights(3, 8, quant=None)], "operand w is int8 but carries no quantization"),
    (FullyConnected(), [ROW, weights(3, 8)], "needs out_quant"),
    (Add(out_quant=Q), [X, int8_type(3)], "do not broadcast"),
    (Add(out_quant=Q), [X, F32], "operand b is float32, needs int8"),
    (Add(out_quant=Q), [BARE, X], "operand a is int8 but carries no quantization"),
    (Add(), [X, X], "needs out_quant"),
    (Add(out_quant=quant(1e-30)), [X, X], "is too large"),
    (Add(out_quant=quant(1e-30), rounding="even"), [X, X], "not a meaningful quantization"),
    (Mul(out_quant=quant(1e-30)), [X, X], "is too large"),
    (MaxPool2D(kernel=(2, 2)), [ROW], "needs 4 dimensions"),
    (MaxPool2D(kernel=(5, 1)), [X], "a window of 5 does not fit"),
    (MaxPool2D(kernel=(2, 2), padding=(2, 0, 0, 0)), [X], "a window would be empty"),
    (AveragePool2D(kernel=(2, 2)), [X], "needs out_quant"),
    (AveragePool2D(kernel=(2, 2), out_quant=quant(0.7)), [X], "keeps its input's scale"),
    (AveragePool2D(kernel=(2, 2), out_quant=Q, count_include_pad=True), [X], "counts no padding"),
    (Mean(1, 4, out_quant=Q), [X], r"dimensions 1..4 of \[1, 4, 4, 2\]"),
    (Mean(2, 1, out_quant=Q), [X], "dimensions 2..1"),
    (Mean(1, 2), [X], "needs out_quant"),
    (Mean(1, 2, out_quant=quant(1e-30)), [X], "is too large"),
    (Clamp((0, 1)), [BARE], "carries no quantization"),
    (LeakyRelu(0.1), [X], "needs out_quant"),
    (LeakyRelu(0.1, quant(1e-30)), [X], "is too large"),
    (Curve("tanh"), [X], "needs out_quant"),
    (Softmax(), [X], "needs out_quant"),
    (Softmax(out_quant=quant(0.1)), [X], "output scale 1/256"),
    (Softmax(out_quant=quant(1 / 256, -128)), [int8_type(scale=1.0)], "needs 1 to 65536 elements"),
    (Softmax(out_quant=quant(1 / 256, -128)), [int8_type(4, scale=1e-9)], "needs more than 2"),
    (Quantize(Q), [X], "operand x is int8, needs float32"),
    (Dequantize(), [BARE], "carries no quantization"),
    (Dequantize(), [TensorType("int32", (3,), QuantParams((1.0, 2.0), (0, 0), 0))], "2 scales on axis 0 of"),
    (Requantize(Q), [F32], "operand x is float32, needs int8 or uint8"),
    (Requantize(quant(1e-30)), [X], "is too large"),
    (Lookup(Q), [X, weights(255)], "needs int8"),
    (Reshape((3, 5)), [X], r"cannot reshape \[1, 4, 4, 2\] to \[3, 5\]: 32 elements"),
    (Transpose((0, 1, 1, 2)), [X], "is no permutation of 4 dimensions"),
    (Pad((1,), (1,)), [X], "does not fit"),
    (Pad((0, 0, 0, -1), (0, 0, 0, 0)), [X], "does not fit"),
    (Crop(1, 3, 2), [X], r"2 steps from 3 on do not lie in dimension 1 of \[1, 4, 4, 2\]"),
    (Crop(0, 0, 1), [weights(2, 3, quant=ONES)], "dimension 0 has a scale a step"),
    (SlideWindow(1), [X, X], "is no frame of the window"),
    (SlideWindow(4), [X, X], "has no dimension 4"),
    (Concat(4), [X, X], "axis 4 of 4 dimensions"),
    (Concat(1), [X, int8_type(1, 4, 3, 2)], "cannot concatenate"),
    (Concat(1), [X, int8_type(1, 4, 4, 2, scale=0.25)], "differ in type"),
    (Concat(1), [], "nothing to concatenate"),
]


@pytest.mark.parametrize(("op", "types", "text"), REFUSED)
def test_refused(op: Op, types: Sequence[TensorType], text: str) -> None:
    with pytest.raises(InvalidGraph, match=text):
        op.infer(types)


def test_every_op_refuses_something() -> None:
    assert {type(op) for op, _, _ in REFUSED} == set(OPS)


FLOAT: list[tuple[Op, Sequence[tuple[int, ...]]]] = [
    (Conv2D(padding=(1, 0, 1, 2), stride=(2, 1), clamp=(-30.0, 40.0)), [(2, 5, 5, 4), (6, 3, 2, 4), (6,)]),
    (Conv2D(groups=2), [(1, 3, 3, 4), (4, 1, 1, 2)]),
    (DepthwiseConv2D(padding=(1, 1, 1, 1), dilation=(2, 1)), [(1, 6, 5, 3), (3, 3, 6), (6,)]),
    (FullyConnected(), [(3, 2, 7), (5, 7), (5,)]),
    (Add(signs=(-1, 1)), [(2, 3), (3,)]),
    (Mul(clamp=(-100.0, 100.0)), [(2, 1, 3), (4, 1)]),
    (MaxPool2D(kernel=(2, 3), padding=(1, 1, 0, 1)), [(1, 5, 6, 3)]),
    (AveragePool2D(kernel=(3, 2), stride=(2, 2), padding=(1, 0, 1, 1), rounding="even"), [(2, 5, 6, 3)]),
    (AveragePool2D(kernel=(2, 2), padding=(1, 1, 1, 1), count_include_pad=True, rounding="even"), [(1, 3, 3, 2)]),
    (Mean(1, 2, rounding="even"), [(2, 3, 5, 4)]),
    (Clamp((-20.0, 7.0)), [(50,)]),
    (LeakyRelu(0.3), [(50,)]),
    (Curve("hard_swish"), [(50,)]),
    (Softmax(rounding="even"), [(4, 9)]),
    (Reshape((6, 4)), [(2, 3, 4)]),
    (Transpose((2, 0, 1)), [(2, 3, 4)]),
    (Pad((1, 0), (0, 2), 3), [(2, 3)]),
    (Concat(1), [(2, 3), (2, 1)]),
]
_STEPS = 3.0  # an output may be off by a rounding of its own, and by what rounded inputs contribute


def _scaled(op: Op, real: Array) -> dict[str, Any]:  # Any: dataclass fields
    """What the integer form of ``op`` has beside the real one: steps that cover its results."""
    if not hasattr(op, "out_quant") or isinstance(op, MaxPool2D | Clamp | Reshape):
        return {}
    return {"out_quant": quant(float(np.abs(real).max()) / 120, 0), "rounding": "even"}


@pytest.mark.parametrize(("op", "shapes"), FLOAT)
def test_integers_follow_the_reals(op: Any, shapes: Sequence[tuple[int, ...]]) -> None:
    """The same op on quantised operands, dequantised, is near the op on the reals that they stand for."""
    r = np.random.default_rng(5)
    scale, w_scale = 0.25, 0.125
    types, arrays, reals = [], [], []
    for i, shape in enumerate(shapes):
        layer = isinstance(op, Conv2D | DepthwiseConv2D | FullyConnected)
        if layer and i == 2:
            types.append(TensorType("int32", shape))
            arrays.append(r.integers(-3000, 3000, shape).astype(np.int32))
            reals.append((arrays[-1] * scale * w_scale).astype(np.float32))
            continue
        step = w_scale if i and layer else scale
        types.append(TensorType("int8", shape, quant(step, 0)))
        arrays.append(r.integers(-100, 101, shape).astype(np.int8))
        reals.append((arrays[-1] * step).astype(np.float32))
    (expected,) = op.evaluate([TensorType("float32", a.shape) for a in reals], reals)
    integer = replace(op, **_scaled(op, expected))
    if isinstance(op, Clamp | Pad):
        attribute = "clamp" if isinstance(op, Clamp) else "value"
        given = np.array(getattr(op, attribute)) / scale
        integer = replace(op, **{attribute: tuple(given) if given.shape else float(given)})
    elif hasattr(op, "clamp") and not isinstance(op, MaxPool2D):
        lo, hi = (bound / integer.out_quant.scale[0] for bound in op.clamp)
        integer = replace(integer, clamp=(np.floor(lo), np.ceil(hi)))
    (out,) = integer.infer(types)
    (y,) = integer.evaluate(types, arrays)
    assert (y.shape, y.dtype) == (out.shape, np.int8)
    assert expected.dtype == np.float32
    step = out.scale
    np.testing.assert_allclose(y * step, expected, atol=_STEPS * step if "out_quant" in _scaled(op, expected) else 1e-6)


def test_quantize_and_dequantize() -> None:
    x = np.array([[-1e9, -0.75, -0.25, 0.25, 0.75, 1e9, np.nan, np.inf]], np.float32)
    (t,) = (TensorType("float32", x.shape),)
    for rounding, expected in (("double", [-128, 1, 2, 4, 5, 127, 3, 127]), ("even", [-128, 1, 3, 3, 5, 127, 3, 127])):
        (y,) = Quantize(quant(0.5, 3), rounding=rounding).evaluate([t], [x])  # type: ignore[arg-type]  # a literal
        np.testing.assert_array_equal(y[0], expected)
    (back,) = Dequantize().evaluate([TensorType("int8", (2,), quant(0.5, 3))], [np.array([-128, 127], np.int8)])
    np.testing.assert_array_equal(back, np.array([-65.5, 62.0], np.float32))


def test_quantize_along_an_axis() -> None:
    per_axis = QuantParams((1.0, 0.5), (0, 10), 1)
    x = np.array([[3.0, 3.0]], np.float32)
    (y,) = Quantize(per_axis).evaluate([TensorType("float32", (1, 2))], [x])
    np.testing.assert_array_equal(y, [[3, 16]])
    (back,) = Dequantize().evaluate([TensorType("int8", (1, 2), per_axis)], [y])
    np.testing.assert_array_equal(back, x)


def test_lookup_indexes_by_the_byte() -> None:
    table = np.arange(256).astype(np.uint8).view(np.int8)
    for dtype in ("int8", "uint8"):
        (x,) = random_arrays([TensorType(dtype, (50,), quant())])  # type: ignore[arg-type]  # a literal
        (y,) = Lookup(Q).evaluate([TensorType(dtype, (50,), quant()), weights(256)], [x, table])  # type: ignore[arg-type]
        np.testing.assert_array_equal(y.view(np.uint8), x.view(np.uint8))


def test_macs() -> None:
    assert Conv2D(out_quant=Q, padding=(1, 1, 1, 1)).macs([X, weights(3, 3, 3, 2)]) == 4 * 4 * 3 * 3 * 3 * 2
    assert DepthwiseConv2D(out_quant=Q).macs([X, weights(3, 3, 4)]) == 2 * 2 * 4 * 9
    assert FullyConnected(out_quant=Q).macs([ROW, weights(3, 8)]) == 2 * 3 * 8
    assert Add(out_quant=Q).macs([X, X]) == 0
