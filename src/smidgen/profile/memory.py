# SPDX-License-Identifier: Apache-2.0
"""Stall cycles of a board's flash behind its cache and prefetch buffer, on top of the zero-wait cycle model."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, Uc

from smidgen.errors import SimulationError
from smidgen.profile.addresses import MASK, Segment, segments
from smidgen.profile.cycles import CycleModel
from smidgen.profile.flash import CodeRun, FlashPort
from smidgen.profile.instructions import Instruction
from smidgen.profile.loads import Access
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import Limits, block_of
from smidgen.targets import FlashCache, Region

NO_CACHE = FlashCache(
    0, 0, 8, 8, False, "no cache described: one buffered word of 8 bytes each for code and data assumed"
)


class StallCounter:
    """Counts stall cycles from the moment it is made, in parts, as ``BlockCounter`` counts edges.

    When a block is entered the flash delivers all of its code, then its loads in order, though on a core they
    alternate: the sides share nothing but the clock that a prefetch is measured by. Addresses come from registers read
    when a block is entered, or at a hook on the load where they do not follow from those. (unicorn's hooks on memory
    would be simpler, but with one of them some floating-point loads deliver wrong values.)
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
        self._plans: dict[int, _Plan] = {}
        self._last: _Plan | None = None
        self._uc = core.uc
        self._stalls_of_block = 0
        self.instructions = 0  # run so far
        self.parts = [0]
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_BLOCK, self._on_block)
        hooked: dict[int, _Loads] = {}
        for key in sorted(code):
            for loads in self._loads(key):
                if loads.start != block_of(key).address:
                    hooked.setdefault(loads.start, loads)
        for loads in hooked.values():
            core.uc.hook_add(UC_HOOK_CODE, self._on_load, begin=loads.start, end=loads.start)

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
        plan = self._plans.get(address << 16 | nbytes)
        if plan is None:
            key = address << 16 | nbytes
            plan = self._plans[key] = self._plan(key)
        stalls = self._port.enter(plan.run) if plan.run is not None else 0
        if plan.loads is not None:
            stalls += plan.loads.stalls(uc, self._port, repeated=plan is self._last)
        self._last = plan
        self.instructions += plan.instructions
        self.parts[-1] += stalls
        self._stalls_of_block = stalls

    def _on_load(self, uc: Uc, pc: int, nbytes: int, data: object) -> None:
        assert self._last is not None
        loads = self._last.hooked.get(pc)
        if loads is not None:
            self.parts[-1] += loads.stalls(uc, self._port, repeated=False)

    def _plan(self, key: int) -> _Plan:
        block = block_of(key)
        if key not in self._code:
            self._code[key] = bytes(self._uc.mem_read(block.address, block.nbytes))
        instructions = self._model.block(key)
        words = self._words(instructions) if self._flash.contains(block.address) else ()
        run = CodeRun(words, self._port.code) if words else None
        first, hooked = None, {}
        for loads in self._loads(key):
            if loads.start == block.address:
                first = loads
            else:
                hooked[loads.start] = loads
        return _Plan(len(instructions), run, first, hooked)

    def _loads(self, key: int) -> list[_Loads]:
        if not self._flash.wait_states:
            return []
        found = segments(self._model.block(key), _is_load)
        return [_Loads(segment, self._flash, self._fetch_bytes) for segment in found]

    def _words(self, block: Sequence[Instruction]) -> tuple[tuple[int, int], ...]:
        """(word, busy cycles) for each flash word the block is fetched from."""
        words: dict[int, int] = {}
        before = None
        for instruction in block:
            busy = sum(cycles for _, cycles in self._model.price(instruction, before))
            before = instruction
            first = instruction.address // self._fetch_bytes
            last = (instruction.address + instruction.nbytes - 1) // self._fetch_bytes
            words[first] = words.get(first, 0) + (busy if first == last else 0)
            if last != first:
                words[last] = busy
        return tuple(words.items())


class _Plan:
    """What a block does to the flash. ``hooked`` are the loads counted when the core is at an address in the block."""

    __slots__ = ("hooked", "instructions", "loads", "run")

    def __init__(self, instructions: int, run: CodeRun | None, loads: _Loads | None, hooked: dict[int, _Loads]) -> None:
        self.instructions = instructions
        self.run = run
        self.loads = loads
        self.hooked = hooked


class _Loads:
    """The loads of one segment, and the registers as they were when it was last entered."""

    def __init__(self, segment: Segment, flash: Region, fetch_bytes: int) -> None:
        self.start = segment.start
        self._low, self._size = flash.base, flash.size_bytes
        self._fetch_bytes = fetch_bytes
        self._registers = segment.registers
        self._steps = segment.steps
        self._values: list[int] = []
        self._accesses = [(p.base, p.offset, p.access.nbytes - 1) for p in segment.accesses]
        self._chosen: dict[int, list[tuple[int, int, int]]] = {}  # set of bases near the flash, as bits -> accesses
        self._bases: list[tuple[tuple[tuple[int, int], ...], int, int, int]] = []
        for i, terms in enumerate(segment.bases):
            offsets = [p.offset for p in segment.accesses if p.base == i]
            lowest = flash.base - max(offsets)  # the least value of the base with which a load is from flash
            self._bases.append((terms, lowest, flash.base + flash.size_bytes - min(offsets) - lowest, 1 << i))

    def stalls(self, uc: Uc, port: FlashPort, *, repeated: bool) -> int:
        """Stall cycles of the loads, made now. ``repeated``: nothing else has run since they were made last."""
        if repeated and self._steps is not None:
            values = [value + step for value, step in zip(self._values, self._steps, strict=True)]
        else:
            values = [uc.reg_read(number) for number in self._registers]
        self._values = values
        bases: list[int] = []
        near = 0
        for terms, lowest, extent, bit in self._bases:
            base = 0
            for place, factor in terms:
                base += values[place] * factor
            bases.append(base)
            if base - lowest & MASK < extent:
                near |= bit
        return self._count(bases, near, port) if near else 0

    def _count(self, bases: Sequence[int], near: int, port: FlashPort) -> int:
        accesses = self._chosen.get(near)
        if accesses is None:
            accesses = self._chosen[near] = [a for a in self._accesses if near >> a[0] & 1]
        low, size, fetch_bytes = self._low, self._size, self._fetch_bytes
        words: list[int] = []
        for base, offset, span in accesses:
            address = bases[base] + offset & MASK
            if 0 <= address - low < size:
                first, last = address // fetch_bytes, (address + span) // fetch_bytes
                words.append(first)
                if first != last:
                    words.extend(range(first + 1, last + 1))
        return port.load(words)


def allowance(limits: Limits) -> Limits:
    """Limits for a run with a StallCounter, which takes a few times as long as the counted run before it."""
    return Limits(limits.seconds * 15, limits.instructions)


def _is_load(access: Access) -> bool:
    return access.is_load
