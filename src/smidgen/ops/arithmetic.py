# SPDX-License-Identifier: Apache-2.0
"""Integer rounding primitives that the ops share; docs/numerics.md defines and sources them.

All take and return int64 arrays, but every step stays within what 32-bit C computes (64-bit for products and for sums
of int16), which the compiler proves for each model (accumulators.py, transforms/check_accumulators.py).
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, QuantParams, Rounding, TensorType

Int64s = npt.NDArray[np.int64]
NO_CLAMP = (-math.inf, math.inf)
WIDE_SHIFT = 13  # the largest of a multiplier of sums of int16: see requantize_wide
RANGES: Mapping[str, tuple[int, int]] = {
    "int8": (-128, 127), "uint8": (0, 255), "int16": (-(1 << 15), (1 << 15) - 1), "int32": (-(1 << 31), (1 << 31) - 1),
}  # fmt: skip
"""The least and the largest integer of each element type."""


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
    """acc * q31 * 2**(shift - 31) in the given rounding; q31 and shift broadcast over the last dimension.

    ``even``: |acc| < 2**47, and where it leaves int32, shift <= WIDE_SHIFT.
    """
    q, s = np.asarray(q31, np.int64), np.asarray(shift, np.int64)
    if rounding == "even":
        narrow = not acc.size or (acc.min() >= -(1 << 31) and acc.max() < 1 << 31)
        return rne_shift_right(acc * q, 31 - s) if narrow else requantize_wide(acc, q, s)
    return rounding_shift_right(doubling_high_mul(acc << np.maximum(s, 0), q), np.maximum(-s, 0))


def requantize_wide(acc: Int64s, q31: Int64s, shift: Int64s) -> Int64s:
    """acc * q31 * 2**(shift - 31), ties to even, for |acc| < 2**47 and shift <= WIDE_SHIFT: the product has 78 bits.

    So it is floored to a multiple of 2**16, its lowest remaining bit set if that lost anything: rounding looks at more
    than one bit below the result (31 - shift - 16 >= 2), so it sees a tie only where there is one.
    """
    low = (acc & 0xFFFF) * q31
    product = (acc >> 16) * q31 + (low >> 16)
    return rne_shift_right(product | (low & 0xFFFF != 0), 15 - shift)


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


def int_bounds(clamp: tuple[float, float], dtype: DType = "int8") -> tuple[int, int]:
    """A clamp in output steps as the integers that kernels take, also where it lies outside of the type altogether."""
    (lo, hi), (least, most) = clamp, RANGES[dtype]
    return int(min(max(lo, least), most)), int(max(min(hi, most), least))


def saturate(v: Int64s, zero_point: int, clamp: tuple[float, float], dtype: DType = "int8") -> Array:
    """Add the zero point, clamp, narrow to the element type."""
    narrowed: Array = np.clip(v + zero_point, *int_bounds(clamp, dtype)).astype(dtype)
    return narrowed


def require_type(name: str, t: TensorType, *dtypes: str) -> None:
    """Raise InvalidGraph unless the operand has one of these element types and, if integer, a quantization."""
    if t.dtype not in dtypes:
        raise InvalidGraph(f"operand {name} is {t.dtype}, needs {' or '.join(dtypes)}")
    if t.dtype in ("int8", "uint8", "int16") and t.quant is None:
        raise InvalidGraph(f"operand {name} is {t.dtype} but carries no quantization")
    if t.dtype == "int16" and t.quant is not None:
        require_symmetric(f"operand {name}", t.quant)


def require_symmetric(what: str, quant: QuantParams) -> None:
    """Raise InvalidGraph unless int16 integers of this quantization have zero point 0."""
    if any(quant.zero_point):
        raise InvalidGraph(
            f"{what} is int16 with zero point {quant.zero_point[0]}: int16 tensors have zero point 0. Quantise them "
            "symmetrically"
        )


def result_dtype(
    operands: Sequence[TensorType], out_dtype: DType | None, out_quant: QuantParams | None, rounding: Rounding
) -> DType:
    """What an op writes: ``out_dtype``, or its first operand's element type. ``operands`` are its activations.

    Raises InvalidGraph where int16 comes with double rounding or a zero point, or an attribute lacks for the type.
    """
    first = operands[0].dtype
    dtype = first if out_dtype is None else out_dtype
    if (first == "float32") != (dtype == "float32") or dtype not in ("int8", "int16", "float32"):
        raise InvalidGraph(f"it cannot read {first} and write {dtype}")
    if (first == "float32") != (out_quant is None):
        raise InvalidGraph("an integer op needs out_quant, a float32 one must not have it")
    if "int16" in (dtype, *(t.dtype for t in operands)) and rounding != "even":
        raise InvalidGraph(
            "int16 activations with TFLite's double rounding are not supported. Quantise the float model with smidgen, "
            "or as ONNX QDQ"
        )
    if dtype == "int16" and out_quant is not None:
        require_symmetric("the result", out_quant)
    return dtype
