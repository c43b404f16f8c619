# SPDX-License-Identifier: Apache-2.0
"""Makes a build fail if the compiler has not been told of what the core has, or of what it has not.

A missing feature costs nothing but speed where a kernel has a portable body, so nobody would notice; one too many ends
in an illegal instruction.
"""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.targets import Core
from smidgen.targets.target import Isa

_MACROS: Mapping[Isa, Mapping[str, str]] = {
    "arm": {
        "thumb": "__ARM_ARCH_ISA_THUMB",
        "thumb2": "__ARM_ARCH_ISA_THUMB == 2",
        "dsp": "defined(__ARM_FEATURE_DSP)",
        "fpu": "defined(__ARM_FP)",
        "mve": "defined(__ARM_FEATURE_MVE)",
    },
    "riscv": {
        "rv32i": "__riscv_xlen == 32",
        "rv32m": "defined(__riscv_mul) && defined(__riscv_div)",
        "rv32c": "defined(__riscv_compressed)",
        "rvv": "__riscv_v_min_vlen + 0 >= 128 && __riscv_v_elen + 0 >= 32",
        "xcv": "(__riscv_xcvmac && __riscv_xcvsimd && __riscv_xcvmem) || !defined(__clang__)",
    },
}
"""Arm C Language Extensions 2024Q3, section 3; RISC-V C API, preprocessor definitions. GCC 12 does not know CORE-V."""

_MAY_BE_UNUSED = frozenset({"rv32c"})
"""A compiler may be told not to use these: code without them runs on a core with them, and no kernel asks."""


def feature_check(core: Core) -> str:
    """C that compiles to nothing, or not at all if the compiler's flags and the core's features contradict."""
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */", f"/* What the compiler must know of {core.title}. */"]
    where = f"core {core.name}: see zig_cpu, zig_flags and gcc_flags in its TOML file"
    for feature, macro in _MACROS[core.isa].items():
        if feature in core.features and feature not in _MAY_BE_UNUSED:
            lines += [
                f"#if !({macro})",
                f'#error "the compiler is not told of the feature {feature} ({where})"',
                "#endif",
            ]
        elif feature not in core.features and feature != "xcv":
            said = f"the compiler is told of {feature}, which is not among the features"
            lines += [f"#if {macro}", f'#error "{said} ({where})"', "#endif"]
    return "\n".join(lines) + "\n"
