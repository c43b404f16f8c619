# SPDX-License-Identifier: Apache-2.0
"""From a range of reals to scale and zero point, in each scheme."""

from __future__ import annotations

import math

import numpy as np

from smidgen.ir import Array, DType, QuantParams
from smidgen.quantize.observers import Seen, observed_range
from smidgen.quantize.recipe import Recipe, Scheme

LEAST_SCALE, MOST_SCALE = 2.0**-60, 2.0**60  # products of two stay normal float32 numbers
LIMITS: dict[str, tuple[int, int]] = {"int8": (-128, 127), "int16": (-32768, 32767)}
_MOST_GRID = 255
_NO_RANGE = 2.0**-8  # of tensors that were always 0: biases have steps of it, so it must not be coarse
_HEADROOM = 2.0  # of int16: one of 16 bits for samples beyond what was seen; nothing needs clipping


def float32_scale(scale: float) -> float:
    """The nearest float32 within what products of scales can hold; 2**-8 for what is no range at all."""
    if not math.isfinite(scale) or scale <= 0:
        return _NO_RANGE
    return float(np.float32(min(max(scale, LEAST_SCALE), MOST_SCALE)))


def power_of_two(scale: float) -> float:
    """The least power of two that is not below."""
    mantissa, exponent = math.frexp(scale)
    return math.ldexp(1.0, exponent - 1 if mantissa == 0.5 else exponent)


def activation_quant(seen: Seen, dtype: DType, recipe: Recipe) -> QuantParams:
    """Scale and zero point of one activation by the recipe's observer and scheme. int16 is always symmetric."""
    lo, hi = LIMITS[dtype]
    symmetric = recipe.scheme == "power-of-two" or dtype == "int16"
    levels = hi - lo + 1 - (1 if symmetric else 0)
    if dtype == "int16":
        least, most = observed_range(seen, "minmax", levels, symmetric)
        return params(least * _HEADROOM, most * _HEADROOM, dtype, recipe.scheme)
    return params(*observed_range(seen, recipe.observer, levels, symmetric), dtype, recipe.scheme)


def params(least: float, most: float, dtype: DType, scheme: Scheme) -> QuantParams:
    """The quantization that covers [least, most] (which includes 0): affine, or symmetric with a power of two."""
    lo, hi = LIMITS[dtype]
    if scheme == "power-of-two" or dtype == "int16":
        scale = max(-least, most) / hi
        scale = power_of_two(scale) if scheme == "power-of-two" and scale > 0 else scale
        return QuantParams((float32_scale(scale),), (0,))
    scale = float32_scale((most - least) / (hi - lo))
    zero = min(max(lo - math.floor(least / scale + 0.5), lo), hi) if most > least else 0
    return QuantParams((scale,), (zero,))


def grid(values: Array, dtype: DType) -> QuantParams | None:
    """The quantization that loses nothing, where the values already are steps of one (pictures, int8 features).

    None unless all are multiples of one float32 step and within 255 of them, zero included.
    """
    unique = np.unique(values.astype(np.float64))
    if dtype != "int8" or not 2 <= unique.size <= _MOST_GRID + 1:
        return None
    step = float(np.diff(unique).min())
    numbers = np.rint(unique / step)
    span = max(numbers.max(), 0) - min(numbers.min(), 0)
    if not step > 0 or span > _MOST_GRID or span < 16:  # a handful of values is chance, not a grid
        return None
    step = float32_scale(float(unique @ numbers / (numbers @ numbers)))  # least squares: float32 noise averages out
    if np.abs(unique / step - numbers).max() > 1e-3:
        return None
    low, high = min(numbers.min(), 0), max(numbers.max(), 0)
    spare = _MOST_GRID - span
    below = 0 if low == 0 else spare if high == 0 else spare // 2
    return QuantParams((step,), (int(-128 - low + below),))
