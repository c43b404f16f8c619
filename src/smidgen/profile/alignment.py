# SPDX-License-Identifier: Apache-2.0
"""Finds accesses that a real Cortex-M4 faults on and the emulator lets pass."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from unicorn import UC_HOOK_CODE, Uc

from smidgen.errors import SimulationError
from smidgen.profile.instructions import Decoder, Instruction
from smidgen.profile.addresses import register
from smidgen.profile.memory import allowance
from smidgen.sim import Machine
from smidgen.sim.core import EmulatedCore
from smidgen.sim.simulator import block_of


def check_alignment(machine: Machine, inputs: Sequence[bytes]) -> None:
    """One inference in which every LDRD, STRD, LDM, STM, VLDR, VSTR, VLDM and VSTM is checked for word alignment.

    SimulationError names the instruction, its function and the step. Other loads and stores may be unaligned.
    """
    code = machine.count(inputs).code
    machine.watch(inputs, lambda core: _AlignmentWatch(core, code), allowance(machine.limits))


class _AlignmentWatch:
    def __init__(self, core: EmulatedCore, code: Mapping[int, bytes]) -> None:
        self._core = core
        decoder = Decoder()
        core.uc.ctl_flush_tb()
        blocks = (decoder.block(block_of(key).address, code[key]) for key in sorted(code))
        for instruction in {i.address: i for block in blocks for i in block if i.access}.values():
            self._watch(instruction)

    def split(self) -> None:
        """Nothing is counted."""

    def _watch(self, instruction: Instruction) -> None:
        access = instruction.access
        assert access is not None
        base = None if access.base is None else register(access.base)
        if base is None or not access.word_aligned:
            return

        def check(uc: Uc, pc: int, nbytes: int, data: object) -> None:
            address = uc.reg_read(base) + access.offset
            if address % 4:
                raise SimulationError(
                    f"{instruction.mnemonic} at {pc:#010x} in {self._core.elf.function_at(pc)}, {self._core.where}, "
                    f"accesses {address:#010x}: a real core faults there unless the address is a multiple of 4"
                )

        self._core.uc.hook_add(UC_HOOK_CODE, check, begin=instruction.address, end=instruction.address)
