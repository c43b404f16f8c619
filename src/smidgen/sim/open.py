# SPDX-License-Identifier: Apache-2.0
"""The simulator of a target."""

from __future__ import annotations

from smidgen.build.elf import Elf
from smidgen.build.image import Image
from smidgen.errors import TargetError
from smidgen.sim.core import EmulatedCore
from smidgen.sim.machine import Machine
from smidgen.sim.port import Port
from smidgen.sim.qemu import QemuPort
from smidgen.sim.rtl import RtlPort, rtl_core
from smidgen.sim.simulator import Limits
from smidgen.sim.unicorn import EmulatedMachine
from smidgen.targets import Target

RTL_SECONDS = 900.0
"""The limit of a run on a core simulated from its RTL, some millions of cycles a second, unless the caller has one."""


def open_machine(image: Image, limits: Limits | None = None) -> Machine:
    """The machine that runs the image's inferences. ToolNotFound if its target's simulator is not installed."""
    if image.target.core.simulator == "unicorn":
        return EmulatedMachine(image, limits)
    if image.target.core.simulator == "rtl":
        limits = limits or Limits(RTL_SECONDS)
    return Machine(image, limits, open_port)


def open_port(elf: Elf, target: Target) -> Port:
    """A core of the target with the file loaded, before reset. ToolNotFound if its simulator is not installed."""
    simulator = target.core.simulator
    if simulator == "unicorn":
        return EmulatedCore(elf, target)
    if simulator == "qemu":
        return QemuPort(elf, target)
    if simulator == "rtl":
        return RtlPort(elf, target, rtl_core(target.core.machine))
    raise TargetError(f"{target.name}: no simulator {simulator!r}")
