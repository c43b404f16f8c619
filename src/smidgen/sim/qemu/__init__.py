# SPDX-License-Identifier: Apache-2.0
"""Runs images on QEMU's system emulators, which count instructions exactly."""

from smidgen.sim.qemu.port import QemuPort

__all__ = ["QemuPort"]
