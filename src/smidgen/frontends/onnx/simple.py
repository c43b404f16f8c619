# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that only move bytes, and softmax."""

from __future__ import annotations

import math

import numpy as np
import onnx

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, QuantizedConstant, Refusal, shape_of
from smidgen.frontends.onnx.folding import MAX_ELEMENTS
from smidgen.ir import Value
from smidgen.ops import Concat, Crop, Mul, Pad, Reshape, Softmax


def checked_axis(node: OnnxNode, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise MalformedModel(f"{node.loc}: axis {axis} of a tensor with {rank} dimensions")
    return axis % rank


def given_axes(ctx: Context, node: OnnxNode) -> tuple[int, ...] | None:
    """Axes as an attribute (older operator sets) or as an input; None where neither is given."""
    return node.ints("axes") if node.has("axes") else ctx.integers(node, 1, "list of axes")


def require_float(node: OnnxNode, *values: Value) -> None:
    for v in values:
        if v.type.dtype != "float32":
            raise Refusal(f"it computes on {v.type.dtype} directly", "Use the QDQ format: DequantizeLinear before it")


def softmax(ctx: Context, node: OnnxNode) -> Operand:
    """Softmax over one dimension, moved to the end and back where it is not the last.

    Before opset 13 over all dimensions from the axis (by default 1) on, taken as one.
    """
    x = ctx.value(node, 0)
    require_float(node, x)
    rank = len(x.type.shape)
    axis = checked_axis(node, node.int("axis", -1 if node.opset >= 13 else 1), rank)
    if node.opset < 13 and axis != rank - 1:
        rows = (math.prod(x.type.shape[:axis]), math.prod(x.type.shape[axis:]))
        flat = ctx.reshape(x, rows, f"{node.outputs[0]}_x", node.loc)
        y = ctx.emit(Softmax(rounding="even"), (flat,), f"{node.outputs[0]}_y", node.loc)
        return ctx.reshape(y, x.type.shape, node.outputs[0], node.loc)
    order = (*(i for i in range(rank) if i != axis), axis)  # for NCHW's channels this is NHWC
    back = tuple(order.index(i) for i in range(rank))
    last = ctx.transpose(x, order, f"{node.outputs[0]}_x", node.loc)
    y = ctx.emit(Softmax(rounding="even"), (last,), f"{node.outputs[0]}_y", node.loc)
    return ctx.transpose(y, back, node.outputs[0], node.loc)


def pad(ctx: Context, node: OnnxNode) -> Operand:
    """Constant padding; of an integer tensor with a stored value, as the file says."""
    x = ctx.value(node, 0)
    mode, rank = node.text("mode", "constant"), len(x.type.shape)
    if mode != "constant":
        raise Refusal(f"mode {mode!r}", "Only constant padding is supported")
    pads = ctx.integers(node, 1, "list of pads") or ()
    axes = ctx.integers(node, 3, "list of axes")
    chosen = tuple(checked_axis(node, a, rank) for a in axes) if axes is not None else tuple(range(rank))
    if len(pads) != 2 * len(chosen):
        raise MalformedModel(f"{node.loc}: {len(pads)} pads for {len(chosen)} dimensions")
    if pads and min(pads) < 0:
        raise Refusal(f"negative pads {list(pads)}")
    before, after = [0] * rank, [0] * rank
    for i, a in enumerate(chosen):
        before[a], after[a] = pads[i], pads[i + len(chosen)]
    op = Pad(tuple(before), tuple(after), _pad_value(ctx, node, x))
    return ctx.emit(op, (x,), node.outputs[0], node.loc)


def _pad_value(ctx: Context, node: OnnxNode, x: Value) -> float:
    operand = ctx.optional(node, 2)
    unsigned = isinstance(operand, np.ndarray) and operand.dtype == np.uint8
    if isinstance(operand, QuantizedConstant):
        operand = (operand.data.astype(np.float64) - operand.zero_points()) * operand.quant.scale[0]
    if isinstance(operand, Value) or (operand is not None and operand.size != 1):
        raise Refusal("its value is no constant number", "Export with a constant padding value")
    if operand is None and x.type.dtype != "float32":
        raise Refusal("it pads integers with the default 0", "Give the padding value, or pad before quantising")
    return 0.0 if operand is None else float(operand.reshape(())) - (128 if unsigned else 0)


def concat(ctx: Context, node: OnnxNode) -> Operand:
    inputs = tuple(ctx.value(node, i) for i in range(len(node.inputs)))
    if not inputs:
        raise MalformedModel(f"{node.loc}: Concat without inputs")
    axis = checked_axis(node, node.int("axis", 0), len(inputs[0].type.shape))
    return ctx.emit(Concat(axis), inputs, node.outputs[0], node.loc)


def transpose(ctx: Context, node: OnnxNode) -> Operand:
    x = ctx.operand(node, 0)
    rank = len(shape_of(x))
    permutation = node.ints("perm", tuple(range(rank))[::-1])
    if sorted(permutation) != list(range(rank)):
        raise MalformedModel(f"{node.loc}: {list(permutation)} is no permutation of {rank} dimensions")
    if isinstance(x, Value):
        return ctx.transpose(x, permutation, node.outputs[0], node.loc)
    return x.transpose(permutation)


def _reshape(ctx: Context, node: OnnxNode, shape: tuple[int, ...]) -> Operand:
    x = ctx.operand(node, 0)
    if isinstance(x, Value):
        return ctx.emit(Reshape(shape), (x,), node.outputs[0], node.loc)
    if math.prod(shape) != math.prod(shape_of(x)):
        raise MalformedModel(f"{node.loc}: a constant does not fit the shape {list(shape)}")
    return x.reshape(shape)


def reshape(ctx: Context, node: OnnxNode) -> Operand:
    """Reshape; 0 copies a dimension (unless allowzero), -1 is inferred."""
    old = shape_of(ctx.operand(node, 0))
    wanted = ctx.integers(node, 1, "shape")
    if wanted is None or wanted.count(-1) > 1 or min(wanted, default=0) < -1:
        raise MalformedModel(f"{node.loc}: {wanted} is no shape")
    if 0 in wanted and (node.int("allowzero", 0) or any(d == 0 and i >= len(old) for i, d in enumerate(wanted))):
        raise Refusal(f"the shape {list(wanted)} is empty")
    shape = [old[i] if d == 0 else d for i, d in enumerate(wanted)]
    if -1 in shape:
        known = math.prod(d for d in shape if d != -1)
        shape[shape.index(-1)] = math.prod(old) // known if known else 0
    return _reshape(ctx, node, tuple(shape))


def flatten(ctx: Context, node: OnnxNode) -> Operand:
    old = shape_of(ctx.operand(node, 0))
    axis = node.int("axis", 1)
    if not -len(old) <= axis <= len(old):
        raise MalformedModel(f"{node.loc}: axis {axis} of a tensor with {len(old)} dimensions")
    axis += len(old) if axis < 0 else 0
    return _reshape(ctx, node, (math.prod(old[:axis]), math.prod(old[axis:])))


def squeeze(ctx: Context, node: OnnxNode) -> Operand:
    old = shape_of(ctx.operand(node, 0))
    given = given_axes(ctx, node)
    axes = {checked_axis(node, a, len(old)) for a in given} if given else {i for i, d in enumerate(old) if d == 1}
    return _reshape(ctx, node, tuple(d for i, d in enumerate(old) if i not in axes))


def unsqueeze(ctx: Context, node: OnnxNode) -> Operand:
    old = shape_of(ctx.operand(node, 0))
    given = given_axes(ctx, node) or ()
    axes = {checked_axis(node, a, len(old) + len(given)) for a in given}
    rest = iter(old)
    shape = tuple(1 if i in axes else next(rest, 1) for i in range(len(old) + len(axes)))
    return _reshape(ctx, node, shape)


def identity(ctx: Context, node: OnnxNode) -> Operand:
    """Identity, and Dropout in inference."""
    if ctx.read.intersection(node.outputs[1:]):
        raise Refusal("its mask is used", "Export for inference")
    training = ctx.constant(node, 2, "training mode") if node.op_type == "Dropout" else None
    if training is not None and training.any():
        raise Refusal("it is in training mode", "Export for inference (model.eval())")
    return ctx.operand(node, 0)


def cast(ctx: Context, node: OnnxNode) -> Operand:
    """Of a float32 tensor to float32: nothing."""
    to, x = node.int("to", 0), ctx.value(node, 0)
    require_float(node, x)
    if to != onnx.TensorProto.FLOAT:
        kind = onnx.TensorProto.DataType.Name(to) if to in range(1, 24) else str(to)
        raise Refusal(f"it makes {kind} of a computed tensor", "Export the model in float32, without casts")
    return x


def cast_like(ctx: Context, node: OnnxNode) -> Operand:
    """A constant, or a float32 tensor, as float32, which is what the tensor it is to be like has."""
    x, like = ctx.operand(node, 0), ctx.operand(node, 1)
    if not isinstance(like, Value) or like.type.dtype != "float32" or isinstance(x, QuantizedConstant):
        raise Refusal("it does not make float32", "Export the model in float32, without casts")
    if isinstance(x, np.ndarray):
        return x.astype(np.float32)
    require_float(node, x)
    return x


def slice_(ctx: Context, node: OnnxNode) -> Operand:
    """Steps of 1 along any dimensions; all there is of one is nothing, which exporters leave behind."""
    x = ctx.value(node, 0)
    starts, ends = (ctx.integers64(node, i, what) for i, what in ((1, "starts"), (2, "ends")))
    axes = ctx.integers64(node, 3, "axes")
    steps = ctx.integers64(node, 4, "steps") or (1,) * len(starts or ())
    chosen = tuple(range(len(starts or ()))) if axes is None else axes
    if starts is None or ends is None or not len(starts) == len(ends) == len(chosen) == len(steps):
        raise MalformedModel(f"{node.loc}: its starts, ends, axes and steps differ in number")
    for start, end, given, step in zip(starts, ends, chosen, steps, strict=True):
        axis = checked_axis(node, given, len(x.type.shape))
        size = x.type.shape[axis]
        if step != 1:
            raise Refusal(f"its step is {step}", "Slices of a computed tensor are supported with a step of 1")
        first, last = (min(max(v + size if v < 0 else v, 0), size) for v in (start, end))
        if last <= first:
            raise Refusal(f"it takes nothing of dimension {axis}", "Take at least one step of each dimension")
        if last - first < size:
            x = ctx.emit(Crop(axis, first, last - first), (x,), node.outputs[0], node.loc)
    return x


def expand(ctx: Context, node: OnnxNode) -> Operand:
    """To its own shape: nothing. To a larger one: a product with ones, which passes remove where it broadcasts."""
    x, wanted = ctx.value(node, 0), ctx.integers(node, 1, "shape")
    require_float(node, x)
    if wanted is None or min(wanted, default=1) < 1:
        raise MalformedModel(f"{node.loc}: {wanted} is no shape")
    shape = np.broadcast_shapes(x.type.shape, wanted)
    if shape == x.type.shape:
        return x
    if math.prod(shape) > MAX_ELEMENTS:
        raise Refusal(f"its result would have {math.prod(shape)} elements", f"The limit is {MAX_ELEMENTS}")
    full = ctx.reshape(x, (1,) * (len(shape) - len(x.type.shape)) + x.type.shape, f"{node.outputs[0]}_x", node.loc)
    ones = ctx.real_constant(np.ones(shape, np.float32), f"{node.outputs[0]}_ones")
    return ctx.emit(Mul(rounding="even"), (full, ones), node.outputs[0], node.loc)
