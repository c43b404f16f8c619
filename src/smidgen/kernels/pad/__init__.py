# SPDX-License-Identifier: Apache-2.0
"""Constant padding."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.int16 import int16_throughout
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Pad
from smidgen.targets.target import Core

SCALAR_CYCLES = 1.5  # estimated from the instructions of the loop, not fitted


def _merged(node: Node) -> list[tuple[int, int, int]]:
    """(length in, elements before, length out) of each dimension; one without padding is part of that before it."""
    op, dims = node.op, list[tuple[int, int, int]]()
    assert isinstance(op, Pad)
    for d, before, out in zip(node["x"].type.shape, op.before, node.output.type.shape, strict=True):
        if d == out and (dims or d == 1):
            dims[-1:] = [(n * d, b * d, m * d) for n, b, m in dims[-1:]]
        else:
            dims.append((d, before, out))
    return dims


def four_dimensions(node: Node) -> bool:
    """There are at most four dimensions after merging those without padding into those before them"""
    return len(_merged(node)) <= 4


def _shape(node: Node) -> dict[str, ParamValue]:
    in_dims, before, out_dims = zip(*[*[(1, 0, 1)] * 4, *_merged(node)][-4:], strict=True)
    return {"in_dims": in_dims, "before": before, "out_dims": out_dims}


def params(node: Node) -> Mapping[str, ParamValue]:
    op, dtype = node.op, node.output.type.dtype
    assert isinstance(op, Pad)
    value = int(np.array([int(op.value)]).astype(dtype).view(np.int16 if dtype == "int16" else np.int8)[0])
    return {**_shape(node), "value": value}


def float_params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Pad)
    return {**_shape(node), "value": float(np.float32(node.op.value))}


def float_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 5.0


def s16_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * 6.0


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


KERNELS = (
    Kernel("smg_pad_s8_scalar", "pad", "pad", Pad, scalar_cost, params, requires=(byte_elements, four_dimensions)),
    Kernel(
        "smg_pad_s16_scalar", "pad", "pad_s16", Pad, s16_cost, params, requires=(int16_throughout, four_dimensions)
    ),
    Kernel("smg_pad_f32_scalar", "pad", "pad_f32", Pad, float_cost, float_params,
           requires=(float_elements, four_dimensions)),
)  # fmt: skip
