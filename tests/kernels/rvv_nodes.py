# SPDX-License-Identifier: Apache-2.0
"""Nodes larger than a vector of 512 bits, and not whole vectors, beside those that other kernels are tried with."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node, Op, QuantParams, Rounding, TensorType
from tests.kernels import nodes, strided

Case = tuple[Node, list[Array]]
_BOTH: tuple[Rounding, ...] = ("double", "even")
_LANES = [1, 3, 8, 31, 32, 33, 40, 57, 64, 65, 106, 128, 131]


def _clamped(draw: nodes.Draw) -> tuple[int, tuple[float, float]]:
    """An output's zero point and clamp, often at it."""
    zero_point = draw(nodes.ZERO_POINTS)
    low, high = draw(st.sampled_from([(zero_point, 127), (-128, 127), (-100, 90)]))
    return zero_point, (low, max(low, high))


@st.composite
def wide_window(draw: nodes.Draw, op: type[Op]) -> Case:
    """3x3 and the like over rows or channels longer than vectors."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    depthwise = op is ops.DepthwiseConv2D
    kernel, padding = draw(st.sampled_from([((3, 3), (1, 1, 1, 1)), ((3, 3), (0, 0, 1, 1)), ((5, 1), (0, 0, 0, 0))]))
    stride = draw(st.sampled_from([(1, 1), (1, 1), (2, 2), (2, 1), (1, 3)]))
    h, w, c = draw(st.sampled_from([(5, 35, 4), (9, 70, 2), (6, 6, 37), (12, 8, 25), (5, 5, 66), (18, 17, 3)]))
    c = draw(st.sampled_from([c, *_LANES])) if depthwise else c
    x, w_shape = (1, h, w, c), (*kernel, c) if depthwise else (draw(st.integers(1, 8)), *kernel, c)
    return draw(_layer(op, x, w_shape, 2 if depthwise else 0, stride=stride, padding=padding, seed=rng))


@st.composite
def _layer(draw: nodes.Draw, op: Any, x: tuple[int, ...], w: tuple[int, ...], axis: int, *,
           seed: np.random.Generator, **attributes: Any) -> Case:  # fmt: skip
    rounding = draw(st.sampled_from(_BOTH))
    return nodes.draw_layer(draw, seed, op, x, w, axis, draw(st.booleans()), out=_clamped(draw), rounding=rounding,
                            **attributes)  # fmt: skip


@st.composite
def matrix(draw: nodes.Draw, op: type[Op]) -> Case:
    """Output channels on either side of whole vectors."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows, k, o = draw(st.integers(1, 7)), draw(st.sampled_from([1, 5, 8, 24, 67])), draw(st.sampled_from(_LANES))
    if op is ops.FullyConnected:
        return draw(_layer(op, (rows, k), (o, k), 0, seed=rng))
    return draw(_layer(op, (1, rows, draw(st.integers(1, 3)), k), (o, 1, 1, k), 0, seed=rng))


@st.composite
def steep(draw: nodes.Draw) -> Case:
    """Fully connected, multipliers from 1/16 up: hardly a bit is shifted out, and with ties to even many are ties."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    k, o = draw(st.integers(1, 4)), draw(st.integers(1, 9))
    scales = tuple(float(np.float32(s)) for s in rng.choice([0.0625, 0.125, 0.25, 0.3, 0.45, 0.5, 0.75, 1.0, 1.7], o))
    w = rng.integers(-3, 4, (o, k)).astype(np.int8)
    x = TensorType("int8", (3, k), nodes.quant(0.5, draw(nodes.ZERO_POINTS)))
    w_type = TensorType("int8", w.shape, QuantParams(scales, (0,) * o, 0))
    zero_point, clamp = _clamped(draw)
    rounding = draw(st.sampled_from(_BOTH))
    op = ops.FullyConnected(clamp=clamp, out_quant=nodes.quant(0.5, zero_point), rounding=rounding)
    data = rng.integers(-128, 128, x.shape).astype(np.int8)
    return nodes.make(op, [(x, None), (w_type, w)]), [data, w]


@st.composite
def long_add(draw: nodes.Draw, rounding: Rounding) -> Case:
    """Sums of more elements than a vector has."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = (1, 3, draw(st.integers(1, 9)), draw(st.sampled_from(_LANES)))
    scales = [0.25 * 2.0 ** draw(st.integers(-3, 3)) for _ in range(2)]
    types = [TensorType("int8", shape, nodes.quant(s, draw(nodes.ZERO_POINTS))) for s in scales]
    out, clamp = _clamped(draw)
    quant = nodes.quant(max(scales) * 2.0 ** draw(st.integers(-1, 2)), out)
    signs = draw(st.sampled_from([(1, 1), (1, -1), (-1, 1)]))
    op = ops.Add(clamp=clamp, out_quant=quant, rounding=rounding, signs=signs)
    return nodes.make(op, [(t, None) for t in types]), [nodes.draw_bytes(draw, rng, shape) for _ in types]


def depthwise() -> st.SearchStrategy[Case]:
    """Of every kind that some kernel was written for."""
    styles = ("any", "one", "kxk", "3x3s")
    return st.one_of(wide_window(ops.DepthwiseConv2D), *(nodes.depthwise(r, s) for r in _BOTH for s in styles))


def windows() -> st.SearchStrategy[Case]:
    """Convolutions of one group of every kind that some kernel was written for."""
    drawn = (f(r) for r in _BOTH for f in (lambda r: nodes.conv2d(r, "one group"), nodes.conv2d_few_channels))
    others = (nodes.pointwise(), strided.pointwise(), strided.stride2_3x3(), strided.direct())
    return st.one_of(wide_window(ops.Conv2D), *drawn, *others)


OF_SYMBOLS: tuple[tuple[str, Callable[[], st.SearchStrategy[Case]]], ...] = (
    ("fully_connected_s8", lambda: st.one_of(steep(), steep(), nodes.dense(), matrix(ops.FullyConnected))),
    ("fully_connected", lambda: st.one_of(nodes.dense(), matrix(ops.FullyConnected))),
    ("1x1", lambda: st.one_of(nodes.pointwise(), matrix(ops.Conv2D))),
    ("conv2d", windows),
    ("depthwise", depthwise),
    ("add_s8rne", lambda: st.one_of(nodes.add("even", "same"), long_add("even"))),
    ("add", lambda: st.one_of(nodes.add("double", "same"), long_add("double"))),
)
"""Nodes for kernels with this part in their symbols."""
