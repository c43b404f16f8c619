# SPDX-License-Identifier: Apache-2.0
"""QEMU's machines: instructions counted to the one, and what happens when QEMU is absent, killed or misled."""

from __future__ import annotations

import os
import shutil
import signal
import struct
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smidgen.build import Image, build
from smidgen.build.elf import Elf, read_elf
from smidgen.codegen.sources import Interface, Sources
from smidgen.errors import ImageError, SimulationError, TargetError, ToolNotFound
from smidgen.sim import Limits
from smidgen.sim.core import EmulatedCore
from smidgen.sim.machine import BEGIN, END
from smidgen.sim.qemu import QemuPort, gdb, monitor
from smidgen.targets import Target, load_target
from tests.sim.probe_program import Builder

LIMITS = Limits(60.0)
ROUNDS = 250
PROGRAMS = {"riscv": "qemu-system-riscv32", "arm": "qemu-system-arm"}

_LOOP = {
    "riscv": f"li a0, {ROUNDS}\\n1: addi a1, a1, 1\\naddi a0, a0, -1\\nbnez a0, 1b\\nret",
    "arm": f"movs r0, #{ROUNDS}\\n1: adds r1, r1, #1\\nsubs r0, r0, #1\\nbne 1b\\nbx lr",
}
LOOP_INSTRUCTIONS = 1 + 3 * ROUNDS + 1
_SOURCE = """#include <stdint.h>
volatile uint32_t found[4] = {1, 2, 3, 4};
%s
void counted(void);
__attribute__((naked, noinline)) void counted(void) { __asm__ volatile("%s"); }
void infer(void);
void infer(void) { counted(); inspect(); }
"""
_NOTHING = "static void inspect(void) {}"
_VLENB = 'static void inspect(void) { uint32_t v; __asm__ volatile("csrr %0, 0xc22" : "=r"(v)); found[0] = v; }'
_MVE = """#include <arm_mve.h>
static int8_t x[37], y[37];
static void inspect(void) {
    for (int i = 0; i < 37; i++) { x[i] = (int8_t)(i * 3 - 50); y[i] = (int8_t)(120 - i * 5); }
    int32_t sum = 0;
    for (int n = 37, at = 0; n > 0; n -= 16, at += 16) {
        mve_pred16_t p = vctp8q((uint32_t)n);
        sum = vmladavaq_p_s8(sum, vldrbq_z_s8(x + at, p), vldrbq_z_s8(y + at, p), p);
    }
    found[0] = (uint32_t)sum;
}"""
_MVE_FINDS = sum((i * 3 - 50) * (120 - i * 5) for i in range(37)) & 0xFFFF_FFFF


def program(
    target: Target, folder: Path, inspect: str = _NOTHING, optimize: str = "-O2", stack_bytes: int = 16384
) -> Image:
    text = _SOURCE % (inspect, _LOOP[target.core.isa])
    harness = "void infer(void);\nvoid smg_harness_infer(void);\nvoid smg_harness_infer(void) { infer(); }\n"
    sources = Sources(
        "counted", {"counted.c": text}, {"harness_counted.c": harness}, Interface((), (), (), "", "i"), ""
    )
    return build(sources, target, optimize=optimize, work_dir=folder, stack_bytes=stack_bytes)


def needs(target: Target) -> None:
    name = PROGRAMS[target.core.isa]
    if shutil.which(name) is None:
        pytest.skip(f"{name} is not installed")


def opened(elf: Elf, target: Target) -> QemuPort:
    """Through reset, at the first inference."""
    needs(target)
    port = QemuPort(elf, target)
    port.reset()
    port.run(elf.symbol(BEGIN).address, LIMITS)
    return port


def word(port: QemuPort, name: str) -> int:
    return int(struct.unpack("<I", port.read(port.elf.symbol(name).address, 4))[0])


@pytest.fixture(scope="module")
def rv32(tmp_path_factory: pytest.TempPathFactory) -> tuple[Elf, Target]:
    target = load_target("rv32imc-qemu")
    return read_elf(program(target, tmp_path_factory.mktemp("rv32")).elf_path), target


@pytest.fixture
def port(rv32: tuple[Elf, Target]) -> Iterator[QemuPort]:
    with opened(*rv32) as port:
        yield port


@pytest.mark.parametrize("name", ["rv32imc-qemu", "rv32imcv-qemu", "rv32imcv-qemu-256", "m55-reference"])
def test_a_loop_counts_as_counted_by_hand(name: str, tmp_path: Path) -> None:
    target = load_target(name)
    elf = read_elf(program(target, tmp_path).elf_path)
    with opened(elf, target) as port:
        port.run(elf.symbol("counted").address, LIMITS)
        before = port.reading()
        port.run(port.lr & ~1, LIMITS)
        assert port.reading().since(before).instructions == LOOP_INSTRUCTIONS
        assert port.reading().cycles is None


def test_stops_do_not_change_the_count(rv32: tuple[Elf, Target]) -> None:
    elf, target = rv32
    counted = elf.symbol("counted").address
    totals = set()
    for stops in ((), (counted,), (counted + 4, counted + 6, counted + 8), tuple(range(counted, counted + 12, 2))):
        with opened(elf, target) as port:
            met: list[int] = []
            port.on_reach(stops, met.append)
            port.run(elf.symbol(END).address, LIMITS)
            port.run(elf.symbol(END).address, LIMITS)
            totals.add(port.reading().instructions)
            assert len(met) >= 2 * ROUNDS or len(stops) < 2
    assert len(totals) == 1, totals


SECOND_OPINIONS = [
    ("generic-cortex-m0plus", "microbit", 0, 0x2000_0000),
    ("generic-cortex-m3", "mps2-an385", 0, 0x2000_0000),
    ("generic-cortex-m4", "mps2-an386", 0, 0x2000_0000),
    ("disco-f746ng", "mps2-an500", 0, 0x2000_0000),
    ("nrf5340-dk", "mps2-an505", 0x1000_0000, 0x3800_0000),
]


@pytest.mark.parametrize(("name", "machine", "flash_base", "sram_base"), SECOND_OPINIONS)
def test_qemu_counts_what_unicorn_counts(
    name: str, machine: str, flash_base: int, sram_base: int, tmp_path: Path
) -> None:
    board = load_target(name)
    flash = replace(board.region("flash"), base=flash_base, size_bytes=1 << 16)
    sram = replace(board.region("sram"), base=sram_base, size_bytes=1 << 14)
    target = replace(board, regions=(flash, sram))
    on_qemu = replace(target, core=replace(target.core, simulator="qemu", machine=machine, counts="instructions"))
    elf = read_elf(program(target, tmp_path, stack_bytes=4096).elf_path)
    unicorn = EmulatedCore(elf, target)
    unicorn.count_instructions()
    unicorn.reset()
    unicorn.run(elf.symbol(BEGIN).address, LIMITS)
    before = unicorn.reading()
    unicorn.run(elf.symbol(END).address, LIMITS)
    wanted = unicorn.reading().since(before)
    with opened(elf, on_qemu) as port:
        before = port.reading()
        port.run(elf.symbol(END).address, LIMITS)
        assert port.reading().since(before) == wanted
    assert wanted.instructions > LOOP_INSTRUCTIONS


@pytest.mark.parametrize(("name", "bits"), [("rv32imcv-qemu", 128), ("rv32imcv-qemu-256", 256)])
def test_vectors_are_as_long_as_the_target_says(name: str, bits: int, tmp_path: Path) -> None:
    target = load_target(name)
    with opened(read_elf(program(target, tmp_path, _VLENB).elf_path), target) as port:
        port.run(port.elf.symbol(END).address, LIMITS)
        assert 8 * word(port, "found") == bits


@pytest.mark.parametrize("flags", [None, ()], ids=["as built", "start-up vectorised"])
def test_helium_works_from_reset_on(flags: tuple[str, ...] | None, tmp_path: Path) -> None:
    target = load_target("m55-reference")
    if flags is not None:
        target = replace(target, core=replace(target.core, zig_flags=flags))
    with opened(read_elf(program(target, tmp_path, _MVE, "-O3").elf_path), target) as port:
        port.run(port.elf.symbol(END).address, LIMITS)
        assert word(port, "found") == _MVE_FINDS


def test_without_qemu_the_error_names_package_and_variable(
    rv32: tuple[Elf, Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nonexistent")
    with pytest.raises(
        ToolNotFound, match=r"qemu-system-riscv32 is not on PATH: .*qemu-system-misc.*SMIDGEN_QEMU_RISCV32"
    ):
        QemuPort(*rv32)
    monkeypatch.setenv("SMIDGEN_QEMU_RISCV32", "/nonexistent/qemu")
    with pytest.raises(ToolNotFound, match="SMIDGEN_QEMU_RISCV32=/nonexistent/qemu is not an executable"):
        QemuPort(*rv32)


def test_something_else_in_qemus_place(
    rv32: tuple[Elf, Target], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for text, said in (
        ("echo no such machine; exit 3", "QEMU ended with 3: no such machine"),
        ("exec sleep 9", "does not answer"),
    ):
        script = tmp_path / "qemu"
        script.write_text(f"#!/bin/sh\n{text}\n")
        script.chmod(0o755)
        monkeypatch.setenv("SMIDGEN_QEMU_RISCV32", str(script))
        monkeypatch.setattr(monitor, "ANSWER_S", 0.5)
        with QemuPort(*rv32) as port, pytest.raises(SimulationError, match=said):
            port.reset()


def test_killed_while_it_stands(port: QemuPort) -> None:
    port.where = "step 2 (conv)"
    os.kill(port.pid, signal.SIGKILL)
    with pytest.raises(SimulationError, match=r"step 2 \(conv\): QEMU was ended by SIGKILL"):
        port.run(port.elf.symbol(END).address, LIMITS)
    with pytest.raises(SimulationError, match="reset it first"):
        port.reading()
    port.reset()
    port.run(port.elf.symbol(END).address, LIMITS)


def test_killed_while_it_runs(port: QemuPort) -> None:
    killer = threading.Timer(0.3, os.kill, (port.pid, signal.SIGTERM))
    killer.start()
    with pytest.raises(SimulationError, match="the simulator failed: QEMU"):
        port.run(port.elf.symbol("smg_start").address, Limits(20.0))  # never comes back there
    killer.join()


def test_stopped_qemu_does_not_hang_us(port: QemuPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(gdb, "ANSWER_S", 0.3)
    os.kill(port.pid, signal.SIGSTOP)
    start = time.monotonic()
    with pytest.raises(SimulationError, match="does not answer"):
        port.run(port.elf.symbol(END).address, Limits(0.5))
    assert time.monotonic() - start < 5


def test_the_core_can_go_on_after_a_limit(port: QemuPort) -> None:
    with pytest.raises(SimulationError, match=r"did not reach smg_start within 0\.2 s"):
        port.run(port.elf.symbol("smg_start").address, Limits(0.2))
    port.run(port.elf.symbol(END).address, LIMITS)


def test_a_file_for_another_instruction_set(rv32: tuple[Elf, Target]) -> None:
    with pytest.raises(ImageError, match="built for riscv, but m55-reference"):
        QemuPort(rv32[0], load_target("m55-reference"))


def test_a_board_with_memory_that_the_machine_has_not(rv32: tuple[Elf, Target]) -> None:
    elf, target = rv32
    needs(target)
    for base in (0x0600_0000, 0x4000_0000):  # nothing; a window for devices, which answers reads
        low = replace(target.region("sram"), base=base)
        said = f"QEMU's virt has no memory at {base:#010x}, where the region 'sram' lies"
        with (
            QemuPort(elf, replace(target, regions=(target.region("flash"), low))) as port,
            pytest.raises(TargetError, match=said),
        ):
            port.reset()
    with pytest.raises(TargetError, match="no machine 'mps3'"):
        QemuPort(elf, replace(target, core=replace(target.core, machine="mps3")))


def test_a_stack_that_is_nowhere(tmp_path: Path) -> None:
    target = load_target("m55-reference")
    lost = 'static void inspect(void) { __asm__ volatile("mov sp, %0\\n push {r0}" ::"r"(0x06000000)); }'
    with opened(read_elf(program(target, tmp_path, lost).elf_path), target) as port:
        port.where = "step 5 (softmax)"
        with pytest.raises(SimulationError, match=r"step 5 \(softmax\): .*finds no stack \(sp 0x05ff"):
            port.run(port.elf.symbol(END).address, Limits(20.0))


@pytest.mark.parametrize("name", ["rv32imc-qemu", "m55-reference"])
def test_a_core_that_sleeps(name: str, tmp_path: Path) -> None:
    target = load_target(name)
    asleep = 'static void inspect(void) { __asm__ volatile("wfi"); }'
    with opened(read_elf(program(target, tmp_path, asleep).elf_path), target) as port:
        for limits in (Limits(0.3), Limits(0.3, 10_000)):
            with pytest.raises(SimulationError, match="did not reach smg_harness_end within"):
                port.run(port.elf.symbol(END).address, limits)


def test_memory_that_is_not_there(port: QemuPort) -> None:
    port.where = "step 1 (pool)"
    with pytest.raises(SimulationError, match=r"4 bytes at 0x06000000 cannot be read: .*step 1 \(pool\)"):
        port.read(0x0600_0000, 4)


def test_large_blocks_of_memory(port: QemuPort) -> None:
    data = bytes(range(256)) * 1200
    port.write(port.target.region("sram").base + 0x10_0001, data)
    assert port.read(port.target.region("sram").base + 0x10_0001, len(data)) == data


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except OSError:
        return False


def test_no_process_is_left(rv32: tuple[Elf, Target]) -> None:
    port = opened(*rv32)
    pid = port.pid
    assert alive(pid)
    port.close()
    port.close()
    assert not alive(pid)
    port = opened(*rv32)
    pid = port.pid
    del port
    assert not alive(pid)


@pytest.mark.skipif(shutil.which("setpriv") is None, reason="needs setpriv (util-linux)")
def test_it_ends_when_we_are_killed(rv32: tuple[Elf, Target]) -> None:
    needs(rv32[1])
    code = f"""
        import os, signal
        from pathlib import Path
        from smidgen.build.elf import read_elf
        from smidgen.sim.qemu import QemuPort
        from smidgen.targets import load_target
        port = QemuPort(read_elf(Path({str(rv32[0].path)!r})), load_target("rv32imc-qemu"))
        port.reset()
        print(port.pid, flush=True)
        os.kill(os.getpid(), signal.SIGKILL)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    pid = int(done.stdout)
    deadline = time.monotonic() + 5
    while alive(pid) and time.monotonic() < deadline:
        time.sleep(0.02)
    assert not alive(pid)


def test_the_conformance_program_faults_are_told_apart(tmp_path: Path) -> None:
    """An undefined instruction in Helium's core: where it is, not where the handler is."""
    target = load_target("m55-reference")
    elf = Builder(tmp_path).elf("m55-reference")
    with opened(elf, target) as port:
        port.where = "step 4 (add)"
        port.write(elf.symbol("probe_mode").address, struct.pack("<I", 1))
        with pytest.raises(
            SimulationError, match=r"faulted at pc 0x\w+ in probe_\w+, step 4 \(add\): an undefined instr"
        ):
            port.run(elf.symbol(END).address, LIMITS)
