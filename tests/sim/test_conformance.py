# SPDX-License-Identifier: Apache-2.0
"""One suite for every simulator: what a Port promises holds on each, and what they count agrees."""

from __future__ import annotations

import struct
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smidgen.errors import SimulationError
from smidgen.sim import Limits
from smidgen.sim.port import Port, Reading
from smidgen.targets import Target, list_targets, load_target
from tests.sim.probe_program import BEGIN_AND_END, ENDLESS, FAULTS, Builder, opened

LIMITS = Limits(60.0)
RESULT = 0x064BCF6F
"""What the program comes to when the host's GCC compiles it."""
SMALL = 512
BASE = 0x8000_0000


def _simulated(name: str) -> tuple[str, str]:
    core = load_target(name).core
    return core.simulator, core.machine


RISCV = [name for name in list_targets() if load_target(name).core.isa == "riscv"]
FAULTS_SAY = {"trap": "probe_", "jump": "06000000"} | dict.fromkeys(("store", "load", "flash"), "probe_fault")
ONE_OF_EACH = sorted({_simulated(n): n for n in reversed(list_targets())}.values())
"""A target for every machine of every simulator; boards that share a core need not repeat all this."""
AT_BASE = [name for name in RISCV if load_target(name).region("flash").base == BASE and name in ONE_OF_EACH]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("probe"))


@pytest.fixture(scope="module", params=ONE_OF_EACH)
def shared(request: pytest.FixtureRequest, builder: Builder) -> Iterator[Port]:
    with opened(builder.elf(request.param), load_target(request.param)) as port:
        yield port


@pytest.fixture
def port(shared: Port) -> Port:
    """The module's core of this target, at its first inference."""
    shared.where = ""
    shared.reset()
    shared.run(begin(shared), LIMITS)
    return shared


def address(port: Port, name: str) -> int:
    return port.elf.symbol(name).address


def begin(port: Port) -> int:
    return address(port, BEGIN_AND_END[0])


def end(port: Port) -> int:
    return address(port, BEGIN_AND_END[1])


def word(port: Port, name: str) -> int:
    return int.from_bytes(port.read(address(port, name), 4), "little")


def infer(port: Port) -> Reading:
    """From begin to end, counted."""
    before = port.reading()
    port.run(end(port), LIMITS)
    return port.reading().since(before)


def test_computes_what_every_core_computes(port: Port) -> None:
    infer(port)
    assert word(port, "probe_result") == RESULT
    assert port.pc == end(port)
    assert port.elf.function_at(port.lr) == "main"


def test_initial_data_and_zeros_are_back_after_reset(port: Port) -> None:
    infer(port)
    assert word(port, "probe_initial") != 0x1234ABCD
    port.reset()
    port.run(begin(port), LIMITS)
    assert word(port, "probe_initial") == 0x1234ABCD
    assert port.read(address(port, "probe_bytes"), 256) == bytes(256)
    infer(port)
    assert word(port, "probe_result") == RESULT


def test_a_core_that_stands_at_its_goal_comes_round_to_it(port: Port) -> None:
    first = port.reading().instructions
    port.run(begin(port), LIMITS)
    assert port.pc == begin(port)
    assert port.reading().instructions > first + 1000
    assert word(port, "probe_result") == RESULT


def test_counters_repeat_after_reset(port: Port) -> None:
    counted = infer(port)
    port.reset()
    port.run(begin(port), LIMITS)
    assert infer(port) == counted
    assert counted.instructions > 5000
    assert counted.cycles is None or counted.cycles > counted.instructions


def test_what_is_written_from_outside_is_what_the_program_reads(port: Port) -> None:
    for filling in (0, 0x5A, 0xFF):  # again and again: no cache keeps what was there
        port.run(begin(port), LIMITS) if filling else None
        port.write(address(port, "probe_bytes"), bytes([filling]) * 256)
        port.write(address(port, "probe_words"), bytes([filling]) * 64)
        seen: list[bytes] = []
        infer(port)
        seen.append(port.read(address(port, "probe_words"), 64))
        assert seen[0] != bytes([filling]) * 64
    port.write(address(port, "probe_bytes"), bytes(256))
    port.write(address(port, "probe_words"), bytes(64))
    port.write(address(port, "probe_initial"), struct.pack("<I", 0x1234ABCD))
    port.run(begin(port), LIMITS)
    port.write(address(port, "probe_bytes"), bytes(256))
    port.write(address(port, "probe_words"), bytes(64))
    port.write(address(port, "probe_initial"), struct.pack("<I", 0x1234ABCD))
    infer(port)
    assert word(port, "probe_result") == RESULT


def test_odd_lengths_and_addresses_of_memory(port: Port) -> None:
    at = address(port, "probe_bytes")
    port.write(at + 3, b"abcde")
    assert port.read(at + 1, 9) == b"\0\0abcde\0\0"
    port.write(at, b"")
    assert port.read(at, 0) == b""


@pytest.mark.parametrize("mode", FAULTS)
def test_a_fault_says_what_and_where(port: Port, mode: str) -> None:
    port.where = "step 7 (conv_7)"
    port.write(address(port, "probe_mode"), struct.pack("<I", FAULTS[mode]))
    if mode == "flash" and port.target.core.simulator == "qemu":
        pytest.skip("flash is RAM on the machines that QEMU has")
    with pytest.raises(SimulationError, match=r"pc 0x[0-9a-f]{8} in .*step 7 \(conv_7\)") as raised:
        port.run(end(port), LIMITS)
    assert FAULTS_SAY[mode] in str(raised.value)
    if mode == "trap":  # unicorn's pc then lies behind the instruction, on RISC-V behind the function
        assert any(words in str(raised.value) for words in ("illegal instruction", "undefined instruction"))


def test_an_endless_loop_ends_at_the_limit_of_seconds(port: Port) -> None:
    port.where = "step 3 (dense)"
    port.write(address(port, "probe_mode"), struct.pack("<I", ENDLESS))
    start = time.monotonic()
    with pytest.raises(SimulationError, match=r"within 0\.5 s; .*probe_fault, step 3 \(dense\)"):
        port.run(end(port), Limits(0.5))
    assert time.monotonic() - start < 10


def test_a_limit_of_instructions(port: Port) -> None:
    with pytest.raises(SimulationError, match="within 500 instructions or 60 s"):
        port.run(end(port), Limits(60.0, 500))


def test_actions_see_every_instruction_that_a_run_executes(builder: Builder, shared: Port) -> None:
    with opened(shared.elf, shared.target) as port:
        entries: list[tuple[str, int]] = []
        functions = {address(port, name): name for name in ("probe_mix", "probe_recurse", "probe_store", "main")}
        port.on_reach(functions, lambda at: entries.append((functions[at], port.pc)))
        begins: list[int] = []
        port.on_reach([begin(port)], begins.append)
        port.run(begin(port), LIMITS)
        assert entries == [("main", address(port, "main"))]
        assert begins == []  # it stands there and has not executed it
        port.run(end(port), LIMITS)
        assert begins == [begin(port)]
        assert [name for name, _ in entries].count("probe_store") == 16
        assert [name for name, _ in entries].count("probe_recurse") == 109
        assert all(at == address(port, name) for name, at in entries)


def test_an_action_may_read_and_write(builder: Builder, shared: Port) -> None:
    with opened(shared.elf, shared.target) as port:
        sources: list[int] = []

        def entered(_: int) -> None:
            sources.append(word(port, "probe_mode"))
            port.write(address(port, "probe_mode"), struct.pack("<I", 77 + len(sources)))

        port.on_reach([address(port, "probe_recurse")], entered)
        port.run(begin(port), LIMITS)
        port.run(end(port), LIMITS)
        assert sources == [0, *range(78, 78 + 108)]
        assert word(port, "probe_result") == RESULT


def test_an_action_may_raise(builder: Builder, shared: Port) -> None:
    with opened(shared.elf, shared.target) as port:

        def refuse(_: int) -> None:
            raise SimulationError("not this way")

        port.on_reach([address(port, "probe_divide")], refuse)
        port.run(begin(port), LIMITS)
        with pytest.raises(SimulationError, match="not this way"):
            port.run(end(port), LIMITS)


def test_two_cores_at_once_do_not_meet(builder: Builder, shared: Port) -> None:
    with opened(shared.elf, shared.target) as one, opened(shared.elf, shared.target) as two:
        one.run(begin(one), LIMITS)
        two.run(begin(two), LIMITS)
        one.write(address(one, "probe_initial"), bytes(4))
        counted = infer(two)
        infer(one)
        assert word(two, "probe_result") == RESULT
        assert word(one, "probe_result") == (RESULT - 0x1234ABCD) & 0xFFFF_FFFF
        assert counted.instructions > 5000
        one.close()
        two.run(begin(two), LIMITS)
        one.close()  # any number of times


def _common(builder: Builder, name: str) -> tuple[Target, Path]:
    """The target, and the program in instructions that all RISC-V cores have, linked where its memory lies."""
    target = load_target(name)
    linked_for = AT_BASE[0] if name in AT_BASE else name
    return target, builder.image(linked_for, common=True).elf_path


def test_retired_instructions_agree(builder: Builder) -> None:
    counted = {}
    for name in [n for n in RISCV if n in ONE_OF_EACH]:
        elf = builder.elf(AT_BASE[0] if name in AT_BASE else name, common=True)
        try:
            with opened(elf, load_target(name)) as port:
                port.run(begin(port), LIMITS)
                counted[name] = infer(port).instructions
        except pytest.skip.Exception:
            continue
    assert len(counted) >= 2, "fewer than two RISC-V simulators are installed"
    assert len(set(counted.values())) == 1, counted


def _states(port: Port) -> list[tuple[int, int, int, bytes, bytes]]:
    """Program counter, stack pointer, return address and memory before each instruction of some functions."""
    functions = [f for f in port.elf.functions if f.name.startswith("probe_")]
    seen: list[tuple[int, int, int, bytes, bytes]] = []
    low, top = address(port, "probe_words") - SMALL, address(port, "smg_stack_top")

    def reached(at: int) -> None:
        seen.append((at, port.sp, port.lr, port.read(low, 2 * SMALL), port.read(port.sp, min(64, top - port.sp))))

    port.on_reach([at for f in functions for at in range(f.address, f.address + f.nbytes, 4)], reached)
    port.run(begin(port), LIMITS)
    port.run(end(port), LIMITS)
    return seen


@pytest.mark.parametrize("name", [n for n in RISCV if n in ONE_OF_EACH and "rvv" not in load_target(n).core.features])
def test_the_state_before_every_instruction_is_the_same(name: str, builder: Builder) -> None:
    """The reference is another simulator: unicorn, or where it has no memory there, Ibex."""
    elf = builder.elf(AT_BASE[0] if name in AT_BASE else name, common=True)
    target = load_target(name)
    reference = load_target("rv32imc")
    if name not in AT_BASE:
        reference = replace(target, core=load_target("ibex").core)
    with opened(elf, reference) as port:
        wanted = _states(port)
    with opened(elf, target) as port:
        found = _states(port)
    assert len(wanted) > 5000
    assert len(found) == len(wanted)
    first = next((i for i, (a, b) in enumerate(zip(wanted, found, strict=True)) if a != b), None)
    assert first is None, f"the {first}th instruction, at {wanted[first or 0][0]:#x}"
