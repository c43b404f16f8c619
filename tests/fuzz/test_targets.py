# SPDX-License-Identifier: Apache-2.0
"""Random networks byte for byte on every instruction set and simulator, with the kernels chosen there."""

from __future__ import annotations

import shutil

import pytest
import unicorn

import smidgen
from smidgen.build.elf import Elf
from smidgen.errors import ToolNotFound
from smidgen.ir import Graph
from smidgen.sim.core import EmulatedCore
from smidgen.sim.machine import Machine
from smidgen.sim.port import Port
from smidgen.targets import Target, load_target
from smidgen.verify import random_inputs, verify_image
from tests.layer_networks import LayerNetwork
from tests.mixed_networks import mixed_network
from tests.random_networks import RandomNetwork

TARGETS = (
    *("rv32imc", "generic-cortex-m0plus", "generic-cortex-m3", "nrf5340-dk-net", "nrf5340-dk", "disco-f746ng"),
    *("rv32imcv-qemu", "rv32imcv-qemu-256", "m55-reference", "ibex", "cv32e40p", "vexriscv"),
)
SETTINGS = ("speed", "ram", "size", "balanced")
CASES = 4

pytestmark = pytest.mark.slow


def network(seed: int) -> Graph:
    """Layers that fast kernels are made for most often, odd graphs and mixed precisions between them."""
    if seed % 4 == 0:
        return RandomNetwork(seed).graph()
    return mixed_network(seed) if seed % 4 == 3 else LayerNetwork(seed).graph()


def compiler(target: Target, seed: int) -> str:
    """GCC now and then, where it is installed and knows the core."""
    name, program = (
        ("gcc-arm", "arm-none-eabi-gcc") if target.core.isa == "arm" else ("gcc-riscv", "riscv64-unknown-elf-gcc")
    )
    return name if target.core.gcc_flags and shutil.which(program) and seed % 5 == 4 else "zig"


LONG = [pytest.param(name, seed, marks=pytest.mark.full) for seed in range(40) for name in TARGETS]
SHORT = [(name, 1000 + 7 * i) for i, name in enumerate(TARGETS)]


@pytest.mark.parametrize(("name", "seed"), [*SHORT, *LONG])
def test_every_step_is_exact(name: str, seed: int) -> None:
    target = load_target(name)
    compiled = smidgen.compile(network(seed), target=name, optimize=SETTINGS[seed // 4 % 4], check_fit=False)
    try:
        found = smidgen.verify(compiled, cases=CASES, seed=seed, toolchain=compiler(target, seed))
    except ToolNotFound as error:
        pytest.skip(str(error))
    assert (found.mismatches, found.first_divergence) == (0, None)


ALIGNED = [pytest.param(seed, marks=[pytest.mark.full] if seed >= 3 else []) for seed in range(40)]


@pytest.mark.parametrize("seed", ALIGNED)
def test_a_cortex_m0_makes_no_unaligned_access(seed: int) -> None:
    """It would fault there; the emulator allows it."""
    unaligned: list[str] = []

    def watched(elf: Elf, target: Target) -> Port:
        core = EmulatedCore(elf, target)

        def access(uc: unicorn.Uc, kind: int, address: int, nbytes: int, value: int, data: object) -> None:
            if address % nbytes:
                unaligned.append(f"{nbytes} bytes at {address:#x}{core.place()}")

        core.uc.hook_add(unicorn.UC_HOOK_MEM_READ | unicorn.UC_HOOK_MEM_WRITE, access)
        return core

    compiled = smidgen.compile(
        network(seed), target="generic-cortex-m0plus", optimize=SETTINGS[seed // 4 % 4], check_fit=False
    )
    with Machine(compiled.build(), None, watched) as machine:
        found = verify_image(machine, compiled.schedule, list(random_inputs(compiled.graph, 4, seed))[3:])
    assert (found.mismatches, unaligned) == (0, [])
