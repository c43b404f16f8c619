# SPDX-License-Identifier: Apache-2.0
"""Addresses of a block's memory accesses, from as few register reads as possible."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from unicorn import arm_const

from smidgen.profile.instructions import Instruction
from smidgen.profile.linear import Effect, Sum
from smidgen.profile.loads import Access

MASK = 0xFFFF_FFFF


@dataclass(frozen=True, slots=True)
class Planned:
    """One access: at value ``base`` of the segment's bases plus ``offset``, modulo 2^32."""

    base: int
    offset: int
    instruction: Instruction

    @property
    def access(self) -> Access:
        assert self.instruction.access is not None
        return self.instruction.access


@dataclass(frozen=True, slots=True)
class Segment:
    """A stretch of a block whose addresses follow from the registers when it begins.

    ``start`` is the address of its first instruction. ``registers`` are unicorn's numbers; ``bases`` are sums over
    them as (position, factor) each, those without terms being 0. ``steps`` is how much each register grows by when the
    block is run once, None if that is not known.
    """

    start: int
    registers: tuple[int, ...]
    bases: tuple[tuple[tuple[int, int], ...], ...]
    accesses: tuple[Planned, ...]
    steps: tuple[int, ...] | None


def segments(block: Sequence[Instruction], wanted: Callable[[Access], bool]) -> tuple[Segment, ...]:
    """The block's wanted accesses, in order.

    A new segment begins at an access by a register whose value was loaded or computed since the segment began in a way
    that is not followed. An access that may be passed over is a segment of its own, since it is not known to be made
    before it is. Only the first segment may start at the block's own address.
    """
    plan = _Plan(block[0].address)
    done: list[Segment] = []
    alone = False  # the segment is full
    for instruction in block:
        access = instruction.access
        if access is not None and wanted(access):
            address = plan.address(access)
            if address is None or instruction.conditional or alone:
                done.append(plan.segment(with_steps=False))
                plan = _Plan(instruction.address)
                address = plan.address(access)
                assert address is not None
                alone = instruction.conditional
            plan.accesses.append((address, instruction))
        plan.apply(instruction.effect)
    done.append(plan.segment(with_steps=not done))
    return tuple(s for s in done if s.accesses)


class _Plan:
    """A segment while it is built: what is known of each register, as a sum over the values at its beginning."""

    def __init__(self, start: int) -> None:
        self._start = start
        self._values: dict[str, Sum | None] = {}
        self.accesses: list[tuple[Sum, Instruction]] = []

    def address(self, access: Access) -> Sum | None:
        value: Sum | None = Sum(access.offset)
        for name, factor in ((access.base, 1), (access.index, 1 << access.shift)):
            if name is not None:
                value = self._add(value, name, factor)
        return value

    def apply(self, effect: Effect) -> None:
        new: dict[str, Sum | None] = dict.fromkeys(effect.lost)
        for name, total in effect.sums:
            value: Sum | None = Sum(total.constant)
            for register, factor in total.terms:
                value = self._add(value, register, factor)
            new[name] = value
        self._values.update(new)

    def _add(self, value: Sum | None, name: str, factor: int) -> Sum | None:
        other = self._value(name)
        return None if value is None or other is None else value.plus(other, factor)

    def _value(self, name: str) -> Sum | None:
        return self._values.get(name, Sum(0, ((name, 1),)))

    def segment(self, *, with_steps: bool) -> Segment:
        names = sorted({name for address, _ in self.accesses for name, _ in address.terms})
        places = {name: i for i, name in enumerate(names)}
        terms = sorted({address.terms for address, _ in self.accesses})
        bases = tuple(tuple((places[name], factor) for name, factor in each) for each in terms)
        planned = tuple(Planned(terms.index(a.terms), a.constant, instruction) for a, instruction in self.accesses)
        return Segment(
            self._start,
            tuple(register(name) for name in names),
            bases,
            planned,
            self._steps(names) if with_steps else None,
        )

    def _steps(self, names: Sequence[str]) -> tuple[int, ...] | None:
        steps: list[int] = []
        for name in names:
            value = self._value(name)
            if value is None or value.terms != ((name, 1),):
                return None
            steps.append(value.constant)
        return tuple(steps)


def register(name: str) -> int:
    """unicorn's number of a core register."""
    return int(getattr(arm_const, f"UC_ARM_REG_{name.upper()}"))
