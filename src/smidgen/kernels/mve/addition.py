# SPDX-License-Identifier: Apache-2.0
"""Addition of equal shapes as one linear form of 32-bit products, where that is exact for all 65,536 pairs of bytes.

y = (a_mult * a + b_mult * b + addend) >> shift, clamped: as add/linear.py, but with whole products in 32 bits.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from itertools import product

import numpy as np

from smidgen.ir import Node, Op, QuantParams, TensorType
from smidgen.kernels.add.linear import LinearForm, has_linear_form
from smidgen.kernels.add.linear import linear_form as form_of_long_products
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import int8_elements, same_shape
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.kernels.mve.streams import MVE
from smidgen.ops import Add
from smidgen.ops.accumulators import Int64s
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

_LEAST_SHIFT, _MOST_SHIFT, _SHIFTS_TRIED = 12, 30, 3
_NUDGES = sorted(product(range(-3, 4), repeat=2), key=lambda n: abs(n[0]) + abs(n[1]))
_VALUES = np.arange(-128, 128, dtype=np.int64)


def _form(node: Node) -> LinearForm | None:
    start = form_of_long_products(node)
    return None if start is None else _search(node.op, node["a"].type.quant, node["b"].type.quant, start)


def short_products_suffice(node: Node) -> bool:
    """One linear form with products and sums of 32 bits gives the rounded sum for all pairs of bytes"""
    return has_linear_form(node) and _form(node) is not None


@lru_cache(maxsize=256)
def _search(op: Op, a: QuantParams | None, b: QuantParams | None, start: LinearForm) -> LinearForm | None:
    """The most precise shift first, then multipliers next to the exact form's."""
    assert isinstance(op, Add)
    types = (TensorType("int8", (1 << 16,), a), TensorType("int8", (1 << 16,), b))
    bytes_ = _VALUES.astype(np.int8)
    (y,) = op.evaluate(types, [np.repeat(bytes_, 256), np.tile(bytes_, 256)])
    wanted: Int64s = y.astype(np.int64).reshape(256, 256)
    ratios = [mult / 2.0 ** (start.shift + 8) for mult in (start.a_mult, start.b_mult)]
    reach = 128 * sum(map(abs, ratios)) + abs(start.addend) / 2.0**start.shift + 2
    able = [k for k in range(_MOST_SHIFT, _LEAST_SHIFT - 1, -1) if reach * 2.0**k < 1 << 31]
    for shift in able[:_SHIFTS_TRIED]:
        for nudges in _NUDGES:
            mults = [round(r * 2.0**shift) + n for r, n in zip(ratios, nudges, strict=True)]
            if (found := _addend(mults[0], mults[1], shift, wanted, int_bounds(op.clamp))) is not None:
                return found
    return None


def _addend(a_mult: int, b_mult: int, shift: int, wanted: Int64s, clamp: tuple[int, int]) -> LinearForm | None:
    """The form with an addend with which all pairs come out as wanted, if there is one: each pair bounds it."""
    total = (a_mult * _VALUES)[:, None] + (b_mult * _VALUES)[None, :]
    least = np.where(wanted > clamp[0], (wanted << shift) - total, -(1 << 40)).max()
    most = np.where(wanted < clamp[1], ((wanted + 1) << shift) - 1 - total, 1 << 40).min()
    if least > most:
        return None
    addend = int(np.clip(0, least, most))
    partial = np.abs(a_mult * _VALUES + addend).max()
    fits = max(partial, np.abs(total + addend).max(), abs(addend), abs(a_mult), abs(b_mult)) < 1 << 31
    return LinearForm(a_mult, b_mult, addend, shift) if fits else None


def constants(node: Node) -> Mapping[str, int]:
    form, op = _form(node), node.op
    assert isinstance(op, Add)
    assert form is not None
    lo, hi = int_bounds(op.clamp)
    return {"SMG_SHIFT": form.shift, "SMG_ACT_MIN": lo, "SMG_ACT_MAX": hi}


def params(node: Node) -> Mapping[str, ParamValue]:
    form = _form(node)
    assert form is not None
    return {
        "count": node.output.type.elements, "a_mult": form.a_mult, "b_mult": form.b_mult, "addend": form.addend,
    }  # fmt: skip


def cost(node: Node, core: Core) -> float:
    """Instructions of four elements by class, and the loop over sixteen."""
    each = Classes(load=2, multiply=2, alu=3, store=1) + Classes(alu=0.25, branch=0.25)
    return (each * (node.output.type.elements / 4)).cycles(core) + 30


def footprint(node: Node) -> tuple[int, int]:
    return 260, 40


KERNELS = (
    Kernel("smg_add_s8_mve", "mve", "add_linear", Add, cost, params, MVE,
           (int8_elements, same_shape, short_products_suffice), inplace="a", constants=constants,
           footprint=footprint),
)  # fmt: skip
