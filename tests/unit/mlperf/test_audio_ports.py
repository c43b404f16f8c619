# SPDX-License-Identifier: Apache-2.0
"""Audio of the ports for real boards against made-up peripherals: registers, and that frames are heard."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

import smidgen
from smidgen.errors import UsageError
from smidgen.mlperf.firmware import firmware
from smidgen.mlperf.firmware.detector import detector, scores
from smidgen.mlperf.tasks import TASKS
from tests.unit.features.sounds import Samples
from tests.unit.mlperf.test_firmware_ports import Silicon, _stm32
from tests.unit.mlperf.test_wakeword import audio

SWW = TASKS["sww"]
RCC, SAI, DMA, GPIOB, GPIOE = 0x4002_1000, 0x4001_5400, 0x4002_0000, 0x4800_0400, 0x4800_1000


class DirectMemoryAccess:
    """Channel 1 of DMA1 behind the SAI: fills half after half as the device polls. ``late`` frames come in pairs."""

    def __init__(self, s: Silicon, samples: Samples, late: int = -1) -> None:
        self.s, self.frames, self.late = s, samples.reshape(-1, 512), late
        self.flags = self.done = 0
        s.reads[DMA] = self._status
        s.writes[DMA + 4] = self._clear

    def _status(self) -> int:
        on = self.s.registers.get(SAI + 4, 0) >> 16 & 1 and self.s.registers.get(DMA + 8, 0) & 1
        while on and self.done < len(self.frames) and (not self.flags or self.done == self.late):
            half = self.done % 2
            to = self.s.registers[DMA + 0x14] + 1024 * half
            self.s.core.uc.mem_write(to, self.frames[self.done].astype("<i2").tobytes())
            self.flags |= (4, 2)[half]
            self.done += 1
        return self.flags

    def _clear(self, value: int) -> None:
        self.flags &= ~value


def _board(elf: Path) -> Silicon:
    """Booted; its wait-for-event, which the emulator does not know, does nothing."""
    s = _stm32(elf)
    assert s.run().endswith("m-ready\r\n")
    wait = s.core.elf.symbol("smg_audio_wait").address & ~1
    at = wait + s.core.read(wait, 256).index(b"\x20\xbf")
    s.core.uc.mem_write(at, b"\x00\xbf")
    return s


@pytest.fixture(scope="module", params=["zig", "gcc-arm"])
def elf(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = firmware(smidgen.compile("sww", streaming=True), SWW, port="nucleo-l4r5zi")
    return made.build(request.param, tmp_path_factory.mktemp("dut"))


def test_nucleo_sets_up_an_i2s_slave(elf: Path) -> None:
    s = _board(elf)
    assert [s.bits(RCC + a, at) for a, at in ((0x48, 0), (0x48, 2), (0x4C, 1), (0x4C, 4), (0x60, 21))] == [1] * 5
    assert s.bits(RCC + 0x9C, 5, 3) == 4, "the kernel's clock runs"
    modes = [s.bits(GPIOE, 2 * pin, 2) for pin in (4, 5, 6, 9)]
    assert (modes, s.bits(GPIOB, 16, 2)) == ([2, 2, 2, 1], 1)
    assert [s.bits(GPIOE + 0x20, 4 * pin, 4) for pin in (4, 5, 6)] == [13] * 3
    assert [s.bits(GPIOE + 0xC, 2 * pin, 2) for pin in (4, 5, 6)] == [1] * 3
    order = [entry for entry in s.log if entry[0] in (GPIOB, GPIOB + 0x18)]
    assert order[0] == (GPIOB + 0x18, 1 << 8), "the detection pin is high before it is driven"
    s.log.clear()
    dma = DirectMemoryAccess(s, np.zeros(512, np.int16))
    assert "m-[Listening]" in s.run(b"start%", s.core.pc)
    cr1 = s.registers[SAI + 4]
    assert (cr1 & 3, cr1 >> 2 & 3, cr1 >> 5 & 7, cr1 >> 8 & 3, cr1 >> 10 & 7) == (3, 0, 4, 2, 0)
    frame, slots = s.registers[SAI + 0xC], s.registers[SAI + 0x10]
    assert (frame & 0xFF, frame >> 8 & 0x7F, frame >> 16) == (31, 15, 0b101)
    assert (slots & 0xFF, slots >> 8 & 0xF, slots >> 16) == (0, 1, 1)
    assert s.registers[SAI + 8] & 7 == 0
    channel = s.registers[DMA + 8]
    assert (channel & 1, channel >> 4 & 0xF, channel >> 8 & 0xF) == (1, 0b1010, 0b0101)
    assert (s.registers[DMA + 0xC], s.registers[DMA + 0x10]) == (1024, SAI + 0x20)
    assert s.registers[0x4002_0800] == 36
    started = [a for a, v in s.log if (a, v >> 16 & 1) in ((SAI + 4, 1), (DMA + 8, 0))]
    assert started.index(DMA + 8) < started.index(SAI + 4), "the channel first, then the block that feeds it"
    reset = [v >> 21 & 1 for a, v in s.log if a == RCC + 0x40]
    assert reset == [1, 0]
    assert dma.done == 1


def test_nucleo_hears_what_the_host_computes(elf: Path) -> None:
    x = audio(7)
    s = _board(elf)
    dma = DirectMemoryAccess(s, x)
    s.run(b"start%", s.core.pc)
    assert dma.done == 7
    pulses = [v for a, v in s.log if a == GPIOE + 0x18]
    assert pulses[-2:] == [1 << 9, 1 << 25]
    reply = s.run(b"stop%", s.core.pc)
    assert re.findall(r"-?\d+", reply.split("activations:")[1]) == [
        str(v) for v in scores(detector(smidgen.load("sww")), x)[:, 0]
    ]
    assert "lost" not in reply
    assert s.registers[DMA + 8] == 0, "nothing writes to memory any more"
    assert "m-name-dut-[smidgen]" in s.run(b"name%", s.core.pc)


def test_nucleo_tells_that_frames_were_lost(elf: Path) -> None:
    s = _board(elf)
    DirectMemoryAccess(s, audio(6), late=3)
    s.run(b"start%", s.core.pc)
    assert "e-[Frames of audio were lost" in s.run(b"stop%", s.core.pc)
    DirectMemoryAccess(s, audio(2))
    s.run(b"start%", s.core.pc)
    assert "lost" not in s.run(b"stop%", s.core.pc), "a new run begins anew"


def test_a_port_without_audio_is_refused() -> None:
    compiled = smidgen.compile("sww", "numaker-m467hj", streaming=True)
    with pytest.raises(UsageError, match="numaker-m467hj has no audio input yet; nucleo-l4r5zi and virtual have"):
        firmware(compiled, SWW, port="numaker-m467hj")
