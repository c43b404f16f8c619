# SPDX-License-Identifier: Apache-2.0
"""arm-none-eabi-gcc: the second, optional compiler for Cortex-M targets."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.toolchain import FREESTANDING, WARNINGS, find_tool, run_tool
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class GccArm:
    """GNU Arm Embedded. Links libgcc only; found through SMIDGEN_ARM_GCC or PATH."""

    name: str = "gcc-arm"

    def version(self) -> str:
        return run_tool((*self.command(), "--version"), cwd=Path.cwd(), what="asking gcc's version").splitlines()[0]

    def command(self) -> tuple[str, ...]:
        return (
            find_tool(
                "arm-none-eabi-gcc",
                package="gcc-arm-none-eabi (Debian, Ubuntu) or Arm's GNU toolchain",
                variable="SMIDGEN_ARM_GCC",
                alternative="the default toolchain zig (pip install ziglang)",
            ),
        )

    def compile_flags(self, target: Target, optimize: str) -> tuple[str, ...]:
        return (*target.core.gcc_flags, optimize, *FREESTANDING, *WARNINGS)

    def link_flags(self, target: Target) -> tuple[str, ...]:
        return (
            *target.core.gcc_flags,
            "-nostdlib",
            "-Wl,--gc-sections",
            "-Wl,-e,Reset_Handler",
            "-Wl,--no-warn-rwx-segments",
        )

    def environment(self, work_dir: Path) -> Mapping[str, str]:
        return os.environ
