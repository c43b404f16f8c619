# SPDX-License-Identifier: Apache-2.0
"""How much of the past each operator needs to give one new frame, and where the frames lie in what it gives."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from smidgen.ir import Node, Op, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    Curve,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)

Axes = Mapping[Value, int]
"""The dimension of time of each value that has more than one frame."""


class Refused(Exception):
    """Why a layer has no streaming form, for people. Caught where axes are tried."""


@dataclass(frozen=True, slots=True)
class Need:
    """``frames``: how many of the newest frames of each operand ``op`` takes to give one new frame along ``axis``, or,
    where that is None, all there is. An operand without time has 0."""

    op: Op
    frames: tuple[int, ...]
    axis: int | None


def need_of(node: Node, axes: Axes) -> Need:
    """What ``node`` needs, at least one of whose operands has time. Raises Refused."""
    op, along = node.op, [axes.get(v) for v in node.inputs]
    if isinstance(op, Conv2D | DepthwiseConv2D | AveragePool2D | MaxPool2D):
        return _windowed(node, axes)
    if isinstance(op, Pad) and any(a is not None and (op.before[a], op.after[a]) != (0, 0) for a in along):
        raise Refused("it pads the time axis, so its first and last frames depend on where the window begins")
    if isinstance(op, Crop) and op.axis == along[0]:
        return _delayed(node, op)
    axis = _kept_axis(node, along)
    if axis is None or not _agree(node, along, axis):
        return _whole(node, axes)
    if isinstance(op, Reshape):
        op = replace(op, shape=(*op.shape[:axis], 1, *op.shape[axis + 1 :]))
    return Need(op, tuple(0 if a is None else 1 for a in along), axis)


def _whole(node: Node, axes: Axes) -> Need:
    """All frames at once, as in the network that sees the window: the end of the part that goes frame by frame."""
    return Need(node.op, tuple(v.type.shape[axes[v]] if v in axes else 0 for v in node.inputs), None)


def _delayed(node: Node, op: Crop) -> Need:
    """The newest frame of a part of the window, as many frames ago as the part leaves out at the end."""
    delay = node.inputs[0].type.shape[op.axis] - op.start - op.length
    return Need(replace(op, start=0, length=1), (delay + 1,), op.axis)


def _windowed(node: Node, axes: Axes) -> Need:
    op, x = node.op, node.inputs[0]
    assert isinstance(op, Conv2D | DepthwiseConv2D | AveragePool2D | MaxPool2D)
    axis = axes[x]
    if axis == 0:  # frames are the images of a batch
        return Need(op, (1, *(0 for _ in node.inputs[1:])), axis)
    if axis not in (1, 2) or node.output.type.shape[axis] == 1:
        return _whole(node, axes)
    place = axis - 1
    if op.stride[place] != 1:
        raise Refused(f"its stride along the time axis is {op.stride[place]}: most frames have no output of their own")
    if op.padding[place] or op.padding[place + 2]:
        raise Refused(
            f"it pads the time axis ({op.padding[place]} before, {op.padding[place + 2]} after), so its first and last "
            "frames depend on where the window begins"
        )
    return Need(op, (window_frames(node, place), *(0 for _ in node.inputs[1:])), axis)


def window_frames(node: Node, place: int) -> int:
    """Rows (``place`` 0) or columns (1) that one output of a convolution or pool reaches over."""
    op = node.op
    if isinstance(op, AveragePool2D | MaxPool2D):
        return op.kernel[place]
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    size = node["w"].type.shape[place + (1 if isinstance(op, Conv2D) else 0)]
    return (size - 1) * op.dilation[place] + 1


def _kept_axis(node: Node, along: Sequence[int | None]) -> int | None:
    """Where time is in the result of an operator that takes frame by frame; None where it mixes frames."""
    op, rank = node.op, len(node.output.type.shape)
    axis = next(a for a in along if a is not None)
    last = len(node.inputs[0].type.shape) - 1
    if isinstance(op, Add | Mul):
        index = next(i for i, a in enumerate(along) if a is not None)
        return axis + rank - len(node.inputs[index].type.shape)
    if isinstance(op, Transpose):
        return op.permutation.index(axis)
    if isinstance(op, Reshape):
        return _reshaped(node.inputs[0].type.shape, op.shape, axis)
    if isinstance(op, Mean):
        return None if op.first <= axis <= op.last else axis
    if isinstance(op, Softmax | FullyConnected):
        return None if axis == last else axis
    if isinstance(op, Concat):
        return None if axis == op.axis else axis
    if isinstance(op, Clamp | Crop | Curve | Dequantize | LeakyRelu | Lookup | Pad | Quantize | Requantize):
        return axis
    return None


def _reshaped(before: tuple[int, ...], after: tuple[int, ...], axis: int) -> int | None:
    """The dimension of the new shape with the same elements before it and as many steps; None if there is none."""
    ahead = math.prod(before[:axis])
    found = (i for i, d in enumerate(after) if d == before[axis] and math.prod(after[:i]) == ahead)
    return next(found, None)


def _agree(node: Node, along: Sequence[int | None], axis: int) -> bool:
    """True if every operand gives the result's frame its own one, or the same to all of them."""
    op, rank = node.op, len(node.output.type.shape)
    if not isinstance(op, Add | Mul | Concat):
        return all(a is None for a in along[1:])
    for v, a in zip(node.inputs, along, strict=True):
        place = axis - (rank - len(v.type.shape))
        if a is not None and a != place:
            return False
        if a is None and (v.data is None or isinstance(op, Concat) or (place >= 0 and v.type.shape[place] != 1)):
            return False
    return True
