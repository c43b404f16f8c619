# SPDX-License-Identifier: Apache-2.0
"""Machine code -> the facts about each instruction that a cycle model asks for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import capstone
from capstone import arm

from smidgen.profile.linear import NO_EFFECT, Effect, effect_of
from smidgen.profile.loads import Access, access_of

_NONE: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Instruction:
    """``kind`` is a timing class, ``unknown`` if this file has none for the mnemonic. Registers: capstone's numbers."""

    address: int
    nbytes: int
    mnemonic: str
    kind: str
    words: int = 0  # registers moved by a multiple transfer, in 32-bit words
    reads: frozenset[int] = _NONE
    writes: frozenset[int] = _NONE
    address_registers: frozenset[int] = _NONE
    loaded: frozenset[int] = _NONE  # what a single load loads, without a base it writes back
    multiplied: frozenset[int] = _NONE  # a floating multiply-add's factors, without the addend
    writes_pc: bool = False
    conditional: bool = False  # may be passed over
    access: Access | None = None  # what it reads, or stores if that needs alignment
    effect: Effect = NO_EFFECT


def _names(kind: str, words: str) -> dict[str, str]:
    return dict.fromkeys(words.split(), kind)


KINDS: Mapping[str, str] = {
    **_names(
        "alu",
        "adc add addw adr and asr bfc bfi bic clz cmn cmp eor lsl lsr mov movs movt movw mvn neg orn orr ror rrx rsb "
        "rsc sbc sub subw teq tst rbit rev rev16 revsh sbfx ubfx sxtb sxth uxtb uxth sxtb16 uxtb16 sxtab sxtah sxtab16 "
        "uxtab uxtah uxtab16 ssat usat ssat16 usat16 pkhbt pkhtb sel qadd qsub qdadd qdsub "
        "sadd8 sadd16 ssub8 ssub16 sasx ssax uadd8 uadd16 usub8 usub16 uasx usax "
        "qadd8 qadd16 qsub8 qsub16 qasx qsax uqadd8 uqadd16 uqsub8 uqsub16 uqasx uqsax "
        "shadd8 shadd16 shsub8 shsub16 shasx shsax uhadd8 uhadd16 uhsub8 uhsub16 uhasx uhsax usad8 usada8",
    ),
    **_names(
        "multiply",
        "mul muls smulbb smulbt smultb smultt smlabb smlabt smlatb smlatt "
        "smulwb smulwt smlawb smlawt smlalbb smlalbt smlaltb smlaltt smuad smuadx smusd smusdx smlad smladx smlsd "
        "smlsdx smlald smlaldx smlsld smlsldx smmul smmulr smmla smmlar smmls smmlsr",
    ),
    **_names("multiply_add", "mla mls"),
    **_names("multiply_long", "smull umull"),
    **_names("multiply_add_long", "smlal umlal umaal"),
    **_names("divide", "sdiv udiv"),
    **_names("load", "ldr ldrb ldrh ldrsb ldrsh ldrt ldrbt ldrht ldrsbt ldrsht"),
    **_names("store", "str strb strh strt strbt strht"),
    **_names("double", "ldrd strd"),
    **_names("multiple", "ldm ldmdb ldmia stm stmdb stmia push pop vldmia vldmdb vstmia vstmdb vpush vpop"),
    **_names("branch", "b bx blx cbz cbnz"),
    **_names("call", "bl"),
    **_names("table_branch", "tbb tbh"),
    **_names("it", "it"),
    **_names("hint", "nop yield sev hint cps pld pldw pli"),
    **_names("barrier", "isb dsb dmb"),
    **_names("system", "mrs msr"),
    **_names("exclusive", "ldrex ldrexb ldrexh strex strexb strexh clrex"),
    **_names("float_arithmetic", "vadd vsub vmul vnmul vabs vneg vcmp vcmpe vcvt vcvtr vcvtb vcvtt"),
    **_names("float_multiply_add", "vmla vmls vnmla vnmls vfma vfms vfnma vfnms"),
    **_names("float_divide", "vdiv vsqrt"),
    **_names("float_move", "vmov vmrs vmsr fmstat fconsts fconstd"),
    **_names("float_load", "vldr"),
    **_names("float_store", "vstr"),
}
"""Mnemonic, without condition, width and type -> timing class."""


class Decoder:
    """Wraps the disassembler, which is slow to make."""

    def __init__(self) -> None:
        self._capstone = capstone.Cs(capstone.CS_ARCH_ARM, capstone.CS_MODE_THUMB | capstone.CS_MODE_MCLASS)
        self._capstone.detail = True

    def block(self, address: int, code: bytes) -> tuple[Instruction, ...]:
        """Every instruction of a basic block; bytes that do not disassemble become one of kind ``unknown``."""
        decoded = [_instruction(i) for i in self._capstone.disasm(code, address)]
        done = sum(i.nbytes for i in decoded)
        if done < len(code):
            decoded.append(Instruction(address + done, len(code) - done, f".inst {code[done:].hex()}", "unknown"))
        return tuple(decoded)


def _instruction(raw: Any) -> Instruction:  # Any: capstone is untyped
    name = raw.insn_name()
    operands = raw.operands
    kind = _kind(raw, KINDS.get(name, "unknown"))
    reads, writes = (frozenset(registers) for registers in raw.regs_access())
    is_branch = kind in ("branch", "call", "table_branch")
    return Instruction(
        address=raw.address,
        nbytes=raw.size,
        mnemonic=name,
        kind=kind,
        words=_words(raw, name) if kind == "multiple" else 0,
        reads=reads,
        writes=writes,
        address_registers=_address_registers(operands, kind, name),
        loaded=frozenset({operands[0].reg}) if kind == "load" else _NONE,
        multiplied=_registers(operands[1:]) if kind == "float_multiply_add" else _NONE,
        writes_pc=is_branch or arm.ARM_REG_PC in writes,
        conditional=raw.cc not in (arm.ARM_CC_INVALID, arm.ARM_CC_AL) or name in ("cbz", "cbnz"),
        access=access_of(raw),
        effect=effect_of(raw),
    )


def _kind(raw: Any, kind: str) -> str:  # Any: capstone is untyped
    operands = raw.operands
    if kind == "store" and any(o.type == arm.ARM_OP_MEM and o.mem.index for o in operands):
        return "store_indexed"
    if kind in ("float_load", "float_store") and raw.reg_name(operands[0].reg).startswith("d"):
        return "float_double"
    if kind == "float_load":
        return "load"  # a single load like LDR, pipelining included
    if kind == "float_move" and len(operands) >= 3:
        return "float_move_double"
    return kind


def _registers(operands: Any) -> frozenset[int]:  # Any: capstone is untyped
    return frozenset(o.reg for o in operands if o.type == arm.ARM_OP_REG)


def _address_registers(operands: Any, kind: str, name: str) -> frozenset[int]:  # Any: capstone is untyped
    memory = [o.mem for o in operands if o.type == arm.ARM_OP_MEM]
    registers = {r for m in memory for r in (m.base, m.index) if r}
    if kind == "multiple" and name not in ("push", "pop", "vpush", "vpop"):
        registers.add(operands[0].reg)
    return frozenset(registers)


def _words(raw: Any, name: str) -> int:  # Any: capstone is untyped
    listed = raw.operands if name in ("push", "pop", "vpush", "vpop") else raw.operands[1:]
    return sum(2 if raw.reg_name(o.reg).startswith("d") else 1 for o in listed if o.type == arm.ARM_OP_REG)
