# SPDX-License-Identifier: Apache-2.0
"""Concatenation of float32 tensors."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Concat
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    op = node.op
    assert isinstance(op, Concat)
    chunks = [4 * math.prod(v.type.shape[op.axis :]) for v in node.inputs]
    return {
        "outer": math.prod(node.output.type.shape[: op.axis]),
        "inputs": len(chunks),
        "chunk_bytes": np.array(chunks, np.int32),
    }


def cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 4.0


KERNELS = (
    Kernel("smg_concat_f32_scalar", "concat", "concat_f32", Concat, cost, params, requires=(float_elements,)),
)  # fmt: skip
