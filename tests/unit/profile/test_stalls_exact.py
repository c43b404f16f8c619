# SPDX-License-Identifier: Apache-2.0
"""Stalls found per block equal those of the plain model, load by load; planned addresses equal the real ones."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from slow_memory import SlowCounter, SlowPort, byte_range
from snippets import assemble
from tiny_program import N, tiny
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc

import smidgen
from smidgen.build import build
from smidgen.build.elf import read_elf
from smidgen.ir import Graph
from smidgen.profile.addresses import MASK, Segment, segments
from smidgen.profile.flash import CodeRun, FlashPort
from smidgen.profile.instructions import Decoder, Instruction
from smidgen.profile.memory import StallCounter
from smidgen.sim import EmulatedMachine, Limits
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import block_of
from smidgen.sim.unicorn import BlockCounter
from smidgen.targets import FlashCache, Target, load_target
from smidgen.verify import random_inputs
from smidgen.zoo.topologies import anomaly_detection, keyword_spotting

TARGET = load_target("nucleo-l4r5zi")
ART = TARGET.flash_cache
assert ART is not None
CACHES = {
    "art": ART,
    "no prefetch": replace(ART, prefetch=False),
    "no data cache": replace(ART, data_lines=0),
    "no cache": None,
    "two lines": replace(ART, instruction_lines=2, data_lines=1),
    "wide": replace(ART, fetch_bytes=16),
}

_LOOP = " mov r4, #{times}\n .balign 8\n1:\n{body}\n subs r4, #1\n bne.w 1b\n b 2f\n .balign 32\n{name}_table:\n"
_LOOP += "".join(f" .word {n}\n" for n in range(64)) + "2: nop\n"
BODIES = {
    # every way to form an address, in and out of flash; r5 is the table, r9 words in RAM, r2 = 4, r3 = 3, r0 = 0
    "post": " ldr r6, [r5], #4\n ldrb r7, [r5], #1\n ldrh r7, [r5]\n ldr r6, [r9, #4]",
    "pre": " ldr r6, [r5, #8]!\n ldr r7, [r5, #-4]!\n ldrsb r8, [r5, #1]",
    "index": " ldr r6, [r5, r2]\n ldr r6, [r5, r2, lsl #2]\n add r2, r2, #4\n and r2, r2, #63\n ldrb r7, [r5, r2]",
    "negative_index": " mov r6, #-4\n add r7, r5, #16\n ldr r8, [r7, r6]\n rsb r6, r3, #0\n ldrb r8, [r7, r6]",
    "chased": " str r5, [r9, #8]\n ldr r6, [r9, #8]\n ldr r7, [r6, #4]\n ldr r8, [r6], #12\n ldr r8, [r6]",
    "sums": " add r6, r5, r3, lsl #3\n ldr r7, [r6]\n sub r6, #8\n ldr r7, [r6]\n mov r8, r6\n ldr r7, [r8, #20]!\n"
    " ldr r7, [r8]\n lsl r6, r2, #1\n ldr r7, [r5, r6]\n movw r6, #33\n ldrb r7, [r5, r6]\n subs r6, r6, r3\n"
    " ldrb r7, [r5, r6]\n adds r5, #4",
    "computed": " eor r6, r4, #5\n add r6, r5, r6\n ldrb r7, [r6]\n mul r8, r3, r2\n ldrb r7, [r5, r8]\n"
    " smull r6, r7, r3, r2\n ldrb r8, [r5, r6]\n ldrb r8, [r5, r7]\n uxtb r6, r4\n ldrb r8, [r5, r6]",
    "multiple": " mov r8, r5\n ldm r8!, {r6, r7}\n ldm r8, {r6, r7}\n ldrd r6, r7, [r8, #8]!\n ldr r6, [r8]\n"
    " ldmdb r8!, {r6, r7}\n ldr r6, [r8]\n mov r6, r9\n stm r6!, {r3, r4}\n ldr r7, [r6]\n stmdb r6!, {r3}\n"
    " ldr r7, [r6]",
    "base_loaded": " mov r6, r5\n ldm r6, {r6, r7}\n ldr r6, [r9]\n ldr r7, [r6]\n add r6, r5, #4\n ldrd r6, r7, [r6]\n"
    " ldrb r8, [r5, r6]",
    "float": " mov r8, r5\n vldr s0, [r8]\n vldmia r8!, {s0-s3}\n vldr d1, [r8, #8]\n vldmdb r8!, {d0}\n ldr r7, [r8]\n"
    " vmov s4, s5, r8, r2\n vmov r8, r6, s4, s5\n ldr r7, [r8]\n vmov r8, s4\n ldr r7, [r8]",
    "stores": " mov r8, r9\n str r3, [r8], #4\n strd r2, r3, [r8, #8]!\n ldr r6, [r8]\n vstr s0, [r8]\n"
    " strb r3, [r8], #1\n ldrb r6, [r8]",
    "condition": " cmp r4, #2\n itt lt\n addlt r5, r5, #4\n ldrlt r6, [r5, #4]\n it gt\n"
    " ldrgt r6, [r5], #8\n ldr r7, [r5]",
    "literal": " ldr r6, =0x12345678\n ldr r7, [r5]\n ldr r8, =words\n ldr r8, [r8]",
    "branches": " tst r4, #1\n beq 3f\n ldr r6, [r5, #32]\n3: ldr r6, [r5]\n add r5, #4\n b 4f\n"
    " .space 64\n4: ldr r6, [r9]",
    "across_words": " add r6, r5, #6\n ldr r7, [r6]\n ldr r7, [r6, #8]!\n ldr r7, [r6, #1]",
    "call": " bl callee\n ldr r6, [r5], #4\n bl callee",
    "long_loop": " .rept 70\n ldr r6, [r5, #4]\n add.w r7, r7, r6\n eor.w r7, r7, r6, ror #3\n .endr",
}


@pytest.fixture(scope="module")
def elf(tmp_path_factory: pytest.TempPathFactory) -> Path:
    texts = {
        name: f" ldr r5, ={name}_table\n" + _LOOP.format(times=3 + i % 4, body=body, name=name)
        for i, (name, body) in enumerate(BODIES.items())
    }
    return assemble(tmp_path_factory.mktemp("exact"), texts)


def at(elf: Path, name: str, target: Target) -> tuple[EmulatedCore, int]:
    read = read_elf(elf)
    core = EmulatedCore(read, target)
    core.reset()
    core.run(read.symbol(f"begin_{name}").address & ~1, Limits())
    return core, read.symbol(f"end_{name}").address & ~1


def code_of(elf: Path, name: str, target: Target) -> dict[int, bytes]:
    core, end = at(elf, name, target)
    counter = BlockCounter(core.uc)
    core.run(end, Limits())
    return {key: core.read(block_of(key).address, block_of(key).nbytes) for key in counter.blocks()}


@pytest.mark.parametrize("cache", CACHES)
@pytest.mark.parametrize("name", BODIES)
def test_stalls_are_those_of_the_plain_model(elf: Path, name: str, cache: str) -> None:
    target = replace(TARGET, flash_cache=CACHES[cache])
    code = code_of(elf, name, target)
    found = []
    for counter_of in (SlowCounter, StallCounter):
        core, end = at(elf, name, target)
        counter = counter_of(core, code)
        core.run(end, Limits())
        found.append(counter.parts)
    assert found[0] == found[1]
    assert found[0][0] > 0


class Watch:
    """Compares each planned address, when it is planned, with the one at the instruction itself."""

    def __init__(self, core: EmulatedCore, code: dict[int, bytes]) -> None:
        decoder = Decoder()
        self.uc = core.uc
        self.blocks = {key: decoder.block(block_of(key).address, bytes(code[key])) for key in code}
        self.plans = {key: segments(block, lambda _: True) for key, block in self.blocks.items()}
        self.segment_at: dict[int, Segment] = {}
        self.expected: dict[int, int] = {}
        self.checked = self.hooked = 0
        self.wrong: list[str] = []
        self.run_before: tuple[int, list[int]] | None = None
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_BLOCK, self.on_block)
        for i in {i.address: i for block in self.blocks.values() for i in block if i.access}.values():
            core.uc.hook_add(UC_HOOK_CODE, self.on_access, i, begin=i.address, end=i.address)

    def split(self) -> None:
        pass

    def on_block(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        key = address << 16 | nbytes
        self.segment_at = {s.start: s for s in self.plans[key]}
        self.expected = {}
        first = self.segment_at.pop(address, None)
        values = [] if first is None else self.plan(first)
        if self.run_before is not None and self.run_before[0] == key and first is not None and first.steps is not None:
            grown = [value + step for value, step in zip(self.run_before[1], first.steps, strict=True)]
            assert [v & MASK for v in grown] == values
        self.run_before = key, values

    def plan(self, segment: Segment) -> list[int]:
        values = [self.uc.reg_read(number) for number in segment.registers]
        for p in segment.accesses:
            base = sum(values[place] * factor for place, factor in segment.bases[p.base])
            self.expected[p.instruction.address] = base + p.offset & MASK
        return values

    def on_access(self, uc: Uc, pc: int, nbytes: int, instruction: Instruction) -> None:
        if pc in self.segment_at:
            self.plan(self.segment_at[pc])
            self.hooked += 1
        self.checked += 1
        address = byte_range(uc, instruction)[0]
        if self.expected[pc] != address:
            self.wrong.append(f"{instruction.mnemonic} at {pc:#x}: planned {self.expected[pc]:#x}, is {address:#x}")


@pytest.mark.parametrize("name", BODIES)
def test_planned_addresses_are_the_real_ones(elf: Path, name: str) -> None:
    code = code_of(elf, name, TARGET)
    core, end = at(elf, name, TARGET)
    watch = Watch(core, code)
    core.run(end, Limits())
    assert watch.wrong == []
    assert watch.checked > 3


def test_what_can_be_foreseen_is(elf: Path) -> None:
    def hooks(name: str) -> int:
        core, end = at(elf, name, TARGET)
        watch = Watch(core, code_of(elf, name, TARGET))
        core.run(end, Limits())
        return watch.hooked

    foreseen = ("post", "pre", "sums", "multiple", "stores", "across_words", "long_loop", "branches")
    assert [name for name in foreseen if hooks(name) > 1] == []  # the first run of a loop follows the load of r5
    assert hooks("chased") > 1
    assert hooks("computed") > 1


def test_steps_of_an_image_are_those_of_the_plain_model(tmp_path: Path) -> None:
    machine = EmulatedMachine(build(tiny(), TARGET, work_dir=tmp_path))
    inputs = [random.Random(1).randbytes(N)]
    code = machine.count(inputs).code
    plain, _ = machine.watch(inputs, lambda core: SlowCounter(core, code))
    planned, _ = machine.watch(inputs, lambda core: StallCounter(core, code))
    assert planned.parts == plain.parts
    assert len(plain.parts) == 4
    watch, _ = machine.watch(inputs, lambda core: Watch(core, dict(code)))
    assert watch.wrong == []
    assert watch.checked > 2 * N


@pytest.mark.parametrize(
    "model",
    [
        anomaly_detection,
        pytest.param(keyword_spotting, marks=(pytest.mark.slow, pytest.mark.full), id="keyword_spotting"),
    ],
)
def test_steps_of_real_kernels_are_those_of_the_plain_model(model: Callable[[], Graph]) -> None:
    compiled = smidgen.compile(model())
    machine = EmulatedMachine(compiled.build())
    inputs = [array.tobytes() for array in list(random_inputs(compiled.graph, 4))[3]]
    code = machine.count(inputs).code
    plain, _ = machine.watch(inputs, lambda core: SlowCounter(core, code))
    planned, _ = machine.watch(inputs, lambda core: StallCounter(core, code))
    assert planned.parts == plain.parts
    assert len(plain.parts) == len(compiled.schedule.steps) + 1
    assert min(plain.parts) > 0


PORTS = tuple(
    FlashCache(lines, data_lines, 8 * words, 8, prefetch, "test")
    for lines in (0, 1, 2, 5)
    for data_lines in (0, 2)
    for words in (1, 4)
    for prefetch in (False, True)
)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_port_equals_the_plain_one(data: st.DataObject) -> None:
    cache = data.draw(st.sampled_from(PORTS))
    wait_states = data.draw(st.sampled_from([0, 1, 5]))
    fast, slow = FlashPort(wait_states, cache), SlowPort(wait_states, cache)
    block = st.tuples(st.integers(0, 40), st.lists(st.integers(0, 9), min_size=1, max_size=12))
    blocks = data.draw(st.lists(block, min_size=1, max_size=6))
    runs = [CodeRun([(first + i, c) for i, c in enumerate(busy)], fast.code) for first, busy in blocks]
    step = st.tuples(st.integers(0, len(runs) - 1), st.lists(st.integers(0, 30), max_size=4))
    for which, loads in data.draw(st.lists(step, max_size=40)):
        assert fast.enter(runs[which]) == sum(slow.fetch(word, cycles) for word, cycles in runs[which].words)
        assert fast.load(loads) == sum(slow.load(word) for word in loads)
    assert fast.fetch(7, 1) == slow.fetch(7, 1)
    assert fast.fetch(9, 1) == slow.fetch(9, 1)


@pytest.mark.parametrize("seed", range(len(PORTS)))
def test_port_equals_the_plain_one_for_long(seed: int) -> None:
    rng = random.Random(seed)
    fast, slow = FlashPort(5, PORTS[seed]), SlowPort(5, PORTS[seed])
    sizes = (1, 2, 2, 3, 5, 9)
    firsts = [rng.randrange(30) for _ in sizes]
    runs = [
        CodeRun([(first + i, rng.randrange(8)) for i in range(n)], fast.code)
        for first, n in zip(firsts, sizes, strict=True)
    ]
    for _ in range(500):
        run = rng.choice(runs[: rng.randint(1, len(runs))])
        for _ in range(rng.choice((1, 1, 3))):
            assert fast.enter(run) == sum(slow.fetch(word, cycles) for word, cycles in run.words)
        loads = [rng.randrange(30) for _ in range(rng.randrange(3))]
        assert fast.load(loads) == sum(slow.load(word) for word in loads)
