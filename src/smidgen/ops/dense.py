# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers. TFLite FULLY_CONNECTED, ONNX Gemm and MatMul with constant weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, Op, QuantParams, Rounding, TensorType
from smidgen.ops import float32
from smidgen.ops.arithmetic import NO_CLAMP, requantize, result_dtype, saturate
from smidgen.ops.conv import Multipliers, require_weights, weight_multipliers


@dataclass(frozen=True)
class FullyConnected(Op):
    """y (..., o) = clamp(requantize((x (..., k) - zx) * w (o, k)^T + b (o)))."""

    operands: ClassVar[tuple[str, ...]] = ("x", "w", "b?")
    clamp: tuple[float, float] = NO_CLAMP
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, w = types[0], types[1]
        require_weights(x, w)
        if len(w.shape) != 2 or not x.shape or x.shape[-1] != w.shape[1]:
            raise InvalidGraph(f"weights {list(w.shape)} do not fit input {list(x.shape)}")
        o = w.shape[0]
        bias = "float32" if x.dtype == "float32" else "int32"
        if len(types) > 2 and (types[2].dtype != bias or types[2].shape != (o,)):
            raise InvalidGraph(f"operand b is {types[2].dtype}{list(types[2].shape)}, needs {bias}[{o}]")
        dtype = result_dtype([x], self.out_dtype, self.out_quant, self.rounding)
        if w.quant is not None and w.quant.axis is not None and (w.quant.axis != 0 or len(w.quant.scale) != o):
            raise InvalidGraph(f"{len(w.quant.scale)} weight scales on axis {w.quant.axis}, need {o} on axis 0")
        if w.quant is not None and any(w.quant.zero_point):
            raise InvalidGraph("weights have a zero point other than 0")
        if self.out_quant is not None:
            self.multipliers(types)
        return (TensorType(dtype, (*x.shape[:-1], o), self.out_quant),)

    def multipliers(self, types: Sequence[TensorType]) -> Multipliers:
        """One pair for per-tensor weights, else one an output channel; scale(x) * scale(w) / scale(y) in doubles.

        (Older TFLite Micro multiplied the first two in float32 where weights are per tensor; the oracle does not.)
        """
        x, w = types[0], types[1]
        if w.quant is None or self.out_quant is None:
            raise InvalidGraph("an integer layer needs quantized weights and output")
        return weight_multipliers(x, w, self.out_quant, 1 if w.quant.axis is None else w.shape[0])

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        x, w = types[0], types[1]
        if self.out_quant is None:
            real = float32.fully_connected(arrays[0], arrays[1], arrays[2] if len(arrays) > 2 else None)
            return (float32.clip(real, self.clamp),)
        centred = arrays[0].astype(np.float64) - x.zero_point  # exact: sums stay below 2**53
        acc = (centred @ arrays[1].astype(np.float64).T).astype(np.int64)
        if len(arrays) > 2:
            acc = acc + arrays[2].astype(np.int64)
        y = requantize(acc, *self.multipliers(types), self.rounding)
        out = saturate(y, self.out_quant.zero_point[0], self.clamp, self.out_dtype or x.dtype)
        return (out.reshape(*x.shape[:-1], w.shape[0]),)

    def macs(self, types: Sequence[TensorType]) -> int:
        return types[0].elements * types[1].shape[0]
