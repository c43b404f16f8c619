# SPDX-License-Identifier: Apache-2.0
"""Functions of one byte by table."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Lookup
from smidgen.targets.target import Core

SCALAR_CYCLES = 5.0  # estimated from the instructions of the loop, not fitted


def byte_to_int16(node: Node) -> bool:
    """The input's elements are one byte wide, the output is int16"""
    return node["x"].type.dtype in ("int8", "uint8") and node.output.type.dtype == "int16"


def params(node: Node) -> Mapping[str, ParamValue]:
    return {"count": node.output.type.elements}


def scalar_cost(node: Node, core: Core) -> float:
    return node.output.type.elements * SCALAR_CYCLES


KERNELS = (
    Kernel("smg_lookup_s8_scalar", "lookup", "lookup", Lookup, scalar_cost, params,
           requires=(byte_elements,), inplace="x"),
    Kernel("smg_lookup_s16_scalar", "lookup", "lookup_s16", Lookup, scalar_cost, params, requires=(byte_to_int16,)),
)  # fmt: skip
