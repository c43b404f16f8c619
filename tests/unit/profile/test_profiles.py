# SPDX-License-Identifier: Apache-2.0
"""Profiles of our own images by step, and of foreign firmware."""

from pathlib import Path

import numpy as np
import pytest
from tiny_program import HARNESS, LAST_KERNEL, N, expected, tiny

from smidgen.build import Image, build
from smidgen.errors import ImageError, SimulationError
from smidgen.profile import check_alignment, profile_elf, profile_image
from smidgen.sim import EmulatedMachine, Limits
from smidgen.targets import load_target

TARGET = load_target("nucleo-l4r5zi")


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return build(tiny(), TARGET, work_dir=tmp_path_factory.mktemp("profile"))


def test_steps_add_up_to_the_whole(built: Image) -> None:
    x = np.random.default_rng(1).integers(0, 256, N, np.uint8).tobytes()
    profile = profile_image(EmulatedMachine(built), [x], memory_system=True)
    rows = [profile.prologue, *profile.steps]
    assert [row.label for row in rows] == ["(prologue)", "first add", "second add", "reversal"]
    assert sum(row.cycles.value for row in rows) == profile.cycles.value
    assert sum(row.instructions.value for row in rows) == profile.instructions.value == sum(profile.mix.values())
    assert profile.stalls is not None
    assert sum(row.stalls.value for row in rows if row.stalls) == profile.stalls.value > 0
    assert abs(rows[1].cycles.value - rows[2].cycles.value) < 20, "the same kernel on as many bytes"
    assert rows[0].instructions.value < 40
    assert profile.outputs == (expected(x),)
    assert profile.unknown == {}


def test_an_image_costs_the_same_as_an_elf_of_any_origin(built: Image) -> None:
    ours = profile_image(EmulatedMachine(built), [bytes(N)])
    theirs = profile_elf(built.elf_path, "smg_harness_begin", "smg_harness_end", TARGET)
    assert (theirs.instructions, theirs.cycles, theirs.stack) == (ours.instructions, ours.cycles, ours.stack)
    assert ours.stalls is None
    assert {f.name for f in theirs.functions} >= {"k_add", "k_last", "smg_tiny_run"}
    assert theirs.functions[0].name == "k_add"
    assert theirs.notes == ()


def test_markers_that_do_not_exist_are_suggested(built: Image) -> None:
    with pytest.raises(ImageError, match=r"no symbol 'smg_harness_beginn'; near: smg_harness_begin"):
        profile_elf(built.elf_path, "smg_harness_beginn", "smg_harness_end", TARGET)


def test_markers_have_to_be_two_places_in_code(built: Image) -> None:
    with pytest.raises(ImageError, match=r"smg_harness_begin and smg_harness_begin are the same address"):
        profile_elf(built.elf_path, "smg_harness_begin", "smg_harness_begin", TARGET)
    with pytest.raises(ImageError, match=r"smg_tiny_arena at 0x2\w+ is data, not code"):
        profile_elf(built.elf_path, "smg_harness_begin", "smg_tiny_arena", TARGET)


def test_a_marker_that_is_never_reached_is_said(built: Image) -> None:
    with pytest.raises(SimulationError, match=r"did not reach smg_fault within 0\.5 s"):
        profile_elf(built.elf_path, "smg_harness_begin", "smg_fault", TARGET, limits=Limits(seconds=0.5))


def test_firmware_for_another_memory_map_has_no_vector_table(built: Image) -> None:
    target = load_target("numaker-m467hj")  # its RAM ends below the stack pointer of an image for 640 KB
    with pytest.raises(ImageError, match=r"no vector table at its lowest address 0x08000000.*numaker"):
        profile_elf(built.elf_path, "smg_harness_begin", "smg_harness_end", target)


def test_memory_that_the_target_lacks_is_noted(tmp_path: Path) -> None:
    image = build(tiny(), load_target("numaker-m467hj"), work_dir=tmp_path)  # flash at 0
    profile = profile_elf(image.elf_path, "smg_harness_begin", "smg_harness_end", TARGET)
    assert profile.notes == ("memory at 0x00000000 is not of nucleo-l4r5zi: taken as plain RAM",)


def test_peripherals_read_back_what_was_written(tmp_path: Path) -> None:
    touches = HARNESS.replace(
        "{ smg_tiny_run",
        "{ volatile uint32_t *r = (uint32_t *)0x40021000u; *r |= 1u; while (!(*r & 1u)) {}\n smg_tiny_run",
    )
    image = build(tiny(harness=touches), TARGET, work_dir=tmp_path)
    assert profile_elf(image.elf_path, "smg_harness_begin", "smg_harness_end", TARGET).cycles.value > 0


@pytest.mark.parametrize("access", ["ldrd r2, r3, [%0]", "ldm %0, {r2, r3}", "vldr s0, [%0]", "stm %0, {r2, r3}"])
def test_accesses_that_a_real_core_faults_on_are_found(access: str, tmp_path: Path) -> None:
    assembly = f'__asm__ volatile("{access}" :: "r"(at) : "r2", "r3", "s0", "memory");'
    for offset in (0, 2):
        body = f"{{\n    int8_t *at = y + (((uintptr_t)y & 3u) ^ {offset}u);\n    {assembly}\n"
        image = build(tiny(last=LAST_KERNEL.replace("{\n", body, 1)), TARGET, work_dir=tmp_path / str(offset))
        if offset == 0:
            check_alignment(EmulatedMachine(image), [bytes(N)])
            continue
        with pytest.raises(SimulationError, match=r"in k_last, step 2 \(reversal\), accesses 0x2.*multiple of 4"):
            check_alignment(EmulatedMachine(image), [bytes(N)])


@pytest.mark.parametrize(
    ("board", "access"),
    [
        ("generic-cortex-m0plus", "ldr r2, [%0]"),
        ("generic-cortex-m0plus", "ldrh r2, [%0, #2]"),
        ("generic-cortex-m0plus", "strh r2, [%0]"),
        ("generic-cortex-m0plus", "ldm %0!, {r2, r3}"),
        ("rv32imc", "lw a5, 0(%0)"),
        ("rv32imc", "sh a5, 2(%0)"),
    ],
)
def test_cores_without_unaligned_accesses_have_every_one_checked(board: str, access: str, tmp_path: Path) -> None:
    clobbers = '"a5"' if board == "rv32imc" else '"r2", "r3"'
    assembly = f'__asm__ volatile("{access}" : "+r"(at) :: {clobbers}, "memory");'
    for offset in (0, 1):
        body = f"{{\n    int8_t *at = y + (-(uintptr_t)y & 3u) + {offset}u;\n    {assembly}\n"
        sources = tiny(last=LAST_KERNEL.replace("{\n", body, 1))
        image = build(sources, load_target(board), work_dir=tmp_path / str(offset))
        if offset == 0:
            check_alignment(EmulatedMachine(image), [bytes(N)])
            continue
        with pytest.raises(SimulationError, match=r"in k_last, step 2 \(reversal\): .* faults there, or may"):
            check_alignment(EmulatedMachine(image), [bytes(N)])
