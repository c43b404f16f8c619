# SPDX-License-Identifier: Apache-2.0
"""Curved functions: near the true ones on reals, exactly quantise(f(dequantise(x))) on bytes."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest

from smidgen.errors import InvalidGraph
from smidgen.ir import QuantParams, TensorType
from smidgen.ops import Curve, Dequantize, Quantize
from smidgen.ops.curve import FUNCTIONS

_X = np.concatenate([np.linspace(-20, 20, 4001), np.linspace(-1.5, 1.5, 2001)]).astype(np.float32)
_REAL = TensorType("float32", _X.shape)
_SETTINGS = {"hard_sigmoid": (0.2, 0.5), "elu": (1.5, 0.0)}
TRUE: dict[str, Callable[[float], float]] = {
    "sigmoid": lambda v: 1 / (1 + math.exp(-v)),
    "tanh": math.tanh,
    "hard_sigmoid": lambda v: min(max(0.2 * v + 0.5, 0.0), 1.0),
    "hard_swish": lambda v: v * min(max(v / 6 + 0.5, 0.0), 1.0),
    "elu": lambda v: v if v > 0 else 1.5 * (math.exp(v) - 1),
    "silu": lambda v: v / (1 + math.exp(-v)),
    "gelu": lambda v: 0.5 * v * (1 + math.erf(v / math.sqrt(2))),
    "gelu_tanh": lambda v: 0.5 * v * (1 + math.tanh(math.sqrt(2 / math.pi) * (v + 0.044715 * v**3))),
    "erf": math.erf,
    "exp": math.exp,
}
_BOUND = 3e-7  # relative to the largest result; float32 steps are 6e-8 of it


def curve(function: str, out_quant: QuantParams | None = None) -> Curve:
    return Curve(function, *_SETTINGS.get(function, (0.0, 0.0)), out_quant)  # type: ignore[arg-type]  # a literal


@pytest.mark.parametrize("function", FUNCTIONS)
def test_near_the_true_function(function: str) -> None:
    (y,) = curve(function).evaluate([_REAL], [_X])
    want = np.array([TRUE[function](float(v)) for v in _X])
    assert y.dtype == np.float32
    assert np.abs(y - want).max() <= _BOUND * np.abs(want).max()
    near = np.abs(_X) <= 1
    assert np.abs(y - want)[near].max() <= _BOUND * np.abs(want[near]).max()


@pytest.mark.parametrize("function", FUNCTIONS)
def test_ends(function: str) -> None:
    (y,) = curve(function).evaluate([TensorType("float32", (3,))], [np.array([np.nan, np.inf, 0], np.float32)])
    assert np.isnan(y[0])
    assert y[1] in (1.0, np.inf)
    assert y[2] == np.float32(TRUE[function](0.0))


@pytest.mark.parametrize("function", FUNCTIONS)
def test_a_byte_is_dequantised_mapped_and_quantised(function: str) -> None:
    x = TensorType("int8", (256,), QuantParams((0.04,), (7,)))
    out = QuantParams((1 / 128,), (-3,))
    every = np.arange(-128, 128).astype(np.int8)
    op = curve(function, out)
    (t,) = op.infer([x])
    (y,) = op.evaluate([x], [every])
    (real,) = Dequantize().evaluate([x], [every])
    (curved,) = curve(function).evaluate([TensorType("float32", (256,))], [real])
    (want,) = Quantize(out, "int8", "even").evaluate([TensorType("float32", (256,))], [curved])
    np.testing.assert_array_equal(y, want)
    assert (t.dtype, t.quant, y.dtype) == ("int8", out, np.int8)
    assert len(np.unique(y)) > 30


def test_selu_is_a_scaled_elu() -> None:
    (y,) = Curve("elu", 1.6732632, 1.050701).evaluate([TensorType("float32", (2,))], [np.array([-1, 2], np.float32)])
    np.testing.assert_allclose(y, [1.050701 * 1.6732632 * (math.exp(-1) - 1), 2.101402], rtol=1e-6)


def test_refusals() -> None:
    with pytest.raises(InvalidGraph, match="no function 'sine'"):
        Curve("sine").infer([_REAL])  # type: ignore[arg-type]  # on purpose
    with pytest.raises(InvalidGraph, match="needs out_quant"):
        Curve("tanh").infer([TensorType("int8", (2,), QuantParams((1.0,), (0,)))])
    with pytest.raises(InvalidGraph, match="float32 one must not have it"):
        Curve("tanh", out_quant=QuantParams((1.0,), (0,))).infer([_REAL])
