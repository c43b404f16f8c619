# SPDX-License-Identifier: Apache-2.0
"""Taking a part of one dimension."""

from __future__ import annotations

import math
from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.int16 import int16_throughout
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Crop
from smidgen.targets.target import Core

CYCLES_PER_16_BYTES, CYCLES_PER_RUN = 13.0, 25.0  # estimated from the instructions of the loops, not fitted


def params(node: Node) -> Mapping[str, ParamValue]:
    op, x, y = node.op, node.inputs[0].type, node.output.type
    assert isinstance(op, Crop)
    outer = math.prod(x.shape[: op.axis])
    step = x.nbytes // (outer * x.shape[op.axis])
    return {
        "outer": outer,
        "in_bytes": x.nbytes // outer,
        "start_bytes": op.start * step,
        "out_bytes": y.nbytes // outer,
    }


def cost(node: Node, core: Core) -> float:
    assert isinstance(node.op, Crop)
    runs = math.prod(node.output.type.shape[: node.op.axis])
    return runs * CYCLES_PER_RUN + node.output.type.nbytes / 16 * CYCLES_PER_16_BYTES


KERNELS = (
    Kernel(
        "smg_crop_s8_scalar", "crop", "crop", Crop, cost, params,
        requires=(byte_elements,), inplace="x", includes=("smg_crop.inc.h",),
    ),
    Kernel(
        "smg_crop_s16_scalar", "crop", "crop_s16", Crop, cost, params,
        requires=(int16_throughout,), inplace="x", includes=("smg_crop.inc.h",),
    ),
    Kernel(
        "smg_crop_f32_scalar", "crop", "crop_f32", Crop, cost, params,
        requires=(float_elements,), inplace="x", includes=("smg_crop.inc.h",),
    ),
)  # fmt: skip
