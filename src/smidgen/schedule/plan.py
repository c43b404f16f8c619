# SPDX-License-Identifier: Apache-2.0
"""What a placement of buffers in the arena is, the least it can need, and the proof that no buffer disturbs another."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.errors import InvalidPlan

ALIGN = 8  # bytes, of every buffer: kernels may assume it


@dataclass(frozen=True, slots=True)
class Buffer:
    """Bytes alive during steps first..last, both inclusive. Scratch is a buffer with first == last."""

    name: str
    nbytes: int
    first: int
    last: int

    def meets(self, other: Buffer) -> bool:
        """True if both are alive at some step."""
        return self.first <= other.last and other.first <= self.last


@dataclass(frozen=True, slots=True)
class Overlap:
    """``lower`` may share bytes with ``upper`` where start(upper) - start(lower) >= lead_bytes.

    ``upper`` dies at the one step where the two meet: that step's kernel reads each byte of it before it writes there.
    ``same_start``: it works in place, and the two share bytes only where they start together; no lead then.
    """

    lower: str
    upper: str
    lead_bytes: int
    same_start: bool = False


@dataclass(frozen=True, slots=True)
class Placement:
    buffer: Buffer
    offset: int

    @property
    def end(self) -> int:
        return self.offset + self.buffer.nbytes


@dataclass(frozen=True, slots=True)
class Plan:
    """Placements by offset; ``nbytes`` is the arena's size; no plan for these lifetimes can beat ``bound_bytes``.

    Bytes from ``split`` on, if given, lie in a second memory: no buffer lies across it.
    """

    placements: tuple[Placement, ...]
    bound_bytes: int
    split: int | None = None

    @property
    def nbytes(self) -> int:
        return max((aligned(p.end) for p in self.placements), default=0)

    def offset(self, name: str) -> int:
        """Of the buffer of this name; InvalidPlan if the plan has none."""
        for p in self.placements:
            if p.buffer.name == name:
                return p.offset
        raise InvalidPlan(f"the plan has no buffer {name!r}")

    def offsets(self) -> Mapping[str, int]:
        """Every buffer's offset by name."""
        return {p.buffer.name: p.offset for p in self.placements}

    def alive_bytes(self, step: int) -> int:
        """Bytes of the arena that hold something at ``step``; those that two buffers share count once."""
        total = end = 0
        for p in self.placements:  # by offset
            if p.buffer.first <= step <= p.buffer.last:
                until = p.end
                total += max(0, until - max(end, p.offset))
                end = max(end, until)
        return total


def aligned(n: int) -> int:
    """``n`` rounded up to the alignment of buffers."""
    return -(-n // ALIGN) * ALIGN


def lower_bound(buffers: Sequence[Buffer], overlaps: Sequence[Overlap] = ()) -> int:
    """The most bytes alive at one step, less what overlaps can save there: no placement can need less.

    Buffers that ``x`` may overlap are apart from each other and start no later than ``x`` where they share bytes with
    it, so ``x`` shares bytes with one of them at most: of each ``x`` only the largest saving counts.
    """
    by_name = {b.name: b for b in buffers}
    savings: dict[int, dict[str, int]] = {}  # step -> upper -> bytes
    for o in overlaps:
        lower, upper = by_name[o.lower], by_name[o.upper]
        at_step = savings.setdefault(upper.last, {})
        at_step[o.upper] = max(at_step.get(o.upper, 0), _saving(lower, upper, o))
    need = (
        sum(aligned(b.nbytes) for b in buffers if b.first <= t <= b.last) - sum(savings.get(t, {}).values())
        for t in {b.first for b in buffers}
    )
    return max(need, default=0)


def _saving(lower: Buffer, upper: Buffer, overlap: Overlap) -> int:
    """Bytes that the two need less together than apart."""
    below, above = aligned(lower.nbytes), aligned(upper.nbytes)
    together = max(below, min(aligned(overlap.lead_bytes), below) + above)
    return below + above - together


def verify_plan(plan: Plan, buffers: Sequence[Buffer], overlaps: Sequence[Overlap] = ()) -> None:
    """Raise InvalidPlan unless every buffer is placed once, aligned, and apart from all it meets or may not overlap.

    O(n^2), no planner's code.
    """
    if sorted(b.name for b in buffers) != sorted(p.buffer.name for p in plan.placements):
        raise InvalidPlan("the plan does not place every buffer exactly once")
    _check_overlaps(buffers, overlaps)
    leads = {(o.lower, o.upper): o.lead_bytes for o in overlaps if not o.same_start}
    starts = {(o.lower, o.upper) for o in overlaps if o.same_start}
    for i, p in enumerate(plan.placements):
        if p.offset < 0 or p.offset % ALIGN:
            raise InvalidPlan(f"{p.buffer.name} at {p.offset} is not aligned to {ALIGN}")
        if plan.split is not None and p.offset < plan.split < p.end:
            raise InvalidPlan(f"{p.buffer.name} lies across {plan.split}, where the second memory begins")
        for q in plan.placements[:i]:
            together = p.offset == q.offset and not starts.isdisjoint(
                {(p.buffer.name, q.buffer.name), (q.buffer.name, p.buffer.name)}
            )
            if not (together or _apart(p, q) or _allowed(p, q, leads) or _allowed(q, p, leads)):
                raise InvalidPlan(f"{p.buffer.name} overlaps {q.buffer.name} while both are alive")
    if plan.nbytes < plan.bound_bytes:
        raise InvalidPlan(f"the plan claims {plan.nbytes} bytes, below the lower bound {plan.bound_bytes}")


def _apart(p: Placement, q: Placement) -> bool:
    """True unless they share a byte at a step."""
    return p.offset >= q.end or q.offset >= p.end or not p.buffer.meets(q.buffer)


def _allowed(lower: Placement, upper: Placement, leads: Mapping[tuple[str, str], int]) -> bool:
    lead = leads.get((lower.buffer.name, upper.buffer.name))
    return lead is not None and upper.offset - lower.offset >= lead


def _check_overlaps(buffers: Sequence[Buffer], overlaps: Sequence[Overlap]) -> None:
    """InvalidPlan for an overlap that no kernel can promise: two buffers needed together at more than one step."""
    by_name = {b.name: b for b in buffers}
    uppers: dict[int, str] = {}
    for o in overlaps:
        lower, upper = by_name[o.lower], by_name[o.upper]
        step = upper.last
        grows = o.same_start and lower.nbytes > upper.nbytes
        if o.lead_bytes < 0 or lower.first != step or upper.first >= step or grows:
            raise InvalidPlan(f"{o.lower} may not overlap {o.upper}: they are not a kernel's result and dying operand")
        if not o.same_start and uppers.setdefault(step, o.upper) != o.upper:
            raise InvalidPlan(f"step {step} overlaps two operands, {uppers[step]} and {o.upper}; one is allowed")
