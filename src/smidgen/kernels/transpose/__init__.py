# SPDX-License-Identifier: Apache-2.0
"""Transposition of byte tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.int16 import int16_throughout
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.transpose import float32
from smidgen.ops import Transpose
from smidgen.targets.target import Core

_BODY = ("smg_transpose.inc.h",)
SCALAR_CYCLES = 6.0  # estimated from the instructions of the loop, not fitted


def six_dimensions(node: Node) -> bool:
    """There are at most six dimensions"""
    return len(node["x"].type.shape) <= 6


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x, y = node.op, node["x"].type, node.output.type
    assert isinstance(op, Transpose)
    strides = np.empty(x.shape, np.int8).strides
    missing = 6 - len(x.shape)
    return {
        "dims": (*(1,) * missing, *y.shape),
        "in_strides": (*(0,) * missing, *(strides[p] for p in op.permutation)),
    }


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 8.0


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


KERNELS = (
    Kernel("smg_transpose_s8_scalar", "transpose", "transpose", Transpose, scalar_cost, params,
           requires=(byte_elements, six_dimensions), includes=_BODY),
    Kernel("smg_transpose_s16_scalar", "transpose", "transpose_s16", Transpose, s16_cost, params,
           requires=(int16_throughout, six_dimensions), includes=_BODY),
    *float32.KERNELS,
)  # fmt: skip
