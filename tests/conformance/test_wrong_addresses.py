# SPDX-License-Identifier: Apache-2.0
"""zig's clang cuts addresses that adr.w does not reach: a build with one fails, every other build does not."""

from __future__ import annotations

import struct
from dataclasses import replace
from pathlib import Path

import pytest

from smidgen.build import GccArm, Image, Toolchain, Zig, build
from smidgen.build import miscompile as m
from smidgen.build.toolchain import run_tool
from smidgen.codegen.sources import Interface, Sources
from smidgen.errors import BuildFailed, ToolNotFound
from smidgen.targets import Target, load_target

_ASM = """void probe(void);
__attribute__((naked, noinline)) void probe(void) {{ __asm__ volatile("{}"); }}
"""
WRONG = {
    "behind code": r"adr.w r0, 1f\n bx lr\n .rept 2500\n nop\n .endr\n .balign 4\n 1: .word 42",
    "behind data": r"adr.w r0, 1f\n bx lr\n .space 4990, 0\n .balign 4\n 1: .word 42",
    "before": r"b.w 2f\n 1: .word 42\n .rept 2500\n nop\n .endr\n 2: adr.w r0, 1b\n bx lr",
    "onto another's constant": (
        r"adr.w r0, 1f\n adr.w r1, 2f\n bx lr\n .balign 4\n 1: .word 1\n .space 4092, 0\n 2: .word 42"
    ),
}
RIGHT = {
    "near": r"adr.w r0, 1f\n ldr.w r1, 1f\n bx lr\n .balign 4\n 1: .word 42",
    "near, in a long function": r"adr.w r0, 1f\n bx lr\n .balign 4\n 1: .word 42\n .rept 2500\n nop\n .endr",
    "as far as it reaches": r"adr.w r0, 1f\n bx lr\n .space 4089, 0\n .balign 4\n 1: .word 42",
    "two constants": r"adr.w r0, 1f\n adr.w r1, 2f\n bx lr\n .balign 4\n 1: .word 1\n .space 4080, 0\n 2: .word 42",
    "two constants 4096 bytes apart": (
        r"adr.w r0, 1f\n b.w 3f\n .balign 4\n 1: .word 1\n .space 4092, 0\n 2: .word 42\n 3: adr.w r1, 2b\n bx lr"
    ),
}
HELIUM = """void out(unsigned char *);
void out(unsigned char *c) { __asm__ volatile("" ::"r"(c) : "memory"); }
void probe(void);
static unsigned char c[16];
void probe(void) {
    for (int i = 0; i < 16; i++) { c[i] = (unsigned char)(i * 37 ^ 11); }
    out(c);
    __asm__ volatile(".rept 2100\\n nop\\n .endr");
}
"""


def built(text: str, folder: Path, target: str | Target = "nucleo-l4r5zi", toolchain: Toolchain | None = None) -> Image:
    target = load_target(target) if isinstance(target, str) else target
    harness = "void probe(void);\nvoid smg_harness_infer(void);\nvoid smg_harness_infer(void) { probe(); }\n"
    sources = Sources("probe", {"probe.c": text}, {"harness_probe.c": harness}, Interface((), (), (), "", "p"), "")
    return build(sources, target, toolchain, "-O2", work_dir=folder)


def compiled(text: str, folder: Path, *flags: str) -> Path:
    zig, target = Zig(), load_target("nucleo-l4r5zi")
    (folder / "probe.c").write_text(text)
    command = (*zig.command(), *zig.compile_flags(target, "-O2"), *flags, "-c", "probe.c", "-o", "probe.o")
    run_tool(command, cwd=folder, what="a probe", environment=zig.environment(folder))
    return folder / "probe.o"


@pytest.mark.parametrize("case", WRONG)
def test_a_cut_address_fails_the_build(case: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"probe\.c: the compiler made a wrong address: .* in probe refers to 0x"):
        built(_ASM.format(WRONG[case]), tmp_path)


def test_again_from_the_cache(tmp_path: Path) -> None:
    for folder in ("one", "two"):
        with pytest.raises(BuildFailed, match="wrong address"):
            built(_ASM.format(WRONG["behind code"]), tmp_path / folder)


@pytest.mark.parametrize("case", RIGHT)
def test_addresses_within_reach_do_not(case: str, tmp_path: Path) -> None:
    built(_ASM.format(RIGHT[case]), tmp_path)


def test_what_the_compiler_itself_gets_wrong(tmp_path: Path) -> None:
    """The constant of a loop vectorised for Helium, behind assembly that is longer than it looks."""
    built(HELIUM, tmp_path, "m55-reference")  # as this core's flags have it, nothing is vectorised
    board = load_target("m55-reference")
    vectorised = replace(board, core=replace(board.core, zig_flags=()))
    with pytest.raises(BuildFailed, match=r"probe\.c: .* in probe refers to"):
        built(HELIUM, tmp_path, vectorised)


def test_labels_do_not_change_the_code(tmp_path: Path) -> None:
    for folder, flags in (("plain", ()), ("labels", m.KEEP_LABELS)):
        (tmp_path / folder).mkdir()
        compiled(_ASM.format(RIGHT["two constants"]), tmp_path / folder, *flags)
    plain, labels = (m._read(tmp_path / f / "probe.o", labels=False) for f in ("plain", "labels"))
    assert [c.data for c in plain] == [c.data for c in labels]


def test_gcc_refuses_what_is_out_of_reach(tmp_path: Path) -> None:
    try:
        GccArm().command()
    except ToolNotFound as error:
        pytest.skip(str(error))
    with pytest.raises(BuildFailed, match="invalid constant"):
        built(_ASM.format(WRONG["behind code"]), tmp_path, toolchain=GccArm())


@pytest.mark.parametrize(
    ("halves", "offset"),
    [
        ((0xF20F, 0x3080), 896), ((0xF60F, 0x70FF), 0xFFF), ((0xF2AF, 0x3090), -912),  # adr.w
        ((0xF8DF, 0x1004), 4), ((0xF85F, 0x1004), -4), ((0xF89F, 0x2008), 8), ((0xF9BF, 0x200A), 10),  # ldr, b, sh
        ((0xE9DF, 0x0102), 8), ((0xE95F, 0x0102), -8),  # ldrd
        ((0xED9F, 0x0A03), 12), ((0xED1F, 0x0B03), -12), ((0xEDDF, 0x0A03), 12),  # vldr
        ((0xA001,), 4), ((0x4902,), 8),  # adr, ldr
    ],
)  # fmt: skip
def test_decodes_what_takes_its_place_from_the_pc(halves: tuple[int, ...], offset: int) -> None:
    for address in (0x100, 0x102):
        code = struct.pack(f"<{len(halves)}H", *halves)
        (found,) = m.references(code, address)
        assert (found.address, found.target) == (address, ((address + 4) & ~3) + offset)


@pytest.mark.parametrize(
    "halves",
    [(0xF200, 0x0001), (0xF89F, 0xF008), (0xE8DF, 0xF000), (0xF8D0, 0x1004), (0xF8C0, 0x1004), (0xF000, 0xF800)],
    ids=["addw", "pld", "tbb", "ldr", "str", "bl"],
)
def test_everything_else_is_left_alone(halves: tuple[int, ...]) -> None:
    assert not list(m.references(struct.pack("<2H", *halves), 0))


def test_code_that_ends_in_the_middle() -> None:
    (found,) = m.references(b"\x0f\xf2", 0)
    assert found.target == 4
    assert list(m.references(b"", 0)) == []


@pytest.mark.parametrize("case", ["behind code", "before"])
def test_linked_images_are_looked_at_too(case: str, tmp_path: Path) -> None:
    with pytest.raises(BuildFailed, match=r"probe\.o: the compiler made a wrong address"):
        m.check_elf(compiled(_ASM.format(WRONG[case]), tmp_path))
