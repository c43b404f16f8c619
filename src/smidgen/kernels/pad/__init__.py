# SPDX-License-Identifier: Apache-2.0
"""Constant padding of byte tensors."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements, four
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Pad
from smidgen.targets.target import Core

SCALAR_CYCLES = 1.5  # estimated from the instructions of the loop, not fitted


def four_dimensions(node: Node) -> bool:
    """There are at most four dimensions"""
    return len(node["x"].type.shape) <= 4


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x, y = node.op, node["x"].type, node.output.type
    assert isinstance(op, Pad)
    before = (*(0,) * (4 - len(op.before)), *op.before)
    value = int(np.array([int(op.value)]).astype(y.dtype).view(np.int8)[0])
    return {"in_dims": four(x.shape), "before": before, "out_dims": four(y.shape), "value": value}


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


KERNELS = (
    Kernel("smg_pad_s8_scalar", "pad", "pad", Pad, scalar_cost, params, requires=(byte_elements, four_dimensions)),
)
