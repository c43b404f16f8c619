# SPDX-License-Identifier: Apache-2.0
"""What any port has to know of an instruction set: how long instructions are, and what a trap's cause means."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.targets.target import Isa

_CAUSES: Mapping[int, str] = {
    0: "a jump to a misaligned address",
    1: "a jump to an address that is no memory",
    2: "an illegal instruction",
    3: "a breakpoint (EBREAK)",
    4: "an unaligned load",
    5: "a load from an address that is no memory",
    6: "an unaligned store",
    7: "a store to an address that does not allow it",
    8: "an environment call (ECALL)",
    9: "an environment call (ECALL)",
    11: "an environment call (ECALL)",
}
"""RISC-V privileged specification 1.12, table 3.6: mcause with the interrupt bit clear."""


def trap_cause(mcause: int) -> str:
    """A RISC-V trap in words."""
    if mcause >> 31:
        return f"interrupt {mcause & 0x7FFF_FFFF}"
    return _CAUSES.get(mcause, f"a trap with cause {mcause}")


def instructions_in(code: bytes, isa: Isa) -> int:
    """How many instructions lie in ``code``, which begins and ends between two."""
    at = count = 0
    while at < len(code):
        low = code[at]
        if isa == "riscv":
            at += 4 if low & 3 == 3 else 2
        else:
            at += 4 if code[at + 1] >> 3 in (0b11101, 0b11110, 0b11111) else 2
        count += 1
    return count
