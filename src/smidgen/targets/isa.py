# SPDX-License-Identifier: Apache-2.0
"""The feature names kernels and cores speak in, what implies what, and which C header gives their intrinsics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from smidgen.targets.target import Isa

FEATURES: Mapping[str, str] = {
    "thumb": "16-bit Thumb instructions",
    "thumb2": "32-bit Thumb instructions (ARMv7-M)",
    "mul64": "32 x 32 -> 64 bit multiply (SMULL, UMULL, SMLAL, UMLAL)",
    "hwdiv": "SDIV and UDIV",
    "saturate": "SSAT and USAT",
    "unaligned": "unaligned LDR, LDRH, STR and STRH",
    "dsp": "ARMv7E-M DSP: SMLAD, SXTB16, PKHBT, SMMLAR, SMLABB and their families",
    "fpu": "single-precision FPU with 32 registers (FPv4-SP)",
    "mve": "Armv8.1-M vectors of 128 bits over integers (Helium, MVE-I)",
    "rv32i": "RISC-V base integer instructions, 32 bits",
    "rv32m": "RISC-V multiply and divide (M)",
    "rv32c": "RISC-V compressed instructions (C)",
    "xcv": "CORE-V v2: multiply-accumulate, post-increment memory, SIMD dot products, hardware loops",
    "rvv": "RISC-V vectors 1.0 over 8 to 32 bit integers, VLEN of 128 or more (Zve32x, Zvl128b)",
}
"""Every feature's meaning in a line."""

BASE: Mapping[Isa, str] = {"arm": "thumb", "riscv": "rv32i"}
"""The feature that every core of an instruction set has, and no core of another."""

IMPLIES: Mapping[str, frozenset[str]] = {
    "thumb2": frozenset({"thumb", "mul64", "hwdiv", "saturate", "unaligned"}),
    "dsp": frozenset({"thumb2"}),
    "fpu": frozenset({"thumb2"}),
    "mve": frozenset({"dsp"}),
    "rv32m": frozenset({"rv32i"}),
    "rv32c": frozenset({"rv32i"}),
    "xcv": frozenset({"rv32m"}),
    "rvv": frozenset({"rv32m"}),
}
"""Direct implications, as ARMv7-M (Arm DDI 0403, A1.2 and A4.4), Armv8.1-M (DDI 0553, A1.4) and the CORE-V manual
have them; those of RISC-V's M, C and V hold for every core here."""

SHIMS: Mapping[str, str] = {"dsp": "smg_dsp.h", "xcv": "smg_xcv.h"}
"""The header under kernels/include that declares a feature's intrinsics with a portable body elsewhere."""


def close(features: Iterable[str]) -> frozenset[str]:
    """``features`` and everything they imply; KeyError names a feature that does not exist."""
    closed: set[str] = set()
    pending = sorted(features)
    while pending:
        feature = pending.pop()
        if feature not in FEATURES:
            raise KeyError(feature)
        if feature not in closed:
            closed.add(feature)
            pending.extend(IMPLIES.get(feature, ()))
    return frozenset(closed)
