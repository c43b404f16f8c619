# SPDX-License-Identifier: Apache-2.0
"""Quantised models of one ONNX op each, by name: what the oracle's tests run."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tests.onnx_models import Array, Builder

Body = Callable[[Builder, np.random.Generator], str]
"""Adds a quantised model to a builder, gives the name of its int8 output."""

SCALE, ZERO = 0.05, 3
OUT = (0.06, -5)


def activation(b: Builder, shape: tuple[int, ...], scale: float = SCALE, zero: int = ZERO) -> str:
    return b.dequantize(b.input(shape), scale, zero)


def result(b: Builder, y: str, scale: float = OUT[0], zero: int = OUT[1]) -> str:
    return b.quantize(y, scale, zero)


def conv(
    x: tuple[int, ...],
    w: tuple[int, ...],
    *,
    bias: str = "int32",
    after: str = "",
    symmetric: bool = True,
    **attrs: Any,
) -> Body:
    """``bias``: int32 with the right scale, other (another scale), float, or none."""

    def body(b: Builder, rng: np.random.Generator) -> str:
        scale = rng.uniform(0.002, 0.02, w[0]).astype(np.float32)
        data = rng.integers(-127, 128, w).astype(np.int8)
        zero: Array | int = 0
        if not symmetric:
            zero, data = rng.integers(-5, 6, w[0]), rng.integers(-120, 121, w).astype(np.int8)
        inputs = [activation(b, x), b.dequantize(b.constant(data, "w"), scale, zero, axis=0)]
        real = rng.normal(0, 1, w[0]).astype(np.float32)
        if bias == "float":
            inputs.append(b.constant(real))
        elif bias != "none":
            s = scale * np.float32(SCALE) * np.float32(1 if bias == "int32" else 0.37)
            inputs.append(b.dequantize(b.constant(np.rint(real / s).astype(np.int32), "b"), s, 0, np.int32, axis=0))
        y = b.node("Conv", *inputs, **attrs)
        if after == "clip":
            y = b.node("Clip", y, b.constant(np.float32(-1.0)), b.constant(np.float32(2.31)))
        elif after:
            y = b.node(after, y)
        return result(b, y)

    return body


def unary(op: str, x: tuple[int, ...], *, scale: float = OUT[0], zero: int = OUT[1], **attrs: Any) -> Body:
    def body(b: Builder, rng: np.random.Generator) -> str:
        return result(b, b.node(op, activation(b, x), **attrs), scale, zero)

    return body


def with_constants(op: str, x: tuple[int, ...], *constants: Any, **attrs: Any) -> Body:
    """An op whose further inputs are constants (None: absent)."""

    def body(b: Builder, rng: np.random.Generator) -> str:
        more = ["" if c is None else b.constant(c) for c in constants]
        return result(b, b.node(op, activation(b, x), *more, **attrs))

    return body


def binary(
    op: str, x: tuple[int, ...], y: tuple[int, ...] | None = None, *, constant: bool = False, after: str = ""
) -> Body:
    """Two tensors, or a tensor and a quantised constant (dividing the operands' order by ``y`` None: x twice)."""

    def body(b: Builder, rng: np.random.Generator) -> str:
        left = activation(b, x)
        if y is None:
            right = left
        elif constant:
            right = b.dequantize(b.constant(rng.integers(-128, 128, y).astype(np.int8)), 0.03, 7)
        else:
            right = activation(b, y, 0.03, -10)
        out = b.node(op, left, right)
        return result(b, b.node(after, out) if after else out)

    return body


def mat_mul(x: tuple[int, ...], w: tuple[int, ...], *, add: bool = False, per_axis: bool = False) -> Body:
    def body(b: Builder, rng: np.random.Generator) -> str:
        scale: Array | float = rng.uniform(0.002, 0.01, w[-1]).astype(np.float32) if per_axis else 0.01
        data = b.constant(rng.integers(-127, 128, w).astype(np.int8))
        attrs = {"axis": len(w) - 1} if per_axis else {}
        y = b.node("MatMul", activation(b, x), b.dequantize(data, scale, 0, **attrs))
        if add:
            bias = b.constant(rng.integers(-500, 500, w[-1]).astype(np.int32))
            y = b.node(
                "Add",
                y,
                b.dequantize(
                    bias, np.float32(scale) * np.float32(SCALE), 0, np.int32, **({"axis": 0} if per_axis else {})
                ),
            )
        return result(b, y)

    return body


def gemm(x: tuple[int, int], w: tuple[int, int], c: tuple[int, ...] | None, **attrs: Any) -> Body:
    def body(b: Builder, rng: np.random.Generator) -> str:
        data = b.constant(rng.integers(-127, 128, w).astype(np.int8))
        inputs = [activation(b, x), b.dequantize(data, 0.01, 0)]
        if c is not None:
            inputs.append(b.constant(rng.normal(0, 1, c).astype(np.float32)))
        return result(b, b.node("Gemm", *inputs, **attrs))

    return body


def unsigned(b: Builder, rng: np.random.Generator) -> str:
    """uint8 activations and weights."""
    x = b.dequantize(b.quantize(activation(b, (1, 3, 5, 5)), 0.04, 130, np.uint8), 0.04, 130, np.uint8)
    w = b.constant(rng.integers(1, 256, (2, 3, 3, 3)).astype(np.uint8))
    y = b.node("Conv", x, b.dequantize(w, 0.01, 128, np.uint8))
    y = b.dequantize(b.quantize(y, 0.1, 100, np.uint8), 0.1, 100, np.uint8)
    return result(b, y, 0.12, 9)


def concat_rescaled(b: Builder, rng: np.random.Generator) -> str:
    inputs = [activation(b, (1, 2, 4, 3), s, z) for s, z in ((0.05, 3), (0.08, -7), (0.06, -5))]
    return result(b, b.node("Concat", *inputs, axis=1))


def global_classifier(b: Builder, rng: np.random.Generator) -> str:
    """Convolution, residual addition, global pool, flatten, dense: what layout passes must clear of transposes."""
    x = activation(b, (1, 4, 6, 6))
    w = b.dequantize(b.constant(rng.integers(-127, 128, (4, 4, 3, 3)).astype(np.int8)), 0.004, 0)
    y = b.dequantize(b.quantize(b.node("Relu", b.node("Conv", x, w, pads=[1, 1, 1, 1])), 0.05, -128), 0.05, -128)
    z = b.dequantize(b.quantize(b.node("Conv", y, w, pads=[1, 1, 1, 1]), 0.07, 2), 0.07, 2)
    y = b.dequantize(b.quantize(b.node("Add", y, z), 0.09, -3), 0.09, -3)
    y = b.dequantize(b.quantize(b.node("GlobalAveragePool", y), 0.03, -3), 0.03, -3)
    dense = b.dequantize(b.constant(rng.integers(-127, 128, (4, 3)).astype(np.int8)), 0.01, 0)
    return result(b, b.node("MatMul", b.node("Flatten", y), dense), 0.02, 0)


def flattened_map(b: Builder, rng: np.random.Generator) -> str:
    """A map of several positions flattened into a dense layer: the transpose moves into the weights."""
    x = b.input((1, 5, 4, 3))
    w = b.dequantize(b.constant(rng.integers(-127, 128, (6, 3, 2, 2)).astype(np.int8)), 0.01, 0)
    y = b.node("Conv", b.dequantize(b.node("Transpose", x, perm=[0, 3, 1, 2]), SCALE, ZERO), w)
    y = b.dequantize(b.quantize(y, 0.06, 4), 0.06, 4)
    y = b.node("Reshape", y, b.constant(np.array([1, -1], np.int64)))
    y = b.dequantize(b.quantize(y, 0.06, 4), 0.06, 4)
    dense = b.dequantize(b.constant(rng.integers(-127, 128, (72, 7)).astype(np.int8)), 0.005, 0)
    return result(b, b.node("MatMul", y, dense), 0.08, 1)


def activations_between(b: Builder, rng: np.random.Generator) -> str:
    """Relu of a quantised tensor, a max pool before the quantiser, a leaky relu, a pad of zeros."""
    x = b.node("Relu", activation(b, (1, 2, 6, 6)))
    w = b.dequantize(b.constant(rng.integers(-127, 128, (3, 2, 3, 3)).astype(np.int8)), 0.01, 0)
    pads = b.constant(np.array([0, 0, 1, 2, 0, 0, 1, 0], np.int64))
    y = b.node("Relu", b.node("Conv", b.node("Pad", b.dequantize(b.quantize(x, 0.05, -128), 0.05, -128), pads), w))
    y = b.dequantize(b.quantize(b.node("MaxPool", y, kernel_shape=[2, 2]), 0.05, -100), 0.05, -100)
    return result(b, b.node("LeakyRelu", y, alpha=0.3))


def exporter_debris(b: Builder, rng: np.random.Generator) -> str:
    """A flatten spelt as Shape, Gather, Unsqueeze, Concat, Reshape; a dropout; weights transposed behind their DQ."""
    x = activation(b, (1, 4, 3))
    batch = b.node("Gather", b.node("Shape", x), b.constant(np.array(0, np.int64)))
    batch = b.node("Unsqueeze", batch, b.constant(np.array([0], np.int64)))
    shape = b.node("Concat", batch, b.constant(np.array([-1], np.int64)), axis=0)
    y = b.node("Dropout", b.node("Reshape", x, b.node("Cast", shape, to=7)))
    w = b.dequantize(b.constant(rng.integers(-127, 128, (5, 12)).astype(np.int8)), 0.01, 0)
    return result(b, b.node("MatMul", b.node("Identity", y), b.node("Transpose", w, perm=[1, 0])))


def concat_clipped(b: Builder, rng: np.random.Generator) -> str:
    """A clamp behind an op that has none of its own."""
    y = b.node("Concat", *[activation(b, (1, 2, 4, 3), s, z) for s, z in ((0.05, 3), (0.08, -7))], axis=2)
    return result(b, b.node("Clip", y, b.constant(np.float32(-1.1)), b.constant(np.float32(3.0))))


def weights_quantised_in_the_graph(b: Builder, rng: np.random.Generator) -> str:
    """Float weights behind QuantizeLinear and DequantizeLinear, as quantisation-aware training exports them."""
    scale = rng.uniform(0.01, 0.02, 5).astype(np.float32)
    w = b.constant(rng.normal(0, 0.8, (5, 4, 3, 3)).astype(np.float32))
    zero = b.constant(np.zeros(5, np.int8))
    w = b.node("QuantizeLinear", w, b.constant(scale, "scale"), zero, axis=0)
    return result(b, b.node("Conv", activation(b, X), b.dequantize(w, scale, 0, axis=0)))


def integer_moves(b: Builder, rng: np.random.Generator) -> str:
    """Pad, pool, concat and reshape of int8 tensors, before any DequantizeLinear."""
    x = b.input((1, 2, 4, 4))
    padded = b.node("Pad", x, b.constant(np.array([0, 0, 1, 0, 0, 0, 0, 1], np.int64)), b.constant(np.int8(-9)))
    pooled = b.node("MaxPool", padded, kernel_shape=[2, 2])
    y = b.node("Flatten", b.node("Concat", pooled, x, axis=1))
    return result(b, b.dequantize(y, SCALE, ZERO))


def sub_reversed(b: Builder, rng: np.random.Generator) -> str:
    constant = b.dequantize(b.constant(rng.integers(-128, 128, (3, 1, 1)).astype(np.int8)), 0.03, 7)
    return result(b, b.node("Sub", constant, activation(b, (1, 3, 4, 2))))


def softmax_first(b: Builder, rng: np.random.Generator) -> str:
    return b.quantize(b.node("Softmax", activation(b, (1, 5, 4)), axis=1), 1 / 256, -128)


X = (1, 4, 7, 6)
CASES: dict[str, Body] = {
    "conv": conv(X, (5, 4, 3, 3)),
    "conv no bias": conv(X, (5, 4, 3, 3), bias="none"),
    "conv float bias": conv(X, (5, 4, 3, 3), bias="float"),
    "conv bias of another scale": conv(X, (5, 4, 3, 3), bias="other"),
    "conv weight zero points": conv(X, (5, 4, 3, 3), symmetric=False),
    "conv strides pads": conv(X, (5, 4, 3, 2), strides=[2, 1], pads=[1, 0, 2, 1]),
    "conv dilations": conv(X, (5, 4, 3, 2), dilations=[2, 3]),
    "conv same upper": conv(X, (5, 4, 4, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
    "conv same lower": conv(X, (5, 4, 4, 3), auto_pad="SAME_LOWER", strides=[2, 2]),
    "conv valid": conv(X, (5, 4, 3, 3), auto_pad="VALID", kernel_shape=[3, 3]),
    "conv groups": conv(X, (6, 2, 3, 3), group=2),
    "conv depthwise": conv(X, (4, 1, 3, 3), group=4, pads=[1, 1, 1, 1]),
    "conv depthwise multiplier": conv(X, (8, 1, 3, 3), group=4, strides=[2, 2]),
    "conv 1-d": conv((1, 3, 20), (4, 3, 5), strides=[2], pads=[2, 1]),
    "conv 1-d dilated depthwise": conv((1, 3, 20), (3, 1, 5), group=3, dilations=[2]),
    "conv 1-d same": conv((1, 3, 20), (4, 3, 4), auto_pad="SAME_UPPER", strides=[3]),
    "conv relu": conv(X, (5, 4, 3, 3), after="Relu"),
    "conv clip": conv(X, (5, 4, 3, 3), after="clip"),
    "conv leaky relu": unary("LeakyRelu", X, alpha=0.2),
    "leaky relu negative slope": unary("LeakyRelu", X, alpha=-0.4),
    "relu": unary("Relu", X),
    "relu same scale": unary("Relu", X, scale=SCALE, zero=ZERO),
    "clip both": with_constants("Clip", X, np.float32(-1.5), np.float32(2.2)),
    "clip upper": with_constants("Clip", X, None, np.float32(2.2)),
    "clip lower": with_constants("Clip", X, np.float32(-0.3)),
    "softmax": unary("Softmax", (1, 12), scale=1 / 256, zero=-128),
    "softmax first axis": softmax_first,
    "slice": with_constants("Slice", X, np.array([1, -3]), np.array([3, 2**62]), np.array([1, 3])),
    "max pool": unary("MaxPool", X, kernel_shape=[3, 2], strides=[2, 2], pads=[1, 0, 1, 1]),
    "max pool same": unary("MaxPool", X, kernel_shape=[3, 3], strides=[2, 2], auto_pad="SAME_UPPER"),
    "max pool ceil": unary("MaxPool", X, kernel_shape=[3, 2], strides=[2, 2], ceil_mode=1),
    "max pool 1-d": unary("MaxPool", (1, 3, 20), kernel_shape=[3], strides=[2]),
    "average pool": unary("AveragePool", X, kernel_shape=[3, 2], strides=[2, 2], scale=0.04),
    "average pool padded": unary("AveragePool", X, kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], scale=0.04),
    "average pool counting padding": unary(
        "AveragePool", X, kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1, scale=0.04
    ),
    "average pool 1-d": unary("AveragePool", (1, 3, 20), kernel_shape=[4], strides=[3], scale=0.03),
    "global average pool": unary("GlobalAveragePool", X, scale=0.02),
    "global max pool": unary("GlobalMaxPool", X),
    "global average pool 1-d": unary("GlobalAveragePool", (1, 3, 20), scale=0.02),
    "add": binary("Add", X, X),
    "add relu": binary("Add", X, X, after="Relu"),
    "add itself": binary("Add", X),
    "add channel vector": binary("Add", X, (4, 1, 1), constant=True),
    "add row vector": binary("Add", X, (6,), constant=True),
    "sub": binary("Sub", X, X),
    "sub from constant": sub_reversed,
    "mul": binary("Mul", X, X),
    "mul relu": binary("Mul", X, X, after="Relu"),
    "mul channel vector": binary("Mul", X, (1, 4, 1, 1), constant=True),
    "mul by float number": with_constants("Mul", X, np.float32(-0.7)),
    "add float number": with_constants("Add", X, np.float32(1.3)),
    "mat mul": mat_mul((1, 12), (12, 7)),
    "mat mul per axis add": mat_mul((1, 12), (12, 7), add=True, per_axis=True),
    "mat mul rows add": mat_mul((1, 5, 12), (12, 7), add=True),
    "mat mul batched weights": mat_mul((1, 5, 12), (1, 12, 7)),
    "gemm": gemm((1, 12), (12, 7), (7,)),
    "gemm transposed": gemm((1, 12), (7, 12), (1, 7), transB=1),
    "gemm no bias": gemm((1, 12), (12, 7), None),
    "gemm factors": gemm((1, 12), (12, 7), (7,), alpha=0.5, beta=2.0),
    "gemm one bias": gemm((1, 12), (12, 7), (1,)),
    "gemm rows": gemm((12, 3), (12, 7), (7,), transA=1),
    "pad": with_constants("Pad", X, np.array([0, 1, 2, 0, 0, 0, 1, 3], np.int64), np.float32(0.6)),
    "pad default": with_constants("Pad", X, np.array([0, 0, 2, 0, 0, 0, 1, 3], np.int64)),
    "reshape": with_constants("Reshape", X, np.array([0, -1, 6], np.int64)),
    "flatten": unary("Flatten", X, axis=2),
    "flatten negative": unary("Flatten", X, axis=-1),
    "squeeze": with_constants("Squeeze", (1, 4, 1, 6), np.array([2], np.int64)),
    "squeeze all": unary("Squeeze", (1, 4, 1, 6)),
    "unsqueeze": with_constants("Unsqueeze", (1, 4, 6), np.array([1, -1], np.int64)),
    "transpose": unary("Transpose", X, perm=[0, 2, 1, 3]),
    "transpose default": unary("Transpose", (1, 4, 6)),
    "concat rescaled": concat_rescaled,
    "concat clipped": concat_clipped,
    "weights quantised in the graph": weights_quantised_in_the_graph,
    "integer moves": integer_moves,
    "uint8": unsigned,
    "global classifier": global_classifier,
    "flattened map": flattened_map,
    "activations between": activations_between,
    "exporter debris": exporter_debris,
}
"""Name to body; each runs at the oldest and the newest operator set."""

AXES = {
    "reduce mean spatial": ((2, 3), 1),
    "reduce mean spatial dropped": ((2, 3), 0),
    "reduce mean scattered": ((1, 3), 1),
    "reduce mean scattered dropped": ((0, 2), 0),
    "reduce mean negative": ((-1,), 1),
    "reduce mean all": (None, 1),
}


def reduce_mean(axes: tuple[int, ...] | None, keepdims: int) -> Body:
    """Axes are an attribute before opset 18 and an input since."""

    def body(b: Builder, rng: np.random.Generator) -> str:
        x = activation(b, X)
        if axes is None:
            y = b.node("ReduceMean", x, keepdims=keepdims)
        elif b.opset < 18:
            y = b.node("ReduceMean", x, axes=list(axes), keepdims=keepdims)
        else:
            y = b.node("ReduceMean", x, b.constant(np.array(axes, np.int64)), keepdims=keepdims)
        return result(b, y, 0.03)

    return body


CASES |= {name: reduce_mean(*case) for name, case in AXES.items()}
