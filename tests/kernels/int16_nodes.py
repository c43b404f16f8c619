# SPDX-License-Identifier: Apache-2.0
"""Random small nodes of every operator that int16 activations may have, and data for them."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, DType, Node, Op, QuantParams, TensorType
from smidgen.ops.arithmetic import RANGES
from tests.kernels.nodes import ZERO_POINTS, Draw, _pair_shapes, _ratio, _windowed, crop_of, make, quant, window_shapes

Case = tuple[Node, list[Array]]
PAIRS: tuple[tuple[DType, DType], ...] = (("int16", "int16"), ("int16", "int8"), ("int8", "int16"))
"""Element types of input and output."""


def wide(dtype: DType) -> float:
    """How many steps of this type there are for one of int8."""
    return 256.0 if dtype == "int16" else 1.0


def draw_quant(draw: Draw, dtype: DType, scale: float) -> QuantParams:
    """Zero point 0 for int16."""
    return quant(scale, 0 if dtype == "int16" else draw(ZERO_POINTS))


def draw_data(draw: Draw, rng: np.random.Generator, shape: tuple[int, ...], dtype: DType) -> Array:
    """Uniform, only the extremes, or small."""
    kind = draw(st.sampled_from(["uniform", "uniform", "extreme", "small"]))
    lo, hi = RANGES[dtype]
    if kind == "extreme":
        return rng.choice(np.array([lo, hi], dtype), shape)
    lo, hi = (lo, hi) if kind == "uniform" else (-3, 3)
    return rng.integers(lo, hi, shape, endpoint=True).astype(dtype)


def draw_clamp(draw: Draw, dtype: DType) -> tuple[float, float]:
    low, high = draw(st.sampled_from([(-math.inf, math.inf), (-128, 127), (-100, 90), (0, 127), (-128, 20)]))
    return (low, high) if dtype == "int8" else (low * 256, high * 256 + 17)


def _scales(draw: Draw, rng: np.random.Generator, terms: int, count: int) -> tuple[float, ...]:
    """Multipliers that bring a sum of ``terms`` products of bytes into a byte's range, often powers of two."""
    spread = draw(st.sampled_from([0.03, 0.3, 1.0, 8.0]))
    exponents = math.log2(spread * 60 / (70 * 70 * math.sqrt(terms))) + rng.uniform(-1.5, 1.5, count)
    if draw(st.booleans()):
        exponents = np.round(exponents)
    return tuple(float(np.float32(2.0**e)) for e in exponents)


def draw_layer(
    draw: Draw, rng: np.random.Generator, op: Callable[..., Op], x_shape: tuple[int, ...], w_shape: tuple[int, ...],
    axis: int, **attributes: Any,
) -> Case:  # fmt: skip
    """A layer with weights, now and then with all weights and sums as large as they get."""
    long = math.prod(w_shape) // w_shape[axis] > 500
    source, target = PAIRS[rng.integers(2 if long else 3)]
    channels, per_tensor = w_shape[axis], draw(st.booleans())
    terms = max(1, math.prod(w_shape) // channels)
    scales = _scales(draw, rng, terms, 1 if per_tensor else channels)
    if draw(st.integers(0, 9)) == 0:  # multipliers near and above 1
        scales = tuple(s * 2.0 ** draw(st.integers(4, 8)) for s in scales)
    w = rng.choice(np.array([-128, 127], np.int8), w_shape) if long else draw_data(draw, rng, w_shape, "int8")
    if draw(st.integers(0, 7)) == 0:
        w[(slice(None),) * (axis % w.ndim) + (0,)] = 0
    x = TensorType(source, x_shape, draw_quant(draw, source, 0.5))
    w_type = TensorType("int8", w_shape, QuantParams(scales, (0,) * len(scales), None if per_tensor else axis))
    inputs: list[tuple[TensorType, Array | None]] = [(x, None), (w_type, w)]
    if draw(st.booleans()):
        usual = int(5000 * wide(source) * max(1, math.sqrt(terms)))
        size = draw(st.sampled_from([100, usual, usual, usual, 1 << 30]))
        inputs.append((TensorType("int32", (channels,)), rng.integers(-size, size + 1, channels).astype(np.int32)))
    out = draw_quant(draw, target, 0.5 * wide(source) / wide(target))
    node = make(
        op(clamp=draw_clamp(draw, target), out_quant=out, rounding="even", out_dtype=target, **attributes), inputs
    )
    return node, [draw_data(draw, rng, x_shape, source), *(v.constant for v in node.inputs[1:])]


@st.composite
def conv2d(draw: Draw, style: str = "any") -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    groups = draw(st.sampled_from([1, 1, 1, 2, 3])) if style == "any" else 1
    ic, oc = draw(st.integers(1, 19)), draw(st.integers(1, 9))
    kernel, attributes = ((1, 1), {}) if style == "1x1" else _windowed(draw, (h, w))
    if rng.integers(3) == 0:  # sums of more than 32 bits
        n, h, w, groups = 1, min(h, 3), min(w, 3), 1
        kernel, attributes = (1, 1), {}
        ic = int(rng.choice([513, 600, 1100, 1100]))
    elif draw(st.booleans()):
        ic = draw(st.sampled_from([8, 16, 24]))
    return draw_layer(draw, rng, ops.Conv2D, (n, h, w, ic * groups), (oc * groups, *kernel, ic), 0, groups=groups,
                      **attributes)  # fmt: skip


@st.composite
def depthwise(draw: Draw, style: str = "any") -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    n, h, w = draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 9)), draw(st.integers(1, 7))
    multiplier = draw(st.sampled_from([1, 1, 2, 3])) if style == "any" else 1
    kernel, attributes = _windowed(draw, (h, w))
    ic = draw(st.integers(1, 13)) if style == "any" else draw(st.integers(4, 13))
    if style == "any" and draw(st.integers(0, 5)) == 0:
        n, h, w, kernel, attributes, ic = 1, 25, 22, (25, 22), {}, 2
    return draw_layer(draw, rng, ops.DepthwiseConv2D, (n, h, w, ic), (*kernel, ic * multiplier), 2, **attributes)


@st.composite
def fully_connected(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    lead = draw(st.sampled_from([(1,), (1,), (3,), (2, 2)]))
    k = int(rng.choice([rng.integers(1, 71), rng.integers(1, 71), 8, 64, 504, 600, 1100]))
    return draw_layer(draw, rng, ops.FullyConnected, (*lead, k), (draw(st.integers(1, 13)), k), 0)


def _mixed(draw: Draw) -> tuple[DType, DType, DType]:
    """Element types of two operands and their result, not all int8."""
    return draw(st.sampled_from([
        ("int16", "int16", "int16"), ("int16", "int16", "int8"), ("int16", "int8", "int16"), ("int8", "int16", "int16"),
        ("int8", "int16", "int8"), ("int8", "int8", "int16"), ("int16", "int8", "int8"),
    ]))  # type: ignore[no-any-return]  # fmt: skip


def _pair(draw: Draw, dtypes: tuple[DType, DType, DType]) -> list[TensorType]:
    return [
        TensorType(t, s, draw_quant(draw, t, 0.25 * _ratio(draw, -3, 3) / wide(t)))
        for t, s in zip(dtypes[:2], _pair_shapes(draw, "any"), strict=True)
    ]


@st.composite
def add(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtypes = _mixed(draw)
    types, target = _pair(draw, dtypes), dtypes[2]
    scale = max(t.scale * wide(t.dtype) for t in types) / wide(target) * _ratio(draw, -1, 6)
    op = ops.Add(clamp=draw_clamp(draw, target), out_quant=draw_quant(draw, target, scale), rounding="even",
                 signs=draw(st.sampled_from([(1, 1), (1, -1), (-1, 1)])), out_dtype=target)  # fmt: skip
    return make(op, [(t, None) for t in types]), [draw_data(draw, rng, t.shape, t.dtype) for t in types]


@st.composite
def mul(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    dtypes = _mixed(draw)
    types, target = _pair(draw, dtypes), dtypes[2]
    scale = math.prod(t.scale * wide(t.dtype) for t in types) / wide(target) * _ratio(draw, 3, 9)
    op = ops.Mul(clamp=draw_clamp(draw, target), out_quant=draw_quant(draw, target, scale), rounding="even",
                 out_dtype=target)  # fmt: skip
    return make(op, [(t, None) for t in types]), [draw_data(draw, rng, t.shape, t.dtype) for t in types]


@st.composite
def pool(draw: Draw, op: type[Op]) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    source, target = ("int16", "int16") if op is ops.MaxPool2D else draw(st.sampled_from(PAIRS))
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 2)), kernel[0] + draw(st.integers(0, 5)), kernel[1] + draw(st.integers(0, 4)),
             draw(st.integers(1, 9)))  # fmt: skip
    t, left, b, r = (draw(st.integers(0, k - 1)) for k in (*kernel, *kernel))
    attributes: dict[str, Any] = {"kernel": kernel, "padding": (t, left, b, r), "clamp": draw_clamp(draw, target),
                                  "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3)))}  # fmt: skip
    x = TensorType(source, shape, draw_quant(draw, source, _ratio(draw, -2, 1)))
    if op is ops.AveragePool2D:
        if draw(st.integers(0, 5)) == 0:  # sums of more than 32 bits
            attributes |= {"kernel": (256, 257), "stride": (1, 1), "padding": (0, 0, 0, 0)}
            x = replace(x, shape=(1, 256, 258, 2))
        scale = x.scale * wide(source) / wide(target) * _ratio(draw, -1, 1)
        attributes |= {"out_quant": draw_quant(draw, target, scale), "rounding": "even", "out_dtype": target,
                       "count_include_pad": draw(st.booleans())}  # fmt: skip
    return make(op(**attributes), [(x, None)]), [draw_data(draw, rng, x.shape, source)]


@st.composite
def mean(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    source, target = draw(st.sampled_from(PAIRS))
    shape = tuple(draw(st.lists(st.integers(1, 7), min_size=1, max_size=4)))
    if draw(st.integers(0, 5)) == 0:  # sums of more than 32 bits
        shape = (1, 66000, 1)
    first = draw(st.integers(0, len(shape) - 1))
    x = TensorType(source, shape, draw_quant(draw, source, _ratio(draw, -2, 1)))
    out = draw_quant(draw, target, x.scale * wide(source) / wide(target) * _ratio(draw, -2, 2))
    op = ops.Mean(first, draw(st.integers(first, len(shape) - 1)), draw_clamp(draw, target), out, "even",
                  out_dtype=target)  # fmt: skip
    return make(op, [(x, None)]), [draw_data(draw, rng, shape, source)]


_SHAPE = st.lists(st.integers(1, 6), min_size=1, max_size=4).map(tuple)
INT16 = QuantParams((1.0,), (0,))


def _moved(draw: Draw, op: Op, *shapes: tuple[int, ...]) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    node = make(op, [(TensorType("int16", s, INT16), None) for s in shapes])
    return node, [draw_data(draw, rng, s, "int16") for s in shapes]


@st.composite
def clamp(draw: Draw) -> Case:
    return _moved(draw, ops.Clamp(draw_clamp(draw, "int16")), draw(_SHAPE))


@st.composite
def pad(draw: Draw) -> Case:
    shape = draw(_SHAPE)
    before, after = (tuple(draw(st.integers(0, 3)) for _ in shape) for _ in range(2))
    return _moved(draw, ops.Pad(before, after, draw(st.sampled_from([0, -1, 300, -32768]))), shape)


@st.composite
def transpose(draw: Draw) -> Case:
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=6)))
    return _moved(draw, ops.Transpose(tuple(draw(st.permutations(range(len(shape)))))), shape)


@st.composite
def concat(draw: Draw) -> Case:
    shape = draw(_SHAPE)
    axis = draw(st.integers(0, len(shape) - 1))
    sizes = draw(st.lists(st.integers(1, 9), min_size=1, max_size=4))
    return _moved(draw, ops.Concat(axis), *((*shape[:axis], size, *shape[axis + 1 :]) for size in sizes))


@st.composite
def crop(draw: Draw) -> Case:
    shape, op = crop_of(draw)
    return _moved(draw, op, shape)


@st.composite
def slide_window(draw: Draw) -> Case:
    window, frame, axis = window_shapes(draw)
    return _moved(draw, ops.SlideWindow(axis), window, frame)


@st.composite
def requantize(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, target = draw(_SHAPE), draw(st.sampled_from(["int8", "int16"]))
    x = TensorType("int16", shape, quant(_ratio(draw, -9, 1), 0))
    out = draw_quant(draw, target, x.scale * 256 / wide(target) * _ratio(draw, -3, 3))
    node = make(ops.Requantize(out, target, draw_clamp(draw, target), "even"), [(x, None)])
    return node, [draw_data(draw, rng, shape, "int16")]


@st.composite
def leaky_relu(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape, target = draw(_SHAPE), draw(st.sampled_from(["int8", "int16"]))
    x = TensorType("int16", shape, quant(_ratio(draw, -9, 1), 0))
    out = draw_quant(draw, target, x.scale * 256 / wide(target) * _ratio(draw, -3, 3))
    alpha = draw(st.sampled_from([0.1, 0.01, -0.3, 0.0, 2.5]))
    return make(ops.LeakyRelu(alpha, out, "even", out_dtype=target), [(x, None)]), [
        draw_data(draw, rng, shape, "int16")
    ]


@st.composite
def lookup(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(_SHAPE)
    table = rng.integers(-32768, 32768, 256).astype(np.int16)
    inputs = [(TensorType("int8", shape, INT16), None), (TensorType("int16", (256,), INT16), table)]
    return make(ops.Lookup(INT16, "int16"), inputs), [draw_data(draw, rng, shape, "int8"), table]


@st.composite
def quantize(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 200)),)
    out = quant(_ratio(draw, -12, 4), 0)
    steps = rng.uniform(-40000, 40000, shape) if draw(st.booleans()) else rng.integers(-70000, 70000, shape) / 2
    x = (steps * out.scale[0]).astype(np.float32)
    special = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e30, -1e30], np.float32)
    x = np.where(rng.random(shape) < 0.1, rng.choice(special, shape), x).astype(np.float32)
    return make(ops.Quantize(out, "int16", "even"), [(TensorType("float32", shape), None)]), [x]


@st.composite
def dequantize(draw: Draw) -> Case:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (draw(st.integers(1, 50)),)
    x = TensorType("int16", shape, quant(_ratio(draw, -8, 8), 0))
    return make(ops.Dequantize(), [(x, None)]), [draw_data(draw, rng, shape, "int16")]


OTHERS: dict[type[Op], Callable[[], st.SearchStrategy[Case]]] = {
    ops.FullyConnected: fully_connected, ops.Add: add, ops.Mul: mul, ops.Mean: mean, ops.Clamp: clamp, ops.Pad: pad,
    ops.Transpose: transpose, ops.Concat: concat, ops.Requantize: requantize, ops.LeakyRelu: leaky_relu,
    ops.Lookup: lookup, ops.Quantize: quantize, ops.Dequantize: dequantize,
    ops.SlideWindow: slide_window, ops.Crop: crop,
}  # fmt: skip


def of(kernel_symbol: str, op: type[Op]) -> st.SearchStrategy[Case]:
    """Nodes for a kernel of int16 activations."""
    scalar = "scalar" in kernel_symbol
    if op is ops.Conv2D:
        return conv2d("1x1" if "1x1" in kernel_symbol else "any" if scalar else "one group")
    if op is ops.DepthwiseConv2D:
        return depthwise("any" if scalar else "one")
    if op in (ops.MaxPool2D, ops.AveragePool2D):
        return pool(op)
    return OTHERS[op]()
