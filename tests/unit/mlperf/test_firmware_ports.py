# SPDX-License-Identifier: Apache-2.0
"""The ports for real boards against made-up peripherals: what they set up, and that the device talks through them.

This is no substitute for silicon: it holds the code to the registers as its author read the manuals.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from smidgen.build.elf import read_elf
from smidgen.errors import UsageError
from smidgen.mlperf.firmware import PORTS, firmware
from smidgen.mlperf.tasks import TASKS
from smidgen.sim.core import EmulatedCore
from smidgen.targets import load_target
from tests.op_graphs import int8_type
from tests.unit.mlperf.dut_models import classifier

PERIPHERALS = (0x4000_0000, 0x2000_0000)


class Silicon:
    """Registers that keep what is written, but those that ``reads`` and ``writes`` answer for; stops at silence."""

    def __init__(self, elf: Path, board: str, status: tuple[int, int, int], line: tuple[int, int]) -> None:
        """``status``: the serial port's status register, its readable and writable bits XORed with what is idle."""
        self.core = EmulatedCore(read_elf(elf), load_target(board))
        self.registers: dict[int, int] = {}
        self.log: list[tuple[int, int]] = []
        self.reads: dict[int, Callable[[], int]] = {}
        self.writes: dict[int, Callable[[int], None]] = {}
        self.incoming: deque[int] = deque()
        self.said = bytearray()
        self._polls = 0
        address, readable, idle = status
        self._data_in, self._data_out = line
        self.reads[address] = lambda: self._status(readable, idle)
        self.reads[self._data_in] = self._next
        base, size = PERIPHERALS
        self.core.uc.mem_unmap(base, size)
        self.core.uc.mmio_map(base, size, self._read, base, self._write, base)

    def _next(self) -> int:
        return self.incoming.popleft() if self.incoming else 0

    def _status(self, readable: int, idle: int) -> int:
        self._polls = 0 if self.incoming else self._polls + 1
        if self._polls > 5_000:
            self.core.uc.emu_stop()
        return idle ^ (readable if self.incoming else 0)

    def _read(self, uc: Any, offset: int, nbytes: int, base: int) -> int:
        assert nbytes == 4
        address = base + offset
        return self.reads[address]() if address in self.reads else self.registers.get(address, 0)

    def _write(self, uc: Any, offset: int, nbytes: int, value: int, base: int) -> None:
        assert nbytes == 4
        address = base + offset
        self.registers[address] = value
        self.log.append((address, value))
        if address in self.writes:
            self.writes[address](value)
        if address == self._data_out:
            self.said.append(value & 0xFF)
            self._polls = 0

    def run(self, data: bytes = b"", start: int | None = None) -> str:
        self.incoming.extend(data)
        self.said.clear()
        self._polls = 0
        self.core.uc.emu_start((self.core.reset() if start is None else start) | 1, 0xFFFF_FFFE, 30_000_000)
        assert self.core.elf.function_at(self.core.pc) != "smg_fault"
        return self.said.decode()

    def bits(self, address: int, low: int, count: int = 1) -> int:
        return self.registers[address] >> low & (1 << count) - 1


def _stm32(elf: Path) -> Silicon:
    uart = 0x4000_8000
    s = Silicon(elf, "nucleo-l4r5zi", (uart + 0x1C, 1 << 5, 1 << 7), (uart + 0x24, uart + 0x28))
    rcc_cr, cfgr = 0x4002_1000, 0x4002_1008
    s.registers[rcc_cr] = 1
    s.reads[rcc_cr] = lambda: _ready(s.registers[rcc_cr], ((8, 10), (24, 25)))
    s.reads[cfgr] = lambda: s.registers.get(cfgr, 0) | (s.registers.get(cfgr, 0) & 3) << 2
    ticks = iter(range(0, 10**9, 500))
    s.reads[0x4000_0024] = lambda: next(ticks)
    return s


def _ready(value: int, pairs: tuple[tuple[int, int], ...]) -> int:
    """A control register whose ready flags follow its enable bits."""
    for enable, ready in pairs:
        value = value | 1 << ready if value >> enable & 1 else value & ~(1 << ready)
    return value


def _m467(elf: Path, *, crystal: bool = True) -> Silicon:
    uart = 0x4007_0000
    s = Silicon(elf, "numaker-m467hj", (uart + 0x18, 1 << 14, 1 << 14), (uart, uart))
    key = 0x4000_0100
    s.reads[key] = lambda: int([v for a, v in s.log if a == key][-3:] == [0x59, 0x16, 0x88])
    s.reads[0x4000_0250] = lambda: (crystal * 1) | 4 | 16
    ticks = iter(range(0, 10**9, 25))
    s.reads[0x4005_000C] = lambda: next(ticks) & 0xFF_FFFF
    return s


def _built(board: str, mode: str, tmp_path: Path, toolchain: str) -> Path:
    compiled = classifier(int8_type(1, 49, 10, 1), 12, target=board)
    return firmware(compiled, TASKS["kws"], port=board, mode=mode).build(toolchain, tmp_path)


@pytest.mark.parametrize(("mode", "baud", "toolchain"), [("performance", 115_200, "gcc-arm"), ("energy", 9_600, "zig")])
def test_nucleo(tmp_path: Path, toolchain: str, mode: str, baud: int) -> None:
    s = _stm32(_built("nucleo-l4r5zi", mode, tmp_path, toolchain))
    assert s.run().endswith("m-init-done\r\nm-ready\r\n")
    pll, cfgr, acr = 0x4002_100C, 0x4002_1008, 0x4002_2000
    core = 16_000_000 / (s.bits(pll, 4, 4) + 1) * s.bits(pll, 8, 7) / (2 * (s.bits(pll, 25, 2) + 1))
    assert (s.bits(pll, 0, 2), core) == (2, 120e6)
    assert s.bits(cfgr, 0, 2) == 3
    assert [s.bits(cfgr, at, n) for at, n in ((4, 4), (8, 3), (11, 3))] == [0, 0, 0]
    assert (s.bits(acr, 0, 4), s.bits(acr, 8, 3)) == (5, 7)
    assert s.bits(0x4000_7080, 8) == 0, "boost"
    assert s.bits(0x4000_7004, 9) == 1, "VddIO2"
    order = [a for a, _ in s.log]
    assert order.index(acr) < order.index(cfgr), "wait states before the faster clock"
    assert s.bits(0x4002_1088, 10, 2) == 2
    assert 256 * 16e6 / s.registers[0x4000_800C] == pytest.approx(baud, rel=1e-4)
    assert 0x300 <= s.registers[0x4000_800C] < 1 << 20
    assert s.registers[0x4000_0028] == 119
    assert (s.bits(0x4800_1800, 14, 2), s.bits(0x4800_1800, 16, 2)) == (2, 2)
    assert (s.bits(0x4800_1820, 28, 4), s.bits(0x4800_1824, 0, 4)) == (8, 8)
    _talks(s, mode, [(0x4800_1418, 1 << 29), (0x4800_1418, 1 << 13)])


@pytest.mark.parametrize(
    ("mode", "baud", "toolchain", "crystal"),
    [("performance", 115_200, "zig", True), ("energy", 9_600, "gcc-arm", True), ("performance", 115_200, "zig", False)],
)
def test_numaker(tmp_path: Path, toolchain: str, mode: str, baud: int, crystal: bool) -> None:
    s = _m467(_built("numaker-m467hj", mode, tmp_path, toolchain), crystal=crystal)
    assert s.run().endswith("m-init-done\r\nm-ready\r\n")
    pll = 0x4000_0240
    fref = 12e6 / (s.bits(pll, 9, 5) + 1)
    assert 4e6 <= fref <= 8e6
    assert fref * 2 * (s.bits(pll, 0, 9) + 2) == 200e6
    assert (s.bits(pll, 14, 2), s.bits(pll, 16), s.bits(pll, 19)) == (0, 0, int(not crystal))
    assert (s.bits(0x4000_0210, 0, 3), s.registers[0x4000_0234]) == (2, 0x11)
    assert s.bits(0x4000_0214, 8, 3) == (0 if crystal else 7)
    assert s.bits(0x4000_0214, 24, 2) == (0 if crystal else 3)
    assert s.bits(0x4000_C04C, 0, 4) == 8
    order = [a for a, _ in s.log]
    assert order.index(0x4000_C04C) < max(i for i, a in enumerate(order) if a == 0x4000_0210)
    assert (s.bits(0x4000_051C, 0, 5), s.bits(0x4000_051C, 8, 5)) == (6, 6)
    uart = s.registers[0x4007_0024]
    assert 12e6 / ((uart & 0xFFFF) + 2) == pytest.approx(baud, rel=2e-3)
    assert uart >> 28 == 3
    assert (s.bits(0x4005_0000, 0, 8), s.bits(0x4005_0000, 27, 2), s.bits(0x4005_0000, 30)) == (239, 3, 1)
    assert s.bits(0x4000_4080, 12, 2) == 1
    _talks(s, mode, [(0x4000_4088, 0), (0x4000_4088, 1 << 6)])


def _talks(s: Silicon, mode: str, pulse: list[tuple[int, int]]) -> None:
    assert s.run(b"name%", s.core.pc) == "m-name-dut-[smidgen]\r\nm-ready\r\n"
    s.log.clear()
    said = s.run(b"timestamp%", s.core.pc)
    pins = [entry for entry in s.log if entry[0] == pulse[0][0]]
    if mode == "energy":
        assert (said, pins) == ("m-ready\r\n", pulse)
    else:
        assert pins == []
        first, second = (int(s.run(b"timestamp%", s.core.pc).split("\r\n")[0][9:]) for _ in range(2))
        assert second > first


def test_a_port_wants_its_own_board() -> None:
    with pytest.raises(UsageError, match="compile it with --target numaker-m467hj"):
        firmware(classifier(int8_type(1, 49, 10, 1), 12), TASKS["kws"], port="numaker-m467hj")


def test_ports_for_silicon_say_that_they_were_not_run() -> None:
    for name, port in PORTS.items():
        made = firmware(
            classifier(int8_type(1, 49, 10, 1), 12, target=port.board or "nucleo-l4r5zi"), TASKS["kws"], port=name
        )
        assert ("Not run on silicon" in made.files["README.md"]) == (name != "virtual")
