# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that compute element by element or over one dimension, or only move bytes."""

from __future__ import annotations

import math

import numpy as np

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.compute import contiguous
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, QuantizedConstant, Refusal, shape_of
from smidgen.ir import Op, Value
from smidgen.ops import Add, Clamp, Concat, LeakyRelu, Mean, Mul, Pad, Reshape, Softmax

_UNBOUNDED = math.inf


def _axis(node: OnnxNode, axis: int, rank: int) -> int:
    if not -rank <= axis < rank:
        raise MalformedModel(f"{node.loc}: axis {axis} of a tensor with {rank} dimensions")
    return axis % rank


def _full_rank(ctx: Context, node: OnnxNode, index: int, rank: int) -> Value:
    """An operand of a broadcasting op with as many dimensions as the result has."""
    operand = ctx.operand(node, index)
    if isinstance(operand, Value):
        shape = (1,) * (rank - len(operand.type.shape)) + operand.type.shape
        return ctx.reshape(operand, shape, f"{node.outputs[0]}_in{index}", node.loc)
    shape = shape_of(operand)
    full = operand.reshape((1,) * (rank - len(shape)) + shape)
    return ctx.materialize(full, node.inputs[index], node.loc)


def _binary(ctx: Context, node: OnnxNode, op: Op) -> Operand:
    rank = max(len(shape_of(ctx.operand(node, 0))), len(shape_of(ctx.operand(node, 1))))
    inputs = (_full_rank(ctx, node, 0, rank), _full_rank(ctx, node, 1, rank))
    _require_float(node, *inputs)
    return ctx.emit(op, inputs, node.outputs[0], node.loc)


def _require_float(node: OnnxNode, *values: Value) -> None:
    for v in values:
        if v.type.dtype != "float32":
            raise Refusal(f"it computes on {v.type.dtype} directly", "Use the QDQ format: DequantizeLinear before it")


def add(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Add(rounding="even"))


def sub(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Add(rounding="even", signs=(1, -1)))


def mul(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Mul(rounding="even"))


def _unary(ctx: Context, node: OnnxNode, op: Op) -> Operand:
    x = ctx.value(node, 0)
    _require_float(node, x)
    return ctx.emit(op, (x,), node.outputs[0], node.loc)


def relu(ctx: Context, node: OnnxNode) -> Operand:
    return _unary(ctx, node, Clamp((0.0, _UNBOUNDED)))


def clip(ctx: Context, node: OnnxNode) -> Operand:
    """Clip between two constants, either of which may be absent."""
    bounds = []
    for index, default in ((1, -_UNBOUNDED), (2, _UNBOUNDED)):
        operand = ctx.optional(node, index)
        if isinstance(operand, QuantizedConstant):  # quantizers wrap these too
            operand = np.asarray(
                (operand.data.astype(np.float64) - operand.zero_points()) * operand.quant.scale[0], np.float32
            )
        if isinstance(operand, Value) or (operand is not None and operand.size != 1):
            raise Refusal("its bounds are no constant numbers", "Export with constant min and max")
        bounds.append(default if operand is None else float(operand.reshape(())))
    if not bounds[0] <= bounds[1]:
        raise Refusal(f"its bounds are {bounds[0]:g} and {bounds[1]:g}")
    return _unary(ctx, node, Clamp((bounds[0], bounds[1])))


def leaky_relu(ctx: Context, node: OnnxNode) -> Operand:
    return _unary(ctx, node, LeakyRelu(node.float("alpha", 0.01), rounding="even"))


def softmax(ctx: Context, node: OnnxNode) -> Operand:
    """Softmax over one dimension (opset 13 and later), moved to the end and back where it is not the last."""
    x = ctx.value(node, 0)
    _require_float(node, x)
    rank = len(x.type.shape)
    axis = _axis(node, node.int("axis", -1), rank)
    swap = [*range(rank)]
    swap[axis], swap[-1] = swap[-1], swap[axis]
    last = ctx.transpose(x, tuple(swap), f"{node.outputs[0]}_x", node.loc)
    y = ctx.emit(Softmax(rounding="even"), (last,), f"{node.outputs[0]}_y", node.loc)
    return ctx.transpose(y, tuple(swap), node.outputs[0], node.loc)


def reduce_mean(ctx: Context, node: OnnxNode) -> Operand:
    """ReduceMean; axes as an attribute (opset 13) or an input (18). Scattered axes are moved to the end first."""
    x = ctx.value(node, 0)
    _require_float(node, x)
    shape, rank = x.type.shape, len(x.type.shape)
    given = node.ints("axes") if node.has("axes") else ctx.integers(node, 1, "list of axes")
    if not given and node.int("noop_with_empty_axes", 0):
        return x
    axes = tuple(sorted({_axis(node, a, rank) for a in given or range(rank)}))
    if not axes:
        return x
    keep = node.int("keepdims", 1) != 0
    final = tuple(1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes)
    if not contiguous(axes):
        rest = tuple(i for i in range(rank) if i not in axes)
        x = ctx.transpose(x, rest + axes, f"{node.outputs[0]}_x", node.loc)
        axes = tuple(range(len(rest), rank))
    y = ctx.emit(Mean(axes[0], axes[-1], rounding="even"), (x,), f"{node.outputs[0]}_y", node.loc)
    return ctx.reshape(y, final, node.outputs[0], node.loc)


def pad(ctx: Context, node: OnnxNode) -> Operand:
    """Constant padding; of an integer tensor with a stored value, as the file says."""
    x = ctx.value(node, 0)
    mode, rank = node.text("mode", "constant"), len(x.type.shape)
    if mode != "constant":
        raise Refusal(f"mode {mode!r}", "Only constant padding is supported")
    pads = ctx.integers(node, 1, "list of pads") or ()
    axes = ctx.integers(node, 3, "list of axes")
    chosen = tuple(_axis(node, a, rank) for a in axes) if axes is not None else tuple(range(rank))
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
    axis = _axis(node, node.int("axis", 0), len(inputs[0].type.shape))
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
    given = ctx.integers(node, 1, "list of axes")
    axes = {_axis(node, a, len(old)) for a in given} if given else {i for i, d in enumerate(old) if d == 1}
    return _reshape(ctx, node, tuple(d for i, d in enumerate(old) if i not in axes))


def unsqueeze(ctx: Context, node: OnnxNode) -> Operand:
    old = shape_of(ctx.operand(node, 0))
    given = ctx.integers(node, 1, "list of axes") or ()
    axes = {_axis(node, a, len(old) + len(given)) for a in given}
    rest = iter(old)
    shape = tuple(1 if i in axes else next(rest, 1) for i in range(len(old) + len(axes)))
    return _reshape(ctx, node, shape)


def identity(ctx: Context, node: OnnxNode) -> Operand:
    """Identity, and Dropout in inference."""
    if any(node.outputs[1:]):
        raise Refusal("its mask is used", "Export for inference")
    training = ctx.constant(node, 2, "training mode") if node.op_type == "Dropout" else None
    if training is not None and training.any():
        raise Refusal("it is in training mode", "Export for inference (model.eval())")
    return ctx.operand(node, 0)
