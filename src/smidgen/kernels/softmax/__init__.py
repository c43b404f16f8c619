# SPDX-License-Identifier: Apache-2.0
"""int8 softmax over the last dimension."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import double_rounding, even_rounding, int8_elements, out_quant
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.softmax import float32
from smidgen.ops import Softmax
from smidgen.ops import softmax_fixed_point as fixed
from smidgen.targets.target import Core


def classes_fit(node: Node) -> bool:
    """There are at most 511 classes"""
    return node["x"].type.shape[-1] <= 511  # the sum of exponentials stays below 2**9, so the last shift below 32


def _shape(node: Node) -> dict[str, ParamValue]:
    x = node["x"].type
    return {"rows": x.elements // x.shape[-1], "depth": x.shape[-1]}


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Softmax)
    mult, shift, diff_min = node.op.fixed_point(node.types)
    return {**_shape(node), "mult": mult, "shift": shift, "diff_min": diff_min}


def params_table(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Softmax)
    exponentials = fixed.exponentials(*node.op.fixed_point(node.types))
    return {**_shape(node), "entries": exponentials.size, "exponentials": exponentials}


def params_rne(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Softmax)
    t = node.op.table(node.types)
    return {
        **_shape(node), "out_mult": t.out_mult, "out_shift": t.out_shift,
        "out_offset": out_quant(node).zero_point[0], "exponentials": t.exponentials,
    }  # fmt: skip


def scalar_cost(node: Node, core: Core) -> float:
    """Fitted to the MLPerf Tiny models' layers, zig cc 0.17.1 -O3; double rounding's elements take up to 290 cycles."""
    assert isinstance(node.op, Softmax)
    row, element = (90, 115) if node.op.rounding == "even" else (260, 135)
    return node.output.type.elements // node.output.type.shape[-1] * row + node.output.type.elements * element


def table_cost(node: Node, core: Core) -> float:
    """Of every row the reciprocal, of every element two looks into the table."""
    return node.output.type.elements // node.output.type.shape[-1] * 230 + node.output.type.elements * 45


KERNELS = (
    Kernel("smg_softmax_table_s8_scalar", "softmax", "softmax_table", Softmax, table_cost, params_table,
           requires=(double_rounding, int8_elements, classes_fit), includes=("smg_fixed_point.inc.h",)),
    Kernel("smg_softmax_s8_scalar", "softmax", "softmax", Softmax, scalar_cost, params,
           requires=(double_rounding, int8_elements, classes_fit), includes=("smg_fixed_point.inc.h",)),
    Kernel("smg_softmax_s8rne_scalar", "softmax", "softmaxrne", Softmax, scalar_cost, params_rne,
           requires=(even_rounding, int8_elements)),
    *float32.KERNELS,
)  # fmt: skip
