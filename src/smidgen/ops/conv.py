# SPDX-License-Identifier: Apache-2.0
"""Convolutions. TFLite int8 CONV_2D and DEPTHWISE_CONV_2D, ONNX Conv; NHWC activations, OHWI weights."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, DType, Op, QuantParams, Rounding, TensorType
from smidgen.ops import float32
from smidgen.ops.arithmetic import (
    NO_CLAMP,
    WIDE_SHIFT,
    multipliers,
    requantize,
    require_type,
    result_dtype,
    saturate,
)

MOST_PADDING = 4096  # elements; far above real models, so that a damaged one cannot take hours

Pair = tuple[int, int]
Multipliers = tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]


def out_size(size: int, kernel: int, stride: int, dilation: int, before: int, after: int) -> int:
    """Output length of a window sliding over one padded dimension. Raises InvalidGraph when the window does not fit."""
    if max(before, after) > MOST_PADDING:
        raise InvalidGraph(f"padding ({before}, {after}) of a dimension of {size}: more than {MOST_PADDING} a side")
    span = (kernel - 1) * dilation + 1
    padded = size + before + after
    if span > padded:
        raise InvalidGraph(f"a window of {span} does not fit into {size} + padding ({before}, {after})")
    return (padded - span) // stride + 1


def spatial(t: TensorType) -> Pair:
    """Height and width of an NHWC tensor."""
    return t.shape[1], t.shape[2]


def windows(x: Array, kernel: Pair, stride: Pair, dilation: Pair, out: Pair) -> Array:
    """A view (n, oh, ow, kh, kw, c) of padded x (n, h, w, c)."""
    n, _, _, c = x.shape
    sn, sh, sw, sc = x.strides
    shape = (n, *out, *kernel, c)
    strides = (sn, sh * stride[0], sw * stride[1], sh * dilation[0], sw * dilation[1], sc)
    return np.lib.stride_tricks.as_strided(x, shape, strides, writeable=False)


def pad_hw(x: Array, padding: tuple[int, int, int, int], value: float = 0) -> Array:
    """x (n, h, w, c) with (top, left, bottom, right) more rows and columns of ``value``."""
    t, left, b, r = padding
    return np.pad(x, ((0, 0), (t, b), (left, r), (0, 0)), constant_values=value)


def weight_multipliers(x: TensorType, w: TensorType, out: QuantParams | None, channels: int) -> Multipliers:
    """Per output channel: scale(x) * scale(w) / scale(out) in double arithmetic (TFLite's per-channel path)."""
    if w.quant is None or out is None:
        raise InvalidGraph("integer convolution needs quantized weights and output")
    scales = w.quant.scale if len(w.quant.scale) > 1 else w.quant.scale * channels
    found = multipliers([x.scale * s / out.scale[0] for s in scales])
    if x.dtype == "int16" and found[1].max() > WIDE_SHIFT:
        raise InvalidGraph(
            f"input times weight scale is above 2**{WIDE_SHIFT} times the output's: no meaningful quantization"
        )
    return found


def require_weights(x: TensorType, w: TensorType) -> None:
    """Raise InvalidGraph unless these are int8 or int16 activations with int8 weights, or both float32."""
    require_type("x", x, "int8", "int16", "float32")
    require_type("w", w, "float32" if x.dtype == "float32" else "int8")


def _require_scales(w: TensorType, channels: int, axis: int) -> None:
    if w.quant is None:
        raise InvalidGraph("integer weights carry no quantization")
    if any(w.quant.zero_point):
        raise InvalidGraph("weights have a zero point other than 0")
    if w.quant.axis is not None and (w.quant.axis != axis or len(w.quant.scale) != channels):
        raise InvalidGraph(f"{len(w.quant.scale)} weight scales on axis {w.quant.axis}, need {channels} on axis {axis}")


@dataclass(frozen=True)
class _Windowed(Op):
    """What both convolutions share. Padding is (top, left, bottom, right); clamp is in output steps (or reals)."""

    operands: ClassVar[tuple[str, ...]] = ("x", "w", "b?")
    stride: Pair = (1, 1)
    dilation: Pair = (1, 1)
    padding: tuple[int, int, int, int] = (0, 0, 0, 0)
    clamp: tuple[float, float] = NO_CLAMP
    out_quant: QuantParams | None = None
    rounding: Rounding = "double"
    out_dtype: DType | None = field(default=None, kw_only=True)

    def _output(self, types: Sequence[TensorType], kernel: Pair, channels: int) -> TensorType:
        x = types[0]
        if len(x.shape) != 4:
            raise InvalidGraph(f"operand x has shape {list(x.shape)}, needs 4 dimensions")
        require_weights(x, types[1])
        bias = "float32" if x.dtype == "float32" else "int32"
        if len(types) > 2 and (types[2].dtype != bias or types[2].shape != (channels,)):
            raise InvalidGraph(f"operand b is {types[2].dtype}{list(types[2].shape)}, needs {bias}[{channels}]")
        dtype = result_dtype([x], self.out_dtype, self.out_quant, self.rounding)
        t, left, b, r = self.padding
        oh = out_size(x.shape[1], kernel[0], self.stride[0], self.dilation[0], t, b)
        ow = out_size(x.shape[2], kernel[1], self.stride[1], self.dilation[1], left, r)
        if self.out_quant is not None:
            weight_multipliers(x, types[1], self.out_quant, channels)
        return TensorType(dtype, (x.shape[0], oh, ow, channels), self.out_quant)

    def _windows(self, x: Array, kernel: Pair, out: TensorType) -> Array:
        return windows(pad_hw(x, self.padding), kernel, self.stride, self.dilation, spatial(out))

    def float_window(self, kernel: Pair, out: TensorType) -> float32.Window:
        """The window as the float32 arithmetic takes it."""
        return float32.Window(kernel, self.stride, self.dilation, self.padding[:2], spatial(out))

    def _finish(self, acc: Array, types: Sequence[TensorType], arrays: Sequence[Array]) -> Array:
        if self.out_quant is None:
            raise InvalidGraph("not an integer op")
        total = acc.astype(np.int64) + (arrays[2].astype(np.int64) if len(arrays) > 2 else 0)
        q31, shift = weight_multipliers(types[0], types[1], self.out_quant, acc.shape[-1])
        y = requantize(total, q31, shift, self.rounding)
        return saturate(y, self.out_quant.zero_point[0], self.clamp, self.out_dtype or types[0].dtype)


def _centred(x: TensorType, data: Array) -> Array:
    """Integers less their zero point as float64: sums of products stay below 2**53, so exact."""
    return data.astype(np.float64) - x.zero_point


def _bias(arrays: Sequence[Array]) -> Array | None:
    return arrays[2] if len(arrays) > 2 else None


@dataclass(frozen=True)
class Conv2D(_Windowed):
    """y[n,oh,ow,o] = clamp(requantize(sum (x - zx) * w[o,kh,kw,i] + b[o])). Weights (o, kh, kw, in_c / groups)."""

    groups: int = 1

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, w = types[0], types[1]
        if len(w.shape) != 4 or len(x.shape) != 4:
            raise InvalidGraph(f"operands x and w need 4 dimensions, have {list(x.shape)} and {list(w.shape)}")
        o, kh, kw, ic = w.shape
        if ic * self.groups != x.shape[3] or o % self.groups:
            raise InvalidGraph(
                f"weights {list(w.shape)} in {self.groups} groups do not fit {x.shape[3]} input channels"
            )
        if x.dtype != "float32":
            _require_scales(w, o, 0)
        return (self._output(types, (kh, kw), o),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        (out,) = self.infer(types)
        o, kh, kw, ic = types[1].shape
        if types[0].dtype == "float32":
            window = self.float_window((kh, kw), out)
            y = float32.conv2d(arrays[0], arrays[1], _bias(arrays), window, self.groups)
            return (float32.clip(y, self.clamp),)
        win = self._windows(_centred(types[0], arrays[0]), (kh, kw), out)
        w = arrays[1].astype(win.dtype).reshape(self.groups, o // self.groups, kh * kw * ic)
        parts = [
            win[..., g * ic : (g + 1) * ic].reshape(*out.shape[:3], kh * kw * ic) @ w[g].T for g in range(self.groups)
        ]
        return (self._finish(np.concatenate(parts, axis=-1), types, arrays),)

    def macs(self, types: Sequence[TensorType]) -> int:
        _, kh, kw, ic = types[1].shape
        return self.infer(types)[0].elements * kh * kw * ic


@dataclass(frozen=True)
class DepthwiseConv2D(_Windowed):
    """Channel c of the output reads channel c / multiplier of the input. Weights (kh, kw, c), c = in_c * multiplier."""

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        x, w = types[0], types[1]
        if len(w.shape) != 3 or len(x.shape) != 4 or w.shape[2] % x.shape[3]:
            raise InvalidGraph(f"depthwise weights {list(w.shape)} do not fit input {list(x.shape)}")
        if x.dtype != "float32":
            _require_scales(w, w.shape[2], 2)
        return (self._output(types, (w.shape[0], w.shape[1]), w.shape[2]),)

    def multiplier(self, types: Sequence[TensorType]) -> int:
        return types[1].shape[2] // types[0].shape[3]

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        (out,) = self.infer(types)
        kernel = types[1].shape[0], types[1].shape[1]
        if types[0].dtype == "float32":
            y = float32.depthwise(arrays[0], arrays[1], _bias(arrays), self.float_window(kernel, out))
            return (float32.clip(y, self.clamp),)
        win = self._windows(_centred(types[0], arrays[0]), kernel, out)
        win = np.repeat(win, self.multiplier(types), axis=-1)
        acc = np.einsum("nabijc,ijc->nabc", win, arrays[1].astype(win.dtype))
        return (self._finish(acc, types, arrays),)

    def macs(self, types: Sequence[TensorType]) -> int:
        return self.infer(types)[0].elements * types[1].shape[0] * types[1].shape[1]
