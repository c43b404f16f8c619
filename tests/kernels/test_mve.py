# SPDX-License-Identifier: Apache-2.0
"""Every kernel for Helium equals Op.evaluate on QEMU's Cortex-M55, as built by both compilers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

import pytest

from smidgen.kernels import Kernel, mve
from smidgen.targets import load_target
from tests.kernels.test_emulated import BY_GCC, CASES, GCC, check, first_symbol

QEMU = os.environ.get("SMIDGEN_QEMU_ARM") or shutil.which("qemu-system-arm")
BOARD = load_target("m55-reference")
TOGETHER = 4  # kernels a program: the board's memory holds no more nodes
BATCHES = [mve.KERNELS[i : i + TOGETHER] for i in range(0, len(mve.KERNELS), TOGETHER)]

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(QEMU is None, reason="qemu-system-arm (Debian package qemu-system-arm) is not installed"),
]


@pytest.mark.parametrize("count", CASES)
@pytest.mark.parametrize("kernels", BATCHES, ids=first_symbol)
def test_built_by_zig(kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "zig", BOARD)


@pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc, the optional second compiler, is not installed")
@pytest.mark.parametrize("count", BY_GCC)
@pytest.mark.parametrize("kernels", BATCHES, ids=first_symbol)
def test_built_by_gcc(kernels: Sequence[Kernel], count: int) -> None:
    check(kernels, count, "gcc-arm", BOARD)
