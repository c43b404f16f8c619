# SPDX-License-Identifier: Apache-2.0
"""Ops that move bytes and compute nothing. TFLite and ONNX reshape family, transpose, pad, concat."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, Op, QuantParams, TensorType


@dataclass(frozen=True)
class Reshape(Op):
    """The same bytes under another shape, and other quantization if ``out_quant`` is given.

    Reshape, squeeze, unsqueeze, flatten, expand_dims; a change of scale that only renames the steps.
    """

    operands: ClassVar[tuple[str, ...]] = ("x",)
    view: ClassVar[bool] = True
    shape: tuple[int, ...] = ()
    out_quant: QuantParams | None = None

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        if math.prod(self.shape) != x.elements:
            raise InvalidGraph(f"cannot reshape {list(x.shape)} to {list(self.shape)}: {x.elements} elements")
        return (TensorType(x.dtype, self.shape, self.out_quant or x.quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        return (arrays[0].reshape(self.shape),)


@dataclass(frozen=True)
class Transpose(Op):
    """y's dimension i is x's dimension permutation[i]."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    permutation: tuple[int, ...] = ()

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        if sorted(self.permutation) != list(range(len(x.shape))):
            raise InvalidGraph(f"{list(self.permutation)} is no permutation of {len(x.shape)} dimensions")
        return (TensorType(x.dtype, tuple(x.shape[p] for p in self.permutation), x.quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        return (np.ascontiguousarray(arrays[0].transpose(self.permutation)),)


@dataclass(frozen=True)
class Pad(Op):
    """Constant padding; ``value`` is in stored units (for integers usually the zero point)."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    before: tuple[int, ...] = ()
    after: tuple[int, ...] = ()
    value: float = 0

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        if not len(self.before) == len(self.after) == len(x.shape) or min((*self.before, *self.after, 0)) < 0:
            raise InvalidGraph(f"padding {self.before}, {self.after} does not fit {list(x.shape)}")
        shape = tuple(d + b + a for d, b, a in zip(x.shape, self.before, self.after, strict=True))
        return (TensorType(x.dtype, shape, x.quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        width = tuple(zip(self.before, self.after, strict=True))
        return (np.pad(arrays[0], width, constant_values=self.value).astype(types[0].dtype),)


@dataclass(frozen=True)
class Crop(Op):
    """``length`` steps of one dimension, the first of them ``start``; all there is of the others."""

    operands: ClassVar[tuple[str, ...]] = ("x",)
    axis: int = 0
    start: int = 0
    length: int = 1

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x = types[0]
        size = x.shape[self.axis] if 0 <= self.axis < len(x.shape) else 0
        if self.start < 0 or self.length < 1 or self.start + self.length > size:
            raise InvalidGraph(
                f"{self.length} steps from {self.start} on do not lie in dimension {self.axis} of {list(x.shape)}"
            )
        if x.quant is not None and x.quant.axis == self.axis:
            raise InvalidGraph(f"dimension {self.axis} has a scale a step: it cannot be cropped")
        return (TensorType(x.dtype, (*x.shape[: self.axis], self.length, *x.shape[self.axis + 1 :]), x.quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        taken = (slice(None),) * self.axis + (slice(self.start, self.start + self.length),)
        return (np.ascontiguousarray(arrays[0][taken]),)


@dataclass(frozen=True)
class Concat(Op):
    """The inputs one after another along ``axis``; all share the element type and quantization."""

    operands: ClassVar[tuple[str, ...]] = ("x*",)
    axis: int = 0

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        if not types:
            raise InvalidGraph("nothing to concatenate")
        first, axis = types[0], self.axis
        if not 0 <= axis < len(first.shape):
            raise InvalidGraph(f"axis {axis} of {len(first.shape)} dimensions")
        for t in types[1:]:
            if len(t.shape) != len(first.shape) or t.shape[:axis] + t.shape[axis + 1 :] != (
                first.shape[:axis] + first.shape[axis + 1 :]
            ):
                raise InvalidGraph(f"cannot concatenate {list(first.shape)} and {list(t.shape)} along axis {axis}")
            if (t.dtype, t.quant) != (first.dtype, first.quant):
                raise InvalidGraph(f"concatenated tensors differ in type: {first} and {t}")
        size = sum(t.shape[axis] for t in types)
        return (TensorType(first.dtype, (*first.shape[:axis], size, *first.shape[axis + 1 :]), first.quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        return (np.concatenate(arrays, axis=self.axis),)
