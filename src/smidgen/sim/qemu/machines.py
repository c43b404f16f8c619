# SPDX-License-Identifier: Apache-2.0
"""QEMU's programs, and which of its machines a core's ``machine`` stands for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.build.toolchain import find_tool
from smidgen.errors import TargetError
from smidgen.targets import Target
from smidgen.targets.target import Isa


@dataclass(frozen=True, slots=True)
class Emulator:
    """A program of QEMU's, and the numbers its GDB stub gives to an instruction set's registers."""

    program: str
    package: str
    variable: str
    pc: int
    sp: int
    lr: int

    def find(self) -> str:
        """Its path; ToolNotFound with the package and the variable."""
        package = f"{self.package} (Debian, Ubuntu) or QEMU from qemu.org"
        other = "a target with another simulator (`smidgen targets` lists them)"
        return find_tool(self.program, package=package, variable=self.variable, alternative=other)


RISCV32 = Emulator("qemu-system-riscv32", "qemu-system-misc", "SMIDGEN_QEMU_RISCV32", pc=32, sp=2, lr=1)
ARM = Emulator("qemu-system-arm", "qemu-system-arm", "SMIDGEN_QEMU_ARM", pc=15, sp=13, lr=14)

_VIRT_RAM = 0x8000_0000
_BARE = "rv32,a=false,h=false,s=false,u=false,mmu=false,pmp=false"
_VECTOR = f"{_BARE},v=true,vext_spec=v1.0"


@dataclass(frozen=True, slots=True)
class QemuMachine:
    """``board`` and ``cpu`` are QEMU's -M and -cpu; no ``cpu`` is the board's own."""

    isa: Isa
    emulator: Emulator
    board: str
    cpu: str = ""

    def arguments(self, target: Target) -> tuple[str, ...]:
        """What makes QEMU this machine, with memory for the target's regions."""
        cpu = ("-cpu", self.cpu) if self.cpu else ()
        if self.board != "virt":
            return ("-M", self.board, *cpu)
        end = max(r.base + r.size_bytes for r in target.regions)
        mebibytes = max(8, (end - _VIRT_RAM + (1 << 20) - 1) >> 20)
        return ("-M", "virt", "-bios", "none", "-m", f"{mebibytes}M", *cpu)


MACHINES: Mapping[str, QemuMachine] = {
    "rv32imc": QemuMachine("riscv", RISCV32, "virt", f"{_BARE},f=false,d=false"),
    "rv32imcv-128": QemuMachine("riscv", RISCV32, "virt", f"{_VECTOR},vlen=128"),
    "rv32imcv-256": QemuMachine("riscv", RISCV32, "virt", f"{_VECTOR},vlen=256"),
    "rv32imcv-512": QemuMachine("riscv", RISCV32, "virt", f"{_VECTOR},vlen=512"),
    "microbit": QemuMachine("arm", ARM, "microbit"),
    "mps2-an385": QemuMachine("arm", ARM, "mps2-an385"),
    "mps2-an386": QemuMachine("arm", ARM, "mps2-an386"),
    "mps2-an500": QemuMachine("arm", ARM, "mps2-an500"),
    "mps2-an505": QemuMachine("arm", ARM, "mps2-an505"),
    "mps3-an547": QemuMachine("arm", ARM, "mps3-an547"),
}
"""By the name that core files use. Cortex-M0, M3, M4, M7, M33 and M55 are Arm's machines in this order. QEMU's vector
cores need F and D, which therefore stay on."""


def machine_of(target: Target) -> QemuMachine:
    """TargetError lists the known ones."""
    machine = MACHINES.get(target.core.machine)
    if machine is None or machine.isa != target.core.isa:
        known = ", ".join(name for name, m in MACHINES.items() if m.isa == target.core.isa)
        raise TargetError(f"core {target.core.name}: QEMU is no machine {target.core.machine!r} here, only {known}")
    return machine
