# SPDX-License-Identifier: Apache-2.0
"""What each simulator can be: its machines by name, with the features they have and what can be counted on them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smidgen.errors import TargetError
from smidgen.targets.isa import BASE, close
from smidgen.targets.target import Core, Isa, SimulatorKind

COST_CLASSES = ("alu", "multiply", "load", "store", "branch", "divide")
"""What every core gives cycles for: the classes of instructions that kernels' formulas are sums of."""

COUNTING: Mapping[str, tuple[str, ...]] = {
    "unicorn": ("model", "instructions"),
    "qemu": ("instructions",),
    "rtl": ("cycles",),
}
"""What a simulator can count, the default first."""

_M33 = close(("dsp", "fpu"))
_RV32IMC = close(("rv32m", "rv32c"))
_RV32IMCV = close(("rv32c", "rvv"))

MACHINES: Mapping[SimulatorKind, Mapping[str, frozenset[str]]] = {
    "unicorn": {
        "cortex-m0": close(("thumb",)),
        "cortex-m3": close(("thumb2",)),
        "cortex-m4": close(("dsp", "fpu")),
        "cortex-m7": close(("dsp", "fpu")),
        "cortex-m33": _M33,
        "rv32imc": _RV32IMC,
    },
    "qemu": {
        "rv32imc": _RV32IMC,
        "rv32imcv-128": _RV32IMCV,
        "rv32imcv-256": _RV32IMCV,
        "rv32imcv-512": _RV32IMCV,
        "microbit": close(("thumb",)),
        "mps2-an385": close(("thumb2",)),
        "mps2-an386": close(("dsp", "fpu")),
        "mps2-an500": close(("dsp", "fpu")),
        "mps2-an505": _M33,
        "mps3-an547": close(("mve", "fpu")),
    },
    "rtl": {
        "ibex": _RV32IMC,
        "cv32e40p": close(("rv32c", "xcv")),
        "vexriscv": close(("rv32m",)),
        "vexriscv_imac": _RV32IMC,
    },
}
"""The features of every machine, closed under implication, by simulator and name."""


def check_core(path: Path, core: Core) -> None:
    """TargetError if the simulator is no such machine, or one without a feature of the core's, or cycles lack."""
    known = {name: has for name, has in MACHINES[core.simulator].items() if isa_of(has) == core.isa}
    if core.machine not in known:
        what = f"{core.simulator} simulates no machine {core.machine!r} of this instruction set"
        raise TargetError(f"{path}: {what}, only {', '.join(known)}")
    if beyond := sorted(core.features - known[core.machine]):
        raise TargetError(
            f"{path}: {core.simulator}'s machine {core.machine!r} has no {', '.join(beyond)}, which is among the "
            "features; take a machine that has, or leave out the feature"
        )
    if missing := [name for name in COST_CLASSES if name not in core.cycles]:
        raise TargetError(
            f"{path}: no cycles.{', cycles.'.join(missing)}: kernels are chosen by them, so every core has "
            f"{', '.join(COST_CLASSES)}, each with value and provenance"
        )


def isa_of(features: frozenset[str]) -> Isa:
    """The instruction set whose base is among the features."""
    return next(isa for isa, base in BASE.items() if base in features)
