# SPDX-License-Identifier: Apache-2.0
"""Where instructions access memory, as a formula over registers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from capstone import arm

_NBYTES = {"ldrb": 1, "ldrsb": 1, "ldrh": 2, "ldrsh": 2, "ldr": 4, "ldrd": 8, "vldr": 4, "strd": 8, "vstr": 4}
_MULTIPLE = ("ldm", "vldm", "stm", "vstm")
_WORD_ALIGNED = ("ldrd", "vldr", "strd", "vstr")


@dataclass(frozen=True, slots=True)
class Access:
    """``nbytes`` at base + (index << shift) + offset. Registers by name; without a base, offset is all.

    ``word_aligned``: the core faults unless the address is a multiple of 4 (Armv7-M ARM, A3.2.1).
    """

    nbytes: int
    base: str | None
    index: str | None
    shift: int
    offset: int
    is_load: bool
    word_aligned: bool


def access_of(raw: Any) -> Access | None:  # Any: capstone is untyped
    """What a disassembled instruction reads, or stores if that needs alignment.

    None for all others and for accesses by the stack pointer, which is always aligned and never in flash.
    """
    name = raw.insn_name()
    if name.startswith(_MULTIPLE):
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
        return Access(nbytes, None, None, 0, (raw.address + 4 & ~3) + offset, True, False)
    if memory.base == arm.ARM_REG_SP:
        return None
    index = raw.reg_name(memory.index) if memory.index and not raw.post_index else None
    name = raw.insn_name()
    shift = operand.shift.value if index else 0
    return Access(nbytes, raw.reg_name(memory.base), index, shift, offset, "ldr" in name, name in _WORD_ALIGNED)


def _multiple(raw: Any, name: str) -> Access | None:  # Any: capstone is untyped
    base, *registers = (o.reg for o in raw.operands)
    if base == arm.ARM_REG_SP:
        return None
    nbytes = sum(8 if raw.reg_name(r).startswith("d") else 4 for r in registers)
    return Access(nbytes, raw.reg_name(base), None, 0, -nbytes if name.endswith("db") else 0, "ldm" in name, True)
