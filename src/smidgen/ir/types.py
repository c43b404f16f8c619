# SPDX-License-Identifier: Apache-2.0
"""What a tensor is: its element type, its shape and how its integers stand for reals."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph

Array = npt.NDArray[Any]  # Any: the element type is data (TensorType.dtype), not a static type
DType = Literal["int8", "uint8", "int16", "int32", "int64", "float32"]
Rounding = Literal["double", "even"]
"""How an accumulator becomes an output integer; an attribute of each op, never a global switch.

``double``: TFLite Micro's two roundings (saturating rounding doubling high multiply, then a rounding right shift).
``even``: one exact rounding of the 64-bit product, ties to even (the ``onnx-qdq.v1`` profile).
"""
Numerics = Literal["tflm-int8.v1", "onnx-qdq.v1"]
"""The named arithmetic profiles; docs/numerics.md defines them."""

DTYPES: tuple[DType, ...] = ("int8", "uint8", "int16", "int32", "int64", "float32")


@dataclass(frozen=True, slots=True)
class QuantParams:
    """real = scale[c] * (q - zero_point[c]); axis is None for per-tensor. Scales are float32 values."""

    scale: tuple[float, ...]
    zero_point: tuple[int, ...]
    axis: int | None = None

    def __post_init__(self) -> None:
        if len(self.scale) != len(self.zero_point):
            raise InvalidGraph(f"{len(self.scale)} scales but {len(self.zero_point)} zero points")
        if self.axis is None and len(self.scale) != 1:
            raise InvalidGraph(f"per-tensor quantization has exactly one scale, not {len(self.scale)}")
        if not all(math.isfinite(s) and s > 0 for s in self.scale):
            raise InvalidGraph("scales are positive and finite")


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape is static: positive ints only. Activations are NHWC, convolution weights OHWI."""

    dtype: DType
    shape: tuple[int, ...]
    quant: QuantParams | None = None

    def __post_init__(self) -> None:
        if any(d < 1 for d in self.shape):
            raise InvalidGraph(f"shape {list(self.shape)} has a dimension below 1")

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def scale(self) -> float:
        """The per-tensor scale; InvalidGraph if there is none."""
        return self._per_tensor().scale[0]

    @property
    def zero_point(self) -> int:
        """The per-tensor zero point; InvalidGraph if there is none."""
        return self._per_tensor().zero_point[0]

    def _per_tensor(self) -> QuantParams:
        if self.quant is None or self.quant.axis is not None:
            raise InvalidGraph(f"{self} needs per-tensor quantization")
        return self.quant

    def __str__(self) -> str:
        quant = ""
        if self.quant is not None:
            n = len(self.quant.scale)
            quant = (
                f" scale={self.quant.scale[0]:.9g} zero_point={self.quant.zero_point[0]}"
                if self.quant.axis is None
                else f" {n} scales on axis {self.quant.axis}"
            )
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{quant}"
