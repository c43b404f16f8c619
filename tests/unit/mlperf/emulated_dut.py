# SPDX-License-Identifier: Apache-2.0
"""A device's ELF on the emulated core, with just enough of the virtual port's page to talk to it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import unicorn

from smidgen.build.elf import read_elf
from smidgen.sim.core import EmulatedCore
from smidgen.targets import Target

PAGE = 0x4007_0000
WAIT, TIMER, PIN, ADDRESS, RECEIVE, SEND, MATCH = 0x08, 0x0C, 0x10, 0x24, 0x28, 0x2C, 0x30


class EmulatedDut:
    """Runs until the device sleeps for want of a byte. ``pins``: every level written; the timer counts its reads."""

    def __init__(self, elf: Path, target: Target, *, timer_step: int = 1000, timer_start: int = 0) -> None:
        self.core = EmulatedCore(read_elf(elf), target)
        self.pins: list[int] = []
        self._in = bytearray()
        self._address = self._moved = 0
        self._out = bytearray()
        self._now, self._step = timer_start, timer_step
        self._sleeping = False
        uc = self.core.uc
        uc.mem_unmap(PAGE, 0x1000)
        uc.mmio_map(PAGE, 0x1000, self._read, None, self._write, None)
        self.boot = self._run(self.core.reset())

    def _read(self, uc: unicorn.Uc, offset: int, nbytes: int, _: Any) -> int:
        assert nbytes == 4, "the page is accessed by words"
        if offset == RECEIVE:
            return self._moved
        if offset == PIN:
            return self.pins[-1] if self.pins else 3  # the levels after a reset
        assert offset == TIMER, hex(offset)
        self._now = (self._now + self._step) & 0xFFFF_FFFF
        return self._now

    def _write(self, uc: unicorn.Uc, offset: int, nbytes: int, value: int, _: Any) -> None:
        assert nbytes == 4, "the page is accessed by words"
        if offset == ADDRESS:
            self._address = value
        elif offset == MATCH:
            assert value == ord("%")
        elif offset == SEND:
            self._out += self.core.read(self._address, value)
        elif offset == RECEIVE:
            end = self._in.find(b"%") + 1 or len(self._in)
            self._moved = min(end, value)
            self.core.write(self._address, bytes(self._in[: self._moved]))
            del self._in[: self._moved]
        elif offset == PIN:
            self.pins.append(value)
        else:
            assert offset == WAIT, hex(offset)
            if not self._in:
                self._sleeping = True
                uc.emu_stop()

    def _run(self, start: int) -> str:
        self._out.clear()
        self._sleeping = False
        while not self._sleeping:
            self.core.uc.emu_start(start | 1, 0xFFFF_FFFE, 60_000_000, 0)
            start = self.core.pc
            fault = self.core.elf.function_at(start)
            assert fault != "smg_fault", "the device faulted"
        return self._out.decode("latin-1")

    def send(self, data: bytes) -> str:
        """Send bytes, run until the device sleeps, return what it said."""
        self._in += data
        return self._run(self.core.pc)

    def command(self, text: str) -> list[str]:
        """The reply's lines, without the last, which must be m-ready."""
        lines = self.send(f"{text}%".encode("latin-1")).split("\r\n")
        assert lines[-2:] == ["m-ready", ""], lines
        return lines[:-2]

    def load(self, data: bytes, chunk: int = 31) -> None:
        """Download an input as the benchmark's runner does."""
        assert self.command(f"db load {len(data)}") == [f"m-[Expecting {len(data)} bytes]"]
        for at in range(0, len(data), chunk):
            reply = self.command(f"db {data[at : at + chunk].hex()}")
            assert reply == (["m-load-done"] if at + chunk >= len(data) else [])
