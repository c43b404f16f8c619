# SPDX-License-Identifier: Apache-2.0
"""GNU GCC for Cortex-M and for RISC-V: the second, optional compilers."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.toolchain import FREESTANDING, WARNINGS, find_tool, run_tool
from smidgen.errors import UsageError
from smidgen.targets import Target
from smidgen.targets.target import Isa


@dataclass(frozen=True, slots=True)
class Gcc:
    """A bare-metal GCC. Links libgcc only; found through ``variable`` or PATH."""

    name: str
    isa: Isa
    program: str
    package: str
    variable: str
    libraries: tuple[str, ...] = ("-lgcc",)

    def version(self) -> str:
        return run_tool((*self.command(), "--version"), cwd=Path.cwd(), what="asking gcc's version").splitlines()[0]

    def command(self) -> tuple[str, ...]:
        other = "the default toolchain zig (pip install ziglang)"
        return (find_tool(self.program, package=self.package, variable=self.variable, alternative=other),)

    def compile_flags(self, target: Target, optimize: str) -> tuple[str, ...]:
        return (*self._machine(target), optimize, *FREESTANDING, *WARNINGS)

    def link_flags(self, target: Target) -> tuple[str, ...]:
        # GCC 12 assembles CSR instructions only with _zicsr, but with it finds no libgcc of 32 bits
        machine = [flag.removesuffix("_zicsr") for flag in self._machine(target)]
        return (
            *machine,
            "-nostdlib",
            "-Wl,--gc-sections",
            "-Wl,-e,Reset_Handler",
            "-Wl,--no-warn-rwx-segments",
        )

    def environment(self, work_dir: Path) -> Mapping[str, str]:
        return os.environ

    def _machine(self, target: Target) -> tuple[str, ...]:
        core = target.core
        if core.isa != self.isa:
            raise UsageError(f"toolchain {self.name} does not build for {core.isa}, the core of {target.name}: use zig")
        if not core.gcc_flags:
            raise UsageError(f"GCC does not know the core of {target.name} ({core.title}): use the toolchain zig")
        return core.gcc_flags


@dataclass(frozen=True, slots=True)
class GccArm(Gcc):
    """arm-none-eabi-gcc."""

    name: str = "gcc-arm"
    isa: Isa = "arm"
    program: str = "arm-none-eabi-gcc"
    package: str = "gcc-arm-none-eabi (Debian, Ubuntu) or Arm's GNU toolchain"
    variable: str = "SMIDGEN_ARM_GCC"


@dataclass(frozen=True, slots=True)
class GccRiscv(Gcc):
    """riscv64-unknown-elf-gcc, which builds for 32 bits as well."""

    name: str = "gcc-riscv"
    isa: Isa = "riscv"
    program: str = "riscv64-unknown-elf-gcc"
    package: str = "gcc-riscv64-unknown-elf (Debian, Ubuntu)"
    variable: str = "SMIDGEN_RISCV_GCC"
