# SPDX-License-Identifier: Apache-2.0
"""Random models of one TFLite operator each, with inputs. Scales are chosen so that products fall on rounding ties."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import tflite

from tests.tflite_builder import Array, Options, Tensor, int8, int32, per_channel, single

Random = np.random.Generator
_SAME, _VALID = tflite.Padding.SAME, tflite.Padding.VALID


class Case(NamedTuple):
    """A model and its inputs."""

    model: bytes
    inputs: list[Array]


def _float32(v: float) -> float:
    return float(np.float32(v))


def _scale(r: Random, low: float = -7, high: float = -1) -> float:
    return _float32(2.0 ** r.uniform(low, high))


def _related(r: Random, scale: float) -> float:
    """A scale whose ratio to ``scale`` is close to a small fraction, so that float and double quotients round apart."""
    return _float32(scale * 2.0 * r.integers(1, 12) / r.integers(1, 12))


def _zero(r: Random) -> int:
    return int(r.choice([-128, 127, 0, *r.integers(-128, 128, 5)]))


def _bytes(r: Random, shape: Sequence[int], low: int = -128) -> Array:
    kind = r.integers(0, 4)
    if kind == 0:
        return r.choice(np.array([low, 127], np.int8), tuple(shape))
    span = (-4, 5) if kind == 1 else (low, 128)
    return r.integers(*span, tuple(shape)).astype(np.int8)


def _shape(r: Random, rank: int, most: int = 6) -> tuple[int, ...]:
    return tuple(int(d) for d in r.integers(1, most + 1, rank))


def _activation(r: Random) -> int:
    return int(r.integers(0, 4))  # NONE, RELU, RELU_N1_TO_1, RELU6


def _same_size(size: int, stride: int) -> int:
    return -(-size // stride)


def _window(r: Random, size: Sequence[int], kernel: Sequence[int], dilate: bool) -> tuple[dict[str, int], list[int]]:
    """The fields that window options share, and the output's height and width."""
    padding = int(r.choice([_SAME, _VALID]))
    stride = [int(s) for s in r.integers(1, 4, 2)]
    dilation = [int(d) for d in r.integers(1, 3, 2)] if dilate else [1, 1]
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    if any(s > n for s, n in zip(span, size, strict=True)):
        padding = _SAME
    out = [
        _same_size(n, t) if padding == _SAME else (n - s) // t + 1 for n, s, t in zip(size, span, stride, strict=True)
    ]
    fields = {"Padding": padding, "StrideH": stride[0], "StrideW": stride[1], "FusedActivationFunction": _activation(r)}
    if dilate:
        fields |= {"DilationHFactor": dilation[0], "DilationWFactor": dilation[1]}
    return fields, out


def _weights(r: Random, shape: Sequence[int], axis: int, terms: int) -> tuple[Tensor, float, float]:
    """Weights, the input scale and an output scale that most sums fit."""
    x_scale, w_scale = _scale(r), _scale(r, -10, -4)
    per_axis = bool(r.integers(0, 2))
    count = shape[axis] if per_axis else 1
    scales = [_float32(w_scale * s) for s in r.uniform(0.3, 1.0, count)] if per_axis else [w_scale]
    if not r.integers(0, 5):
        scales[0] = 2.0 ** round(math.log2(scales[0]))
    spread = float(r.choice([0.05, 0.5, 3.0])) * 70 * math.sqrt(terms)
    return per_channel(_bytes(r, shape, -127), scales, axis), x_scale, _float32(x_scale * w_scale * spread)


def _bias(r: Random, channels: int, x_scale: float, w: Tensor, terms: int) -> Tensor | None:
    if not r.integers(0, 3):
        return None
    most = int(5000 * math.sqrt(terms))
    scales = tuple(_float32(x_scale * s) for s in w.scale)
    return Tensor(
        "int32", (channels,), scales, (0,) * len(scales), 0, r.integers(-most, most, channels).astype(np.int32)
    )


def conv_2d(r: Random) -> Case:
    groups = int(r.choice([1, 1, 1, 2, 3]))
    kernel, size = [int(k) for k in r.integers(1, 5, 2)], [int(n) for n in r.integers(1, 10, 2)]
    ic, oc, n = int(r.integers(1, 9)), int(r.integers(1, 6)) * groups, int(r.choice([1, 1, 2]))
    fields, out = _window(r, size, kernel, True)
    terms = math.prod(kernel) * ic
    w, x_scale, y_scale = _weights(r, (oc, *kernel, ic), 0, terms)
    x = int8((n, *size, ic * groups), x_scale, _zero(r))
    y = int8((n, *out, oc), y_scale, _zero(r))
    operands = [x, w, _bias(r, oc, x_scale, w, terms)]
    model = single("CONV_2D", operands, y, Options("Conv2DOptions", fields), int(r.integers(1, 6)))
    return Case(model, [_bytes(r, x.shape)])


def depthwise_conv_2d(r: Random) -> Case:
    kernel, size = [int(k) for k in r.integers(1, 5, 2)], [int(n) for n in r.integers(1, 10, 2)]
    ic, multiplier, n = int(r.integers(1, 9)), int(r.choice([1, 1, 2, 3])), int(r.choice([1, 1, 2]))
    fields, out = _window(r, size, kernel, True)
    terms = math.prod(kernel)
    w, x_scale, y_scale = _weights(r, (1, *kernel, ic * multiplier), 3, terms)
    x = int8((n, *size, ic), x_scale, _zero(r))
    y = int8((n, *out, ic * multiplier), y_scale, _zero(r))
    options = Options("DepthwiseConv2DOptions", fields | {"DepthMultiplier": multiplier})
    model = single("DEPTHWISE_CONV_2D", [x, w, _bias(r, ic * multiplier, x_scale, w, terms)], y, options, 3)
    return Case(model, [_bytes(r, x.shape)])


def fully_connected(r: Random) -> Case:
    k, o, rank = int(r.integers(1, 70)), int(r.integers(1, 13)), int(r.integers(1, 4))
    lead = _shape(r, rank, 3)
    w, x_scale, y_scale = _weights(r, (o, k), 0, k)
    x = int8((*lead, k), x_scale, _zero(r))
    if k % 2 == 0 and not r.integers(0, 3):  # a rank that the operator flattens
        x = int8((*lead, k // 2, 2), x_scale, _zero(r))
    keep = x.shape == (*lead, k) and bool(r.integers(0, 2))
    y = int8((*lead, o) if keep else (math.prod(lead), o), y_scale, _zero(r))
    options = Options("FullyConnectedOptions", {"FusedActivationFunction": _activation(r), "KeepNumDims": keep})
    model = single("FULLY_CONNECTED", [x, w, _bias(r, o, x_scale, w, k)], y, options, 4)
    return Case(model, [_bytes(r, x.shape)])


def _one_weight(r: Random) -> tuple[Tensor, Tensor, float]:
    """256 rows of one element each, one weight per channel, and an output scale that makes rounding ties likely."""
    channels = 5
    x = int8((256, 1), _scale(r), _zero(r))
    w = per_channel(r.integers(1, 9, (channels, 1)).astype(np.int8), [_scale(r, -10, -4)], 0)
    return x, w, _related(r, x.scale[0] * w.scale[0])


def fully_connected_at_ties(r: Random) -> Case:
    """How the multiplier is made from the scales shows only where results are next to ties."""
    x, w, y_scale = _one_weight(r)
    y = int8((256, w.shape[0]), y_scale, _zero(r))
    operands = [x, w, _bias(r, w.shape[0], x.scale[0], w, 1)]
    return Case(single("FULLY_CONNECTED", operands, y, Options("FullyConnectedOptions")), [_EVERY_BYTE.reshape(256, 1)])


def conv_2d_at_ties(r: Random) -> Case:
    """The same for convolutions, whose multipliers come from doubles."""
    x, w, y_scale = _one_weight(r)
    assert w.data is not None
    w = per_channel(w.data.reshape(-1, 1, 1, 1), w.scale, 0)
    x, y = (int8((1, 16, 16, c), s, _zero(r)) for c, s in ((1, x.scale[0]), (w.shape[0], y_scale)))
    options = Options("Conv2DOptions", {"StrideH": 1, "StrideW": 1})
    return Case(single("CONV_2D", [x, w], y, options), [_EVERY_BYTE.reshape(1, 16, 16, 1)])


def _broadcast(r: Random) -> tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Two shapes and what they broadcast to: equal, channel vector, scalar, or ones anywhere."""
    full = _shape(r, int(r.integers(1, 5)))
    kind = r.integers(0, 4)
    other = {0: full, 1: full[-1:], 2: (1,)}.get(int(kind), tuple(int(d) if r.integers(0, 2) else 1 for d in full))
    pair = (full, other) if r.integers(0, 2) else (other, full)
    return *pair, full


def binary(kind: str, table: str) -> Callable[[Random], Case]:
    """ADD, SUB or MUL, either operand a constant now and then."""

    def draw(r: Random) -> Case:
        a_shape, b_shape, y_shape = _broadcast(r)
        a_scale = _scale(r)
        b_scale = _related(r, a_scale) if r.integers(0, 3) else a_scale
        size = a_scale * b_scale * 32 if kind == "MUL" else max(a_scale, b_scale)
        data = [_bytes(r, s) for s in (a_shape, b_shape)]
        fixed = int(r.integers(0, 6))  # 0: a is constant, 1: b is, else none
        a = int8(a_shape, a_scale, _zero(r), data[0] if fixed == 0 else None)
        b = int8(b_shape, b_scale, _zero(r), data[1] if fixed == 1 else None)
        y = int8(y_shape, _related(r, size), _zero(r))
        model = single(kind, [a, b], y, Options(table, {"FusedActivationFunction": _activation(r)}))
        return Case(model, [d for i, d in enumerate(data) if i != fixed])

    return draw


def add_at_ties(r: Random) -> Case:
    """All pairs of 256 and 64 bytes, broadcast, at scales that make ties likely."""
    a_scale = _scale(r)
    b_scale = _related(r, a_scale)
    a, b = int8((256, 1), a_scale, _zero(r)), int8((1, 64), b_scale, _zero(r))
    y = int8((256, 64), _related(r, max(a_scale, b_scale)), 0)
    data = [_EVERY_BYTE.reshape(256, 1), _EVERY_BYTE[:, 96:160]]
    return Case(single("ADD", [a, b], y, Options("AddOptions")), data)


def pool(kind: str) -> Callable[[Random], Case]:
    def draw(r: Random) -> Case:
        kernel, size = [int(k) for k in r.integers(1, 5, 2)], [int(n) for n in r.integers(1, 9, 2)]
        if not r.integers(0, 3):
            kernel = list(size)  # global
        fields, out = _window(r, size, kernel, False)
        shape, scale, zero = (int(r.integers(1, 3)), *size, int(r.integers(1, 9))), _scale(r), _zero(r)
        options = Options("Pool2DOptions", fields | {"FilterHeight": kernel[0], "FilterWidth": kernel[1]})
        y = int8((shape[0], *out, shape[3]), scale, zero)
        return Case(single(kind, [int8(shape, scale, zero)], y, options), [_bytes(r, shape)])

    return draw


def mean(r: Random) -> Case:
    rank = int(r.integers(1, 5))
    shape = _shape(r, rank, 9)
    first = int(r.integers(0, rank))
    axes = list(range(first, int(r.integers(first, rank)) + 1))
    if rank == 4 and not r.integers(0, 3):
        axes = [1, 2]
    keep = bool(r.integers(0, 2))
    kept = tuple(1 if i in axes else d for i, d in enumerate(shape))
    out = kept if keep else tuple(d for i, d in enumerate(shape) if i not in axes)
    written = [a - rank if r.integers(0, 2) else a for a in axes]
    r.shuffle(written)
    if not r.integers(0, 4):
        written.append(written[0])  # twice the same axis
    scale, zero = _scale(r), _zero(r)
    same = bool(r.integers(0, 2))
    y = int8(out, scale if same else _related(r, scale), zero if same else _zero(r))
    options = Options("ReducerOptions", {"KeepDims": keep})
    return Case(single("MEAN", [int8(shape, scale, zero), int32(np.array(written))], y, options), [_bytes(r, shape)])


def softmax(r: Random) -> Case:
    width = int(r.choice([1, 2, 3, 10, 12, 100, 500]))  # TFLite Micro aborts where a row's sum reaches 512
    shape = (*_shape(r, int(r.integers(0, 3)), 3), width)
    beta = _float32(r.choice([1.0, 1.0, 0.5, 2.0, 7.3, 1e-3]))
    x = int8(shape, _float32(2.0 ** r.uniform(-25, 8) / min(beta, 1.0)), _zero(r))
    y = int8(shape, 1 / 256, -128)
    return Case(single("SOFTMAX", [x], y, Options("SoftmaxOptions", {"Beta": beta})), [_bytes(r, shape)])


_EVERY_BYTE = np.arange(-128, 128).astype(np.int8).reshape(1, 256)


def relu(r: Random) -> Case:
    scale = _scale(r)
    x, y = int8((1, 256), scale, _zero(r)), int8((1, 256), _related(r, scale), _zero(r))
    return Case(single("RELU", [x], y), [_EVERY_BYTE])


def relu6(r: Random) -> Case:
    x = int8((1, 256), _scale(r), _zero(r))
    y = x if r.integers(0, 2) else int8((1, 256), _scale(r), _zero(r))
    return Case(single("RELU6", [x], y), [_EVERY_BYTE])


def leaky_relu(r: Random) -> Case:
    scale = _scale(r)
    x, y = int8((1, 256), scale, _zero(r)), int8((1, 256), _related(r, scale), _zero(r))
    alpha = _float32(r.choice([0.01, 0.1, 0.2, 0.3, 0.25, 1.5, -0.2, 0.0]))
    return Case(single("LEAKY_RELU", [x], y, Options("LeakyReluOptions", {"Alpha": alpha})), [_EVERY_BYTE])


def _part(r: Random) -> tuple[tuple[int, ...], list[int], list[int]]:
    """A shape, and where a part of it begins and ends in each dimension."""
    shape = _shape(r, int(r.integers(1, 5)))
    begin = [int(r.integers(0, d)) for d in shape]
    return shape, begin, [int(r.integers(b + 1, d + 1)) for b, d in zip(begin, shape, strict=True)]


def slice_(r: Random) -> Case:
    shape, begin, end = _part(r)
    size = [e - b for b, e in zip(begin, end, strict=True)]
    written = [-1 if e == d and r.random() < 0.5 else n for e, d, n in zip(end, shape, size, strict=True)]
    scale, zero = _scale(r), _zero(r)
    operands = [int8(shape, scale, zero), int32(np.array(begin)), int32(np.array(written))]
    return Case(single("SLICE", operands, int8(size, scale, zero), Options("SliceOptions")), [_bytes(r, shape)])


def strided_slice(r: Random) -> Case:
    """Bounds from either end, beyond the end, or left to the masks."""
    shape, begin, end = _part(r)
    size = [e - b for b, e in zip(begin, end, strict=True)]
    masks = [0, 0]
    for i, d in enumerate(shape):
        if begin[i] == 0 and r.random() < 0.5:
            masks[0], begin[i] = masks[0] | 1 << i, int(r.integers(-9, 9))
        elif r.random() < 0.3:
            begin[i] -= d
        if end[i] == d and r.random() < 0.7:
            masks[1] |= (1 << i) * (r.random() < 0.5)
            end[i] = int(r.integers(-9, 9)) if masks[1] >> i & 1 else d + int(r.integers(0, 5))
        elif end[i] < d and r.random() < 0.3:
            end[i] -= d
    scale, zero = _scale(r), _zero(r)
    bounds = [int32(np.array(v)) for v in (begin, end, [1] * len(shape))]
    options = Options("StridedSliceOptions", {"BeginMask": masks[0], "EndMask": masks[1]})
    model = single("STRIDED_SLICE", [int8(shape, scale, zero), *bounds], int8(size, scale, zero), options)
    return Case(model, [_bytes(r, shape)])


def pad(kind: str) -> Callable[[Random], Case]:
    def draw(r: Random) -> Case:
        shape = _shape(r, int(r.integers(1, 5)))
        widths = r.integers(0, 4, (len(shape), 2)).astype(np.int32)
        scale, zero = _scale(r), _zero(r)
        y = int8([d + int(w.sum()) for d, w in zip(shape, widths, strict=True)], scale, zero)
        operands = [int8(shape, scale, zero), int32(widths)]
        if kind == "PADV2":
            operands.append(int8((1,), scale, zero, _bytes(r, (1,))))
        return Case(single(kind, operands, y, Options(f"{'PadV2' if kind == 'PADV2' else 'Pad'}Options")),
                    [_bytes(r, shape)])  # fmt: skip

    return draw


def reshape(r: Random) -> Case:
    shape = _shape(r, int(r.integers(1, 5)))
    out = tuple(int(d) for d in r.permutation([*shape, 1]))
    if r.integers(0, 2):
        out = (math.prod(shape),)
    operands = [int8(shape, 0.5, 3), int32(np.array(out))]
    options = Options("ReshapeOptions", {"NewShape": out})
    model = single("RESHAPE", operands if r.integers(0, 2) else operands[:1], int8(out, 0.5, 3), options)
    return Case(model, [_bytes(r, shape)])


def squeeze(r: Random) -> Case:
    full = _shape(r, 3)
    shape = (1, *full[:2], 1, full[2])
    axes = tuple(int(a) for a in r.choice([0, 3], int(r.integers(1, 3)), replace=False))
    out = tuple(d for i, d in enumerate(shape) if i not in axes)
    model = single("SQUEEZE", [int8(shape)], int8(out), Options("SqueezeOptions", {"SqueezeDims": axes}))
    return Case(model, [_bytes(r, shape)])


def expand_dims(r: Random) -> Case:
    shape = _shape(r, int(r.integers(1, 4)))
    axis = int(r.integers(0, len(shape) + 1))
    out = (*shape[:axis], 1, *shape[axis:])
    operands = [int8(shape), int32(np.array([axis]))]
    return Case(single("EXPAND_DIMS", operands, int8(out), Options("ExpandDimsOptions")), [_bytes(r, shape)])


def transpose(r: Random) -> Case:
    shape = _shape(r, int(r.integers(1, 6)))
    permutation = [int(p) for p in r.permutation(len(shape))]
    out = tuple(shape[p] for p in permutation)
    operands = [int8(shape), int32(np.array(permutation))]
    return Case(single("TRANSPOSE", operands, int8(out), Options("TransposeOptions")), [_bytes(r, shape)])


def concatenation(r: Random) -> Case:
    shape = list(_shape(r, int(r.integers(1, 5))))
    axis = int(r.integers(0, len(shape)))
    sizes = [int(s) for s in r.integers(1, 6, int(r.integers(1, 5)))]
    shapes = [(*shape[:axis], s, *shape[axis + 1 :]) for s in sizes]
    data = [_bytes(r, s) for s in shapes]
    fixed = 0 if len(sizes) > 1 and not r.integers(0, 3) else None
    operands = [int8(s, 0.5, 3, d if i == fixed else None) for i, (s, d) in enumerate(zip(shapes, data, strict=True))]
    y = int8((*shape[:axis], sum(sizes), *shape[axis + 1 :]), 0.5, 3)
    written = axis - len(shape) if r.integers(0, 2) else axis
    model = single("CONCATENATION", operands, y, Options("ConcatenationOptions", {"Axis": written}))
    return Case(model, [d for i, d in enumerate(data) if i != fixed])


def quantize_float(r: Random) -> Case:
    scale = _scale(r, -8, 8)
    steps = r.uniform(-300, 300, 256) if r.integers(0, 2) else r.integers(-600, 600, 256) / 2
    x = (steps * scale).astype(np.float32).reshape(1, 256)
    y = int8((1, 256), scale, _zero(r))
    return Case(single("QUANTIZE", [Tensor("float32", (1, 256))], y, Options("QuantizeOptions")), [x])


def requantize(r: Random) -> Case:
    scale = _scale(r)
    x, y = int8((1, 256), scale, _zero(r)), int8((1, 256), _related(r, scale), _zero(r))
    return Case(single("QUANTIZE", [x], y, Options("QuantizeOptions")), [_EVERY_BYTE])


def requantize_uint8(r: Random) -> Case:
    """uint8 to int8; every third time only the zero points differ, by 128, which TFLite Micro does by flipping bits."""
    scale, zero = _scale(r), int(r.integers(0, 256))
    x = Tensor("uint8", (1, 256), (scale,), (zero,))
    y = int8((1, 256), scale, zero - 128) if not r.integers(0, 3) else int8((1, 256), _related(r, scale), _zero(r))
    return Case(single("QUANTIZE", [x], y, Options("QuantizeOptions")), [_EVERY_BYTE.view(np.uint8)])


def dequantize(r: Random) -> Case:
    x = int8((1, 256), _scale(r, -12, 12), _zero(r))
    return Case(single("DEQUANTIZE", [x], Tensor("float32", (1, 256)), Options("DequantizeOptions")), [_EVERY_BYTE])


GENERATORS: dict[str, tuple[Callable[[Random], Case], ...]] = {
    "ADD": (binary("ADD", "AddOptions"), add_at_ties),
    "AVERAGE_POOL_2D": (pool("AVERAGE_POOL_2D"),),
    "CONCATENATION": (concatenation,),
    "CONV_2D": (conv_2d, conv_2d_at_ties),
    "DEPTHWISE_CONV_2D": (depthwise_conv_2d,),
    "DEQUANTIZE": (dequantize,),
    "EXPAND_DIMS": (expand_dims,),
    "FULLY_CONNECTED": (fully_connected, fully_connected_at_ties),
    "LEAKY_RELU": (leaky_relu,),
    "MAX_POOL_2D": (pool("MAX_POOL_2D"),),
    "MEAN": (mean,),
    "MUL": (binary("MUL", "MulOptions"),),
    "PAD": (pad("PAD"),),
    "PADV2": (pad("PADV2"),),
    "QUANTIZE": (quantize_float, requantize, requantize_uint8),
    "RELU": (relu,),
    "RELU6": (relu6,),
    "RESHAPE": (reshape,),
    "SLICE": (slice_,),
    "SOFTMAX": (softmax,),
    "SQUEEZE": (squeeze,),
    "STRIDED_SLICE": (strided_slice,),
    "SUB": (binary("SUB", "SubOptions"),),
    "TRANSPOSE": (transpose,),
}
NOT_IN_TFLITE_MICRO = {"RELU_N1_TO_1": "the tflite-micro wheel registers no RELU_N1_TO_1"}
