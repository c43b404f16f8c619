# SPDX-License-Identifier: Apache-2.0
"""What instructions do to core registers, where that is a sum of registers and constants."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capstone import arm

_ADD = {"add": 1, "addw": 1, "sub": -1, "subw": -1}
_NOT_FOLLOWED = ("sp", "pc")


@dataclass(frozen=True, slots=True)
class Sum:
    """``constant`` + the sum of factor x register, modulo 2^32. ``terms`` are sorted by register name."""

    constant: int
    terms: tuple[tuple[str, int], ...] = ()

    def plus(self, other: Sum, factor: int = 1) -> Sum:
        factors = dict(self.terms)
        for name, times in other.terms:
            factors[name] = factors.get(name, 0) + times * factor
        terms = tuple(sorted((name, times) for name, times in factors.items() if times))
        return Sum(self.constant + other.constant * factor, terms)


@dataclass(frozen=True, slots=True)
class Effect:
    """``sums``: registers whose new value is a sum of old ones. ``lost``: all others that are written."""

    sums: tuple[tuple[str, Sum], ...] = ()
    lost: frozenset[str] = frozenset()


NO_EFFECT = Effect()


def effect_of(raw: Any) -> Effect:  # Any: capstone is untyped
    """A disassembled instruction's effect. One that may be passed over has no sums: what it writes is lost."""
    written = {raw.reg_name(r) for r in raw.regs_access()[1]}
    sums = dict(_sums(raw))
    written |= set(sums)
    if raw.cc not in (arm.ARM_CC_INVALID, arm.ARM_CC_AL):
        sums = {}
    known = {name: value for name, value in sums.items() if _followed(name, value)}
    return Effect(tuple(sorted(known.items(), key=lambda item: item[0])), frozenset(written - set(known)))


def _followed(name: str, value: Sum) -> bool:
    return not any(register in _NOT_FOLLOWED for register in (name, *(term for term, _ in value.terms)))


def _sums(raw: Any) -> list[tuple[str, Sum]]:  # Any: capstone is untyped
    if raw.writeback:
        return _write_back(raw)
    name, operands = raw.insn_name(), raw.operands
    if name in _ADD and len(operands) in (2, 3):
        left, right = (_operand(raw, o) for o in (operands[-2], operands[-1]))
        if left is not None and right is not None:
            return [(raw.reg_name(operands[0].reg), left.plus(right, _ADD[name]))]
    if name in ("mov", "movw") and len(operands) == 2:
        value = _operand(raw, operands[1])
        return [] if value is None else [(raw.reg_name(operands[0].reg), value)]
    if name == "lsl" and len(operands) == 3 and operands[2].type == arm.ARM_OP_IMM:
        value = _operand(raw, operands[1])
        return [] if value is None else [(raw.reg_name(operands[0].reg), Sum(0).plus(value, 1 << operands[2].imm))]
    return []


def _operand(raw: Any, operand: Any) -> Sum | None:  # Any: capstone is untyped
    if operand.type == arm.ARM_OP_IMM:
        return Sum(operand.imm)
    if operand.type != arm.ARM_OP_REG or operand.shift.type not in (arm.ARM_SFT_INVALID, arm.ARM_SFT_LSL):
        return None
    return Sum(0, ((raw.reg_name(operand.reg), 1 << operand.shift.value),))


def _write_back(raw: Any) -> list[tuple[str, Sum]]:  # Any: capstone is untyped
    """The base register of an access with write-back; lost if the access loads it as well."""
    operands = raw.operands
    memory = next((o.mem for o in operands if o.type == arm.ARM_OP_MEM), None)
    if memory is not None:
        base, loaded = memory.base, [o.reg for o in operands if o.type == arm.ARM_OP_REG]
        amount = operands[-1].imm if raw.post_index else memory.disp
    else:
        base, *loaded = (o.reg for o in operands)
        nbytes = sum(8 if raw.reg_name(r).startswith("d") else 4 for r in loaded)
        amount = -nbytes if raw.insn_name().endswith("db") else nbytes
    name = raw.reg_name(base)
    is_known = base not in loaded and not (raw.post_index and operands[-1].type != arm.ARM_OP_IMM)
    # a term that is not followed makes the register a lost one
    return [(name, Sum(amount, ((name if is_known else "pc", 1),)))]
