# SPDX-License-Identifier: Apache-2.0
"""Between reals and integers, and from one quantization to another. TFLite QUANTIZE, DEQUANTIZE; ONNX *Linear."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import ALL_FORMS, Array, DType, Form, Op, QuantParams, Rounding, TensorType
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    RANGES,
    quantize_multiplier,
    requantize,
    require_symmetric,
    require_type,
    result_dtype,
)


def along_axis(values: tuple[float, ...], axis: int | None, rank: int) -> Array:
    """Scales or zero points shaped to broadcast over a tensor of this rank (float64)."""
    shape = [1] * rank
    if axis is not None:
        shape[axis] = len(values)
    return np.array(values, np.float64).reshape(shape if axis is not None else ())


@dataclass(frozen=True)
class Quantize(Op):
    """clip(round(x / scale) + zero_point), divided in float32. ``double``: ties away from zero; ``even``: ties to even.

    NaN becomes the zero point.
    """

    operands: ClassVar[tuple[str, ...]] = ("x",)
    out_quant: QuantParams = QuantParams((1.0,), (0,))  # noqa: RUF009  (frozen value)
    dtype: DType = "int8"
    rounding: Rounding = "double"

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "float32")
        if self.dtype == "int16":
            require_symmetric("the result", self.out_quant)
        return (TensorType(self.dtype, types[0].shape, self.out_quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        rank = len(types[0].shape)
        scale = along_axis(self.out_quant.scale, self.out_quant.axis, rank).astype(np.float32)
        zero = along_axis(self.out_quant.zero_point, self.out_quant.axis, rank)
        lo, hi = RANGES[self.dtype]
        with np.errstate(all="ignore"):
            ratio = (arrays[0] / scale).astype(np.float32).astype(np.float64)
        rounded = np.rint(ratio) if self.rounding == "even" else np.trunc(ratio + np.copysign(0.5, ratio))
        bounded = np.clip(np.nan_to_num(rounded, nan=0.0, posinf=1e9, neginf=-1e9), -1e9, 1e9)
        return (np.clip(bounded + zero, lo, hi).astype(self.dtype),)


@dataclass(frozen=True)
class Dequantize(Op):
    """(x - zero_point) * scale in float32; int8, uint8, int16 and int32 (biases), per tensor or per axis."""

    operands: ClassVar[tuple[str, ...]] = ("x",)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        require_type("x", x, "int8", "uint8", "int16", "int32")
        if x.quant is None:
            raise InvalidGraph("operand x carries no quantization")
        if x.quant.axis is not None and (x.quant.axis >= len(x.shape) or x.shape[x.quant.axis] != len(x.quant.scale)):
            raise InvalidGraph(f"{len(x.quant.scale)} scales on axis {x.quant.axis} of {list(x.shape)}")
        return (TensorType("float32", x.shape),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        q, rank = types[0].quant, len(types[0].shape)
        if q is None:
            raise InvalidGraph("operand x carries no quantization")
        centred = arrays[0].astype(np.float64) - along_axis(q.zero_point, q.axis, rank)
        return ((centred * along_axis(q.scale, q.axis, rank)).astype(np.float32),)


class ByteOp(Op):
    """An elementwise function of one operand, which is a table of 256 entries where that is a byte (lower_to_lookup).

    So it needs a kernel for other element types only, and stays as it is in lowered form where it reads those.
    """

    forms: ClassVar[frozenset[Form]] = ALL_FORMS

    def allowed(self, form: Form, types: Sequence[TensorType]) -> bool:
        return form != "lowered" or types[0].dtype not in ("int8", "uint8")


@dataclass(frozen=True)
class Requantize(ByteOp):
    """int8, uint8 or int16 to another scale, zero point or type, with a clamp (RELU with its own output scale)."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    out_quant: QuantParams = QuantParams((1.0,), (0,))  # noqa: RUF009  (frozen value)
    dtype: DType = "int8"
    clamp: tuple[float, float] = NO_CLAMP
    rounding: Rounding = "double"

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "int8", "uint8", "int16")
        if "int16" in (types[0].dtype, self.dtype):
            result_dtype(types, self.dtype, self.out_quant, self.rounding)
        self.multiplier(types)
        return (TensorType(self.dtype, types[0].shape, self.out_quant),)

    def multiplier(self, types: Sequence[TensorType]) -> tuple[int, int]:
        return quantize_multiplier(types[0].scale / self.out_quant.scale[0])

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        x = types[0]
        q31, shift = self.multiplier(types)
        y = requantize(arrays[0].astype(np.int64) - x.zero_point, q31, shift, self.rounding)
        lo, hi = RANGES[self.dtype]
        bounds = max(lo, self.clamp[0]), min(hi, self.clamp[1])
        return (np.clip(y + self.out_quant.zero_point[0], *bounds).astype(self.dtype),)


@dataclass(frozen=True)
class Lookup(Op):
    """y = table[x], the table indexed by the byte as unsigned: any elementwise function of one byte."""

    operands: ClassVar[tuple[str, ...]] = ("x", "table")
    forms: ClassVar[frozenset[Form]] = ALL_FORMS
    out_quant: QuantParams = QuantParams((1.0,), (0,))  # noqa: RUF009  (frozen value)
    dtype: DType = "int8"

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "int8", "uint8")
        if types[1].shape != (256,) or types[1].dtype != self.dtype:
            raise InvalidGraph(f"the table is {types[1]}, needs {self.dtype}[256]")
        return (TensorType(self.dtype, types[0].shape, self.out_quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        return (arrays[1][arrays[0].view(np.uint8)],)
