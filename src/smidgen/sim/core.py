# SPDX-License-Identifier: Apache-2.0
"""A core emulated by unicorn with one ELF file in its memories. Meets ``Port``."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import MappingProxyType
from typing import Protocol

import unicorn
from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, arm_const

from smidgen.build.elf import Elf
from smidgen.errors import ImageError, SimulationError, TargetError
from smidgen.sim.port import Reading
from smidgen.sim.registers import PROCESSORS
from smidgen.sim.simulator import Limits
from smidgen.sim.stops import FAULT, fault, hint, not_reached, placed
from smidgen.sim.traps import instructions_in
from smidgen.targets import Target

SIMULATOR = f"unicorn {unicorn.__version__}"
PAGE = 4096
PERIPHERALS = ((0x4000_0000, 0x2000_0000), (0xE000_0000, 0x10_0000))
"""Mapped as plain memory that reads back what was written: start-up code may write them, but nothing happens."""

_CPACR = 0xE000_ED88
_REASONS = {
    unicorn.UC_ERR_READ_UNMAPPED: "a load from an address that is no memory",
    unicorn.UC_ERR_WRITE_UNMAPPED: "a store to an address that is no memory",
    unicorn.UC_ERR_FETCH_UNMAPPED: "a jump to an address that is no memory",
    unicorn.UC_ERR_READ_PROT: "a load that the memory does not allow",
    unicorn.UC_ERR_WRITE_PROT: "a store into flash",
    unicorn.UC_ERR_FETCH_PROT: "a jump into memory that does not execute",
    unicorn.UC_ERR_INSN_INVALID: "an undefined instruction",
    unicorn.UC_ERR_EXCEPTION: "an exception (undefined instruction, BKPT or SVC)",
    unicorn.UC_ERR_READ_UNALIGNED: "an unaligned load",
    unicorn.UC_ERR_WRITE_UNALIGNED: "an unaligned store",
}


class Page(Protocol):
    """An emulated peripheral of 4096 bytes of addresses. Offsets are in bytes, accesses of 1, 2 or 4 bytes.

    Both are called from within a run. After ``EmulatedCore.stop`` inside of one the access counts as not made: the core
    halts before the instruction, and makes the access again when it goes on.
    """

    def read(self, offset: int, nbytes: int) -> int: ...

    def write(self, offset: int, nbytes: int, value: int) -> None: ...


NO_PAGES: Mapping[int, Page] = MappingProxyType({})

_NOWHERE = 0xFFFF_FFFE


class EmulatedCore:
    """State: registers and memories. Nothing is shared between two of them.

    The FPU is on from the start (unicorn does not model the register that start-up code writes to enable it). Flash is
    read-only to the program. Segments outside of the target's memories get pages of their own, listed in ``extra``.
    """

    def __init__(self, elf: Elf, target: Target, pages: Mapping[int, Page] = NO_PAGES) -> None:
        """``pages`` are peripherals that do something, by their addresses (multiples of 4096)."""
        elf.require(target)
        self.elf = elf
        self.target = target
        self.processor = PROCESSORS[target.core.isa]
        self.where = ""  # what is being run, for messages: a step's label
        self.extra: list[int] = []
        self._instructions: int | None = None  # None: not counted
        self.uc = unicorn.Uc(self.processor.arch, self.processor.mode)
        if target.core.machine not in self.processor.models:
            known = ", ".join(self.processor.models)
            raise TargetError(f"core {target.core.name}: unicorn has no machine {target.core.machine!r}, only {known}")
        self.uc.ctl_set_cpu_model(self.processor.models[target.core.machine])
        for region in target.regions:
            writable = unicorn.UC_PROT_WRITE if region.kind == "sram" else 0
            self.uc.mem_map(region.base, region.size_bytes, unicorn.UC_PROT_READ | unicorn.UC_PROT_EXEC | writable)
        for base, nbytes in PERIPHERALS:
            for low, high in _gaps(base, base + nbytes, sorted(pages)):
                self.uc.mem_map(low, high - low)
        for base, page in pages.items():
            self.uc.mmio_map(base, PAGE, _reader(page), None, _writer(page), None)
        for segment in elf.segments:
            for base in {segment.physical, segment.virtual}:
                self._map_missing(base, max(len(segment.data), segment.memory_bytes if base == segment.virtual else 0))
                self.uc.mem_write(base, segment.data)
        if "fpu" in target.core.features:
            self._enable_fpu()

    def _enable_fpu(self) -> None:
        coprocessors = self.uc.reg_read(arm_const.UC_ARM_REG_C1_C0_2)
        self.uc.reg_write(arm_const.UC_ARM_REG_C1_C0_2, coprocessors | 0xF << 20)
        self.uc.reg_write(arm_const.UC_ARM_REG_FPEXC, 1 << 30)

    def _map_missing(self, base: int, nbytes: int) -> None:
        mapped = [(r[0], r[1]) for r in self.uc.mem_regions()]
        for page in range(base // PAGE * PAGE, base + nbytes, PAGE):
            if not any(low <= page <= high for low, high in mapped):
                self.uc.mem_map(page, PAGE)
                self.extra.append(page)

    def reset_vector(self) -> tuple[int, int]:
        """Initial stack pointer and entry address, from the vector table at the lowest loaded address.

        ImageError if what lies there cannot be a vector table.
        """
        base = min(s.physical for s in self.elf.segments if s.data)
        low = next((s for s in self.elf.segments if s.physical == base and s.data), None)
        if low is not None and len(low.data) >= 8:
            stack, entry = struct.unpack_from("<II", low.data)
            in_memory = any(s.virtual <= entry & ~1 < s.virtual + s.memory_bytes for s in self.elf.segments)
            in_ram = any(r.base < stack <= r.base + r.size_bytes for r in self.target.regions if r.kind == "sram")
            if in_memory and entry & 1 and stack % 4 == 0 and in_ram:
                return stack, entry & ~1
        raise ImageError(
            f"{self.elf.path}: no vector table at its lowest address {base:#010x}: the first word must be a stack "
            f"pointer into RAM of {self.target.name}, the second an odd code address; link for this target with the "
            "vectors first"
        )

    def reset(self) -> int:
        """Sets program counter and, on Arm, stack pointer; returns where the core starts."""
        if self.target.core.isa == "arm":
            stack, entry = self.reset_vector()
            self.uc.reg_write(self.processor.sp, stack)
        else:
            entry = min(s.physical for s in self.elf.segments if s.data)
        self.uc.reg_write(self.processor.pc, entry | self.processor.code_bit)
        return entry

    def run(self, until: int, limits: Limits) -> None:
        """Runs until the core is about to execute ``until``. SimulationError says what stopped it."""
        microseconds = max(1, int(limits.seconds * 1e6))
        if self.pc == until:
            self._start(_NOWHERE, 0, 1)
        self.uc.ctl_remove_cache(until, until + 2)  # translated earlier as ordinary code, it would not stop the run
        if limits.instructions is not None:
            self.uc.ctl_flush_tb()  # what was translated without a limit does not count
        self._start(until, microseconds, limits.instructions or 0)
        if self.pc != until:
            raise fault(self) if self.elf.function_at(self.pc) == FAULT else not_reached(self, until, limits)

    def go_on(self) -> None:
        """Runs from where the core is until ``stop`` is called. SimulationError if it faults."""
        self._start(_NOWHERE, 0, 0)

    def stop(self) -> None:
        """Ends a run, from a page, a hook or another thread."""
        self.uc.emu_stop()

    def copy_from(self, other: EmulatedCore) -> None:
        """Takes over another core's registers and RAM; both have the same image and target."""
        for number in self.processor.kept:
            self.uc.reg_write(number, other.uc.reg_read(number))
        self.uc.reg_write(self.processor.pc, other.pc | self.processor.code_bit)
        for region in self.target.regions:
            if region.kind == "sram":
                self.write(region.base, other.read(region.base, region.size_bytes))
        for page in self.extra:
            self.write(page, other.read(page, PAGE))

    def _start(self, until: int, microseconds: int, instructions: int) -> None:
        try:
            self.uc.emu_start(self.pc | self.processor.code_bit, until, microseconds, instructions)
        except unicorn.UcError as error:
            reason = _REASONS.get(error.errno, str(error))
            raise SimulationError(f"the core faulted{self.place()}: {reason}{hint(self)}") from None

    def on_reach(self, addresses: Iterable[int], action: Callable[[int], None]) -> None:
        """As ``Port.on_reach``."""

        def reached(uc: unicorn.Uc, address: int, nbytes: int, data: object) -> None:
            action(address)

        for address in sorted(addresses):
            self.uc.hook_add(UC_HOOK_CODE, reached, begin=address, end=address)

    def count_instructions(self) -> None:
        """From now on ``reading`` counts, and the core runs a hundred times slower."""
        self._instructions = 0
        lengths: dict[int, int] = {}

        def entered(uc: unicorn.Uc, address: int, nbytes: int, data: object) -> None:
            key = address << 16 | nbytes
            if key not in lengths:
                lengths[key] = instructions_in(self.read(address, nbytes), self.target.core.isa)
            assert self._instructions is not None
            self._instructions += lengths[key]

        self.uc.ctl_flush_tb()
        self.uc.hook_add(UC_HOOK_BLOCK, entered)

    def reading(self) -> Reading:
        """Instructions since ``count_instructions``, to the end of the block that the core is in."""
        if self._instructions is None:
            raise SimulationError("this core does not count instructions: call count_instructions first")
        return Reading(self._instructions)

    def close(self) -> None:
        """Nothing to do: the emulator is memory of this process."""

    @property
    def simulator(self) -> str:
        return SIMULATOR

    @property
    def pc(self) -> int:
        return int(self.uc.reg_read(self.processor.pc)) & ~1

    @property
    def sp(self) -> int:
        return int(self.uc.reg_read(self.processor.sp))

    @property
    def lr(self) -> int:
        return int(self.uc.reg_read(self.processor.lr))

    def read(self, address: int, nbytes: int) -> bytes:
        return bytes(self.uc.mem_read(address, nbytes)) if nbytes else b""

    def write(self, address: int, data: bytes) -> None:
        self.uc.mem_write(address, data)

    def place(self) -> str:
        """Where the core is, for messages."""
        return placed(self)


def _gaps(low: int, high: int, pages: list[int]) -> Iterator[tuple[int, int]]:
    """What of ``low`` to ``high`` lies between pages."""
    for page in pages:
        if low <= page < high:
            if low < page:
                yield low, page
            low = page + PAGE
    if low < high:
        yield low, high


def _reader(page: Page) -> Callable[[unicorn.Uc, int, int, object], int]:
    def read(uc: unicorn.Uc, offset: int, nbytes: int, data: object) -> int:
        return page.read(offset, nbytes)

    return read


def _writer(page: Page) -> Callable[[unicorn.Uc, int, int, int, object], None]:
    def write(uc: unicorn.Uc, offset: int, nbytes: int, value: int, data: object) -> None:
        page.write(offset, nbytes, value)

    return write
