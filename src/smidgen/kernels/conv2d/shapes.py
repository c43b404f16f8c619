# SPDX-License-Identifier: Apache-2.0
"""Which convolutions are plain sums over a window, or over a pixel."""

from __future__ import annotations

from smidgen.ir import Node
from smidgen.ops import Conv2D


def one_group(node: Node) -> bool:
    """There is one group"""
    assert isinstance(node.op, Conv2D)
    return node.op.groups == 1


def pointwise(node: Node) -> bool:
    """Filters are 1x1, with stride 1, no padding and one group"""
    op = node.op
    assert isinstance(op, Conv2D)
    plain = op.stride == (1, 1) and not any(op.padding) and op.groups == 1
    return plain and node["w"].type.shape[1:3] == (1, 1)
