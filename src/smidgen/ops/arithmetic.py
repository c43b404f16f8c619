# SPDX-License-Identifier: Apache-2.0
"""Integer rounding primitives that the ops share; docs/numerics.md defines and sources them.

All take and return int64 arrays, but every step stays within what 32-bit C computes (64-bit for products), which the
compiler proves for each model (accumulators.py, transforms/check_accumulators.py).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, Rounding, TensorType

Int64s = npt.NDArray[np.int64]
NO_CLAMP = (-math.inf, math.inf)


def quantize_multiplier(real: float, most_shift: int = 30) -> tuple[int, int]:
    """(q31, shift) with real ~ q31 * 2**(shift - 31), q31 in [2**30, 2**31).

    Rounds half away from zero; 2**31 becomes 2**30 with the next shift; a real below 2**-32 becomes (0, 0), as in
    tensorflow/lite/kernels/internal/quantization_util.cc, QuantizeMultiplier.
    """
    if real <= 0:
        return 0, 0
    mantissa, shift = math.frexp(real)
    q31 = math.floor(mantissa * (1 << 31) + 0.5)
    if q31 == 1 << 31:
        q31, shift = 1 << 30, shift + 1
    if shift < -31:
        return 0, 0
    if shift > most_shift:
        raise InvalidGraph(f"multiplier {real:g} is too large: no meaningful quantization has it")
    return q31, shift


def doubling_high_mul(a: Int64s, b: Int64s | np.int64 | int) -> Int64s:
    """High half of twice the 32-bit product, ties up, saturated (gemmlowp SaturatingRoundingDoublingHighMul)."""
    result: Int64s = np.minimum((a * b + (1 << 30)) >> 31, (1 << 31) - 1)
    return result


def rounding_shift_right(v: Int64s, exponent: Int64s | int) -> Int64s:
    """v / 2**exponent, ties away from zero (gemmlowp RoundingDivideByPOT)."""
    mask = (np.int64(1) << np.int64(exponent)) - 1
    result: Int64s = (v >> exponent) + ((v & mask) > (mask >> 1) + (v < 0))
    return result


def rne_shift_right(v: Int64s, exponent: Int64s | int) -> Int64s:
    """v / 2**exponent, ties to even, 1 <= exponent <= 62."""
    half = np.int64(1) << (np.int64(exponent) - 1)
    result: Int64s = (v + (half - 1) + ((v >> exponent) & 1)) >> exponent
    return result


def requantize(acc: Int64s, q31: Array | int, shift: Array | int, rounding: Rounding) -> Int64s:
    """acc * q31 * 2**(shift - 31) in the given rounding; q31 and shift broadcast over the last dimension."""
    q, s = np.asarray(q31, np.int64), np.asarray(shift, np.int64)
    if rounding == "even":
        return rne_shift_right(acc * q, 31 - s)
    return rounding_shift_right(doubling_high_mul(acc << np.maximum(s, 0), q), np.maximum(-s, 0))


def multipliers(reals: Sequence[float]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """``quantize_multiplier`` of each, as the arrays (q31, shift) that kernels take; they are read-only."""
    return _multipliers(tuple(reals))


@lru_cache(maxsize=512)  # each of a layer's candidate kernels asks again
def _multipliers(reals: tuple[float, ...]) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    pairs = [quantize_multiplier(r) for r in reals]
    q31, shift = np.array([q for q, _ in pairs], np.int32), np.array([s for _, s in pairs], np.int32)
    q31.setflags(write=False)
    shift.setflags(write=False)
    return q31, shift


def int_bounds(clamp: tuple[float, float]) -> tuple[int, int]:
    """A clamp in output steps as the int8 bounds that kernels take, also where it lies outside of int8 altogether."""
    lo, hi = clamp
    return int(min(max(lo, -128), 127)), int(max(min(hi, 127), -128))


def saturate(v: Int64s, zero_point: int, clamp: tuple[float, float]) -> npt.NDArray[np.int8]:
    """Add the zero point, clamp, narrow to int8."""
    return np.clip(v + zero_point, *int_bounds(clamp)).astype(np.int8)


def require_type(name: str, t: TensorType, *dtypes: str) -> None:
    """Raise InvalidGraph unless the operand has one of these element types and, if integer, a quantization."""
    if t.dtype not in dtypes:
        raise InvalidGraph(f"operand {name} is {t.dtype}, needs {' or '.join(dtypes)}")
    if t.dtype in ("int8", "uint8") and t.quant is None:
        raise InvalidGraph(f"operand {name} is {t.dtype} but carries no quantization")
