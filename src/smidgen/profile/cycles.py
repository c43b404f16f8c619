# SPDX-License-Identifier: Apache-2.0
"""The cycle model of an in-order core on memory without wait states: a core's rules applied to counted blocks.

Left out, because block counts do not show it: the penalty of unaligned accesses, early-out divisions (a mean is taken)
and IT folding. An instruction passed over by its condition costs as much as one executed. The branch that ends a
counted stretch is charged without its refill, which falls behind the end.
"""

from __future__ import annotations

from collections import Counter as Tally
from collections.abc import Mapping
from dataclasses import dataclass, field

from smidgen.errors import TargetError
from smidgen.profile.instructions import Decoder, Instruction
from smidgen.sim.simulator import Edges, block_of, split_edge
from smidgen.targets import Core

_SAME_NAME = (
    "alu", "multiply", "multiply_add", "multiply_long", "multiply_add_long", "divide", "store", "double", "branch",
    "call", "table_branch", "it", "hint", "barrier", "system", "exclusive", "float_arithmetic", "float_multiply_add",
    "float_divide", "float_move", "float_move_double", "float_store", "float_double",
)  # fmt: skip
"""Timing classes whose cost is the rule of the same name, whatever stands before them."""

_OTHER_RULES = (
    "load", "load_pipelined", "store_indexed", "store_indexed_pipelined", "multiple_base", "multiple_register",
    "multiple_pc", "address_interlock", "refill", "refill_unaligned", "float_result_delay",
)  # fmt: skip
RULES = (*_SAME_NAME, *_OTHER_RULES)
"""Every rule the model applies; a core's TOML gives each a number of cycles and its provenance."""

_FLOAT_RESULT = ("float_arithmetic", "float_multiply_add", "float_divide")
_INTEGER_RESULT = ("alu", "multiply", "multiply_add", "multiply_long", "multiply_add_long", "divide")
_LIKE = {
    "call": "branch",
    "multiply_add": "multiply",
    "multiply_long": "multiply",
    "multiply_add_long": "multiply_long",
}
"""Rules that a core's file may leave to another rule, those it is left to first."""
_MAY_BE_ZERO = ("multiple_pc",)
"""Rules that most cores have no need of."""


@dataclass(slots=True)
class Cost:
    """What some edges add up to. ``by_rule`` splits the cycles, ``mix`` counts instructions by timing class."""

    instructions: int = 0
    cycles: int = 0
    by_rule: Tally[str] = field(default_factory=Tally)
    mix: Tally[str] = field(default_factory=Tally)
    unknown: Tally[str] = field(default_factory=Tally)  # mnemonic -> times; such instructions are priced at nothing

    def charge(self, rule: str, cycles: int) -> None:
        self.by_rule[rule] += cycles
        self.cycles += cycles


class CycleModel:
    """Prices blocks and edges by a core's rules; remembers the blocks it has disassembled."""

    def __init__(self, core: Core, code: Mapping[int, bytes]) -> None:
        """``code`` has the bytes of each block by its key. TargetError if the core's file lacks a rule."""
        given = dict.fromkeys(_MAY_BE_ZERO, 0.0) | dict(core.cycles)
        for rule, like in _LIKE.items():
            if rule not in given and like in given:
                given[rule] = given[like]
        if missing := sorted(set(RULES) - set(given)):
            raise TargetError(f"core {core.name}: no cycles for {', '.join(missing)}; add them to its TOML file")
        self._rules = {rule: int(cycles) for rule, cycles in given.items()}
        self._code = code
        self._decoder = Decoder()
        self._blocks: dict[int, tuple[Instruction, ...]] = {}
        self._prices: dict[tuple[int, Instruction | None], tuple[tuple[str, int], ...]] = {}

    def block(self, key: int) -> tuple[Instruction, ...]:
        if key not in self._blocks:
            self._blocks[key] = self._decoder.block(block_of(key).address, self._code[key])
        return self._blocks[key]

    def total(self, edges: Edges) -> Cost:
        """The cost of all of them together."""
        cost = Cost()
        for edge, times in edges.items():
            self.add_edge(cost, cost, edge, times)
        return cost

    def add_edge(self, left: Cost, entered: Cost, edge: int, times: int) -> None:
        """Adds an edge taken ``times`` times: the block entered to ``entered``, the branch's refill to ``left``."""
        before, key = split_edge(edge)
        last = self.block(before)[-1] if before else None
        if last is not None and last.writes_pc:
            self._leave(left, last, block_of(key).address, self.block(key)[0].nbytes, times)
            last = None
        for rule, cycles in self._block_price(key, last):
            entered.charge(rule, cycles * times)
        block = self.block(key)
        entered.instructions += len(block) * times
        for instruction in block:
            entered.mix[instruction.kind] += times
            if instruction.kind == "unknown":
                entered.unknown[instruction.mnemonic] += times

    def _leave(self, cost: Cost, last: Instruction, target: int, target_bytes: int, times: int) -> None:
        """The end of a block that may write the pc. A conditional one that did not costs as a branch not taken."""
        if last.conditional and target == last.address + last.nbytes:
            for rule, cycles in self.price(last, None):
                cost.charge(rule, -cycles * times)
            cost.charge("branch", self._rules["branch"] * times)
            return
        cost.charge("refill", self._rules["refill"] * times)
        if target % 4 == 2 and target_bytes == 4:
            cost.charge("refill_unaligned", self._rules["refill_unaligned"] * times)

    def _block_price(self, key: int, before: Instruction | None) -> tuple[tuple[str, int], ...]:
        """Cycles by rule of one pass; ``before`` is what ran just before in sequence, None after a branch."""
        if (key, before) not in self._prices:
            tally: Tally[str] = Tally()
            previous = before
            for instruction in self.block(key):
                for rule, cycles in self.price(instruction, previous):
                    tally[rule] += cycles
                previous = instruction
            self._prices[key, before] = tuple(sorted(tally.items()))
        return self._prices[key, before]

    def price(self, instruction: Instruction, before: Instruction | None) -> list[tuple[str, int]]:
        """One instruction's cycles by rule, given the one executed just before it in sequence."""
        applied = self._transfer(instruction, before)
        if instruction.kind in _SAME_NAME:
            applied.append(instruction.kind)
        if before is not None:
            if before.kind in _INTEGER_RESULT and before.writes & instruction.address_registers:
                applied.append("address_interlock")
            if before.kind in _FLOAT_RESULT and _waits_for_float(instruction, before):
                applied.append("float_result_delay")
        return [(rule, self._rules[rule]) for rule in applied]

    def _transfer(self, instruction: Instruction, before: Instruction | None) -> list[str]:
        """The rules of loads, indexed stores and multiple transfers."""
        if instruction.kind in ("load", "store_indexed"):
            after_load = before is not None and before.kind == "load"
            if after_load and before is not None and not before.loaded & instruction.address_registers:
                return [f"{instruction.kind}_pipelined"]
            return [instruction.kind]
        if instruction.kind == "multiple":
            pc = ["multiple_pc"] if instruction.writes_pc else []
            return ["multiple_base", *["multiple_register"] * instruction.words, *pc]
        return []


def _waits_for_float(instruction: Instruction, before: Instruction) -> bool:
    """A multiply-add takes its addend late, so only its factors wait."""
    needed = instruction.multiplied if instruction.kind == "float_multiply_add" else instruction.reads
    return bool(before.writes & needed)
