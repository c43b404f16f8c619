# SPDX-License-Identifier: Apache-2.0
"""How unicorn names the processors and registers of each instruction set."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import unicorn
from unicorn import arm_const, riscv_const

from smidgen.targets.target import Isa


@dataclass(frozen=True, slots=True)
class Processor:
    """unicorn's constants. ``code_bit`` is set in an address to run there; ``kept`` are the registers beside the pc."""

    arch: int
    mode: int
    models: Mapping[str, int]  # a core's ``machine`` -> unicorn's CPU model
    pc: int
    sp: int
    lr: int
    code_bit: int
    kept: tuple[int, ...]


PROCESSORS: Mapping[Isa, Processor] = {
    "arm": Processor(
        unicorn.UC_ARCH_ARM,
        unicorn.UC_MODE_THUMB | unicorn.UC_MODE_MCLASS,
        {
            "cortex-m0": arm_const.UC_CPU_ARM_CORTEX_M0,
            "cortex-m3": arm_const.UC_CPU_ARM_CORTEX_M3,
            "cortex-m4": arm_const.UC_CPU_ARM_CORTEX_M4,
            "cortex-m7": arm_const.UC_CPU_ARM_CORTEX_M7,
            "cortex-m33": arm_const.UC_CPU_ARM_CORTEX_M33,
        },
        arm_const.UC_ARM_REG_PC,
        arm_const.UC_ARM_REG_SP,
        arm_const.UC_ARM_REG_LR,
        1,
        (
            *(getattr(arm_const, f"UC_ARM_REG_R{i}") for i in range(13)),
            arm_const.UC_ARM_REG_SP,
            arm_const.UC_ARM_REG_LR,
            arm_const.UC_ARM_REG_XPSR,
            arm_const.UC_ARM_REG_FPSCR,
            *(getattr(arm_const, f"UC_ARM_REG_D{i}") for i in range(16)),
        ),
    ),
    "riscv": Processor(
        unicorn.UC_ARCH_RISCV,
        unicorn.UC_MODE_RISCV32,
        {"rv32imc": riscv_const.UC_CPU_RISCV32_ANY},
        riscv_const.UC_RISCV_REG_PC,
        riscv_const.UC_RISCV_REG_SP,
        riscv_const.UC_RISCV_REG_RA,
        0,
        tuple(getattr(riscv_const, f"UC_RISCV_REG_X{i}") for i in range(1, 32)),
    ),
}
