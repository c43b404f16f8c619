# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that compute element by element: sums, products, clamps, activation functions."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, QuantizedConstant, Refusal, shape_of
from smidgen.frontends.onnx.simple import require_float
from smidgen.ir import Array, Op, Value
from smidgen.ops import Add, Clamp, Curve, LeakyRelu, Mul

_UNBOUNDED = math.inf
_SELU = (1.67326319217681884765625, 1.05070102214813232421875)  # ONNX Selu's defaults: alpha, gamma
_NO_DIVISION = "Only division by a constant is supported; multiply by the reciprocal instead"


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
    require_float(node, *inputs)
    return ctx.emit(op, inputs, node.outputs[0], node.loc)


def with_constant(ctx: Context, node: OnnxNode, op: Op, x: Value, constant: Array, name: str) -> Value:
    """A binary op of a tensor and a float32 constant, which broadcasts to it."""
    rank = len(x.type.shape)
    with np.errstate(all="ignore"):  # what float32 cannot hold becomes infinite, as it would be while running
        full = np.asarray(constant, np.float32)
    if full.ndim > rank:
        raise Refusal(f"a constant of shape {list(full.shape)} beside a tensor of {rank} dimensions")
    value = ctx.real_constant(full.reshape((1,) * (rank - full.ndim) + full.shape), f"{name}_constant")
    return ctx.emit(op, (x, value), name, node.loc)


def add(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Add(rounding="even"))


def sub(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Add(rounding="even", signs=(1, -1)))


def mul(ctx: Context, node: OnnxNode) -> Operand:
    return _binary(ctx, node, Mul(rounding="even"))


def sum_(ctx: Context, node: OnnxNode) -> Operand:
    """Sum of any number of tensors, one after the other."""
    total = ctx.value(node, 0)
    require_float(node, total)
    for i in range(1, len(node.inputs)):
        rank = max(len(total.type.shape), len(shape_of(ctx.operand(node, i))))
        other = _full_rank(ctx, node, i, rank)
        require_float(node, other)
        shape = (1,) * (rank - len(total.type.shape)) + total.type.shape
        first = ctx.reshape(total, shape, f"{node.outputs[0]}_in0", node.loc)
        total = ctx.emit(Add(rounding="even"), (first, other), node.outputs[0], node.loc)
    return total


def div(ctx: Context, node: OnnxNode) -> Operand:
    """Division by a constant: multiplication by its reciprocal."""
    x, divisor = ctx.value(node, 0), real_constant(ctx, node, 1)
    if divisor is None:
        raise Refusal("it divides by a tensor that is computed while the network runs", _NO_DIVISION)
    require_float(node, x)
    with np.errstate(all="ignore"):
        reciprocal = (1.0 / divisor.astype(np.float64)).astype(np.float32)
    if not np.all(np.isfinite(reciprocal)):
        raise Refusal("it divides by 0, or by a number too small", _NO_DIVISION)
    rank = max(len(x.type.shape), reciprocal.ndim)
    full = ctx.reshape(x, (1,) * (rank - len(x.type.shape)) + x.type.shape, f"{node.outputs[0]}_in0", node.loc)
    return with_constant(ctx, node, Mul(rounding="even"), full, reciprocal, node.outputs[0])


def neg(ctx: Context, node: OnnxNode) -> Operand:
    x = ctx.value(node, 0)
    require_float(node, x)
    return with_constant(ctx, node, Mul(rounding="even"), x, np.array(-1.0), node.outputs[0])


def power(ctx: Context, node: OnnxNode) -> Operand:
    """x to the constant power 1, 2 or 3: products."""
    x, exponent = ctx.value(node, 0), real_constant(ctx, node, 1)
    require_float(node, x)
    if exponent is None or exponent.size != 1 or float(exponent.reshape(())) not in (1.0, 2.0, 3.0):
        raise Refusal("its exponent is not 1, 2 or 3", "Write it with products")
    y = x
    for _ in range(int(exponent.reshape(())) - 1):
        y = ctx.emit(Mul(rounding="even"), (y, x), node.outputs[0], node.loc)
    return y


def real_constant(ctx: Context, node: OnnxNode, index: int) -> Array | None:
    """An operand's numbers if it is a constant, quantised or not; None if it is computed or absent."""
    operand = ctx.optional(node, index)
    if isinstance(operand, QuantizedConstant):  # quantizers wrap these too
        quant = operand.quant
        shape = [1] * operand.data.ndim
        if quant.axis is not None:
            shape[quant.axis] = -1
        scale = np.array(quant.scale, np.float64).reshape(shape if quant.axis is not None else ())
        return np.asarray((operand.data.astype(np.float64) - operand.zero_points()) * scale, np.float32)
    return operand if isinstance(operand, np.ndarray) else None


def _unary(ctx: Context, node: OnnxNode, op: Op) -> Operand:
    x = ctx.value(node, 0)
    require_float(node, x)
    return ctx.emit(op, (x,), node.outputs[0], node.loc)


def relu(ctx: Context, node: OnnxNode) -> Operand:
    return _unary(ctx, node, Clamp((0.0, _UNBOUNDED)))


def _bound(ctx: Context, node: OnnxNode, index: int, default: float) -> float:
    if ctx.optional(node, index) is None:
        return default
    number = real_constant(ctx, node, index)
    if number is None or number.size != 1 or np.isnan(number).any():
        raise Refusal("its bounds are no constant numbers", "Export with constant min and max")
    return float(number.reshape(()))


def clip(ctx: Context, node: OnnxNode) -> Operand:
    """Clip between two constants, either of which may be absent."""
    lo, hi = _bound(ctx, node, 1, -_UNBOUNDED), _bound(ctx, node, 2, _UNBOUNDED)
    if not lo <= hi:
        raise Refusal(f"its bounds are {lo:g} and {hi:g}")
    return _unary(ctx, node, Clamp((lo, hi)))


def _against_number(ctx: Context, node: OnnxNode) -> tuple[Value, float]:
    """The tensor and the number that a Min or Max compares."""
    constants = [real_constant(ctx, node, i) for i in range(len(node.inputs))]
    numbers = [float(c.reshape(())) for c in constants if c is not None and c.size == 1]
    if len(node.inputs) != 2 or len(numbers) != 1 or math.isnan(numbers[0]):
        raise Refusal("it compares tensors", "Only one tensor and one constant number are supported")
    x = ctx.value(node, 0 if constants[0] is None else 1)
    require_float(node, x)
    return x, numbers[0]


def minimum(ctx: Context, node: OnnxNode) -> Operand:
    x, number = _against_number(ctx, node)
    return ctx.emit(Clamp((-_UNBOUNDED, number)), (x,), node.outputs[0], node.loc)


def maximum(ctx: Context, node: OnnxNode) -> Operand:
    x, number = _against_number(ctx, node)
    return ctx.emit(Clamp((number, _UNBOUNDED)), (x,), node.outputs[0], node.loc)


def leaky_relu(ctx: Context, node: OnnxNode) -> Operand:
    return _unary(ctx, node, LeakyRelu(node.float("alpha", 0.01), rounding="even"))


def p_relu(ctx: Context, node: OnnxNode) -> Operand:
    """One slope: LeakyRelu. A slope a channel: max(x, 0) + slope * min(x, 0)."""
    x, slope, name = ctx.value(node, 0), real_constant(ctx, node, 1), node.outputs[0]
    require_float(node, x)
    if slope is None:
        raise Refusal("its slope is computed while the network runs", "Make the slope a constant")
    if np.unique(slope).size == 1 and np.isfinite(slope).all():
        return ctx.emit(LeakyRelu(float(slope.flat[0]), rounding="even"), (x,), name, node.loc)
    above = ctx.emit(Clamp((0.0, _UNBOUNDED)), (x,), f"{name}_above", node.loc)
    below = ctx.emit(Clamp((-_UNBOUNDED, 0.0)), (x,), f"{name}_below", node.loc)
    sloped = with_constant(ctx, node, Mul(rounding="even"), below, slope, f"{name}_sloped")
    if sloped.type.shape != x.type.shape:
        raise Refusal(f"its slope of shape {list(slope.shape)} does not broadcast to {list(x.type.shape)}")
    return ctx.emit(Add(rounding="even"), (above, sloped), name, node.loc)


def curve(make: Callable[[OnnxNode], Curve]) -> Callable[[Context, OnnxNode], Operand]:
    """An importer of one curved function, its attributes read by ``make``."""
    return lambda ctx, node: _unary(ctx, node, make(node))


def hard_sigmoid(node: OnnxNode) -> Curve:
    return Curve("hard_sigmoid", node.float("alpha", 0.2), node.float("beta", 0.5))


def elu(node: OnnxNode) -> Curve:
    return Curve("elu", node.float("alpha", 1.0))


def selu(node: OnnxNode) -> Curve:
    return Curve("elu", node.float("alpha", _SELU[0]), node.float("gamma", _SELU[1]))


def gelu(node: OnnxNode) -> Curve:
    mode = node.text("approximate", "none")
    if mode not in ("none", "tanh"):
        raise Refusal(f"approximate {mode!r}")
    return Curve("gelu_tanh" if mode == "tanh" else "gelu")
