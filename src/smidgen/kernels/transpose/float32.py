# SPDX-License-Identifier: Apache-2.0
"""Transposition of float32 tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Transpose
from smidgen.targets.target import Core


def six_dimensions(node: Node) -> bool:
    """There are at most six dimensions"""
    return len(node["x"].type.shape) <= 6


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x, y = node.op, node["x"].type, node.output.type
    assert isinstance(op, Transpose)
    strides = np.empty(x.shape, np.int8).strides  # in elements
    missing = 6 - len(x.shape)
    return {
        "dims": (*(1,) * missing, *y.shape),
        "in_strides": (*(0,) * missing, *(strides[p] for p in op.permutation)),
    }


def cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 8.0


KERNELS = (
    Kernel("smg_transpose_f32_scalar", "transpose", "transpose_f32", Transpose, cost, params,
           requires=(float_elements, six_dimensions), includes=("smg_transpose.inc.h",)),
)  # fmt: skip
