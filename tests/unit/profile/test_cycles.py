# SPDX-License-Identifier: Apache-2.0
"""Each rule of the Cortex-M4 cycle model against cycles computed by hand."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest
from snippets import assemble

from smidgen.errors import TargetError
from smidgen.profile import profile_elf
from smidgen.profile.cycles import RULES, CycleModel
from smidgen.profile.instructions import Decoder
from smidgen.targets import load_target
from smidgen.targets.load import load_core

TARGET = load_target("nucleo-l4r5zi")

SNIPPETS: Mapping[str, tuple[str, int]] = {
    # name: (assembly, cycles by hand)
    "alu": ("add r4, r2, r3\n eor.w r5, r4, r3\n uxtb r6, r5\n ssat r7, #8, r5\n pkhbt r4, r5, r6, lsl #16", 5),
    "multiply": ("mul r4, r2, r3\n smlad r4, r2, r3, r4\n smmlar r4, r2, r3, r4", 3),
    "multiply_more": ("mla r4, r2, r3, r4\n mls r4, r2, r3, r4\n umull r4, r5, r2, r3\n smlal r4, r5, r2, r3", 4),
    "divide": ("udiv r4, r2, r3\n sdiv r4, r2, r3", 6 + 6),
    "load": ("ldr r4, [r1]", 2),
    "load_pair": ("ldr r4, [r1]\n ldr r5, [r1, #4]\n ldrsb r6, [r1, r3]", 2 + 1 + 1),
    "load_chased": ("ldr r4, [r1]\n ldr r5, [r4]", 2 + 2),
    "load_apart": ("ldr r4, [r1]\n mov r6, r3\n ldr r5, [r1]", 2 + 1 + 2),
    "load_post_indexed": ("ldr r4, [r1], #4\n ldr r5, [r1], #4", 2 + 1),
    "store": ("str r3, [r1, #8]\n strb r3, [r1, #9]\n strh r3, [r1, #8]!", 3),
    "store_after_load": ("ldr r4, [r1]\n str r3, [r1, #8]", 2 + 1),
    "store_indexed": ("str r3, [r1, r2]", 2),
    "store_indexed_after_load": ("ldr r4, [r1]\n str r3, [r1, r2]", 2 + 1),
    "store_indexed_by_loaded": ("ldr r4, [r1]\n strb r3, [r4, r2]", 2 + 2),
    "address_interlock": ("add r4, r1, #4\n ldr r5, [r4]", 1 + 2 + 1),
    "address_interlock_store": ("add r4, r1, #4\n str r5, [r4]", 1 + 1 + 1),
    "address_ready": ("add r4, r1, #4\n nop\n ldr r5, [r4]", 1 + 1 + 2),
    "double": ("ldrd r4, r5, [r1]\n strd r4, r5, [r1, #8]", 3 + 3),
    "multiple": ("ldm r1, {r4, r5, r6}\n stm r1, {r4, r5}", (1 + 3) + (1 + 2)),
    "multiple_breaks_pipelining": ("ldr r4, [r1]\n ldm r1, {r5, r6}\n ldr r4, [r1]", 2 + 3 + 2),
    "push_pop": ("push {r4, r5, lr}\n pop {r4, r5, lr}", 4 + 4),
    "branch_taken": ("b.n 1f\n nop\n .p2align 2\n1: nop", 1 + 2 + 1),
    "branch_to_unaligned_wide": ("b.w 1f\n nop\n1: nop.w", (1 + 2 + 1) + 1),
    "branch_to_unaligned_narrow": ("b.w 1f\n nop\n1: nop", (1 + 2) + 1),
    "branch_to_next": ("b.w 1f\n1: nop", (1 + 2) + 1),
    "branch_not_taken": ("cmp r0, #0\n bne 1f\n mov r4, r3\n1:", 1 + 1 + 1),
    "branch_ends_pipelining": ("ldr r4, [r1]\n cbnz r0, 1f\n ldr r5, [r1]\n1:", 2 + 1 + 2),
    "cbz_taken": ("cbz r0, 1f\n nop\n .p2align 2\n1: nop", (1 + 2) + 1),
    "loop": ("mov r4, #3\n .p2align 2\n1: subs r4, #1\n bne 1b", 1 + 3 * (1 + 1) + 2 * 2),
    "call_and_return": ("bl callee\n nop", (1 + 2) + (1 + 2) + (1 + 2 + 2) + 1),
    "it": ("cmp r0, #0\n it eq\n moveq r4, r3", 1 + 1 + 1),
    "it_not_executed": ("cmp r0, #1\n itt eq\n moveq r4, r3\n moveq r5, r3", 1 + 1 + 1 + 1),
    "return_not_taken": ("cmp r0, #1\n it eq\n popeq {r4, r5, pc}\n nop", 1 + 1 + 1 + 1),
    "load_pc": (
        "adr r4, 1f\n add r4, #1\n str r4, [r1]\n ldr pc, [r1]\n .p2align 2\n1: ldr r5, [r9]",
        1 + 1 + 1 + (2 + 2) + 2,
    ),
    "table_branch": ("tbb [pc, r0]\n.byte 1, 1\n nop", (2 + 2) + 1),
    "hint_barrier_system": ("nop\n dsb\n mrs r4, primask", 1 + 1 + 2),
    "exclusive": ("ldrex r4, [r1]\n strex r5, r4, [r1]", 2 + 2),
    "float_arithmetic": ("vadd.f32 s0, s1, s2\n vmul.f32 s3, s4, s5\n vcvt.s32.f32 s6, s7", 3),
    "float_result_delay": ("vadd.f32 s0, s1, s2\n vmul.f32 s3, s0, s5", 1 + 1 + 1),
    "float_multiply_add": ("vfma.f32 s0, s1, s2\n vmla.f32 s3, s4, s5", 3 + 3),
    "float_addend": ("vfma.f32 s0, s1, s2\n vfma.f32 s0, s3, s4", 3 + 3),
    "float_factor": ("vfma.f32 s0, s1, s2\n vfma.f32 s3, s0, s4", 3 + 3 + 1),
    "float_divide": ("vdiv.f32 s0, s1, s2\n vsqrt.f32 s3, s4", 14 + 14),
    "float_load": ("vldr s0, [r1]\n vldr s1, [r1, #4]\n ldr r4, [r1]", 2 + 1 + 1),
    "float_store": ("vstr s0, [r1, #8]\n vstr d1, [r1, #8]", 2 + 3),
    "float_double": ("vldr d0, [r1]", 3),
    "float_multiple": ("vldm r1, {s0-s3}\n vpush {d0, d1}\n vpop {s0-s3}", 5 + 5 + 5),
    "float_move": ("vmov s0, r2\n vmov r4, s0\n vmov.f32 s1, #1.0\n vmov s2, s1", 4),
    "float_move_double": ("vmov s0, s1, r2, r3\n vmov r4, r5, s0, s1", 2 + 2),
    "float_compare": ("vcmp.f32 s0, s1\n nop\n vmrs apsr_nzcv, fpscr", 1 + 1 + 1),
    # the emulator ends a block at a page's end, though control goes on: the second load still pipelines
    "across_blocks": ("b 1f\n .balign 4096\n .space 4092\n1: ldr.w r4, [r1]\n ldr.w r5, [r1]", (1 + 2) + 2 + 1),
    "across_blocks_interlock": ("b 1f\n .balign 4096\n .space 4092\n1: add.w r4, r1, #4\n ldr r5, [r4]", 3 + 1 + 2 + 1),
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return assemble(tmp_path_factory.mktemp("cycles"), {name: body for name, (body, _) in SNIPPETS.items()})


@pytest.mark.parametrize("name", SNIPPETS)
def test_snippet(elf: Path, name: str) -> None:
    profile = profile_elf(elf, f"begin_{name}", f"end_{name}", TARGET)
    assert profile.cycles.value == SNIPPETS[name][1], dict(profile.cycles_by_rule)
    assert profile.unknown == {}
    assert sum(profile.cycles_by_rule.values()) == profile.cycles.value
    assert sum(f.cycles for f in profile.functions) == profile.cycles.value
    assert (profile.cycles.kind, profile.instructions.kind) == ("modelled", "counted")


def test_every_rule_is_met_by_a_snippet(elf: Path) -> None:
    met = {
        rule for name in SNIPPETS for rule in profile_elf(elf, f"begin_{name}", f"end_{name}", TARGET).cycles_by_rule
    }
    assert set(RULES) - met == set()


def test_the_core_has_every_rule_with_its_source() -> None:
    core = load_core("cortex_m4f")
    assert set(RULES) <= set(core.cycles)
    assert all(core.provenance[rule] for rule in core.cycles)
    fewer = replace(core, cycles={rule: n for rule, n in core.cycles.items() if rule != "refill"})
    with pytest.raises(TargetError, match="no cycles for refill"):
        CycleModel(fewer, {})


def test_an_instruction_without_a_rule_is_reported(tmp_path: Path) -> None:
    elf = assemble(tmp_path, {"odd": "nop\n dbg #1\n nop"})
    profile = profile_elf(elf, "begin_odd", "end_odd", TARGET)
    assert profile.unknown == {"dbg": 1}
    assert (profile.instructions.value, profile.cycles.value) == (3, 2)


@pytest.mark.parametrize(
    ("core", "code", "cycles"),
    [
        ("cortex_m0plus", "10bd", 3 + 2),  # pop {r4, pc}, the refill in it
        ("cortex_m0plus", "10bc", 1 + 1),  # pop {r4}
        ("cortex_m0plus", "9847", 2),  # blx r3
        ("cortex_m0plus", "00f000f8", 3),  # bl
        ("cortex_m0plus", "7047", 2),  # bx lr
        ("cortex_m0plus", "5143", 1),  # muls r1, r2, r1
        ("cortex_m0plus", "0868", 2),  # ldr r0, [r1]
        ("cortex_m3", "10bd", 1 + 2 + 2),
        ("cortex_m3", "82fb0301", 4),  # smull r0, r1, r2, r3
        ("cortex_m3", "c2fb0301", 6),  # smlal r0, r1, r2, r3
        ("cortex_m3", "02fb0341", 2),  # mla r1, r2, r3, r4
    ],
)
def test_single_instructions_of_other_cores(core: str, code: str, cycles: int) -> None:
    (instruction,) = Decoder().block(0x100, bytes.fromhex(code))
    model = CycleModel(load_core(core), {})
    price = sum(taken for _, taken in model.price(instruction, None))
    assert price + instruction.writes_pc * load_core(core).cycles["refill"] == cycles
