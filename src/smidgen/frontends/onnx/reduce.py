# SPDX-License-Identifier: Apache-2.0
"""ONNX ops that reduce whole dimensions: ReduceMean, ReduceSum, ReduceMax."""

from __future__ import annotations

import math

import numpy as np

from smidgen.frontends.onnx.compute import contiguous
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand
from smidgen.frontends.onnx.elementwise import with_constant
from smidgen.frontends.onnx.simple import checked_axis, given_axes, require_float
from smidgen.ir import Value
from smidgen.ops import MaxPool2D, Mean, Mul


def _prepared(ctx: Context, node: OnnxNode, x: Value) -> tuple[Value, tuple[int, ...], tuple[int, ...]]:
    """The tensor with the reduced dimensions side by side, these, and the shape of the result.

    Axes are an attribute or (ReduceMean from opset 18 on, ReduceSum from 13 on) an input; scattered ones are moved to
    the end first. No axes: nothing is reduced.
    """
    shape, rank = x.type.shape, len(x.type.shape)
    given = given_axes(ctx, node)
    if not given and node.int("noop_with_empty_axes", 0):
        return x, (), shape
    axes = tuple(sorted({checked_axis(node, a, rank) for a in given or range(rank)}))
    keep = node.int("keepdims", 1) != 0
    final = tuple(1 if i in axes else d for i, d in enumerate(shape) if keep or i not in axes)
    if not contiguous(axes):
        rest = tuple(i for i in range(rank) if i not in axes)
        x = ctx.transpose(x, rest + axes, f"{node.outputs[0]}_x", node.loc)
        axes = tuple(range(len(rest), rank))
    return x, axes, final


def reduce_mean(ctx: Context, node: OnnxNode) -> Operand:
    x = ctx.value(node, 0)
    require_float(node, x)
    x, axes, final = _prepared(ctx, node, x)
    if not axes:
        return x
    y = ctx.emit(Mean(axes[0], axes[-1], rounding="even"), (x,), f"{node.outputs[0]}_y", node.loc)
    return ctx.reshape(y, final, node.outputs[0], node.loc)


def reduce_sum(ctx: Context, node: OnnxNode) -> Operand:
    """A mean times the number of elements."""
    x = ctx.value(node, 0)
    require_float(node, x)
    x, axes, final = _prepared(ctx, node, x)
    if not axes:
        return x
    count = np.array(math.prod(x.type.shape[axes[0] : axes[-1] + 1]))
    mean = ctx.emit(Mean(axes[0], axes[-1], rounding="even"), (x,), f"{node.outputs[0]}_mean", node.loc)
    y = with_constant(ctx, node, Mul(rounding="even"), mean, count, f"{node.outputs[0]}_y")
    return ctx.reshape(y, final, node.outputs[0], node.loc)


def reduce_max(ctx: Context, node: OnnxNode) -> Operand:
    """A max pool whose window is all of the reduced dimensions, taken as rows."""
    x = ctx.value(node, 0)
    require_float(node, x)
    x, axes, final = _prepared(ctx, node, x)
    if not axes:
        return x
    shape = x.type.shape
    before, after = math.prod(shape[: axes[0]]), math.prod(shape[axes[-1] + 1 :])
    count = math.prod(shape[axes[0] : axes[-1] + 1])
    rows = ctx.reshape(x, (before, count, 1, after), f"{node.outputs[0]}_rows", node.loc)
    y = ctx.emit(MaxPool2D((count, 1)), (rows,), f"{node.outputs[0]}_y", node.loc)
    return ctx.reshape(y, final, node.outputs[0], node.loc)
