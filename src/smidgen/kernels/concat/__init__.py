# SPDX-License-Identifier: Apache-2.0
"""Concatenation of byte tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.concat import float32
from smidgen.kernels.int16 import int16_throughout
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Concat
from smidgen.targets.target import Core

SCALAR_CYCLES = 1.5  # estimated from the instructions of the loop, not fitted


def params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Concat)
    element = np.dtype(node.output.type.dtype).itemsize
    chunks = [element * math.prod(v.type.shape[op.axis :]) for v in node.inputs]
    return {
        "outer": math.prod(node.output.type.shape[: op.axis]),
        "inputs": len(chunks),
        "chunk_bytes": np.array(chunks, np.int32),
    }


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 5.8


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.nbytes * SCALAR_CYCLES


KERNELS = (
    Kernel("smg_concat_s8_scalar", "concat", "concat", Concat, scalar_cost, params, requires=(byte_elements,)),
    Kernel("smg_concat_s16_scalar", "concat", "concat_s16", Concat, s16_cost, params, requires=(int16_throughout,)),
    *float32.KERNELS,
)
