# SPDX-License-Identifier: Apache-2.0
"""What a core's file says of its features is what its compilers are told."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tiny_program import tiny

from smidgen.build import GccArm, GccRiscv, Toolchain, Zig, build
from smidgen.build.features import feature_check
from smidgen.build.toolchain import run_tool
from smidgen.errors import BuildFailed, ToolNotFound
from smidgen.targets import Core, list_targets, load_target

CORES = {load_target(n).core.name: n for n in list_targets()}


def compiled(toolchain: Toolchain, name: str, text: str, folder: Path) -> Path:
    (folder / "probe.c").write_text(text)
    flags = toolchain.compile_flags(load_target(name), "-O2")
    command = (*toolchain.command(), *flags, "-c", "probe.c", "-o", "probe.o")
    run_tool(command, cwd=folder, what="probe.c", environment=toolchain.environment(folder))
    return folder / "probe.o"


PAIRS = [
    (toolchain, name)
    for name in CORES.values()
    for toolchain in (Zig(), GccArm() if load_target(name).core.isa == "arm" else GccRiscv())
    if toolchain.name == "zig" or load_target(name).core.gcc_flags
]


@pytest.mark.parametrize(("toolchain", "name"), PAIRS, ids=[f"{t.name}-{n}" for t, n in PAIRS])
def test_flags_and_features_of_every_core_agree(toolchain: Toolchain, name: str, tmp_path: Path) -> None:
    try:
        toolchain.command()
    except ToolNotFound as error:
        pytest.skip(str(error))
    compiled(toolchain, name, feature_check(load_target(name).core), tmp_path)


@pytest.mark.parametrize("name", [n for n in CORES.values() if load_target(n).core.isa == "arm"])
def test_no_frame_pointers(name: str, tmp_path: Path) -> None:
    """clang keeps r7 for them unless told not to, which costs a register of every kernel."""
    text = "void g(int *);\nint f(int x);\nint f(int x) { int y = x; g(&y); g(&y); return y; }\n"
    halves = np.fromfile(compiled(Zig(), name, text, tmp_path), "<u2")
    assert 0x466F not in halves  # mov r7, sp
    assert not np.any(halves >> 8 == 0xAF)  # add r7, sp, #


WRONG = [
    ("nrf5340-dk", {"zig_cpu": "cortex_m33+fp_armv8d16sp"}, "is not told of the feature dsp"),
    ("generic-cortex-m4", {"zig_cpu": "cortex_m4"}, "is not told of the feature fpu"),
    ("m55-reference", {"zig_cpu": "cortex_m55"}, "is not told of the feature mve"),
    ("rv32imcv-qemu", {"zig_cpu": "generic_rv32+m+c"}, "is not told of the feature rvv"),
    ("rv32imcv-qemu", {"zig_cpu": "generic_rv32+m+c+zve32x"}, "is not told of the feature rvv"),
    ("rv32imc-qemu", {"zig_cpu": "generic_rv32+c"}, "is not told of the feature rv32m"),
    ("rv32imc-qemu", {"zig_cpu": "generic_rv32+m+c+zve32x+zvl128b"}, "is told of rvv, which is not among"),
    ("cv32e40p", {"zig_cpu": "generic_rv32+m+c"}, "is not told of the feature xcv"),
    ("cv32e40p", {"zig_cpu": "generic_rv32+m+c+xcvmac+xcvmem"}, "is not told of the feature xcv"),
    ("vexriscv", {"zig_cpu": "generic_rv32+m+c"}, "is told of rv32c, which is not among"),
    ("generic-cortex-m3", {"zig_cpu": "cortex_m4"}, "is told of dsp, which is not among"),
]


@pytest.mark.parametrize(("name", "changed", "said"), WRONG, ids=[w[2] for w in WRONG])
def test_a_contradiction_fails_the_build(name: str, changed: dict[str, str], said: str, tmp_path: Path) -> None:
    target = load_target(name)
    core: Core = replace(target.core, zig_cpu=changed["zig_cpu"])
    with pytest.raises(BuildFailed, match=said):
        build(tiny(), replace(target, core=core), work_dir=tmp_path)


@pytest.mark.parametrize("cpu", ["frobnicator", "generic_rv32+frob", "cortex_m4"])
def test_a_cpu_that_the_compiler_does_not_know_is_named_alone(cpu: str, tmp_path: Path) -> None:
    target = load_target("rv32imc")
    with pytest.raises(BuildFailed, match=r"zig: unknown CPU.*core rv32imc") as found:
        build(tiny(), replace(target, core=replace(target.core, zig_cpu=cpu)), work_dir=tmp_path)
    assert len(str(found.value)) < 200


def test_the_contradiction_is_told_and_not_what_comes_of_it(tmp_path: Path) -> None:
    sources = tiny()
    sources.files["aaa.c"] = "#error this fails as well\n"
    target = load_target("rv32imc-qemu")
    with pytest.raises(BuildFailed, match="is not told of the feature rv32m"):
        build(sources, replace(target, core=replace(target.core, zig_cpu="generic_rv32+c")), work_dir=tmp_path)
