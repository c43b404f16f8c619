# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that compute: convolutions, pools, dense layers. NCHW in the file, NHWC in the IR.

Each window op comes in as Transpose, NHWC op, Transpose; transforms/sink_transposes.py cancels the pairs.
"""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import pairwise

import numpy as np

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, QuantizedConstant, Refusal, shape_of
from smidgen.frontends.onnx.quantization import weights
from smidgen.ir import Array, Op, Value
from smidgen.ops import AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D

Pair = tuple[int, int]
Quad = tuple[int, int, int, int]


def _permuted(c: QuantizedConstant | Array, permutation: tuple[int, ...]) -> QuantizedConstant | Array:
    return c.transpose(permutation)


def _reshaped(c: QuantizedConstant | Array, shape: tuple[int, ...]) -> QuantizedConstant | Array:
    return c.reshape(shape)


def _on_axis(c: QuantizedConstant | Array, axis: int, what: str) -> QuantizedConstant | Array:
    """Per-axis scales must lie on the output channels, unless they are all equal."""
    if isinstance(c, np.ndarray) or c.quant.axis in (None, axis):
        return c
    if len(set(c.quant.scale)) > 1:
        raise Refusal(
            f"its {what} have scales along dimension {c.quant.axis}, not along the output channels",
            "Quantise weights per tensor or per output channel",
        )
    return replace(c, quant=replace(c.quant, scale=c.quant.scale[:1], zero_point=c.quant.zero_point[:1], axis=None))


def _rows_and_columns(node: OnnxNode, name: str, spatial: int, default: int) -> Pair:
    """A per-dimension attribute; 1-D ops get ``default`` for the rows they lack."""
    values = node.ints(name, (default,) * spatial)
    if len(values) != spatial or min(values) < 1:
        raise MalformedModel(f"{node.loc}: attribute {name} {list(values)} does not fit {spatial} dimensions")
    return (default if spatial == 1 else values[0], values[-1])


def _padding(node: OnnxNode, sizes: Pair, spans: Pair, strides: Pair, spatial: int) -> Quad:
    """(top, left, bottom, right) from pads or auto_pad."""
    mode = node.text("auto_pad", "NOTSET")
    if mode == "NOTSET":
        pads = node.ints("pads", (0,) * (2 * spatial))
        if len(pads) != 2 * spatial:
            raise MalformedModel(f"{node.loc}: attribute pads {list(pads)} does not fit {spatial} dimensions")
        if min(pads) < 0:
            raise Refusal(f"negative pads {list(pads)}")
        return (0, pads[0], 0, pads[1]) if spatial == 1 else (pads[0], pads[1], pads[2], pads[3])
    if mode == "VALID":
        return (0, 0, 0, 0)
    if mode not in ("SAME_UPPER", "SAME_LOWER"):
        raise MalformedModel(f"{node.loc}: auto_pad {mode!r} is not an ONNX mode")
    before, after = [], []
    for size, span, stride in zip(sizes, spans, strides, strict=True):
        total = max((-(-size // stride) - 1) * stride + span - size, 0)
        small, large = total // 2, total - total // 2
        before.append(large if mode == "SAME_LOWER" else small)
        after.append(small if mode == "SAME_LOWER" else large)
    return (before[0], before[1], after[0], after[1])


def _to_nhwc(ctx: Context, node: OnnxNode, x: Value) -> Value:
    """(n, c, h, w) or (n, c, l) as (n, h, w, c), with h = 1 for the latter."""
    name = node.outputs[0]
    if len(x.type.shape) == 4:
        return ctx.transpose(x, (0, 2, 3, 1), f"{name}_nhwc", node.loc)
    if len(x.type.shape) != 3:
        raise Refusal(
            f"its input has {len(x.type.shape)} dimensions", "Only 1-D and 2-D convolution and pooling are supported"
        )
    rows = ctx.transpose(x, (0, 2, 1), f"{name}_nlc", node.loc)
    n, length, c = rows.type.shape
    return ctx.reshape(rows, (n, 1, length, c), f"{name}_nhwc", node.loc)


def _from_nhwc(ctx: Context, node: OnnxNode, y: Value, rank: int) -> Value:
    name = node.outputs[0]
    if rank == 4:
        return ctx.transpose(y, (0, 3, 1, 2), name, node.loc)
    n, _, length, c = y.type.shape
    rows = ctx.reshape(y, (n, length, c), f"{name}_nlc", node.loc)
    return ctx.transpose(rows, (0, 2, 1), name, node.loc)


def _bias(ctx: Context, node: OnnxNode, index: int, channels: int) -> tuple[Value, ...]:
    operand = ctx.optional(node, index)
    if operand is None:
        return ()
    b = _on_axis(_reshaped(_vector(weights(operand, "biases"), channels), (channels,)), 0, "biases")
    return (ctx.materialize(b, node.inputs[index], node.loc),)


def _vector(c: QuantizedConstant | Array, channels: int) -> QuantizedConstant | Array:
    """A bias that broadcasts to (channels): one number is repeated."""
    shape = shape_of(c)
    if math.prod(shape) == channels and (not shape or shape[-1] == channels):
        return c
    if math.prod(shape) != 1:
        raise Refusal(f"a bias of shape {list(shape)} for {channels} output channels")
    if isinstance(c, np.ndarray):
        return np.broadcast_to(c.reshape(1), (channels,))
    return replace(c, data=np.broadcast_to(c.data.reshape(1), (channels,)), quant=replace(c.quant, axis=None))


def _conv_weights(ctx: Context, node: OnnxNode, rank: int) -> QuantizedConstant | Array:
    """The weights as (o, i, kh, kw), for 1-D with kh = 1."""
    w = _on_axis(weights(ctx.operand(node, 1), "weights"), 0, "weights")
    shape = shape_of(w)
    if rank not in (3, 4) or len(shape) != rank:
        raise Refusal(f"weights {list(shape)} on {rank} dimensions", "Use 1-D or 2-D convolutions")
    if node.ints("kernel_shape", shape[2:]) != shape[2:]:
        raise MalformedModel(f"{node.loc}: kernel_shape differs from the weights' {list(shape[2:])}")
    return w if rank == 4 else _reshaped(w, (*shape[:2], 1, shape[2]))


def conv(ctx: Context, node: OnnxNode) -> Operand:
    """Conv, 1-D and 2-D; depthwise where every group has one input channel."""
    x = ctx.value(node, 0)
    rank = len(x.type.shape)
    w = _conv_weights(ctx, node, rank)
    o, i, kh, kw = shape_of(w)
    nhwc = _to_nhwc(ctx, node, x)
    stride = _rows_and_columns(node, "strides", rank - 2, 1)
    dilation = _rows_and_columns(node, "dilations", rank - 2, 1)
    spans = ((kh - 1) * dilation[0] + 1, (kw - 1) * dilation[1] + 1)
    padding = _padding(node, (nhwc.type.shape[1], nhwc.type.shape[2]), spans, stride, rank - 2)
    groups, channels = node.int("group", 1), x.type.shape[1]
    if groups < 1 or i * groups != channels:
        raise MalformedModel(f"{node.loc}: weights {[o, i, kh, kw]} in {groups} groups on {channels} channels")
    op: Op
    if groups == channels and groups > 1:
        op = DepthwiseConv2D(stride, dilation, padding, rounding="even")
        w = _reshaped(_permuted(w, (1, 2, 3, 0)), (kh, kw, o))
    else:
        op = Conv2D(stride, dilation, padding, rounding="even", groups=groups)
        w = _permuted(w, (0, 2, 3, 1))
    real = ctx.materialize(w, node.inputs[1], node.loc, weights=isinstance(op, Conv2D) and groups == 1)
    inputs = (nhwc, real, *_bias(ctx, node, 2, o))
    return _from_nhwc(ctx, node, ctx.emit(op, inputs, f"{node.outputs[0]}_y", node.loc), rank)


def _pool_geometry(node: OnnxNode, sizes: Pair, spatial: int) -> tuple[Pair, Pair, Quad]:
    """(kernel, stride, padding)."""
    kernel = _rows_and_columns(node, "kernel_shape", spatial, 1)
    stride = _rows_and_columns(node, "strides", spatial, 1)
    if set(_rows_and_columns(node, "dilations", spatial, 1)) != {1}:
        raise Refusal("dilated pooling is not supported")
    padding = _padding(node, sizes, kernel, stride, spatial)
    if node.int("ceil_mode", 0):
        total = (padding[0] + padding[2], padding[1] + padding[3])
        if any((size + p - k) % s for size, p, k, s in zip(sizes, total, kernel, stride, strict=True)):
            raise Refusal("ceil_mode adds a partial window", "Export with ceil_mode=0 and explicit padding")
    return kernel, stride, padding


def _pool(ctx: Context, node: OnnxNode, average: bool) -> Operand:
    x = ctx.value(node, 0)
    if any(node.outputs[1:]):
        raise Refusal("it also gives the indices of the maxima", "Remove the second output")
    nhwc = _to_nhwc(ctx, node, x)
    kernel, stride, padding = _pool_geometry(node, (nhwc.type.shape[1], nhwc.type.shape[2]), len(x.type.shape) - 2)
    op: Op = MaxPool2D(kernel, stride, padding)
    if average:
        include = node.int("count_include_pad", 0) != 0 and any(padding)
        op = AveragePool2D(kernel, stride, padding, count_include_pad=include, rounding="even")
    return _from_nhwc(ctx, node, ctx.emit(op, (nhwc,), f"{node.outputs[0]}_y", node.loc), len(x.type.shape))


def max_pool(ctx: Context, node: OnnxNode) -> Operand:
    return _pool(ctx, node, average=False)


def average_pool(ctx: Context, node: OnnxNode) -> Operand:
    return _pool(ctx, node, average=True)


def _global_pool(ctx: Context, node: OnnxNode, average: bool) -> Operand:
    x = ctx.value(node, 0)
    nhwc = _to_nhwc(ctx, node, x)
    kernel = (nhwc.type.shape[1], nhwc.type.shape[2])
    op: Op = AveragePool2D(kernel, rounding="even") if average else MaxPool2D(kernel)
    return _from_nhwc(ctx, node, ctx.emit(op, (nhwc,), f"{node.outputs[0]}_y", node.loc), len(x.type.shape))


def global_average_pool(ctx: Context, node: OnnxNode) -> Operand:
    return _global_pool(ctx, node, average=True)


def global_max_pool(ctx: Context, node: OnnxNode) -> Operand:
    return _global_pool(ctx, node, average=False)


def mat_mul(ctx: Context, node: OnnxNode) -> Operand:
    """MatMul by constant weights (k, n), leading dimensions of 1 allowed."""
    x, w = ctx.value(node, 0), weights(ctx.operand(node, 1), "weights (second operand)")
    shape = shape_of(w)
    if len(shape) < 2 or math.prod(shape[:-2]) != 1 or len(shape) > max(len(x.type.shape), 2):
        raise Refusal(f"weights of shape {list(shape)}", "Only one constant matrix (k, n) is supported")
    matrix = _on_axis(_permuted(_reshaped(w, shape[-2:]), (1, 0)), 0, "weights")
    inputs = (x, ctx.materialize(matrix, node.inputs[1], node.loc, weights=True))
    return ctx.emit(FullyConnected(rounding="even"), inputs, node.outputs[0], node.loc)


def gemm(ctx: Context, node: OnnxNode) -> Operand:
    """alpha * A * B + beta * C with constant B and C; alpha and beta move into the scales or the constants."""
    x, w = ctx.value(node, 0), weights(ctx.operand(node, 1), "weights (operand B)")
    if len(x.type.shape) != 2 or len(shape_of(w)) != 2:
        raise MalformedModel(f"{node.loc}: Gemm takes matrices, not {list(x.type.shape)} and {list(shape_of(w))}")
    if node.int("transA", 0):
        x = ctx.transpose(x, (1, 0), f"{node.outputs[0]}_a", node.loc)
    if not node.int("transB", 0):
        w = _permuted(w, (1, 0))
    w = _scaled(_on_axis(w, 0, "weights"), node.float("alpha", 1.0), "alpha")
    bias: tuple[Value, ...] = ()
    c = ctx.optional(node, 2)
    if c is not None and node.float("beta", 1.0) != 0:
        channels = shape_of(w)[0]
        vector = _reshaped(_vector(weights(c, "biases"), channels), (channels,))
        vector = _scaled(_on_axis(vector, 0, "biases"), node.float("beta", 1.0), "beta")
        bias = (ctx.materialize(vector, node.inputs[2], node.loc),)
    inputs = (x, ctx.materialize(w, node.inputs[1], node.loc, weights=True), *bias)
    return ctx.emit(FullyConnected(rounding="even"), inputs, node.outputs[0], node.loc)


def _scaled(c: QuantizedConstant | Array, factor: float, what: str) -> QuantizedConstant | Array:
    if factor == 1.0:
        return c
    if isinstance(c, np.ndarray):
        scaled: Array = (c * np.float32(factor)).astype(np.float32)
        return scaled
    if factor <= 0:
        raise Refusal(f"{what} = {factor:g} on quantised weights", f"Export with {what} = 1")
    scale = tuple(float(np.float32(s * factor)) for s in c.quant.scale)
    return replace(c, quant=replace(c.quant, scale=scale))


def contiguous(axes: tuple[int, ...]) -> bool:
    """True for sorted axes without a gap."""
    return all(b == a + 1 for a, b in pairwise(axes))
