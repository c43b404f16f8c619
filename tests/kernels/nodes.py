# SPDX-License-Identifier: Apache-2.0
"""Random small nodes of every operator, and data for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, FourBit, Node, Op, QuantParams, Rounding, TensorType, Value

Draw = Callable[[st.SearchStrategy[Any]], Any]
ZERO_POINTS = st.sampled_from([-128, 127, 0, -1, 5, -77])


def quant(scale: float, zero_point: int) -> QuantParams:
    return QuantParams((float(np.float32(scale)),), (zero_point,))


def make(op: Op, inputs: list[tuple[TensorType, Array | None]]) -> Node:
    """A node of these operands; those with data are constants."""
    values = tuple(Value(f"v{i}", t, d) for i, (t, d) in enumerate(inputs))
    outputs = tuple(Value("y", t) for t in op.infer([v.type for v in values]))
    return Node(op, values, outputs, "test")


def draw_bytes(draw: Draw, rng: np.random.Generator, shape: tuple[int, ...], low: int = -128) -> Array:
    """int8 data: uniform, or only the extremes, or small."""
    kind = draw(st.sampled_from(["uniform", "uniform", "extreme", "small"]))
    if kind == "extreme":
        return rng.choice(np.array([low, 127], np.int8), shape)
    span = (low, 128) if kind == "uniform" else (-3, 4)
    return rng.integers(*span, shape).astype(np.int8)


def _clamp(draw: Draw) -> tuple[float, float]:
    return draw(st.sampled_from([(-math.inf, math.inf), (-128, 127), (-100, 90), (0, 127), (-128, 20)]))


def _scales(draw: Draw, rng: np.random.Generator, terms: int, count: int) -> tuple[float, ...]:
    """Multipliers that bring a sum of ``terms`` products into int8 range, one a channel; often powers of two."""
    spread = draw(st.sampled_from([0.03, 0.3, 1.0, 8.0]))
    centre = math.log2(spread * 60 / (70 * 70 * math.sqrt(terms)))
    exponents = centre + rng.uniform(-1.5, 1.5, count)
    if draw(st.booleans()):
        exponents = np.round(exponents)
    if draw(st.integers(0, 9)) == 0:
        exponents = exponents + draw(st.integers(8, 14))  # multipliers near and above 1
    return tuple(float(np.float32(2.0**e)) for e in exponents)


def _bias(draw: Draw, rng: np.random.Generator, channels: int, terms: int) -> Array | None:
    if not draw(st.booleans()):
        return None
    usual = 5000 * max(1, int(math.sqrt(terms)))
    size = draw(st.sampled_from([100, usual, usual, usual, 1 << 30]))
    return rng.integers(-size, size + 1, channels).astype(np.int32)


def draw_layer(
    draw: Draw,
    rng: np.random.Generator,
    op: Callable[..., Op],
    x_shape: tuple[int, ...],
    w_shape: tuple[int, ...],
    axis: int,
    per_tensor: bool,
    out: tuple[int, tuple[float, float]] | None = None,
    **attributes: Any,
) -> tuple[Node, list[Array]]:
    """A layer with weights; ``out`` gives the output's zero point and clamp, else they are drawn."""
    channels = w_shape[axis]
    terms = max(1, math.prod(w_shape) // channels)
    scales = _scales(draw, rng, terms, 1 if per_tensor else channels)
    if not per_tensor and draw(st.booleans()):
        scales = (scales[0] * 2.0**-24, *scales[1:])  # next to nothing
    x_type = TensorType("int8", x_shape, quant(0.5, draw(ZERO_POINTS)))
    w = draw_bytes(draw, rng, w_shape, draw(st.sampled_from([-127, -128])))
    dead = draw(st.integers(0, 7)) == 0
    if dead:  # a channel whose output is constant, as batch normalisation leaves them
        w[(slice(None),) * (axis % w.ndim) + (0,)] = 0
    w_type = TensorType("int8", w_shape, QuantParams(scales, (0,) * len(scales), None if per_tensor else axis))
    zero_point, clamp = out or (draw(ZERO_POINTS), _clamp(draw))
    inputs: list[tuple[TensorType, Array | None]] = [(x_type, None), (w_type, w)]
    bias = _bias(draw, rng, channels, terms)
    if bias is not None:
        if dead:
            bias[0] = draw(st.sampled_from([1 << 30, -(1 << 30), (1 << 30) + 128]))
        inputs.append((TensorType("int32", (channels,)), bias))
    node = make(op(clamp=clamp, out_quant=quant(0.5, zero_point), **attributes), inputs)
    arrays = [draw_bytes(draw, rng, x_shape), *(v.constant for v in node.inputs[1:])]
    return node, arrays


def _windowed(draw: Draw, in_hw: tuple[int, int]) -> tuple[tuple[int, int], dict[str, Any]]:
    """A kernel size and the attributes of a sliding window that fits."""
    small = st.integers(1, 3)
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (2, 4), (5, 1), (1, 3), (4, 2)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (2, 1), (1, 3)]))
    padding = tuple(draw(st.integers(0, max(0, k))) for k in (*kernel, *kernel))
    t, left, b, r = padding
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    b += max(0, span[0] - (in_hw[0] + t + b))
    r += max(0, span[1] - (in_hw[1] + left + r))
    return kernel, {"stride": (draw(small), draw(small)), "dilation": dilation, "padding": (t, left, b, r)}


@st.composite
def conv2d(draw: Draw, rounding: Rounding, style: str = "any") -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3])) if style == "any" else 1
    ic, oc = draw(st.integers(1, 19)), draw(st.integers(1, 9))
    kernel, attributes = ((1, 1), {}) if style == "1x1" else _windowed(draw, (h, w))
    return draw_layer(draw, rng, ops.Conv2D, (n, h, w, ic * groups), (oc * groups, *kernel, ic), 0, draw(st.booleans()),
                  groups=groups, rounding=rounding, **attributes)  # fmt: skip


@st.composite
def conv2d_few_channels(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    """First layers: filters up to 10 rows, images of many rows, every number of channels about their limits.

    The seed alone gives the shape, so that no two are alike.
    """
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernels = [(3, 3), (3, 3), (5, 5), (7, 7), (10, 4), (1, 9), (2, 2), (4, 1), (1, 1)]
    kernel = kernels[rng.integers(len(kernels))]
    dilation = [(1, 1), (1, 1), (1, 1), (2, 1), (3, 2)][rng.integers(5)]
    stride = [(1, 1), (2, 2), (1, 2), (2, 1), (3, 1), (4, 3)][rng.integers(6)]
    n, h, w = rng.choice([1, 1, 2]), rng.integers(1, 41), rng.integers(1, 22)
    ic, oc = rng.choice([1, 1, 2, 3, 3, 4, 5, 8]), rng.integers(1, 8)
    t, left, b, r = (rng.integers(0, k + 1) for k in (*kernel, *kernel))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    padding = (t, left, b + max(0, span[0] - (h + t + b)), r + max(0, span[1] - (w + left + r)))
    x, w_shape = (tuple(map(int, s)) for s in ((n, h, w, ic), (oc, *kernel, ic)))
    return draw_layer(draw, rng, ops.Conv2D, x, w_shape, 0, draw(st.booleans()), rounding=rounding, stride=stride,
                  dilation=dilation, padding=tuple(map(int, padding)))  # fmt: skip


@st.composite
def pointwise(draw: Draw) -> tuple[Node, list[Array]]:
    """1x1 convolutions of any rounding, often with a lower clamp at the zero point, around the sizes that matter."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 9)), draw(st.integers(1, 12))
    ic = draw(st.one_of(st.integers(1, 40), st.sampled_from([24, 25, 44, 45, 50, 51, 63, 64, 65, 106, 128, 131])))
    oc = draw(st.one_of(st.integers(2, 20), st.integers(2, 20), st.sampled_from([255, 256, 257])))
    zero_point = draw(ZERO_POINTS)
    low, high = draw(st.sampled_from([(zero_point, 127), (zero_point, 127), (-128, 127), (-100, 90), (0, 60)]))
    rounding: Rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(draw, rng, ops.Conv2D, (*shape, ic), (oc, 1, 1, ic), 0, draw(st.booleans()),
                  out=(zero_point, (low, max(low, high))), groups=1, rounding=rounding)  # fmt: skip


@st.composite
def depthwise(draw: Draw, rounding: Rounding, style: str = "any") -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    multiplier = draw(st.sampled_from([1, 1, 2, 3])) if style == "any" else 1
    ic = draw(st.integers(1, 13))
    kernel, attributes = _windowed(draw, (h, w))
    if style == "3x3":
        h, w, kernel = max(h, 2), max(w, 2), (3, 3)
        attributes = {"stride": attributes["stride"], "padding": (1, 1, 1, 1)}
    if style == "kxk":
        h, w = draw(st.one_of(st.integers(1, 12), st.integers(20, 40))), draw(st.integers(1, 11))
        h, w = draw(st.sampled_from([(h, w), (h, w), (h, 1), (1, h)]))
        kh, kw = (min(draw(st.sampled_from([1, 2, 3, 4, 5, 7, 10])), d) for d in (h, w))
        t, left, b, r = (draw(st.integers(0, (k - 1) // 2)) for k in (kh, kw, kh, kw))
        if draw(st.booleans()):
            t = left = b = r = 0
        kernel = (kh, kw)
        attributes = {"stride": (draw(st.integers(1, 2)), draw(st.integers(1, 3))), "padding": (t, left, b, r)}
    if style in ("3x3s", "3x3s1", "3x3s2"):
        h, w = draw(st.integers(1, 14)), draw(st.sampled_from([*range(1, 13), 20, 22]))
        t, left, b, r = (draw(st.integers(0, 1)) for _ in range(4))
        h, w, kernel = max(h, 3 - t - b), max(w, 3 - left - r), (3, 3)
        strides = {"3x3s1": [(1, 1)], "3x3s2": [(2, 2)]}.get(style, [(1, 1), (2, 2)])
        stride = draw(st.sampled_from(strides))
        attributes = {"stride": stride, "padding": (t, left, b, r)}
    return draw_layer(draw, rng, ops.DepthwiseConv2D, (n, h, w, ic), (*kernel, ic * multiplier), 2, draw(st.booleans()),
                  rounding=rounding, **attributes)  # fmt: skip


@st.composite
def fully_connected(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lead = draw(st.sampled_from([(1,), (1,), (3,), (2, 2)]))
    k, o = draw(st.integers(1, 70)), draw(st.integers(1, 13))
    return draw_layer(draw, rng, ops.FullyConnected, (*lead, k), (o, k), 0, draw(st.booleans()), rounding=rounding)


@st.composite
def dense(draw: Draw) -> tuple[Node, list[Array]]:
    """Fully connected layers of any rounding, around the unrolled loops' sizes."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lead = draw(st.sampled_from([(1,), (1,), (3,), (2, 2)]))
    k, o = draw(st.one_of(st.integers(1, 70), st.sampled_from([128, 131, 300]))), draw(st.integers(1, 20))
    zero_point = draw(ZERO_POINTS)
    low, high = draw(st.sampled_from([(zero_point, 127), (-128, 127), (-128, 127), (-100, 90)]))
    rounding: Rounding = draw(st.sampled_from(["double", "double", "even"]))
    return draw_layer(draw, rng, ops.FullyConnected, (*lead, k), (o, k), 0, draw(st.booleans()),
                  out=(zero_point, (low, max(low, high))), rounding=rounding)  # fmt: skip


def _ratio(draw: Draw, low: int, high: int) -> float:
    exponent = draw(st.integers(low, high))
    return float(np.float32(2.0**exponent * draw(st.sampled_from([1.0, 1.0, 1.37, 0.61]))))


_FEW = st.lists(st.integers(1, 5), min_size=1, max_size=4)
_MANY = st.lists(st.integers(1, 3), min_size=5, max_size=6)
_SHAPES = st.one_of(_FEW, _FEW, _MANY).map(tuple)


def _pair_shapes(draw: Draw, style: str) -> tuple[tuple[int, ...], tuple[int, ...]]:
    shape = draw(_SHAPES)
    if style == "same":
        return shape, shape
    other = tuple(d if draw(st.booleans()) else 1 for d in shape)[draw(st.integers(0, len(shape) - 1)) :]
    pair = [shape, draw(st.sampled_from([other, shape]))]
    return tuple(draw(st.permutations(pair)))


@st.composite
def add(draw: Draw, rounding: Rounding, style: str = "any") -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    a, b = _pair_shapes(draw, style)
    types = [TensorType("int8", s, quant(0.25 * _ratio(draw, -3, 3), draw(ZERO_POINTS))) for s in (a, b)]
    out = quant(max(t.scale for t in types) * _ratio(draw, -1, 6), draw(ZERO_POINTS))
    signs = draw(st.sampled_from([(1, 1), (1, -1), (-1, 1)]))
    op = ops.Add(clamp=_clamp(draw), out_quant=out, rounding=rounding, signs=signs)
    return make(op, [(t, None) for t in types]), [draw_bytes(draw, rng, t.shape) for t in types]


@st.composite
def mul(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    types = [TensorType("int8", s, quant(_ratio(draw, -3, 3), draw(ZERO_POINTS))) for s in _pair_shapes(draw, "any")]
    out = quant(types[0].scale * types[1].scale * _ratio(draw, 3, 9), draw(ZERO_POINTS))
    op = ops.Mul(clamp=_clamp(draw), out_quant=out, rounding=rounding)
    return make(op, [(t, None) for t in types]), [draw_bytes(draw, rng, t.shape) for t in types]


@st.composite
def pool(draw: Draw, op: type[Op], rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 2)), kernel[0] + draw(st.integers(0, 5)), kernel[1] + draw(st.integers(0, 4)),
             draw(st.sampled_from([1, 2, 3, 4, 5, 7, 9, 16, 17, 22, 35])))  # fmt: skip
    t, left, b, r = (draw(st.integers(0, k - 1)) for k in (*kernel, *kernel))
    x = TensorType("int8", shape, quant(_ratio(draw, -2, 1), draw(ZERO_POINTS)))
    attributes: dict[str, Any] = {"kernel": kernel, "padding": (t, left, b, r), "clamp": _clamp(draw),
                                  "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3)))}  # fmt: skip
    if op is ops.AveragePool2D:
        attributes |= {"rounding": rounding, "out_quant": x.quant}
    if op is ops.AveragePool2D and rounding == "even":
        attributes |= {"out_quant": quant(x.scale * _ratio(draw, -1, 1), draw(ZERO_POINTS)),
                       "count_include_pad": draw(st.booleans())}  # fmt: skip
    return make(op(**attributes), [(x, None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def mean(draw: Draw, rounding: Rounding, style: str) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)))
    first = draw(st.integers(0, len(shape) - 1))
    if len(shape) > 1 and draw(st.booleans()):  # over long dimensions, many elements behind them
        shape = (*shape[:-2], draw(st.sampled_from([3, 125, 300])), draw(st.sampled_from([4, 5, 16, 18, 35])))
        first = min(first, len(shape) - 2)
    x = TensorType("int8", shape, quant(_ratio(draw, -2, 1), draw(ZERO_POINTS)))
    out = x.quant if style == "same" else quant(x.scale * _ratio(draw, -2, 2), draw(ZERO_POINTS))
    op = ops.Mean(first=first, last=draw(st.integers(first, len(shape) - 1)), clamp=_clamp(draw), out_quant=out,
                  rounding=rounding)  # fmt: skip
    return make(op, [(x, None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def softmax(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 10, 12, 100, 300])))
    x = TensorType("int8", shape, quant(_ratio(draw, -9, 0), draw(ZERO_POINTS)))
    out = quant(1 / 256, -128) if rounding == "double" else quant(_ratio(draw, -9, -6), draw(ZERO_POINTS))
    return make(ops.Softmax(out_quant=out, rounding=rounding), [(x, None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def lookup(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    table = rng.integers(-128, 128, 256).astype(np.int8)
    inputs = [(TensorType("int8", shape, quant(1.0, 0)), None), (TensorType("int8", (256,), quant(1.0, 0)), table)]
    return make(ops.Lookup(), inputs), [draw_bytes(draw, rng, shape), table]


@st.composite
def pad(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(_SHAPES)
    padded = [draw(st.booleans()) for _ in shape]
    before, after = (tuple(draw(st.integers(0, 4)) if p else 0 for p in padded) for _ in range(2))
    op = ops.Pad(before=before, after=after, value=draw(ZERO_POINTS))
    return make(op, [(TensorType("int8", shape, quant(1.0, 0)), None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def transpose(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=6)))
    op = ops.Transpose(permutation=tuple(draw(st.permutations(range(len(shape))))))
    return make(op, [(TensorType("int8", shape, quant(1.0, 0)), None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def concat(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.lists(st.integers(1, 6), min_size=1, max_size=4))
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    shapes = [(*shape[:axis], size, *shape[axis + 1 :]) for size in sizes]
    inputs = [(TensorType("int8", s, quant(1.0, 0)), None) for s in shapes]
    return make(ops.Concat(axis=axis), inputs), [draw_bytes(draw, rng, s) for s in shapes]


def window_shapes(draw: Draw) -> tuple[tuple[int, ...], tuple[int, ...], int]:
    """A window's shape, that of a frame of it, and the dimension of time."""
    shape = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
    axis = draw(st.integers(0, len(shape) - 1))
    shape[-1] = (
        draw(st.one_of(st.integers(1, 9), st.sampled_from([16, 17, 40, 64, 128]))) if axis < len(shape) - 1 else 5
    )
    return tuple(shape), (*shape[:axis], 1, *shape[axis + 1 :]), axis


def crop_of(draw: Draw) -> tuple[tuple[int, ...], ops.Crop]:
    """A shape, and a part of it."""
    shape = tuple(draw(st.lists(st.one_of(st.integers(1, 6), st.integers(14, 19)), min_size=1, max_size=4)))
    axis = draw(st.integers(0, len(shape) - 1))
    start = draw(st.integers(0, shape[axis] - 1))
    return shape, ops.Crop(axis, start, draw(st.integers(1, shape[axis] - start)))


@st.composite
def crop(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, op = crop_of(draw)
    return make(op, [(TensorType("int8", shape, quant(1.0, 0)), None)]), [draw_bytes(draw, rng, shape)]


@st.composite
def slide_window(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    window, frame, axis = window_shapes(draw)
    inputs = [(TensorType("int8", s, quant(1.0, 0)), None) for s in (window, frame)]
    return make(ops.SlideWindow(axis), inputs), [draw_bytes(draw, rng, s) for s in (window, frame)]


@st.composite
def quantize(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 200)),)
    out = quant(_ratio(draw, -8, 8), draw(ZERO_POINTS))
    steps = rng.uniform(-200, 200, shape) if draw(st.booleans()) else rng.integers(-300, 300, shape) / 2
    x = (steps * out.scale[0]).astype(np.float32)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30], np.float32)
    x = np.where(rng.random(shape) < 0.1, rng.choice(special, shape), x).astype(np.float32)
    return make(ops.Quantize(out_quant=out, rounding=rounding), [(TensorType("float32", shape), None)]), [x]


@st.composite
def dequantize(draw: Draw, rounding: Rounding) -> tuple[Node, list[Array]]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 50)),)
    x = TensorType("int8", shape, quant(_ratio(draw, -8, 8), draw(ZERO_POINTS)))
    return make(ops.Dequantize(), [(x, None)]), [draw_bytes(draw, rng, shape)]


def in_four_bits(case: tuple[Node, list[Array]], draw: Draw) -> tuple[Node, list[Array]]:
    """The layer with weights that are kept in four bits, in groups or not, and scales that make up for smaller ones."""
    node, arrays = case
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    group = draw(st.sampled_from([None, None, 8, 16, 24, 32]))
    w = node["w"]
    rows = w.constant.reshape(len(w.constant), -1)
    low, high = draw(st.sampled_from([(-8, 8), (-8, 8), (-1, 2), (7, 8), (-8, -7)]))
    small = rng.integers(low, high, rows.shape).astype(np.int8)
    factors = rng.integers(
        1, draw(st.sampled_from([2, 16])), (len(rows), -(-rows.shape[1] // (group or rows.shape[1])))
    )
    if group is not None:
        small = small * np.repeat(factors, group, axis=1)[:, : rows.shape[1]].astype(np.int8)
    small[~rows.any(axis=1)] = 0
    assert w.type.quant is not None
    scales = tuple(float(np.float32(s * 8)) for s in w.type.quant.scale)
    t = replace(w.type, quant=replace(w.type.quant, scale=scales), storage=FourBit(group))
    inputs = (node.inputs[0], Value(w.name, t, small.reshape(w.type.shape)), *node.inputs[2:])
    outputs = tuple(
        Value(v.name, t) for v, t in zip(node.outputs, node.op.infer([v.type for v in inputs]), strict=True)
    )
    return Node(node.op, inputs, outputs, node.loc), [arrays[0], *(v.constant for v in inputs[1:])]


@st.composite
def four_bit(draw: Draw, drawn: st.SearchStrategy[tuple[Node, list[Array]]]) -> tuple[Node, list[Array]]:
    return in_four_bits(draw(drawn), draw)
