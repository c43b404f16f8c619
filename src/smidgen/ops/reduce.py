# SPDX-License-Identifier: Apache-2.0
"""Reductions over whole dimensions. TFLite MEAN, ONNX ReduceMean."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, Op, QuantParams, Rounding, TensorType
from smidgen.ops import float32
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    WIDE_SHIFT,
    quantize_multiplier,
    requantize,
    require_type,
    result_dtype,
    saturate,
)


@dataclass(frozen=True)
class Mean(Op):
    """Mean over adjacent dimensions first..last (inclusive), which stay as 1.

    ``double`` (TFLM reduce_common.cc): one requantisation of sum - count * zx, 1/count folded into the multiplier.
    ``even``: multiplier scale(x) / (scale(y) * count), one rounding.
    """

    operands: ClassVar[tuple[str, ...]] = ("x",)
    first: int = 0
    last: int = 0
    clamp: tuple[float, float] = NO_CLAMP
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        require_type("x", x, "int8", "int16", "float32")
        if not 0 <= self.first <= self.last < len(x.shape):
            raise InvalidGraph(f"dimensions {self.first}..{self.last} of {list(x.shape)}")
        dtype = result_dtype([x], self.out_dtype, self.out_quant, self.rounding)
        if self.out_quant is not None and self.multiplier(x)[1] > WIDE_SHIFT and x.dtype == "int16":
            raise InvalidGraph(f"the input scale is above 2**{WIDE_SHIFT} times the output")
        ones = (1,) * (self.last - self.first + 1)
        return (TensorType(dtype, (*x.shape[: self.first], *ones, *x.shape[self.last + 1 :]), self.out_quant),)

    def count(self, x: TensorType) -> int:
        return math.prod(x.shape[self.first : self.last + 1])

    def multiplier(self, x: TensorType) -> tuple[int, int]:
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        count, out = self.count(x), self.out_quant.scale[0]
        if self.rounding == "even":
            return quantize_multiplier(x.scale / (out * count))
        q31, shift = quantize_multiplier(x.scale / out)
        fold = min(count.bit_length() - 1, 32, 31 + shift)
        return (q31 << fold) // count, shift - fold

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        x, axes = types[0], tuple(range(self.first, self.last + 1))
        if self.out_quant is None:
            (out,) = self.infer(types)
            flat = arrays[0].reshape(math.prod(x.shape[: self.first]), self.count(x), -1)
            mean = float32.ordered_sum(flat, 1).reshape(out.shape) / np.float32(self.count(x))
            return (float32.clip(mean, self.clamp),)
        acc = arrays[0].astype(np.int64).sum(axis=axes, keepdims=True)
        y = requantize(acc - x.zero_point * self.count(x), *self.multiplier(x), self.rounding)
        return (saturate(y, self.out_quant.zero_point[0], self.clamp, self.out_dtype or x.dtype),)
