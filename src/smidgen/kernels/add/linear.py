# SPDX-License-Identifier: Apache-2.0
"""Addition of equal shapes as one linear form per element, where that is exact for all 65,536 pairs of bytes.

y = (a_mult * a + b_mult * b + addend) >> shift, clamped, with products of 32 by 16 bits kept to their upper 32 (SMLAWB,
Armv7-M ARM A7.7.157): the inputs stand in the upper bytes of 16-bit lanes, a_mult is 2^(shift + 8) times its ratio to
the output scale. The definition rounds up to three times; the form is used only if it agrees everywhere.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import product

import numpy as np

from smidgen.ir import Node, Op, QuantParams, TensorType
from smidgen.kernels.common import out_quant
from smidgen.kernels.kernel import ParamValue
from smidgen.ops import Add
from smidgen.ops.accumulators import Int64s
from smidgen.ops.arithmetic import int_bounds

_LEAST_SHIFT, _SHIFTS_TRIED = 12, 3
_NUDGES = sorted(product(range(-2, 3), repeat=2), key=lambda n: abs(n[0]) + abs(n[1]))


@dataclass(frozen=True, slots=True)
class LinearForm:
    a_mult: int
    b_mult: int
    addend: int
    shift: int


def linear_form(node: Node, low_bits: int = 8) -> LinearForm | None:
    """The form that equals the node's definition for every pair of bytes, or None; products lose their ``low_bits``."""
    return _search(node.op, node["a"].type.quant, node["b"].type.quant, out_quant(node).zero_point[0], low_bits)


def has_linear_form(node: Node) -> bool:
    """One linear form with 32-bit multipliers gives the rounded sum for all pairs of bytes"""
    return linear_form(node) is not None


def constants(node: Node, low_bits: int = 8) -> Mapping[str, int]:
    form, op = linear_form(node, low_bits), node.op
    assert isinstance(op, Add)
    assert form is not None
    lo, hi = int_bounds(op.clamp)
    return {"SMG_SHIFT": form.shift, "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}


def params(node: Node, low_bits: int = 8) -> Mapping[str, ParamValue]:
    form = linear_form(node, low_bits)
    assert form is not None
    return {
        "count": node.output.type.elements, "a_mult": form.a_mult, "b_mult": form.b_mult, "addend": form.addend,
    }  # fmt: skip


def ratios(op: Add, types: tuple[TensorType, TensorType]) -> tuple[Fraction, Fraction]:
    """Each input's multiplier to the output's scale, exactly as the definition's fixed-point numbers have it."""
    if op.rounding == "even":
        even = op.rescale_rne(types)
        return Fraction(even.a_mult, 1 << even.shift), Fraction(even.b_mult, 1 << even.shift)
    r = op.rescale(types)
    a_part, b_part, out = (Fraction(mult, 1 << 31) * Fraction(2) ** shift for mult, shift in (r.a, r.b, r.out))
    scale = out * (1 << r.left_shift)
    return op.signs[0] * a_part * scale, op.signs[1] * b_part * scale


@lru_cache(maxsize=256)
def _search(op: Op, a: QuantParams | None, b: QuantParams | None, zero_point: int, low_bits: int) -> LinearForm | None:
    """The most precise shift first, then multipliers next to the rounded ones."""
    assert isinstance(op, Add)
    types = (TensorType("int8", (1 << 16,), a), TensorType("int8", (1 << 16,), b))
    exact = ratios(op, types)
    offset = zero_point - exact[0] * types[0].zero_point - exact[1] * types[1].zero_point
    wanted, clamp = all_pairs(op, types), int_bounds(op.clamp)
    reach = sum(128 * abs(r) for r in exact) + abs(offset) + 2
    able = [k for k in range(30, _LEAST_SHIFT - 1, -1) if _fits(exact, reach, k, low_bits)]
    for shift in able[:_SHIFTS_TRIED]:
        a_mult, b_mult = (round(r * (1 << (shift + low_bits))) for r in exact)
        guess = round(offset * (1 << shift)) + (1 << shift >> 1)
        for da, db in _NUDGES:
            form = LinearForm(a_mult + da, b_mult + db, guess, shift)
            if (addend := _addend(form, wanted, clamp, low_bits)) is not None:
                return LinearForm(form.a_mult, form.b_mult, addend, shift)
    return None


def _fits(ratios: tuple[Fraction, Fraction], reach: Fraction, shift: int, low_bits: int) -> bool:
    """Multipliers and every sum fit 32 bits."""
    return all(abs(r) * (1 << (shift + low_bits)) + 4 < 1 << 31 for r in ratios) and reach * (1 << shift) < 1 << 31


def all_pairs(op: Add, types: tuple[TensorType, TensorType]) -> Int64s:
    """The definition's output for every pair of bytes (256, 256)."""
    values = np.arange(-128, 128, dtype=np.int8)
    (y,) = op.evaluate(types, [np.repeat(values, 256), np.tile(values, 256)])
    wanted: Int64s = y.astype(np.int64).reshape(256, 256)
    return wanted


def _addend(form: LinearForm, wanted: Int64s, clamp: tuple[int, int], low_bits: int) -> int | None:
    """The addend next to the form's with which all pairs come out as wanted, if there is one: each pair bounds it."""
    v = np.arange(-128, 128, dtype=np.int64)
    total = ((form.a_mult * v) >> low_bits)[:, None] + ((form.b_mult * v) >> low_bits)[None, :]
    least = np.where(wanted > clamp[0], (wanted << form.shift) - total, -(1 << 40)).max()
    most = np.where(wanted < clamp[1], ((wanted + 1) << form.shift) - 1 - total, 1 << 40).min()
    if least > most:
        return None
    addend = int(np.clip(form.addend, least, most))
    return addend if abs(total + addend).max() < 1 << 31 and abs(addend) < 1 << 31 else None
