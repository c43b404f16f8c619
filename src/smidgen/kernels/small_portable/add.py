# SPDX-License-Identifier: Apache-2.0
"""Addition of equal shapes as y = (a_mult * a + b_mult * b + addend) >> shift in 32 bits, where that is exact.

Every one of the 65,536 pairs of bytes is compared, which is the proof, whatever the op's rounding.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from functools import lru_cache
from itertools import product

import numpy as np

from smidgen.ir import Node, Op, QuantParams, TensorType
from smidgen.kernels.add.linear import LinearForm, all_pairs, ratios
from smidgen.kernels.classes import Classes, strained
from smidgen.kernels.common import int8_elements, out_quant, same_shape
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Add
from smidgen.ops.accumulators import Int64s
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

_LEAST_SHIFT, _SHIFTS_TRIED = 10, 3
_NUDGES = sorted(product(range(-4, 5), repeat=2), key=lambda n: abs(n[0]) + abs(n[1]))
_LIMIT = 1 << 31


def linear_form(node: Node) -> LinearForm | None:
    """The form that equals the node's definition for every pair of bytes, or None."""
    return _search(node.op, node["a"].type.quant, node["b"].type.quant, out_quant(node).zero_point[0])


def has_linear_form(node: Node) -> bool:
    """One linear form within 32 bits gives the rounded sum for all pairs of bytes"""
    return linear_form(node) is not None


@lru_cache(maxsize=256)
def _search(op: Op, a: QuantParams | None, b: QuantParams | None, zero_point: int) -> LinearForm | None:
    """The most precise shift first, then multipliers next to the rounded ones."""
    assert isinstance(op, Add)
    types = (TensorType("int8", (1 << 16,), a), TensorType("int8", (1 << 16,), b))
    a_ratio, b_ratio = ratios(op, types)
    offset = zero_point - a_ratio * types[0].zero_point - b_ratio * types[1].zero_point
    wanted, clamp = all_pairs(op, types), int_bounds(op.clamp)
    reach = 128 * (abs(a_ratio) + abs(b_ratio)) + abs(offset) + 2
    able = [k for k in range(30, _LEAST_SHIFT - 1, -1) if reach * (1 << k) < _LIMIT]
    for shift in able[:_SHIFTS_TRIED]:
        guess = round((offset + Fraction(1, 2)) * (1 << shift))
        for da, db in _NUDGES:
            a_mult, b_mult = round(a_ratio * (1 << shift)) + da, round(b_ratio * (1 << shift)) + db
            if (addend := _addend(LinearForm(a_mult, b_mult, guess, shift), wanted, clamp)) is not None:
                return LinearForm(a_mult, b_mult, addend, shift)
    return None


def _addend(form: LinearForm, wanted: Int64s, clamp: tuple[int, int]) -> int | None:
    """The addend next to the form's with which all pairs come out as wanted, if there is one: each pair bounds it."""
    v = np.arange(-128, 128, dtype=np.int64)
    total = (form.a_mult * v)[:, None] + (form.b_mult * v)[None, :]
    least = np.where(wanted > clamp[0], (wanted << form.shift) - total, -(1 << 40)).max()
    most = np.where(wanted < clamp[1], ((wanted + 1) << form.shift) - 1 - total, 1 << 40).min()
    if least > most:
        return None
    addend = int(np.clip(form.addend, least, most))
    largest = 128 * (abs(form.a_mult) + abs(form.b_mult)) + abs(addend)
    return addend if largest < _LIMIT else None


def constants(node: Node) -> Mapping[str, int]:
    form, op = linear_form(node), node.op
    assert isinstance(op, Add)
    assert form is not None
    lo, hi = int_bounds(op.clamp)
    return {"SMG_SHIFT": form.shift, "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}


def params(node: Node) -> Mapping[str, ParamValue]:
    form = linear_form(node)
    assert form is not None
    return {
        "count": node.output.type.elements, "a_mult": form.a_mult, "b_mult": form.b_mult, "addend": form.addend,
    }  # fmt: skip


def cost(node: Node, core: Core) -> float:
    each = Classes(alu=6, multiply=2, load=2, store=1, branch=0.75)
    return 30 + strained((each * node.output.type.elements).cycles(core), core, 2.0, 1.25)


def footprint(node: Node) -> tuple[int, int]:
    return 360, 60


KERNELS = (
    Kernel(
        "smg_add_linear_s8_portable", "small_portable", "add_linear", Add, cost, params,
        requires=(int8_elements, same_shape, has_linear_form), inplace="a", constants=constants, footprint=footprint,
        unless=frozenset(("dsp",)),
    ),
)  # fmt: skip
