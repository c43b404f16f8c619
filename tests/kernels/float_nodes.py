# SPDX-License-Identifier: Apache-2.0
"""Random small float32 nodes of every operator, and data for them: usual numbers, and what is at their ends."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Half, Node, Op, TensorType, Value
from smidgen.kernels import Kernel
from smidgen.ops.curve import FUNCTIONS, Function
from tests.kernels.nodes import crop_of, make, window_shapes

Draw = Callable[[st.SearchStrategy[Any]], Any]
Drawn = st.SearchStrategy[tuple[Node, list[Array]]]
SPECIAL = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1e-45, -1e-40, 1.1754944e-38, 3.4e38, -3.4e38], np.float32)
HALVES = np.array([0.0, -0.0, 2**-24, -(2**-24), 1023 * 2**-24, 2**-14, -(2**-14), 65504.0, -65504.0], np.float16)


def draw_floats(draw: Draw, rng: np.random.Generator, shape: tuple[int, ...]) -> Array:
    """Normal numbers of some size, often a few special ones among them, or small integers (many ties and zeros)."""
    kind = draw(st.sampled_from(["normal", "normal", "special", "integers", "tiny", "huge"]))
    if kind == "integers":
        return rng.integers(-3, 4, shape).astype(np.float32)
    size = {"tiny": 1e-20, "huge": 1e18}.get(kind, 10.0 ** draw(st.integers(-3, 3)))
    x = (rng.standard_normal(shape) * size).astype(np.float32)
    return np.where(rng.random(shape) < 0.1, rng.choice(SPECIAL, shape), x) if kind == "special" else x


def _rng(draw: Draw) -> np.random.Generator:
    return np.random.default_rng(draw(st.integers(0, 2**32)))


def _clamp(draw: Draw) -> tuple[float, float]:
    return draw(st.sampled_from([(-math.inf, math.inf), (0.0, math.inf), (0.0, 6.0), (-1.0, 1.0), (-math.inf, 0.1)]))


def _f32(shape: tuple[int, ...]) -> TensorType:
    return TensorType("float32", shape)


def _layer(draw: Draw, rng: np.random.Generator, op: Op, x: tuple[int, ...], w: tuple[int, ...], channels: int) -> Any:
    weights = (rng.standard_normal(w) * 0.5).astype(np.float32)
    inputs: list[tuple[TensorType, Array | None]] = [(_f32(x), None), (_f32(w), weights)]
    if draw(st.booleans()):
        bias = rng.standard_normal(channels).astype(np.float32)
        bias[rng.random(channels) < 0.2] = -0.0
        inputs.append((_f32((channels,)), bias))
    return make(op, inputs), [draw_floats(draw, rng, x), *(d for _, d in inputs[1:])]


def _window(draw: Draw, h: int, w: int) -> tuple[tuple[int, int], dict[str, Any]]:
    """A kernel size and attributes that fit, padding up to beyond the window."""
    kernel = draw(st.sampled_from([(1, 1), (3, 3), (3, 3), (2, 4), (5, 1), (1, 3), (10, 4)]))
    dilation = draw(st.sampled_from([(1, 1), (1, 1), (1, 1), (2, 1), (1, 3)]))
    t, left, b, r = (draw(st.sampled_from([0, 0, 1, k // 2, k])) for k in (*kernel, *kernel))
    span = [(k - 1) * d + 1 for k, d in zip(kernel, dilation, strict=True)]
    b, r = b + max(0, span[0] - (h + t + b)), r + max(0, span[1] - (w + left + r))
    stride = (draw(st.integers(1, 3)), draw(st.integers(1, 3)))
    return kernel, {"stride": stride, "dilation": dilation, "padding": (t, left, b, r), "clamp": _clamp(draw)}


def _image(draw: Draw) -> tuple[int, int, int]:
    return draw(st.sampled_from([1, 1, 2])), draw(st.integers(1, 11)), draw(st.integers(1, 11))


@st.composite
def conv2d(draw: Draw, grouped: bool) -> tuple[Node, list[Array]]:
    rng, (n, h, w) = _rng(draw), _image(draw)
    groups = draw(st.sampled_from([1, 2, 3])) if grouped else 1
    ic, oc = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    kernel, attributes = _window(draw, h, w)
    op = ops.Conv2D(groups=groups, **attributes)
    return _layer(draw, rng, op, (n, h, w, ic * groups), (oc * groups, *kernel, ic), oc * groups)


@st.composite
def depthwise(draw: Draw, multiplied: bool) -> tuple[Node, list[Array]]:
    rng, (n, h, w) = _rng(draw), _image(draw)
    multiplier = draw(st.sampled_from([1, 2, 3])) if multiplied else 1
    c = draw(st.integers(1, 13)) if multiplied else draw(st.integers(4, 13))
    kernel, attributes = _window(draw, h, w)
    op = ops.DepthwiseConv2D(**attributes)
    return _layer(draw, rng, op, (n, h, w, c), (*kernel, c * multiplier), c * multiplier)


@st.composite
def fully_connected(draw: Draw) -> tuple[Node, list[Array]]:
    lead = draw(st.sampled_from([(1,), (1,), (3,), (4,), (2, 3), (9,)]))
    k, o = draw(st.integers(1, 40)), draw(st.integers(1, 13))
    return _layer(draw, _rng(draw), ops.FullyConnected(clamp=_clamp(draw)), (*lead, k), (o, k), o)


@st.composite
def binary(draw: Draw, op: type[Op]) -> tuple[Node, list[Array]]:
    rng = _rng(draw)
    shape = tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    other = tuple(d if draw(st.booleans()) else 1 for d in shape)[draw(st.integers(0, len(shape) - 1)) :]
    a, b = draw(st.permutations([shape, draw(st.sampled_from([other, shape, shape]))]))
    signs = {"signs": draw(st.sampled_from([(1, 1), (1, -1), (-1, 1)]))} if op is ops.Add else {}
    node = make(op(clamp=_clamp(draw), **signs), [(_f32(a), None), (_f32(b), None)])  # type: ignore[call-arg]
    return node, [draw_floats(draw, rng, a), draw_floats(draw, rng, b)]


@st.composite
def pool(draw: Draw, op: type[Op]) -> tuple[Node, list[Array]]:
    rng = _rng(draw)
    kernel = draw(st.integers(1, 5)), draw(st.integers(1, 4))
    shape = (draw(st.integers(1, 2)), kernel[0] + draw(st.integers(0, 5)), kernel[1] + draw(st.integers(0, 4)),
             draw(st.sampled_from([1, 2, 3, 4, 5, 8, 11])))  # fmt: skip
    t, left, b, r = (draw(st.integers(0, k - 1)) for k in (*kernel, *kernel))
    attributes: dict[str, Any] = {"kernel": kernel, "padding": (t, left, b, r), "clamp": _clamp(draw),
                                  "stride": (draw(st.integers(1, 3)), draw(st.integers(1, 3)))}  # fmt: skip
    if op is ops.AveragePool2D:
        attributes["count_include_pad"] = draw(st.booleans())
    return make(op(**attributes), [(_f32(shape), None)]), [draw_floats(draw, rng, shape)]


@st.composite
def mean(draw: Draw) -> tuple[Node, list[Array]]:
    shape = tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    first = draw(st.integers(0, len(shape) - 1))
    op = ops.Mean(first=first, last=draw(st.integers(first, len(shape) - 1)), clamp=_clamp(draw))
    return make(op, [(_f32(shape), None)]), [draw_floats(draw, _rng(draw), shape)]


@st.composite
def softmax(draw: Draw) -> tuple[Node, list[Array]]:
    shape = (draw(st.integers(1, 3)), draw(st.sampled_from([1, 2, 3, 10, 12, 100])))
    op = ops.Softmax(beta=draw(st.sampled_from([1.0, 1.0, 0.37])))
    return make(op, [(_f32(shape), None)]), [draw_floats(draw, _rng(draw), shape)]


@st.composite
def unary(draw: Draw, op: type[Op], function: Function) -> tuple[Node, list[Array]]:
    rng, shape = _rng(draw), tuple(draw(st.lists(st.integers(1, 9), min_size=1, max_size=4)))
    made: Op = op()
    if op is ops.Clamp:
        made = ops.Clamp(_clamp(draw))
    if op is ops.Curve:
        made = ops.Curve(function, *draw(st.sampled_from([(0.2, 0.5), (1.5, 0.0), (1.6732632, 1.050701)])))
    if op is ops.LeakyRelu:
        made = ops.LeakyRelu(alpha=draw(st.sampled_from([0.01, 0.3, -0.5, 2.0])))
    return make(made, [(_f32(shape), None)]), [draw_floats(draw, rng, shape)]


@st.composite
def mover(draw: Draw, op: type[Op]) -> tuple[Node, list[Array]]:
    """Transpose, Pad and Concat."""
    rng, shape = _rng(draw), tuple(draw(st.lists(st.integers(1, 5), min_size=1, max_size=4)))
    shapes, made = [shape], ops.Transpose(tuple(draw(st.permutations(range(len(shape))))))  # type: list[Any], Op
    if op is ops.Pad:
        before, after = (tuple(draw(st.integers(0, 3)) for _ in shape) for _ in range(2))
        made = ops.Pad(before=before, after=after, value=draw(st.sampled_from([0.0, -1.5, 1e30, -math.inf])))
    if op is ops.Concat:
        axis = draw(st.integers(0, len(shape) - 1))
        sizes = draw(st.lists(st.integers(1, 7), min_size=1, max_size=4))
        shapes, made = [(*shape[:axis], s, *shape[axis + 1 :]) for s in sizes], ops.Concat(axis)
    return make(made, [(_f32(s), None) for s in shapes]), [draw_floats(draw, rng, s) for s in shapes]


@st.composite
def crop(draw: Draw) -> tuple[Node, list[Array]]:
    rng, (shape, op) = _rng(draw), crop_of(draw)
    return make(op, [(_f32(shape), None)]), [draw_floats(draw, rng, shape)]


@st.composite
def slide_window(draw: Draw) -> tuple[Node, list[Array]]:
    rng = _rng(draw)
    window, frame, axis = window_shapes(draw)
    made = ops.SlideWindow(axis)
    return make(made, [(_f32(s), None) for s in (window, frame)]), [draw_floats(draw, rng, s) for s in (window, frame)]


@st.composite
def in_half_precision(draw: Draw, drawn: Drawn) -> tuple[Node, list[Array]]:
    """The layer with weights that halves hold: usual ones, subnormal ones, and the largest."""
    node, arrays = draw(drawn)
    w, rng = node["w"], _rng(draw)
    size = draw(st.sampled_from([1.0, 1.0, 1e-6, 1e4]))
    with np.errstate(over="ignore"):
        halves = np.clip(w.constant.astype(np.float64) * size, -65504, 65504).astype(np.float16)
    if draw(st.booleans()):
        halves = np.where(rng.random(halves.shape) < 0.2, rng.choice(HALVES, halves.shape), halves)
    data = halves.astype(np.float32)
    kept = Value(w.name, replace(w.type, storage=Half()), data)
    return replace(node, inputs=(node["x"], kept, *node.inputs[2:])), [arrays[0], data, *arrays[2:]]


def strategy(kernel: Kernel) -> Drawn:
    """Nodes with data that a float32 kernel has a fair chance to admit."""
    op, plain = kernel.op, "scalar" in kernel.symbol
    drawn: dict[type[Op], Drawn] = {
        ops.Conv2D: conv2d(plain), ops.DepthwiseConv2D: depthwise(plain), ops.FullyConnected: fully_connected(),
        ops.Add: binary(op), ops.Mul: binary(op), ops.MaxPool2D: pool(op), ops.AveragePool2D: pool(op),
        ops.Mean: mean(), ops.Softmax: softmax(), ops.Transpose: mover(op), ops.Pad: mover(op), ops.Concat: mover(op),
        ops.SlideWindow: slide_window(), ops.Crop: crop(),
    }  # fmt: skip
    named = next((f for f in FUNCTIONS if kernel.symbol == f"smg_{f}_f32_scalar"), "exp")
    return drawn.get(op, unary(op, named))
