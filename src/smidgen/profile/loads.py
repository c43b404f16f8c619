# SPDX-License-Identifier: Apache-2.0
"""Where load instructions read from, as a formula over registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capstone import arm

_NBYTES = {"ldrb": 1, "ldrsb": 1, "ldrh": 2, "ldrsh": 2, "ldr": 4, "ldrd": 8, "vldr": 4}


@dataclass(frozen=True, slots=True)
class Access:
    """A read of ``nbytes`` from base + (index << shift) + offset. Registers by name; without a base, offset is all."""

    nbytes: int
    base: str | None
    index: str | None
    shift: int
    offset: int


def access_of(raw: Any) -> Access | None:  # Any: capstone is untyped
    """What a disassembled instruction reads, or None: no load, or one from the stack, which never lies in flash."""
    name = raw.insn_name()
    if name.startswith(("ldm", "vldm")):
        return _multiple(raw, name)
    if name not in _NBYTES:
        return None
    nbytes = 8 if raw.reg_name(raw.operands[0].reg).startswith("d") else _NBYTES[name]
    for operand in raw.operands:
        if operand.type == arm.ARM_OP_MEM:
            return _single(raw, operand, nbytes)
    return None


def _single(raw: Any, operand: Any, nbytes: int) -> Access | None:  # Any: capstone is untyped
    memory = operand.mem
    offset = 0 if raw.post_index else memory.disp
    if memory.base == arm.ARM_REG_PC and not memory.index:
        return Access(nbytes, None, None, 0, (raw.address + 4 & ~3) + offset)
    if memory.base == arm.ARM_REG_SP:
        return None
    index = raw.reg_name(memory.index) if memory.index and not raw.post_index else None
    return Access(nbytes, raw.reg_name(memory.base), index, operand.shift.value if index else 0, offset)


def _multiple(raw: Any, name: str) -> Access | None:  # Any: capstone is untyped
    base, *registers = (o.reg for o in raw.operands)
    if base == arm.ARM_REG_SP:
        return None
    nbytes = sum(8 if raw.reg_name(r).startswith("d") else 4 for r in registers)
    return Access(nbytes, raw.reg_name(base), None, 0, -nbytes if name.endswith("db") else 0)
