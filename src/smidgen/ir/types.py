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
_FOUR_BIT_LEAST, _FOUR_BIT_MOST = -8, 7
MOST_GROUP_FACTOR = 15  # of four-bit weights: 15 * -8 still fits int8
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
class FourBit:
    """Constant int8 weights that are kept in flash as four bits each: value = w * factor, w in [-8, 7].

    The factor, 1 to 15, is one for each ``group`` consecutive weights of an output channel (OHWI order; the last group
    may be shorter), always 1 where ``group`` is None. It says how weights are kept, never what they are: the integers
    that ops compute with are the products, so every op and kernel for int8 weights means the same.
    """

    group: int | None = None

    def __post_init__(self) -> None:
        if self.group is not None and (self.group < 8 or self.group % 8):
            raise InvalidGraph(f"groups of {self.group} four-bit weights: needs a multiple of 8")


@dataclass(frozen=True, slots=True)
class Half:
    """Constant float32 weights that are kept in flash as IEEE 754 half precision, which holds their values exactly.

    Like ``FourBit`` it says how weights are kept, never what they are: ops compute with the same float32 values.
    """


Storage = FourBit | Half


@dataclass(frozen=True, slots=True)
class TensorType:
    """Shape is static: positive ints only. Activations are NHWC, convolution weights OHWI."""

    dtype: DType
    shape: tuple[int, ...]
    quant: QuantParams | None = None
    storage: Storage | None = None

    def __post_init__(self) -> None:
        if any(d < 1 for d in self.shape):
            raise InvalidGraph(f"shape {list(self.shape)} has a dimension below 1")

        if isinstance(self.storage, FourBit) and self.dtype != "int8":
            raise InvalidGraph(f"only int8 weights are kept in four bits, not {self.dtype}")
        if isinstance(self.storage, Half) and self.dtype != "float32":
            raise InvalidGraph(f"only float32 weights are kept in half precision, not {self.dtype}")

    @property
    def elements(self) -> int:
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        return self.elements * np.dtype(self.dtype).itemsize

    @property
    def stored_nbytes(self) -> int:
        """Bytes as kept in flash: ``nbytes``, or those of halves, or of nibbles and of a factor's nibble a group."""
        if self.storage is None:
            return self.nbytes
        if isinstance(self.storage, Half):
            return 2 * self.elements
        channels, values = self.shape[0], self.elements // self.shape[0]
        groups = 0 if self.storage.group is None else -(-values // self.storage.group)
        return channels * -(-(values + groups) // 2)

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
        return f"{self.dtype}[{','.join(map(str, self.shape))}]{quant}{_kept(self.storage)}"


def _kept(storage: Storage | None) -> str:
    if storage is None:
        return ""
    if isinstance(storage, Half):
        return " kept in 16 bits"
    return " kept in 4 bits" + ("" if storage.group is None else f" in groups of {storage.group}")


def in_half_precision(data: Array) -> Array | None:
    """float32 data as float16, or None where that would change a value; NaN and infinities have none."""
    with np.errstate(over="ignore"):
        halves: Array = data.astype(np.float16)
    same = np.isfinite(halves) & (halves.astype(np.float32) == data)
    return halves if same.all() else None


def four_bit_parts(data: Array, group: int | None) -> tuple[Array, Array] | None:
    """int8 weights (channels, values) as (w, factors): data = w * factor, w in [-8, 7], factors (channels, groups).

    The least factor that divides a group and brings it into range; None if some group has none up to 15.
    """
    channels, values = data.shape
    width = values if group is None else group
    padded = np.pad(data.astype(np.int16), [(0, 0), (0, -values % width)]).reshape(channels, -1, width)
    divisor, least, most = np.gcd.reduce(padded, axis=2), padded.min(axis=2), padded.max(axis=2)
    factors = np.zeros(divisor.shape, np.uint8)
    for factor in range(MOST_GROUP_FACTOR if group is not None else 1, 0, -1):
        fits = (divisor % factor == 0) & (least >= _FOUR_BIT_LEAST * factor) & (most <= _FOUR_BIT_MOST * factor)
        factors[fits] = factor
    if not factors.all():
        return None
    w = (padded // factors[:, :, None]).astype(np.int8).reshape(channels, -1)[:, :values]
    return w, factors


def storage_after(data: Array, storage: Storage | None) -> Storage | None:
    """How weights (channels, ...) that a pass has changed are kept: as before where they still fit, else whole."""
    if isinstance(storage, Half):
        return None if in_half_precision(data) is None else storage
    if storage is None or four_bit_parts(data.reshape(len(data), -1), storage.group) is None:
        return None
    return storage
