# SPDX-License-Identifier: Apache-2.0
"""Every kernel for RISC-V vectors equals Op.evaluate on QEMU's cores, whatever the length of their vectors."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace

import numpy as np
import pytest

from smidgen import ops
from smidgen.ir import QuantParams, TensorType
from smidgen.kernels import rvv
from smidgen.kernels.rvv.channels import chunk
from smidgen.targets import Target
from tests.kernels.nodes import make, quant
from tests.kernels.test_emulated import CASES, check, roomy

QEMU = os.environ.get("SMIDGEN_QEMU_RISCV32") or shutil.which("qemu-system-riscv32")


def board(bits: int) -> Target:
    """A core with vectors of so many bits; the program is the same for all of them."""
    target = roomy("rv32imcv-qemu")
    return replace(target, core=replace(target.core, machine=f"rv32imcv-{bits}"))


@pytest.mark.slow
@pytest.mark.skipif(QEMU is None, reason="qemu-system-riscv32 (Debian: qemu-system-misc) is not installed")
@pytest.mark.parametrize("bits", [128, *(pytest.param(bits, marks=pytest.mark.full) for bits in (256, 512))])
@pytest.mark.parametrize("count", CASES)
def test_built_by_zig(count: int, bits: int) -> None:
    check(rvv.KERNELS, count, "zig", board(bits))


@pytest.mark.parametrize(
    ("weights", "products"),
    [
        ([127, 127], 2),  # 2 * 127 * -128 = -32512
        ([-128, -127], 2),  # 255 * 128 = 32640
        ([-128, -128], 1),  # 2 * -128 * -128 = 32768
        ([127, 127, 1, 0], 4),  # -128 * 255
        ([-127, -128, 0, 0], 4),
        ([-127, -128, -1, 0], 2),  # -128 * -256
        ([127, 127, 1, 1], 4),  # -128 * 256 = -32768
        ([-127, -127, -1, -1], 2),  # 32768
        ([60, -60, 60, -60, 7, -7, 1, 0], 8),
        ([60, -60, 60, -60, 7, -7, 1, -1], 8),  # 127 * 128 + 128 * 128 = 32640
        ([60, -60, 60, -60, 9, -9, 1, -1], 4),  # 127 * 130 + 128 * 130
        ([1] * 8 + [-128, -127, -1], 2),
    ],
)
def test_chunks_of_products_fit_16_bits(weights: list[int], products: int) -> None:
    """What is claimed is what the worst input bytes give; one more would not fit, or is no whole chunk."""
    row = weights * max(1, 8 // len(weights))
    w = np.array([row, [0] * len(row)], np.int8)
    types = (TensorType("int8", (1, w.shape[1]), quant(0.5, 5)), TensorType("int8", w.shape, QuantParams((0.1,), (0,))))
    node = make(ops.FullyConnected(out_quant=quant(0.5, 0)), [(types[0], None), (types[1], w)])
    assert chunk(node) == products
