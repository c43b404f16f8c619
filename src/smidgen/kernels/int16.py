# SPDX-License-Identifier: Apache-2.0
"""What the kernels for int16 activations share: when they are meant, and the widths of their instances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node, TensorType
from smidgen.kernels.common import constant_weights, even_rounding
from smidgen.ops import Add, AveragePool2D, Mean, Mul
from smidgen.ops.accumulators import ACCUMULATOR_LIMIT, worst_case
from smidgen.ops.arithmetic import RANGES, WIDE_SHIFT


def int16_elements(node: Node) -> bool:
    """Activations are int8 or int16, not all of them int8"""
    dtypes = {t.dtype for t in activations(node)}
    return "int16" in dtypes and dtypes <= {"int8", "int16"}


def int16_throughout(node: Node) -> bool:
    """Input and output are int16"""
    return {t.dtype for t in activations(node)} == {"int16"}


def activations(node: Node) -> tuple[TensorType, ...]:
    """The operands that are no weights or tables, and the result."""
    count = len(node.inputs) if isinstance(node.op, Add | Mul) else 1
    return (*node.types[:count], node.output.type)


def bits(t: TensorType) -> int:
    return 8 * np.dtype(t.dtype).itemsize


def widths(node: Node) -> Mapping[str, int]:
    """The macros of smg_elements.h for an op without sums."""
    operands = [bits(t) for t in activations(node)[:-1]]
    names = ("SMG_IN_BITS",) if len(operands) == 1 else ("SMG_A_BITS", "SMG_B_BITS")
    return {**dict(zip(names, operands, strict=True)), "SMG_OUT_BITS": bits(node.output.type)}


def layer_widths(node: Node) -> Mapping[str, int]:
    """The same for a layer with weights, whose sums have 64 bits unless 32 provably suffice."""
    return {**widths(node), "SMG_SUM_BITS": 32 if worst_case(node).max() < ACCUMULATOR_LIMIT else 64}


def pooled_widths(node: Node) -> Mapping[str, int]:
    """The same for a mean or an average pool."""
    return {**widths(node), "SMG_SUM_BITS": 32 if _largest_pooled(node) < ACCUMULATOR_LIMIT else 64}


def _largest_pooled(node: Node) -> int:
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean | AveragePool2D)
    least, most = RANGES[x.dtype]
    elements = op.count(x) if isinstance(op, Mean) else op.kernel[0] * op.kernel[1]
    return elements * max(most - x.zero_point, x.zero_point - least)


def pooled_sum_fits(node: Node) -> bool:
    """Sums fit 32 bits, or the multiplier is at most 2**13"""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean | AveragePool2D)
    shift = op.multiplier(x)[1] if isinstance(op, Mean) else int(op.count_multipliers(x, [1])[1][0])
    return _largest_pooled(node) < ACCUMULATOR_LIMIT or shift <= WIDE_SHIFT


LAYER = (even_rounding, int16_elements, constant_weights)
"""What every layer with weights requires."""
