# SPDX-License-Identifier: Apache-2.0
"""float32 mean over adjacent dimensions."""

from __future__ import annotations

import math
from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import clip_params, float_elements, slowed
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Mean
from smidgen.targets.target import Core


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean)
    return {
        "outer": math.prod(x.shape[: op.first]), "reduced": op.count(x), "inner": math.prod(x.shape[op.last + 1 :]),
        **clip_params(op.clamp),
    }  # fmt: skip


def cost(node: Node, core: Core) -> float:
    return slowed(node["x"].type.elements * 6 + node.output.type.elements * 35, core)


KERNELS = (
    Kernel("smg_mean_f32_scalar", "mean", "mean_f32", Mean, cost, params, requires=(float_elements,)),
)  # fmt: skip
