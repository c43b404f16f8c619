# SPDX-License-Identifier: Apache-2.0
"""Why a core stopped where nobody wanted it to, in words; for any port."""

from __future__ import annotations

import struct
from collections.abc import Mapping

from smidgen.errors import SimulationError
from smidgen.sim.port import Port
from smidgen.sim.simulator import Limits
from smidgen.sim.traps import trap_cause

FAULT = "smg_fault"
"""Where start-up code sends every fault and trap."""

_KEPT = ("smg_fault_pc", "smg_fault_cause")
_CFSR, _HFSR = 0xE000_ED28, 0xE000_ED2C
_CFSR_BITS: Mapping[int, str] = {
    0: "a jump into memory that does not execute",
    1: "a load or store that memory protection forbids",
    4: "an exception that finds no stack",
    8: "a jump to an address that is no memory",
    9: "a load or store at an address that is no memory",
    10: "a load or store at an address that is no memory",
    12: "an exception that finds no stack",
    16: "an undefined instruction",
    17: "an instruction in a state that the core does not have (a jump to an even address)",
    18: "a return from no exception",
    19: "an instruction of a unit that is off or missing (FPU, MVE)",
    20: "a stack overflow",
    24: "an unaligned load or store",
    25: "a division by zero",
}
"""Armv7-M Architecture Reference Manual, B3.2.15; Armv8-M, D1.2.48 (CFSR)."""
_FRAME_PC = 24  # bytes from the stack pointer in a handler to the stacked pc


def fault(port: Port) -> SimulationError:
    """The error of a core that stands at the first instruction of ``smg_fault``."""
    found = _trap(port) if port.target.core.isa == "riscv" else _exception(port)
    if found is None:
        return SimulationError(f"the core stopped in its fault handler{port.place()}{hint(port)}")
    pc, reason = found
    return SimulationError(f"the core faulted{placed(port, pc)}: {reason}{hint(port)}")


def placed(port: Port, pc: int | None = None) -> str:
    """Where ``pc`` is, for messages; without one, where the core is."""
    pc = port.pc if pc is None else pc
    step = f", {port.where}" if port.where else ""
    return f" at pc {pc:#010x} in {port.elf.function_at(pc)}{step}"


def hint(port: Port) -> str:
    """What else tells how the core came there; in an Arm handler, lr says nothing of it."""
    riscv, lr = port.target.core.isa == "riscv", port.lr
    back = f"{'ra' if riscv else 'lr'} {lr:#010x} in {port.elf.function_at(lr & ~1)}, "
    return f" ({back if riscv or lr >> 24 != 0xFF else ''}sp {port.sp:#010x})"


def not_reached(port: Port, until: int, limits: Limits) -> SimulationError:
    """The error of a core that was stopped by a limit."""
    limit = f"{limits.seconds:g} s"
    if limits.instructions is not None:
        limit = f"{limits.instructions} instructions or {limit}"
    return SimulationError(
        f"the core did not reach {port.elf.function_at(until)} within {limit}; it was stopped{port.place()}: an "
        "endless loop, a poll of a peripheral that is not emulated, or a limit too low"
    )


def _trap(port: Port) -> tuple[int | None, str] | None:
    """Where and what a RISC-V core's trap was, from what start-up code kept of it; None if there was none."""
    known = port.elf.by_name
    if any(name not in known for name in _KEPT):
        return None
    at, cause = (struct.unpack("<I", port.read(known[name].address, 4))[0] for name in _KEPT)
    if not at and not cause:
        return None
    inside = any(r.contains(at) for r in port.target.regions)  # cores may call what is fetched elsewhere illegal
    return at, trap_cause(cause) if inside else "a jump to an address that is no memory"


def _exception(port: Port) -> tuple[int | None, str] | None:
    """Where (None: the stack is lost) and what an Arm core's fault was, from its status register and stacked frame.

    None outside of a handler.
    """
    if port.lr >> 24 != 0xFF:
        return None
    try:
        status, hard = (struct.unpack("<I", port.read(address, 4))[0] for address in (_CFSR, _HFSR))
    except SimulationError:
        return None
    words = [text for bit, text in _CFSR_BITS.items() if status >> bit & 1]
    reason = " and ".join(dict.fromkeys(words)) or f"an exception (CFSR {status:#010x}, HFSR {hard:#010x})"
    try:
        return int.from_bytes(port.read(port.sp + _FRAME_PC, 4), "little") & ~1, reason
    except SimulationError:
        return None, reason
