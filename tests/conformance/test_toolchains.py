# SPDX-License-Identifier: Apache-2.0
"""Every toolchain, the same outputs; every board, a program that starts."""

from pathlib import Path

import numpy as np
import pytest
from tiny_program import N, expected, tiny

from smidgen.build import GccArm, Toolchain, Zig, build
from smidgen.errors import ToolNotFound
from smidgen.profile import profile_image
from smidgen.sim import EmulatedMachine, open_machine
from smidgen.targets import list_targets, load_target


@pytest.mark.parametrize("toolchain", [Zig(), GccArm()], ids=lambda t: t.name)
@pytest.mark.parametrize("optimize", ["-O0", "-O3", "-Os"])
def test_same_outputs_from_every_toolchain(toolchain: Toolchain, optimize: str, tmp_path: Path) -> None:
    try:
        toolchain.command()
    except ToolNotFound as error:
        pytest.skip(str(error))
    machine = EmulatedMachine(build(tiny(), load_target("nucleo-l4r5zi"), toolchain, optimize, work_dir=tmp_path))
    rng = np.random.default_rng(3)
    for _ in range(20):
        x = rng.integers(0, 256, N, np.uint8).tobytes()
        assert machine.infer([x]) == (expected(x),)
    assert profile_image(machine, [bytes(N)]).unknown == {}


@pytest.mark.parametrize("name", list_targets())
def test_every_board_starts(name: str, tmp_path: Path) -> None:
    image = build(tiny(), load_target(name), work_dir=tmp_path)
    assert open_machine(image).infer([bytes(N)]) == (expected(bytes(N)),)
    assert profile_image(open_machine(image), [bytes(N)], memory_system=True).instructions.value > 0
