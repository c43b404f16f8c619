# SPDX-License-Identifier: Apache-2.0
"""The feature names kernels and cores speak in, what implies what, and which C header gives their intrinsics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

FEATURES: Mapping[str, str] = {
    "thumb": "16-bit Thumb instructions",
    "thumb2": "32-bit Thumb instructions (ARMv7-M)",
    "mul64": "32 x 32 -> 64 bit multiply (SMULL, UMULL, SMLAL, UMLAL)",
    "hwdiv": "SDIV and UDIV",
    "saturate": "SSAT and USAT",
    "unaligned": "unaligned LDR, LDRH, STR and STRH",
    "dsp": "ARMv7E-M DSP: SMLAD, SXTB16, PKHBT, SMMLAR, SMLABB and their families",
    "fpu": "single-precision FPU with 32 registers (FPv4-SP)",
}
"""Every feature's meaning in a line."""

IMPLIES: Mapping[str, frozenset[str]] = {
    "thumb2": frozenset({"thumb", "mul64", "hwdiv", "saturate", "unaligned"}),
    "dsp": frozenset({"thumb2"}),
    "fpu": frozenset({"thumb2"}),
}
"""Direct implications as ARMv7-M has them (Arm DDI 0403, A1.2 and A4.4)."""

SHIMS: Mapping[str, str] = {"dsp": "smg_dsp.h"}
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
