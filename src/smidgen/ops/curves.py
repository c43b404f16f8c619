# SPDX-License-Identifier: Apache-2.0
"""What each activation function is: a fixed sequence of float32 operations, each rounded once, none fused.

All are elementwise, keep NaN, and differ from the true function by a few units in the last place of their range. The
coefficients are this project's own minimax fits, rounded to float32.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smidgen.ir import Array
from smidgen.ops.float32 import Floats, exp

_ZERO, _HALF, _ONE, _TWO = (np.float32(v) for v in (0, 0.5, 1, 2))
_SQRT_HALF, _SQRT_2_OVER_PI, _CUBIC = (np.float32(v) for v in (0.70710678, 0.79788456, 0.044715))
# tanh(x) = x + x*z*p(z), z = x*x, |x| < 0.625, within 4e-9
_TANH = (-0.005717027001082897, 0.02065056934952736, -0.05374349281191826, 0.13331490755081177, -0.3333328366279602)
_TANH_SMALL = np.float32(0.625)
# erf(x) = x*p(z), z = x*x, |x| < 1, within 1.2e-9
_ERF_NEAR = (
    7.889115659054369e-05,
    -0.000802083988673985,
    0.005189535208046436,
    -0.026854444295167923,
    0.11283600330352783,
    -0.3761262595653534,
    1.1283791065216064,
)
# 1 - erf(x) = exp(-x*x)*t*p(t), t = 1/(1 + x/2), 1 <= x <= 4, within 1.3e-9 (the form of Abramowitz & Stegun 7.1.26)
_ERF_FAR = (-0.20329998433589935, 0.5562313795089722, 0.0293669942766428, 0.34227028489112854, 0.2754918932914734)


def _polynomial(coefficients: tuple[float, ...], x: Floats) -> Floats:
    """By Horner's rule, the highest power's coefficient first."""
    value: Floats = np.full_like(x, np.float32(coefficients[0]))
    for c in coefficients[1:]:
        value = value * x + np.float32(c)
    return value


def sigmoid(x: Floats) -> Floats:
    """1 / (1 + e**-x), from e**-|x| on both sides so that small results keep their digits."""
    e = exp(-np.abs(x))
    result: Floats = np.where(x < 0, e, _ONE) / (_ONE + e)
    return result


def tanh(x: Floats) -> Floats:
    """A polynomial below 0.625, else 1 - 2 / (e**2|x| + 1) with the sign of x."""
    size, square = np.abs(x), x * x
    near = _polynomial(_TANH, square) * square * x + x
    far = _ONE - _TWO / (exp(size + size) + _ONE)
    result: Floats = np.where(size < _TANH_SMALL, near, np.copysign(far, x)).astype(np.float32)
    return result


def erf(x: Floats) -> Floats:
    """A polynomial below 1, else 1 - e**-x² t p(t) with the sign of x, t = 1 / (1 + |x| / 2)."""
    size, square = np.abs(x), x * x
    near = _polynomial(_ERF_NEAR, square) * x
    t = _ONE / (size * _HALF + _ONE)
    far = _ONE - exp(-square) * (t * _polynomial(_ERF_FAR, t))
    result: Floats = np.where(size < _ONE, near, np.copysign(far, x)).astype(np.float32)
    return result


def _hard_sigmoid(x: Floats, alpha: float, beta: float) -> Floats:
    """alpha * x + beta, below 0 becomes 0, then above 1 becomes 1."""
    line = x * np.float32(alpha) + np.float32(beta)
    raised = np.where(line < _ZERO, _ZERO, line)
    result: Floats = np.where(raised > _ONE, _ONE, raised).astype(np.float32)
    return result


def _hard_swish(x: Floats) -> Floats:
    """x times hard sigmoid of alpha 1/6 and beta 1/2."""
    return x * _hard_sigmoid(x, 1 / 6, 0.5)


def _elu(x: Floats, alpha: float, beta: float) -> Floats:
    """x for x > 0, else alpha * (e**x - 1); times beta, unless that is 0 (ELU: beta 0; SELU: its gamma)."""
    y = np.where(x > _ZERO, x, np.float32(alpha) * (exp(x) - _ONE)).astype(np.float32)
    return y if beta == 0 else y * np.float32(beta)


def _gelu(x: Floats) -> Floats:
    """(x / 2) * (1 + erf(x / sqrt 2))"""
    return (x * _HALF) * (erf(x * _SQRT_HALF) + _ONE)


def _gelu_tanh(x: Floats) -> Floats:
    """(x / 2) * (1 + tanh(sqrt(2 / pi) * (x + 0.044715 x³)))"""
    return (x * _HALF) * (tanh((x * x * x * _CUBIC + x) * _SQRT_2_OVER_PI) + _ONE)


_FUNCTIONS: dict[str, Callable[[Floats, float, float], Floats]] = {
    "sigmoid": lambda x, a, b: sigmoid(x),
    "tanh": lambda x, a, b: tanh(x),
    "hard_sigmoid": _hard_sigmoid,
    "hard_swish": lambda x, a, b: _hard_swish(x),
    "elu": _elu,
    "silu": lambda x, a, b: x * sigmoid(x),
    "gelu": lambda x, a, b: _gelu(x),
    "gelu_tanh": lambda x, a, b: _gelu_tanh(x),
    "erf": lambda x, a, b: erf(x),
    "exp": lambda x, a, b: exp(x),
}


def evaluate(function: str, x: Array, alpha: float, beta: float) -> Floats:
    """The function by its name; alpha and beta as their own docstrings say (hard_sigmoid, elu), else unused."""
    with np.errstate(all="ignore"):  # infinities and NaN are results here, not mistakes
        y: Floats = _FUNCTIONS[function](np.asarray(x, np.float32), alpha, beta)
    return y
