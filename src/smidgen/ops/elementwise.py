# SPDX-License-Identifier: Apache-2.0
"""Elementwise ops of two tensors, with numpy broadcasting. TFLite ADD, SUB, MUL; ONNX Add, Sub, Mul."""

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
    Int64s,
    quantize_multiplier,
    requantize,
    require_type,
    result_dtype,
    rne_shift_right,
    saturate,
)

_ADD_LEFT_SHIFT = 20  # TFLite add.cc: headroom for the rescaled int8 inputs


def broadcast_shape(types: Sequence[TensorType]) -> tuple[int, ...]:
    """The shape both operands broadcast to. Raises InvalidGraph when they do not."""
    try:
        return tuple(int(d) for d in np.broadcast_shapes(*(t.shape for t in types)))
    except ValueError:
        raise InvalidGraph(f"shapes {[list(t.shape) for t in types]} do not broadcast") from None


@dataclass(frozen=True)
class _Binary(Op):
    operands: ClassVar[tuple[str, ...]] = ("a", "b")
    clamp: tuple[float, float] = NO_CLAMP
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("a", types[0], "int8", "int16", "float32")
        require_type("b", types[1], *(["float32"] if types[0].dtype == "float32" else ["int8", "int16"]))
        dtype = result_dtype(types, self.out_dtype, self.out_quant, self.rounding)
        if self.out_quant is not None:
            self._check_scales(types)
        return (TensorType(dtype, broadcast_shape(types), self.out_quant),)

    def _saturated(self, y: Int64s, types: Sequence[TensorType]) -> tuple[Array, ...]:
        return (saturate(y, self._quant.zero_point[0], self.clamp, self.out_dtype or types[0].dtype),)

    def _check_scales(self, types: Sequence[TensorType]) -> None:
        """Raise InvalidGraph where the scales give no multiplier."""

    @property
    def _quant(self) -> QuantParams:
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        return self.out_quant


@dataclass(frozen=True)
class AddRescale:
    """TFLite's fixed-point parameters of ADD and SUB: two input rescales and one output rescale, each (q31, shift)."""

    left_shift: int
    a: tuple[int, int]
    b: tuple[int, int]
    out: tuple[int, int]


@dataclass(frozen=True)
class AddRescaleRne:
    """The ``even`` profile's: y = rne((a * a_mult + b * b_mult) / 2**shift); signs live in the multipliers."""

    a_mult: int
    b_mult: int
    shift: int


@dataclass(frozen=True)
class Add(_Binary):
    """signs[0] * a + signs[1] * b, rescaled: addition (1, 1) and both orders of subtraction (1, -1), (-1, 1)."""

    signs: tuple[int, int] = (1, 1)

    def rescale(self, types: Sequence[TensorType]) -> AddRescale:
        """As TFLite's add.cc and sub.cc: each input over twice the larger input scale, all in doubles."""
        a, b, out = types[0].scale, types[1].scale, self._quant.scale[0]
        twice_max = 2.0 * max(a, b)
        return AddRescale(
            _ADD_LEFT_SHIFT,
            quantize_multiplier(a / twice_max),
            quantize_multiplier(b / twice_max),
            quantize_multiplier(twice_max / ((1 << _ADD_LEFT_SHIFT) * out)),
        )

    def rescale_rne(self, types: Sequence[TensorType]) -> AddRescaleRne:
        """Multipliers below 2**30 with a common shift in [1, 61]; the sum of two products stays below 2**47."""
        out = self._quant.scale[0]
        a, b = types[0].scale / out, types[1].scale / out
        shift = min(30 - math.frexp(max(a, b))[1], 61)
        if shift < 1:
            raise InvalidGraph(f"input scales are {max(a, b):g} times the output scale: not a meaningful quantization")
        mults = [int(np.rint(math.ldexp(r, shift))) * s for r, s in zip((a, b), self.signs, strict=True)]
        return AddRescaleRne(mults[0], mults[1], shift)

    def _check_scales(self, types: Sequence[TensorType]) -> None:
        _ = self.rescale_rne(types) if self.rounding == "even" else self.rescale(types)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        sa, sb = self.signs
        if self.out_quant is None:
            with np.errstate(all="ignore"):
                return (float32.clip(np.float32(sa) * arrays[0] + np.float32(sb) * arrays[1], self.clamp),)
        a, b = (x.astype(np.int64) - t.zero_point for x, t in zip(arrays, types, strict=True))
        if self.rounding == "even":
            r = self.rescale_rne(types)
            total = rne_shift_right(a * r.a_mult + b * r.b_mult, r.shift)
        else:
            p = self.rescale(types)
            scaled_a = requantize(a << p.left_shift, *p.a, "double")
            scaled_b = requantize(b << p.left_shift, *p.b, "double")
            total = requantize(sa * scaled_a + sb * scaled_b, *p.out, "double")
        return self._saturated(total, types)


@dataclass(frozen=True)
class Mul(_Binary):
    """(a - za) * (b - zb), rescaled once by scale(a) * scale(b) / scale(y)."""

    def multiplier(self, types: Sequence[TensorType]) -> tuple[int, int]:
        return quantize_multiplier(types[0].scale * types[1].scale / self._quant.scale[0])

    def _check_scales(self, types: Sequence[TensorType]) -> None:
        self.multiplier(types)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        if self.out_quant is None:
            with np.errstate(all="ignore"):
                return (float32.clip(arrays[0] * arrays[1], self.clamp),)
        a, b = (x.astype(np.int64) - t.zero_point for x, t in zip(arrays, types, strict=True))
        y = requantize(a * b, *self.multiplier(types), self.rounding)
        return self._saturated(y, types)
