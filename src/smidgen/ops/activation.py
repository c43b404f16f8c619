# SPDX-License-Identifier: Apache-2.0
"""Activation functions. TFLite RELU family, LEAKY_RELU, SOFTMAX; ONNX Relu, Clip, LeakyRelu, Softmax."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, Op, QuantParams, Rounding, TensorType
from smidgen.ops import float32
from smidgen.ops import softmax_fixed_point as fixed
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    Int64s,
    int_bounds,
    quantize_multiplier,
    requantize,
    require_type,
    result_dtype,
    saturate,
)
from smidgen.ops.quant import ByteOp


@dataclass(frozen=True)
class Clamp(ByteOp):
    """clip(x, lo, hi) in stored units; the values keep their meaning unless ``out_quant`` renames it (TFLM's RELU6)."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    clamp: tuple[float, float] = NO_CLAMP
    out_quant: QuantParams | None = None

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "int8", "int16", "float32")
        return (TensorType(types[0].dtype, types[0].shape, self.out_quant or types[0].quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        if types[0].dtype == "float32":
            return (float32.clip(arrays[0], self.clamp),)
        return (np.clip(arrays[0], *int_bounds(self.clamp, types[0].dtype)).astype(types[0].dtype),)


@dataclass(frozen=True)
class LeakyRelu(ByteOp):
    """x for x >= 0, else alpha * x; two multipliers, one rounding scheme each side (TFLite LEAKY_RELU)."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    alpha: float = 0.01
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "int8", "int16", "float32")
        dtype = result_dtype(types, self.out_dtype, self.out_quant, self.rounding)
        if self.out_quant is not None:
            self.multipliers(types)
        return (TensorType(dtype, types[0].shape, self.out_quant),)

    def multipliers(self, types: Sequence[TensorType]) -> tuple[tuple[int, int], tuple[int, int]]:
        """(q31, shift) for x >= 0, and for x < 0 without alpha's sign."""
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        ratio = types[0].scale / self.out_quant.scale[0]
        return quantize_multiplier(ratio), quantize_multiplier(ratio * abs(self.alpha))

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        if self.out_quant is None:
            x = arrays[0]
            with np.errstate(all="ignore"):
                return (np.where(x >= 0, x, np.float32(self.alpha) * x).astype(np.float32),)
        v = arrays[0].astype(np.int64) - types[0].zero_point
        identity, alpha = self.multipliers(types)
        sign = -1 if self.alpha < 0 else 1
        negative = sign * requantize(v, *alpha, self.rounding)
        y = np.where(v >= 0, requantize(v, *identity, self.rounding), negative)
        return (saturate(y, self.out_quant.zero_point[0], NO_CLAMP, self.out_dtype or types[0].dtype),)


@dataclass(frozen=True)
class SoftmaxTable:
    """The ``even`` profile's softmax: y = rne(e * out_mult / (sum(e) * 2**out_shift)), e = exponentials[max - x]."""

    exponentials: Array  # (256), uint32
    out_mult: int
    out_shift: int


@dataclass(frozen=True)
class Softmax(Op):
    """Softmax over the last dimension.

    ``double`` (TFLM softmax.h): gemmlowp fixed point, output scale 1/256 and zero point -128. ``even``: a table of
    exponentials as integers and one exactly rounded division, any output quantization.
    """

    operands: ClassVar[tuple[str, ...]] = ("x",)
    beta: float = 1.0
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if types[0].dtype == "int16":
            raise InvalidGraph("softmax of int16: it is computed in float32, between Dequantize and Quantize")
        require_type("x", types[0], "int8", "float32")
        if not types[0].shape or types[0].shape[-1] > 1 << 16:
            raise InvalidGraph(f"softmax over the last of {list(types[0].shape)}: needs 1 to 65536 elements")
        if (types[0].dtype == "int8") != (self.out_quant is not None):
            raise InvalidGraph("an int8 op needs out_quant, a float32 one must not have it")
        if self.out_quant and self.rounding == "double" and self.out_quant != QuantParams((1 / 256,), (-128,)):
            raise InvalidGraph("TFLite's int8 softmax has output scale 1/256 and zero point -128")
        if self.out_quant and self.rounding == "double" and not self.beta * types[0].scale > fixed.SMALLEST_SCALE:
            raise InvalidGraph(f"softmax of steps {self.beta * types[0].scale:g} apart: needs more than 2**-26")
        return (TensorType(types[0].dtype, types[0].shape, self.out_quant),)

    def fixed_point(self, types: Sequence[TensorType]) -> tuple[int, int, int]:
        """(q31, left shift, diff_min) of the ``double`` profile."""
        return fixed.parameters(self.beta * types[0].scale)

    def table(self, types: Sequence[TensorType]) -> SoftmaxTable:
        """Exponentials scaled so that a row's sum stays below 2**31; 1 / scale(y) as out_mult / 2**out_shift."""
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        bits = 30 - (types[0].shape[-1] - 1).bit_length()
        exponent = -float(self.beta) * types[0].scale * np.arange(256)
        exponentials = np.rint(np.exp(exponent) * (1 << bits)).astype(np.uint32)
        mantissa, exp2 = math.frexp(1.0 / self.out_quant.scale[0])
        if not 0 <= 30 - exp2 <= 31:
            raise InvalidGraph(f"softmax output scale {self.out_quant.scale[0]:g} is outside [2**-30, 1]")
        return SoftmaxTable(exponentials, round(math.ldexp(mantissa, 30)), 30 - exp2)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        x = arrays[0]
        if self.out_quant is None:
            return (float32.softmax(x, self.beta),)
        below = x.astype(np.int64).max(axis=-1, keepdims=True) - x
        if self.rounding == "double":
            return (fixed.softmax(-below, *self.fixed_point(types)),)
        t = self.table(types)
        e = t.exponentials[below].astype(np.int64)
        quotient = _rne_divide(e * t.out_mult, e.sum(axis=-1, keepdims=True) << t.out_shift)
        return (saturate(quotient, self.out_quant.zero_point[0], NO_CLAMP),)


def _rne_divide(numerator: Int64s, denominator: Int64s) -> Int64s:
    quotient, rest = numerator // denominator, numerator % denominator
    up = (2 * rest > denominator) | ((2 * rest == denominator) & (quotient & 1 == 1))
    result: Int64s = quotient + up
    return result
