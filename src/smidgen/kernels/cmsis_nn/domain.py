# SPDX-License-Identifier: Apache-2.0
"""What CMSIS-NN's int8 functions compute exactly as TFLite's reference does, from their documentation and code."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Node
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D
from smidgen.ops.accumulators import multipliers

_MOST = 1 << 16


def sizes_fit(node: Node) -> bool:
    """Every dimension is below 2**16, as the library keeps some of them in 16 bits"""
    shapes = [v.type.shape for v in (*node.inputs, *node.outputs)]
    return all(d < _MOST for shape in shapes for d in shape)


def shifts_fit(node: Node) -> bool:
    """No multiplier is below 2**-32, so that shifts to the right are by 31 at most"""
    return bool(multipliers(node)[1].min() >= -31)


def _past_the_end(node: Node) -> tuple[int, int]:
    """By how much the last window, dilated, reaches beyond the input, in rows and columns; may be negative."""
    op, x, y, w = node.op, node["x"].type.shape, node.output.type.shape, node["w"].type.shape
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    kernel = w[1:3] if isinstance(op, Conv2D) else w[:2]
    rows, columns = (
        (y[1 + i] - 1) * op.stride[i] - op.padding[i] + (kernel[i] - 1) * op.dilation[i] + 1 - x[1 + i] for i in (0, 1)
    )
    return rows, columns


def one_pixel_inside(node: Node) -> bool:
    """A 1x1 window without padding in front has none behind, and with stride 1 covers the input"""
    op, x, y = node.op, node["x"].type.shape, node.output.type.shape
    assert isinstance(op, Conv2D)
    if node["w"].type.shape[1:3] != (1, 1) or any(op.padding[:2]) or op.dilation != (1, 1):
        return True
    return max(_past_the_end(node)) <= 0 and (op.stride != (1, 1) or x[1:3] == y[1:3])


def one_row_regular(node: Node) -> bool:
    """A window of one row in one row has no rows of padding, and as much in front as behind or one column less"""
    op, x, w = node.op, node["x"].type.shape, node["w"].type.shape
    assert isinstance(op, Conv2D)
    if x[1] != 1 or w[1] != 1:
        return True
    behind, front = _past_the_end(node)[1], op.padding[1]
    regular = behind in (front, front + 1) and front + behind < w[2] <= x[2] and op.stride == (1, 1)
    return not any((op.padding[0], op.padding[2])) and op.stride[0] == 1 and (regular or front == behind == 0)


def plain_sum(node: Node) -> bool:
    """The operands are added, neither taken away"""
    assert isinstance(node.op, Add)
    return node.op.signs == (1, 1)


def twenty_bits_left(node: Node) -> bool:
    """The operands are shifted left by 20 bits first, as TFLite does, and no multiplier is above 1"""
    assert isinstance(node.op, Add)
    r = node.op.rescale(node.types)
    shifts = (r.a[1], r.b[1], r.out[1])
    return r.left_shift == 20 and max(shifts) <= 0 and min(shifts) >= -31


def no_window_empty(node: Node) -> bool:
    """Every window holds an element of the input"""
    op, x, y = node.op, node["x"].type.shape, node.output.type.shape
    assert isinstance(op, MaxPool2D | AveragePool2D)
    return all((y[1 + i] - 1) * op.stride[i] - op.padding[i] < x[1 + i] for i in (0, 1))


def channel_multipliers(node: Node) -> bool:
    """There is one multiplier in all, or one a channel"""
    assert isinstance(node.op, FullyConnected)
    return multipliers(node)[0].size in (1, node["w"].type.shape[0])


def dense_bias(node: Node) -> np.ndarray[tuple[int], np.dtype[np.int32]]:
    """The bias, or zeros: the library's code for groups reads one whether there is one or not."""
    bias = node.get("b")
    if bias is not None:
        return bias.constant.astype(np.int32)
    channels = node.output.type.shape[-1]
    return np.zeros(channels, np.int32)
