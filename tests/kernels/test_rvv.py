# SPDX-License-Identifier: Apache-2.0
"""Every kernel for RISC-V vectors equals Op.evaluate on QEMU's cores, whatever the length of their vectors."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import pytest

from smidgen.kernels import rvv
from smidgen.targets import Target
from tests.kernels.test_emulated import CASES, check, roomy

QEMU = os.environ.get("SMIDGEN_QEMU_RISCV32") or shutil.which("qemu-system-riscv32")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv32 (Debian: qemu-system-misc) is not installed"),
]


def board(bits: int) -> Target:
    """A core with vectors of so many bits; the program is the same for all of them."""
    target = roomy("rv32imcv-qemu")
    return replace(target, core=replace(target.core, machine=f"rv32imcv-{bits}"))


@pytest.mark.parametrize("bits", [128, 256, 512])
@pytest.mark.parametrize("count", CASES)
def test_built_by_zig(count: int, bits: int) -> None:
    check(rvv.KERNELS, count, "zig", board(bits))
