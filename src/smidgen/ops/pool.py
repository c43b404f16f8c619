# SPDX-License-Identifier: Apache-2.0
"""Pooling over windows. TFLite AVERAGE_POOL_2D and MAX_POOL_2D; ONNX AveragePool, MaxPool and their global forms."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, Op, QuantParams, Rounding, TensorType
from smidgen.ops import float32
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    RANGES,
    WIDE_SHIFT,
    multipliers,
    requantize,
    require_type,
    result_dtype,
    saturate,
)
from smidgen.ops.conv import Multipliers, Pair, out_size, pad_hw, spatial, windows


def _valid(positions: int, kernel: int, stride: int, before: int, size: int) -> Array:
    """How many elements of each window along one dimension lie inside it: (positions,), int64."""
    start = np.arange(positions, dtype=np.int64) * stride - before
    inside: Array = np.minimum(start + kernel, size) - np.maximum(start, 0)
    return inside


@dataclass(frozen=True)
class _Pool(Op):
    operands: ClassVar[tuple[str, ...]] = ("x",)
    kernel: Pair = (1, 1)
    stride: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    clamp: tuple[float, float] = NO_CLAMP

    def _output(self, x: TensorType, quant: QuantParams | None, dtype: DType) -> TensorType:
        if len(x.shape) != 4:
            raise InvalidGraph(f"operand x has shape {list(x.shape)}, needs 4 dimensions")
        require_type("x", x, "int8", "int16", "float32")
        t, left, b, r = self.padding
        if max(t, b) >= self.kernel[0] or max(left, r) >= self.kernel[1]:
            raise InvalidGraph(
                f"padding {self.padding} is as large as the window {self.kernel}: a window would be empty"
            )
        oh = out_size(x.shape[1], self.kernel[0], self.stride[0], 1, t, b)
        ow = out_size(x.shape[2], self.kernel[1], self.stride[1], 1, left, r)
        return TensorType(dtype, (x.shape[0], oh, ow, x.shape[3]), quant)

    def _columns(self, x: Array, out: TensorType, value: float) -> Array:
        """A view (n, oh, padded w, kh, 1, c) of padded x: windows along the height."""
        padded = pad_hw(x, self.padding, value)
        return windows(padded, (self.kernel[0], 1), (self.stride[0], 1), (1, 1), (out.shape[1], padded.shape[2]))

    def _rows(self, x: Array, out: TensorType) -> Array:
        """A view (n, oh, ow, 1, kw, c) of x (n, oh, padded w, c): windows along the width."""
        return windows(x, (1, self.kernel[1]), (1, self.stride[1]), (1, 1), spatial(out))

    def _sums(self, x: Array, out: TensorType) -> Array:
        """Each window's sum with zeros outside: one dimension after the other, so that large windows stay cheap."""
        columns = self._columns(x, out, 0).sum(axis=(3, 4), dtype=x.dtype)
        sums: Array = self._rows(columns, out).sum(axis=(3, 4), dtype=x.dtype)
        return sums

    def _maxima(self, x: Array, out: TensorType, lowest: float) -> Array:
        columns = self._columns(x, out, lowest).max(axis=(3, 4))
        maxima: Array = self._rows(columns, out).max(axis=(3, 4))
        return maxima

    def float_window(self, out: TensorType) -> float32.Window:
        """The window as the float32 arithmetic takes it."""
        return float32.Window(self.kernel, self.stride, (1, 1), self.padding[:2], spatial(out))

    def valid_counts(self, x: TensorType) -> Array:
        """How many elements of each window lie inside x: (1, oh, ow, 1), int64."""
        _, oh, ow, _ = self._output(x, None, x.dtype).shape
        rows = _valid(oh, self.kernel[0], self.stride[0], self.padding[0], x.shape[1])
        columns = _valid(ow, self.kernel[1], self.stride[1], self.padding[1], x.shape[2])
        return np.outer(rows, columns).reshape(1, oh, ow, 1)


@dataclass(frozen=True)
class MaxPool2D(_Pool):
    """The largest valid element; the output keeps the input's quantization."""

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (self._output(types[0], types[0].quant, types[0].dtype),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        (out,) = self.infer(types)
        if out.dtype == "float32":
            return (float32.clip(float32.window_maxima(arrays[0], self.float_window(out)), self.clamp),)
        y = self._maxima(arrays[0], out, RANGES[out.dtype][0])
        return (np.clip(y, *self.clamp).astype(out.dtype),)


@dataclass(frozen=True)
class AveragePool2D(_Pool):
    """The mean of the valid elements (or, with count_include_pad, of the whole window with zeros outside).

    ``double`` (TFLM): scales in and out are equal; sum / count, rounded half away from zero, no zero point involved.
    ``even``: sum of (x - zx), times scale(x) / (count * scale(y)), one rounding; out_quant is free.
    """

    out_quant: QuantParams | None = None
    count_include_pad: bool = False
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        dtype = result_dtype([x], self.out_dtype, self.out_quant, self.rounding)
        if x.dtype == "int8" and self.rounding == "double" and (self.out_quant != x.quant or self.count_include_pad):
            raise InvalidGraph("TFLite average pooling keeps its input's scale and counts no padding")
        y = self._output(x, self.out_quant, dtype)
        if x.dtype == "int16" and self.count_multipliers(x, [1])[1][0] > WIDE_SHIFT:
            raise InvalidGraph(f"the input scale is above 2**{WIDE_SHIFT} times the output")
        return (y,)

    def counts(self, x: TensorType) -> Array:
        """The divisor of each output position: (1, oh, ow, 1)."""
        valid = self.valid_counts(x)
        return np.full_like(valid, self.kernel[0] * self.kernel[1]) if self.count_include_pad else valid

    def count_multipliers(self, x: TensorType, counts: Sequence[int]) -> Multipliers:
        """The ``even`` profile's multiplier for each divisor."""
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        return multipliers([x.scale / (self.out_quant.scale[0] * n) for n in counts])

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        (out,) = self.infer(types)
        x, counts = types[0], self.counts(types[0])
        if self.out_quant is None:
            y = float32.window_sums(arrays[0], self.float_window(out)) / counts.astype(np.float32)
            return (float32.clip(y, self.clamp),)
        if self.rounding == "even":
            acc = self._sums(arrays[0].astype(np.int64) - x.zero_point, out)
            divisors, index = np.unique(counts, return_inverse=True)
            q31, shift = (m[index].reshape(counts.shape) for m in self.count_multipliers(x, divisors.tolist()))
            r = requantize(acc, q31, shift, "even")
            return (saturate(r, self.out_quant.zero_point[0], self.clamp, out.dtype),)
        acc = self._sums(arrays[0].astype(np.int64), out)
        magnitude = (np.abs(acc) + counts // 2) // counts
        return (saturate(np.sign(acc) * magnitude, 0, self.clamp),)
