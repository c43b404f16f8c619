# SPDX-License-Identifier: Apache-2.0
"""Stall cycles of a board's flash behind its cache and prefetch buffer, on top of the zero-wait cycle model."""

from __future__ import annotations

from collections.abc import Mapping
from operator import attrgetter

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc, arm_const

from smidgen.errors import SimulationError
from smidgen.profile.cycles import CycleModel
from smidgen.profile.instructions import Instruction
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import Limits, block_of
from smidgen.targets import FlashCache

NO_CACHE = FlashCache(
    0, 0, 8, 8, False, "no cache described: one buffered word of 8 bytes each for code and data assumed"
)


class LineCache:
    """Fully associative lines, replaced least recently used first, filled word by word as the flash delivers them.

    Words are numbered by address / fetch_bytes. Assumed where the manual is silent: a line taken over keeps only the
    words read since.
    """

    def __init__(self, lines: int, words_per_line: int) -> None:
        self._capacity = lines
        self._words_per_line = words_per_line
        self._lines: dict[int, int] = {}  # line -> bit mask of words present; least recently used first

    def holds(self, word: int) -> bool:
        """Whether the word is present; its line becomes the most recently used."""
        line, bit = divmod(word, self._words_per_line)
        present = self._lines.get(line, 0)
        if not present >> bit & 1:
            return False
        del self._lines[line]
        self._lines[line] = present
        return True

    def fill(self, word: int) -> None:
        if not self._capacity:
            return
        line, bit = divmod(word, self._words_per_line)
        present = self._lines.pop(line, 0)
        if len(self._lines) >= self._capacity:
            del self._lines[next(iter(self._lines))]
        self._lines[line] = present | 1 << bit


class FlashPort:
    """A flash with wait states as the core meets it: instruction side with prefetch, and data side.

    A miss stalls for the wait states. With prefetch, entering a word starts the read of the next one, which stalls
    for what is left of its wait states when the core gets there. Both sides never compete for the flash here.
    """

    def __init__(self, wait_states: int, cache: FlashCache) -> None:
        words_per_line = cache.line_bytes // cache.fetch_bytes
        self._wait_states = wait_states
        self._prefetch = cache.prefetch
        self._code = LineCache(cache.instruction_lines, words_per_line)
        self._data = LineCache(cache.data_lines, words_per_line)
        self._now = 0  # cycles, stalls included
        self._code_word = -1
        self._data_word = -1
        self._coming = -1  # the word being prefetched
        self._arrives = 0

    def fetch(self, word: int, cycles: int) -> int:
        """Stall cycles on entering a word of code that then keeps the core busy for ``cycles``."""
        stall = 0
        if word != self._code_word and self._wait_states:
            if not self._code.holds(word):
                stall = max(0, self._arrives - self._now) if word == self._coming else self._wait_states
                self._code.fill(word)
            self._code_word = word
            if self._prefetch and word + 1 != self._coming:
                self._coming = word + 1
                self._arrives = self._now + stall + self._wait_states + 1  # the flash reads a word in 1 + wait states
        self._now += stall + cycles
        return stall

    def load(self, word: int) -> int:
        """Stall cycles of a data access to a word."""
        if word == self._data_word:
            return 0
        self._data_word = word
        if self._data.holds(word):
            return 0
        self._data.fill(word)
        self._now += self._wait_states
        return self._wait_states


class StallCounter:
    """Counts stall cycles from the moment it is made, in parts, as ``BlockCounter`` counts edges.

    Loads are watched by hooks on their instructions, which read the address registers. (unicorn's hooks on memory would
    be simpler, but with one of them some floating-point loads deliver wrong values.)
    """

    def __init__(self, core: EmulatedCore, code: Mapping[int, bytes]) -> None:
        """``code`` has every block that will run by its key, from a counted run."""
        target = core.target
        cache = target.flash_cache or NO_CACHE
        self._flash = target.region("flash")
        self._fetch_bytes = cache.fetch_bytes
        self._port = FlashPort(self._flash.wait_states, cache)
        self._code = dict(code)
        self._model = CycleModel(target.core, self._code)
        self._plans: dict[int, tuple[int, tuple[tuple[int, int], ...]]] = {}
        self._uc = core.uc
        self._stalls_of_block = 0
        self.instructions = 0  # run so far
        self.parts = [0]
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_BLOCK, self._on_block)
        loads = {i for key in code for i in self._model.block(key) if i.access and i.access.is_load}
        for instruction in sorted(loads, key=_address):
            self._watch(instruction)

    def split(self) -> None:
        """Begins a new part, with the block entered last as its first."""
        self.parts[-1] -= self._stalls_of_block
        self.parts.append(self._stalls_of_block)

    def check(self, expected_instructions: int) -> None:
        """SimulationError unless as many instructions ran as were counted without these hooks."""
        if self.instructions != expected_instructions:
            raise SimulationError(
                f"the run with hooks on loads took {self.instructions} instructions, the plain one "
                f"{expected_instructions}: the emulator was disturbed, so stall cycles are not known; profile "
                "without the memory system"
            )

    def _on_block(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        key = address << 16 | nbytes
        plan = self._plans.get(key)
        if plan is None:
            plan = self._plans[key] = self._plan(key)
        fetch = self._port.fetch
        stalls = 0
        for word, cycles in plan[1]:
            stalls += fetch(word, cycles)
        self.instructions += plan[0]
        self.parts[-1] += stalls
        self._stalls_of_block = stalls

    def _watch(self, instruction: Instruction) -> None:
        """Hooks one load. The callback runs for each execution, so it does as little as it can."""
        access = instruction.access
        assert access is not None
        base, index = register(access.base), register(access.index)
        offset, shift, fetch_bytes = access.offset, access.shift, self._fetch_bytes
        low, high = self._flash.base, self._flash.base + self._flash.size_bytes
        span = access.nbytes - 1
        load, parts, read = self._port.load, self.parts, self._uc.reg_read

        def on_load(uc: Uc, pc: int, nbytes: int, data: object) -> None:
            address = offset
            if base is not None:
                address += read(base)
                if index is not None:
                    address += read(index) << shift
            if low <= address < high:
                for word in range(address // fetch_bytes, (address + span) // fetch_bytes + 1):
                    parts[-1] += load(word)

        self._uc.hook_add(UC_HOOK_CODE, on_load, begin=instruction.address, end=instruction.address)

    def _plan(self, key: int) -> tuple[int, tuple[tuple[int, int], ...]]:
        """Number of instructions, and (word, busy cycles) for each flash word the block is fetched from."""
        block = block_of(key)
        if key not in self._code:
            self._code[key] = bytes(self._uc.mem_read(block.address, block.nbytes))
        instructions = self._model.block(key)
        if not self._flash.contains(block.address):
            return len(instructions), ()
        words: dict[int, int] = {}
        before = None
        for instruction in instructions:
            busy = sum(cycles for _, cycles in self._model.price(instruction, before))
            before = instruction
            first = instruction.address // self._fetch_bytes
            last = (instruction.address + instruction.nbytes - 1) // self._fetch_bytes
            words[first] = words.get(first, 0) + (busy if first == last else 0)
            if last != first:
                words[last] = busy
        return len(instructions), tuple(words.items())


def allowance(limits: Limits) -> Limits:
    """Limits for a run with a StallCounter, which takes about ten times as long as the counted run before it."""
    return Limits(limits.seconds * 15, limits.instructions)


_address = attrgetter("address")


def register(name: str | None) -> int | None:
    """unicorn's number of a core register."""
    return None if name is None else int(getattr(arm_const, f"UC_ARM_REG_{name.upper()}"))
