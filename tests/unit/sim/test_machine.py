# SPDX-License-Identifier: Apache-2.0
"""Inferences on the emulated core: right, watched, counted, and stopped when they go wrong."""

from collections import Counter as Tally
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from tiny_program import HARNESS, KERNEL, LAST_KERNEL, MODEL, N, expected, tiny
from unicorn import UC_HOOK_CODE, Uc

from smidgen.build import Image, build
from smidgen.errors import InvalidInput, SimulationError
from smidgen.profile.instructions import Decoder
from smidgen.sim import EmulatedMachine, Limits
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import block_of, split_edge
from smidgen.targets import load_target

TARGET = load_target("nucleo-l4r5zi")


def image(folder: Path, **replaced: str) -> Image:
    return build(tiny(**replaced), TARGET, work_dir=folder)


@pytest.fixture(scope="module")
def good(tmp_path_factory: pytest.TempPathFactory) -> Image:
    return image(tmp_path_factory.mktemp("good"))


def random_inputs(cases: int) -> list[bytes]:
    rng = np.random.default_rng(7)
    return [rng.integers(0, 256, N, np.uint8).tobytes() for _ in range(cases)]


def test_hundreds_of_inferences_without_rebuilding(good: Image) -> None:
    machine = EmulatedMachine(good)
    for x in random_inputs(300):
        assert machine.infer([x]) == (expected(x),)


def test_tracing_shows_every_step_right_after_it(good: Image) -> None:
    machine = EmulatedMachine(good)
    for x in random_inputs(3):
        seen: list[tuple[int, bytes]] = []

        def on_step(index: int, outputs: Sequence[bytes], seen: list[tuple[int, bytes]] = seen) -> None:
            seen.append((index, *outputs))

        assert machine.infer_traced([x], on_step, check_arena=True) == (expected(x),)
        assert seen == [
            (0, bytes((v + 3) & 255 for v in x)),
            (1, bytes((v + 7) & 255 for v in x)),
            (2, expected(x)),
        ]


def test_counts_equal_a_count_of_single_instructions(good: Image) -> None:
    """The oracle is unicorn's hook on every instruction, which does not go by blocks."""
    machine = EmulatedMachine(good)
    x = random_inputs(1)[0]
    machine.infer([x])  # a warm core elsewhere does not matter
    counts = machine.count([x])
    decoder = Decoder()
    blocks = {key: decoder.block(block_of(key).address, code) for key, code in counts.code.items()}
    counted = Tally[int]()
    for part in (counts.prologue, *counts.steps):
        for edge, times in part.items():
            for instruction in blocks[split_edge(edge)[1]]:
                if not instruction.conditional:  # the oracle does not see those that are passed over
                    counted[instruction.address] += times

    class Single:
        def __init__(self, core: EmulatedCore) -> None:
            self.times = Tally[int]()
            core.uc.ctl_flush_tb()
            core.uc.hook_add(UC_HOOK_CODE, self.one)

        def one(self, uc: Uc, address: int, *ignored: object) -> None:
            self.times[address] += 1

        def split(self) -> None:
            pass

    single, _ = machine.watch([x], Single)
    assert counted.total() > 3 * N
    assert counted == Tally({address: single.times[address] for address in counted})
    assert counts.outputs == (expected(x),)
    assert [sum(step.values()) > N // 8 for step in counts.steps] == [True] * 3
    assert sum(counts.prologue.values()) < 10


def test_counting_twice_gives_the_same(good: Image) -> None:
    machine = EmulatedMachine(good)
    x = random_inputs(1)[0]
    assert machine.count([x]) == machine.count([x])


def test_wrong_inputs_are_named(good: Image) -> None:
    machine = EmulatedMachine(good)
    with pytest.raises(InvalidInput, match="has 1 inputs, 2 were given"):
        machine.infer([b"", b""])
    with pytest.raises(InvalidInput, match="'x' takes 200 bytes, 3 were given"):
        machine.infer([b"abc"])


def test_stack_is_measured(good: Image, tmp_path: Path) -> None:
    shallow = EmulatedMachine(good).count([bytes(N)]).stack_bytes
    hungry = LAST_KERNEL.replace(
        "{\n", "{\n    volatile uint8_t room[1000];\n    for (int i = 0; i < 1000; i++) room[i] = 1;\n", 1
    )
    deep = EmulatedMachine(image(tmp_path, last=hungry)).count([bytes(N)]).stack_bytes
    assert 0 < shallow < 200
    assert 1000 <= deep < 1000 + 64


def test_a_kernel_may_loop_to_its_own_first_instruction(tmp_path: Path) -> None:
    leaf = """void k_last(void);
__asm__(".section .text.k_last,\\"ax\\"\\n.syntax unified\\n.thumb_func\\n"
        ".type k_last,%function\\n.global k_last\\nk_last:\\n"
        "subs r2, #1\\n ldrsb r3, [r0, r2]\\n add r3, #5\\n strb r3, [r1], #1\\n cmp r2, #0\\n bne k_last\\n bx lr\\n");
"""
    x = random_inputs(1)[0]
    machine = EmulatedMachine(image(tmp_path, last=leaf))
    assert machine.infer([x]) == (expected(x),)
    assert len(machine.count([x]).steps) == 3


def test_a_fault_names_pc_function_and_step(tmp_path: Path) -> None:
    broken = LAST_KERNEL.replace("{\n", "{\n    if (x[0] == 7 + 1) *(volatile int *)0xA0000000u = 1;\n", 1)
    machine = EmulatedMachine(image(tmp_path, last=broken))
    assert machine.infer([bytes(N)]) == (expected(bytes(N)),)
    with pytest.raises(
        SimulationError, match=r"pc 0x08[0-9a-f]{6} in k_last, step 2 \(reversal\): a store to an address"
    ):
        machine.infer([b"\1" * N])
    assert machine.infer([bytes(N)]) == (expected(bytes(N)),), "the machine starts anew after a fault"


def test_stores_into_flash_and_undefined_instructions_are_faults(tmp_path: Path) -> None:
    flash = LAST_KERNEL.replace("{\n", "{\n    *(volatile int *)0x08000100u = 1;\n", 1)
    with pytest.raises(SimulationError, match=r"in k_last, step 2 \(reversal\): a store into flash"):
        EmulatedMachine(image(tmp_path / "flash", last=flash)).infer([bytes(N)])
    undefined = LAST_KERNEL.replace("{\n", '{\n    __asm__ volatile("udf #0");\n', 1)
    with pytest.raises(SimulationError, match=r"in k_last, step 2 \(reversal\): an (exception|undefined)"):
        EmulatedMachine(image(tmp_path / "udf", last=undefined)).infer([bytes(N)])


@pytest.mark.parametrize(("index", "where"), [("-1", "below the arena"), ("2 * N", "above the arena")])
def test_writing_beside_the_arena_breaks_a_guard(tmp_path: Path, index: str, where: str) -> None:
    model = MODEL.replace("    k_last(", f"    volatile int at = {index};\n    a[at] = 1;\n    k_last(", 1)
    with pytest.raises(SimulationError, match=f"guard word {where} was overwritten"):
        EmulatedMachine(image(tmp_path, model=model)).infer([bytes(N)])


def test_a_stack_overflow_breaks_its_guard(tmp_path: Path) -> None:
    hungry = LAST_KERNEL.replace(
        "{\n", "{\n    volatile uint8_t room[2000];\n    for (int i = 0; i < 2000; i++) room[i] = 1;\n", 1
    )
    small = build(tiny(last=hungry), TARGET, work_dir=tmp_path, stack_bytes=1024)
    with pytest.raises(SimulationError, match="below the stack: it overflowed"):
        EmulatedMachine(small).infer([bytes(N)])


def test_writing_where_a_step_may_not_is_found(tmp_path: Path) -> None:
    stray = LAST_KERNEL.replace("y[i] =", "((int8_t *)(uintptr_t)x)[-3] = y[i] =").replace(
        "(int8_t)(x[", "(int8_t)(i + x["
    )
    machine = EmulatedMachine(image(tmp_path, last=stray))
    machine.infer([bytes(N)])
    with pytest.raises(SimulationError, match=r"step 2 \(reversal\) changed 1 arena bytes .* offset 197: k_last"):
        machine.infer_traced([bytes(N)], lambda index, outputs: None, check_arena=True)


def test_an_endless_loop_is_stopped(tmp_path: Path) -> None:
    endless = KERNEL.replace("{\n", "{\n    while (*(volatile const int8_t *)x == 0) {}\n", 1)
    built = image(tmp_path, kernel=endless)
    with pytest.raises(SimulationError, match=r"within 0\.3 s.* in k_add, step 0 \(first add\)"):
        EmulatedMachine(built, Limits(seconds=0.3)).infer([bytes(N)])
    with pytest.raises(SimulationError, match=r"within 50000 instructions .* in k_add, step 0"):
        EmulatedMachine(built, Limits(instructions=50_000)).infer([bytes(N)])
    with pytest.raises(SimulationError, match=r"within 0\.3 s"):
        EmulatedMachine(built, Limits(seconds=0.3)).count([bytes(N)])
    assert EmulatedMachine(built).infer([b"\1" * N]) == (expected(b"\1" * N),)


def test_code_that_does_not_follow_its_interface_is_found(tmp_path: Path) -> None:
    skips = MODEL.replace("    k_add(a, a + N, N, smg_tiny_weights[1]);\n", "")
    with pytest.raises(SimulationError, match="entered k_last, but k_add was next"):
        EmulatedMachine(image(tmp_path / "a", model=skips)).infer([bytes(N)])
    ends = HARNESS.replace("smg_tiny_run(smg_in, smg_out);", "smg_out[0] = smg_in[0];") + "extern int unused;\n"
    ends = ends.replace("smg_out[0] = smg_in[0];", "if (smg_in[0]) smg_tiny_run(smg_in, smg_out);")
    with pytest.raises(SimulationError, match="ended after 0 of 3 steps"):
        EmulatedMachine(image(tmp_path / "b", harness=ends)).infer([bytes(N)])
