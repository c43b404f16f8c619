# SPDX-License-Identifier: Apache-2.0
"""Cores simulated from their RTL: cycles as the manuals say, and processes that never outlive their use."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from smidgen.build import build
from smidgen.build.elf import read_elf
from smidgen.codegen.sources import Interface, Sources
from smidgen.errors import ImageError, SimulationError, TargetError, ToolNotFound, UsageError
from smidgen.profile import profile_elf
from smidgen.profile.counters import counted_cycles, instructions
from smidgen.sim import Limits, open_machine
from smidgen.sim.rtl import RtlPort, rtl_core
from smidgen.sim.rtl import port as rtl_port
from smidgen.sim.rtl.server import Server
from smidgen.targets import list_targets, load_target
from tests.sim.probe_program import BEGIN_AND_END, Builder, opened

LIMITS = Limits(60.0)
NAMES = [name for name in list_targets() if load_target(name).core.simulator == "rtl"]


@pytest.fixture(scope="module")
def builder(tmp_path_factory: pytest.TempPathFactory) -> Builder:
    return Builder(tmp_path_factory.mktemp("probe"))


@pytest.fixture
def port(builder: Builder) -> Iterator[RtlPort]:
    with opened(builder.elf("ibex"), load_target("ibex")) as port:
        assert isinstance(port, RtlPort)
        port.run(address(port, BEGIN_AND_END[0]), LIMITS)
        yield port


def address(port: RtlPort, name: str) -> int:
    return port.elf.symbol(name).address


def _is_running(process_id: int) -> bool:
    try:
        state = Path(f"/proc/{process_id}/stat").read_text(encoding="utf-8").rsplit(")", 1)[1].split()[0]
    except OSError:
        return False
    return state != "Z"


def _ends(process_id: int, seconds: float = 5.0) -> bool:
    deadline = time.monotonic() + seconds
    while _is_running(process_id) and time.monotonic() < deadline:
        time.sleep(0.02)
    return not _is_running(process_id)


_REPEATED = 64
_SEQUENCES = {
    "add": "add a2, a2, a3",
    "mul": "mul a2, a3, a4",
    "mulh": "mulh a2, a3, a4",
    "divu": "divu a2, a3, a4",
    "load": "lw a2, 0(a0)",
    "load_use": "lw a2, 0(a0)\n add a3, a2, a2",
    "store": "sw a2, 0(a0)",
    "not_taken": "bne zero, zero, 1f\n1:",
    "taken": "beq zero, zero, 1f\n1:",
    "jump": "j 1f\n1:",
}
_PUBLISHED = {
    # Ibex user manual, "Pipeline Details": with the writeback stage, branch target ALU and single-cycle multiplier
    "ibex": {
        **{"add": 1, "mul": 1, "mulh": 2, "divu": 37, "load": 1, "load_use": 3, "store": 1},
        **{"not_taken": 1, "taken": 2, "jump": 2},
    },
    # CV32E40P user manual, "Pipeline Details", cycles per instruction type; divu of 32 significant bits by a small one
    "cv32e40p": {
        **{"add": 1, "mul": 1, "mulh": 5, "load": 1, "load_use": 3, "store": 1},
        **{"not_taken": 1, "taken": 3, "jump": 2},
    },
}


def _sequences() -> Sources:
    """A function for each sequence, between two instructions of which the second's address is a symbol."""
    text = ["#include <stdint.h>\nuint32_t seq_word[4];\nvoid seq_run(void);\n"]
    calls = []
    for name, body in {"none": "", **_SEQUENCES}.items():
        code = "\n".join([body] * _REPEATED).replace("\n", "\\n")
        clobbers = '"a2", "a3", "a4", "memory"'
        text.append(
            f"void seq_{name}(void);\n__attribute__((noinline)) void seq_{name}(void) {{\n"
            f'    register uint32_t *at __asm__("a0") = seq_word;\n'
            f'    __asm__ volatile(".option push\\n.option norvc\\nli a3, -1\\nli a4, 3\\n.balign 16\\n'
            f'.globl from_{name}\\nfrom_{name}: nop\\n{code}\\n.globl to_{name}\\nto_{name}: nop\\n.option pop"\n'
            f'        : : "r"(at) : {clobbers});\n}}\n'
        )
        calls.append(f"    seq_{name}();\n")
    text.append(f"void seq_run(void) {{\n{''.join(calls)}}}\n")
    harness = "void seq_run(void);\nvoid smg_harness_infer(void);\nvoid smg_harness_infer(void) { seq_run(); }\n"
    return Sources(
        "seq", {"seq.c": "".join(text)}, {"harness_seq.c": harness}, Interface((), (), (), "", "seq_run"), ""
    )


@pytest.mark.parametrize("name", _PUBLISHED)
def test_cycles_are_those_of_the_manual(name: str, tmp_path: Path) -> None:
    target = load_target(name)
    elf = read_elf(build(_sequences(), target, optimize="-O1", work_dir=tmp_path).elf_path)
    with opened(elf, target) as port:
        port.run(elf.symbol(BEGIN_AND_END[0]).address, LIMITS)
        took = {}
        for sequence in ("none", *_SEQUENCES):
            port.run(elf.symbol(f"from_{sequence}").address, LIMITS)
            before = port.reading()
            port.run(elf.symbol(f"to_{sequence}").address, LIMITS)
            took[sequence] = port.reading().since(before).cycles or 0
    each = {sequence: (took[sequence] - took["none"]) / _REPEATED for sequence in _SEQUENCES}
    for sequence, cycles in _PUBLISHED[name].items():
        assert abs(each[sequence] - cycles) < 0.1, f"{sequence}: {each}"


@pytest.mark.parametrize("name", NAMES)
def test_cycles_by_function_add_up(name: str, builder: Builder) -> None:
    with opened(builder.elf(name), load_target(name)) as port:
        assert isinstance(port, RtlPort)
        port.run(address(port, BEGIN_AND_END[0]), LIMITS)
        before, total = port.functions(), port.reading()
        port.run(address(port, BEGIN_AND_END[1]), LIMITS)
        after, total = port.functions(), port.reading().since(total)
        grown = {f: after[f].since(before[f]) if f in before else after[f] for f in after}
        assert sum(r.instructions for r in grown.values()) == total.instructions
        assert abs(sum(r.cycles or 0 for r in grown.values()) - (total.cycles or 0)) <= 1
        assert list(after) == sorted(after, key=lambda f: (-(after[f].cycles or 0), f))
        assert {"probe_mix", "probe_recurse", "probe_run", "main"} <= set(after)
        port.reset()
        assert port.functions() == {}


@pytest.mark.parametrize("name", NAMES)
def test_a_measured_inference_has_its_functions(name: str, builder: Builder) -> None:
    try:
        with open_machine(builder.image(name)) as machine:
            measured = machine.measure([])
    except ToolNotFound as error:
        pytest.skip(str(error))
    assert sum(r.instructions for r in measured.functions.values()) == measured.total.instructions
    assert next(iter(measured.functions)) in ("probe_mix", "probe_recurse")
    assert "smg_start" not in measured.functions  # it ran before


def test_any_firmware_is_profiled(builder: Builder, port: RtlPort) -> None:
    path, target = builder.elf("ibex").path, load_target("ibex")
    found = profile_elf(path, *BEGIN_AND_END, target)
    with open_machine(builder.image("ibex")) as machine:
        measured = machine.measure([])
    assert found.instructions == instructions(measured.total.instructions)
    assert found.cycles == counted_cycles(measured.total.cycles or 0)
    assert {f.name: f.cycles for f in found.functions} == {n: r.cycles for n, r in measured.functions.items()}
    assert found.stack.value == measured.stack_bytes > 64
    with pytest.raises(UsageError, match="of rv32imc only instructions are known; take a target whose cycles are"):
        profile_elf(path, *BEGIN_AND_END, load_target("rv32imc"))
    with pytest.raises(ImageError, match="built for riscv"):
        profile_elf(path, *BEGIN_AND_END, load_target("nucleo-l4r5zi"))


def test_a_killed_simulator_is_told(port: RtlPort) -> None:
    os.kill(port.process_id, signal.SIGKILL)
    with pytest.raises(SimulationError, match="the ibex simulator was killed by signal 9; run it again"):
        port.run(address(port, BEGIN_AND_END[1]), LIMITS)
    with pytest.raises(SimulationError, match="has ended before"):
        port.read(address(port, "probe_result"), 4)


def test_a_simulator_that_hangs_is_ended(port: RtlPort, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rtl_port, "_GRACE_SECONDS", 0.3)
    os.kill(port.process_id, signal.SIGSTOP)
    with pytest.raises(SimulationError, match="the ibex simulator does not answer"):
        port.run(address(port, BEGIN_AND_END[1]), Limits(0.2))
    assert _ends(port.process_id)


def test_a_closed_port_leaves_no_process(builder: Builder, port: RtlPort) -> None:
    process_id = port.process_id
    assert _is_running(process_id)
    port.close()
    assert not Path(f"/proc/{process_id}").exists()  # waited for, too
    with opened(builder.elf("ibex"), load_target("ibex")) as other:
        assert isinstance(other, RtlPort)
        process_id = other.process_id
        assert _is_running(process_id)
    assert not Path(f"/proc/{process_id}").exists()


def test_a_forgotten_port_leaves_no_process(builder: Builder) -> None:
    try:
        port = RtlPort(builder.elf("ibex"), load_target("ibex"), rtl_core("ibex"))
    except ToolNotFound as error:
        pytest.skip(str(error))
    process_id = port.process_id
    del port
    assert not Path(f"/proc/{process_id}").exists()


def test_an_interrupt_in_the_middle_of_a_run_ends_the_simulator(port: RtlPort) -> None:
    port.write(address(port, "probe_mode"), (6).to_bytes(4, "little"))

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    old = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.3)
        with pytest.raises(KeyboardInterrupt):
            port.run(address(port, BEGIN_AND_END[1]), LIMITS)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, old)
    assert _ends(port.process_id)


@pytest.mark.parametrize("sent", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_the_simulator_ends_with_its_user(builder: Builder, port: RtlPort, sent: signal.Signals) -> None:
    script = f"""
        import sys
        from pathlib import Path
        from smidgen.build.elf import read_elf
        from smidgen.sim import Limits, open_port
        from smidgen.targets import load_target
        with open_port(read_elf(Path({str(builder.elf("ibex").path)!r})), load_target("ibex")) as port:
            port.reset()
            port.run(port.elf.symbol("{BEGIN_AND_END[0]}").address, Limits())
            port.write(port.elf.symbol("probe_mode").address, b"\\x06")
            print(port.process_id, flush=True)
            port.run(port.elf.symbol("{BEGIN_AND_END[1]}").address, Limits(60))
        """
    user = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(script)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=dict(os.environ, PYTHONPATH=os.pathsep.join(sys.path)),
        start_new_session=True,
    )
    with user:
        assert user.stdout is not None
        simulator = int(user.stdout.readline())
        assert _is_running(simulator)
        time.sleep(0.2)
        os.killpg(user.pid, sent) if sent == signal.SIGINT else user.send_signal(sent)
        user.wait(20)
    assert _ends(simulator)


def test_a_program_that_cannot_be_started(tmp_path: Path) -> None:
    (tmp_path / "simulator").write_bytes(b"\x7fELF but no more")
    with pytest.raises(SimulationError, match=r"cannot be started: Permission denied.*XDG_CACHE_HOME"):
        Server(tmp_path / "simulator", "ibex")
    (tmp_path / "simulator").chmod(0o755)
    with pytest.raises(SimulationError, match="cannot be started: Exec format error"):
        Server(tmp_path / "simulator", "ibex")


def test_a_machine_without_rtl_is_refused() -> None:
    with pytest.raises(TargetError, match="'picorv32' of simulator 'rtl' is not known: there is the RTL of ibex, cv32"):
        rtl_core("picorv32")


def test_memories_that_the_simulated_one_does_not_hold_are_refused(builder: Builder, port: RtlPort) -> None:
    target = load_target("ibex")
    far = replace(
        target,
        regions=tuple(replace(r, base=r.base ^ 0x2000_0000 if r.kind == "sram" else r.base) for r in target.regions),
    )
    with pytest.raises(TargetError, match=r"target ibex: .*8388608 bytes of memory at 0x80000000"):
        RtlPort(builder.elf("ibex"), far, rtl_core("ibex"))
    small = replace(target, regions=tuple(replace(r, size_bytes=256) for r in target.regions))
    with pytest.raises(SimulationError, match=r"lie outside of the memories of ibex; link for this target"):
        RtlPort(builder.elf("ibex"), small, rtl_core("ibex"))


def test_memory_outside_of_the_simulated_one(port: RtlPort) -> None:
    port.where = "step 2 (pool)"
    with pytest.raises(SimulationError, match=r"a read at 0x10000000 .* memory of ibex \(step 2 \(pool\)\)"):
        port.read(0x1000_0000, 4)
    with pytest.raises(SimulationError, match="a write at 0x807ffffe"):
        port.write(0x807F_FFFE, b"abcd")
    port.run(address(port, BEGIN_AND_END[1]), LIMITS)
