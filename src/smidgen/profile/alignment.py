# SPDX-License-Identifier: Apache-2.0
"""Finds accesses that a real core faults on and the emulator lets pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unicorn import UC_HOOK_BLOCK, UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, Uc

from smidgen.errors import SimulationError
from smidgen.profile.addresses import MASK, Segment, segments
from smidgen.profile.instructions import Decoder, Instruction
from smidgen.profile.loads import Access
from smidgen.profile.memory import allowance
from smidgen.sim import EmulatedMachine, Machine
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import block_of


def check_alignment(machine: Machine, inputs: Sequence[bytes]) -> None:
    """One inference in which the alignment of accesses is checked.

    On cores with the feature "unaligned": of every LDRD, STRD, LDM, STM, VLDR, VSTR, VLDM and VSTM, to words. On all
    others, of every access, to its own size: an Armv6-M core faults on each that is not (Armv6-M ARM, A3.2.1), a RISC-V
    core may. SimulationError names the instruction, its function and the step. Nothing to do for other simulators than
    unicorn: those of a core's RTL do what the core does, QEMU's boards do not fault.
    """
    if not isinstance(machine, EmulatedMachine):
        return
    core = machine.image.target.core
    if core.isa == "riscv" or "unaligned" not in core.features:
        machine.watch(inputs, _EveryAccessWatch, allowance(machine.limits))
        return
    code = machine.count(inputs).code
    machine.watch(inputs, lambda core: _AlignmentWatch(core, code), allowance(machine.limits))


class _EveryAccessWatch:
    """Checks each access when it is made. Only for cores without an FPU, see ``StallCounter``."""

    def __init__(self, core: EmulatedCore) -> None:
        self._core = core
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._on_access)

    def split(self) -> None:
        """Nothing is counted."""

    def _on_access(self, uc: Uc, access: int, address: int, nbytes: int, value: int, data: object) -> None:
        if address & nbytes - 1:
            core = self._core
            raise SimulationError(
                f"the core accesses {nbytes} bytes at {address:#010x}{core.place()}: {core.target.core.title} faults "
                f"there, or may, unless the address is a multiple of {nbytes}"
            )


class _AlignmentWatch:
    """Checks a block's accesses when it is entered, by the addresses they will have; hooks those it cannot foresee.

    What is found is raised at the next block, when the core is known to be in the step that the block began.
    """

    def __init__(self, core: EmulatedCore, code: Mapping[int, bytes]) -> None:
        self._core = core
        self._found: tuple[Instruction, int] | None = None
        decoder = Decoder()
        blocks = {key: decoder.block(block_of(key).address, code[key]) for key in sorted(code)}
        planned = {key: segments(block, _needs_alignment) for key, block in blocks.items()}
        self._at_entry = {key: s[0] for key, s in planned.items() if s and s[0].start == block_of(key).address}
        self._hooked = {s.start: s for key, found in planned.items() for s in found if s.start != block_of(key).address}
        core.uc.ctl_flush_tb()
        core.uc.hook_add(UC_HOOK_BLOCK, self._on_block)
        for address in sorted(self._hooked):
            core.uc.hook_add(UC_HOOK_CODE, self._on_access, begin=address, end=address)

    def split(self) -> None:
        """Nothing is counted."""

    def _on_block(self, uc: Uc, address: int, nbytes: int, data: object) -> None:
        if self._found is not None:
            self._fail(*self._found)
        segment = self._at_entry.get(address << 16 | nbytes)
        if segment is not None:
            self._check(uc, segment)

    def _on_access(self, uc: Uc, pc: int, nbytes: int, data: object) -> None:
        self._check(uc, self._hooked[pc])

    def _check(self, uc: Uc, segment: Segment) -> None:
        values = [uc.reg_read(number) for number in segment.registers]
        bases = [sum(values[place] * factor for place, factor in terms) for terms in segment.bases]
        for planned in segment.accesses:
            address = bases[planned.base] + planned.offset & MASK
            if address % 4 and self._found is None:
                self._found = planned.instruction, address

    def _fail(self, instruction: Instruction, address: int) -> None:
        function = self._core.elf.function_at(instruction.address)
        raise SimulationError(
            f"{instruction.mnemonic} at {instruction.address:#010x} in {function}, {self._core.where}, "
            f"accesses {address:#010x}: a real core faults there unless the address is a multiple of 4"
        )


def _needs_alignment(access: Access) -> bool:
    return access.word_aligned
