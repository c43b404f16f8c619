# SPDX-License-Identifier: Apache-2.0
"""Every kernel for Helium equals Op.evaluate on QEMU's Cortex-M55, as built by both compilers."""

from __future__ import annotations

import os
import shutil

import pytest

from smidgen.kernels import mve
from smidgen.targets import load_target
from tests.kernels.test_emulated import BY_GCC, CASES, GCC, check

QEMU = os.environ.get("SMIDGEN_QEMU_ARM") or shutil.which("qemu-system-arm")
BOARD = load_target("m55-reference")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(QEMU is None, reason="qemu-system-arm (Debian package qemu-system-arm) is not installed"),
]


@pytest.mark.parametrize("count", CASES)
def test_built_by_zig(count: int) -> None:
    check(mve.KERNELS, count, "zig", BOARD)


@pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc, the optional second compiler, is not installed")
@pytest.mark.parametrize("count", BY_GCC)
def test_built_by_gcc(count: int) -> None:
    check(mve.KERNELS, count, "gcc-arm", BOARD)
