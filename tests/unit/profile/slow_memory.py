# SPDX-License-Identifier: Apache-2.0
"""The flash model in its plainest form: every word fetched and every load, one at a time. An oracle, much slower."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc, arm_const

from smidgen.profile.cycles import CycleModel
from smidgen.profile.instructions import Instruction
from smidgen.profile.memory import NO_CACHE
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import block_of
from smidgen.targets import FlashCache


class SlowCache:
    """Lines as a list, the least recently used first: [line, words present]."""

    def __init__(self, lines: int, words_per_line: int) -> None:
        self.capacity, self.words_per_line = lines, words_per_line
        self.lines: list[tuple[int, set[int]]] = []

    def take(self, word: int) -> bool:
        if self.capacity == 0:
            return False
        line = word // self.words_per_line
        present = next((words for number, words in self.lines if number == line), set[int]())
        self.lines = [entry for entry in self.lines if entry[0] != line][-self.capacity :]
        if not present and len(self.lines) == self.capacity:
            self.lines.pop(0)
        hit = word in present
        self.lines.append((line, present | {word}))
        return hit


class SlowPort:
    def __init__(self, wait_states: int, cache: FlashCache) -> None:
        words_per_line = cache.line_bytes // cache.fetch_bytes
        self.wait_states, self.prefetch = wait_states, cache.prefetch
        self.code = SlowCache(cache.instruction_lines, words_per_line)
        self.data = SlowCache(cache.data_lines, words_per_line)
        self.now = self.arrives = 0
        self.code_word = self.data_word = self.coming = -1

    def fetch(self, word: int, cycles: int) -> int:
        stall = 0
        if word != self.code_word and self.wait_states:
            if not self.code.take(word):
                stall = max(0, self.arrives - self.now) if word == self.coming else self.wait_states
            self.code_word = word
            if self.prefetch and word + 1 != self.coming:
                self.coming = word + 1
                self.arrives = self.now + stall + self.wait_states + 1
        self.now += stall + cycles
        return stall

    def load(self, word: int) -> int:
        if word == self.data_word:
            return 0
        self.data_word = word
        stall = 0 if self.data.take(word) else self.wait_states
        self.now += stall
        return stall


class SlowCounter:
    """A hook on every load, which reads the registers there and then. A drop-in for ``StallCounter``."""

    def __init__(self, core: EmulatedCore, code: Mapping[int, bytes]) -> None:
        cache = core.target.flash_cache or NO_CACHE
        self.flash = core.target.region("flash")
        self.fetch_bytes = cache.fetch_bytes
        self.port = SlowPort(self.flash.wait_states, cache)
        self.model = CycleModel(core.target.core, code)
        self.parts, self.of_block = [0], 0
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_BLOCK, self.on_block)
        loads = {i.address: i for key in code for i in self.model.block(key) if i.access and i.access.is_load}
        for address in sorted(loads):
            core.uc.hook_add(UC_HOOK_CODE, self.on_load, loads[address], begin=address, end=address)

    def split(self) -> None:
        self.parts[-1] -= self.of_block
        self.parts.append(self.of_block)

    def on_block(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        self.of_block = 0
        before = None
        words: dict[int, int] = {}
        block = self.model.block(address << 16 | nbytes) if self.flash.contains(address) else ()
        assert address == block_of(address << 16 | nbytes).address
        for i in block:
            busy = sum(cycles for _, cycles in self.model.price(i, before))
            before = i
            first, last = i.address // self.fetch_bytes, (i.address + i.nbytes - 1) // self.fetch_bytes
            words[first] = words.get(first, 0) + (busy if first == last else 0)
            if last != first:
                words[last] = busy
        self.of_block = sum(self.port.fetch(word, cycles) for word, cycles in words.items())
        self.parts[-1] += self.of_block

    def on_load(self, uc: Uc, pc: int, nbytes: int, instruction: Any) -> None:
        first, last = (byte // self.fetch_bytes for byte in byte_range(uc, instruction))
        if self.flash.contains(byte_range(uc, instruction)[0]):
            self.parts[-1] += sum(self.port.load(word) for word in range(first, last + 1))


def byte_range(uc: Uc, instruction: Instruction) -> tuple[int, int]:
    """The first and the last byte that the instruction, about to be run, accesses."""
    access = instruction.access
    assert access is not None
    address = access.offset
    for name, shift in ((access.base, 0), (access.index, access.shift)):
        if name is not None:
            address += uc.reg_read(getattr(arm_const, f"UC_ARM_REG_{name.upper()}")) << shift
    address &= 0xFFFF_FFFF
    return address, address + access.nbytes - 1
