# SPDX-License-Identifier: Apache-2.0
"""How a convolution of few input channels is cut into words, chains of taps, blocks and groups of rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

from smidgen.ir import Node
from smidgen.kernels.fast_requantize import DOUBLE, rounding_mode
from smidgen.ops import Conv2D
from smidgen.ops.arithmetic import int_bounds

CONSTANTS = 8  # words behind a pair's weights
RESIDENT_WORDS = 22  # s0 .. s21
MOST_ROWS = {True: 4, False: 3}  # of a block, by whether weights are resident: what the core's registers hold
LOOP_BYTES = 1024  # of the smallest instruction cache that a loop should fit
OFFSET_BYTES = 4095  # LDR and STRB with an immediate
STRIP_ROWS = 63  # a store's post-index reaches 255 bytes
LARGEST_STEP = 0xFFFF  # MOVW


@dataclass(frozen=True, slots=True)
class Shape:
    """The part of a node that plans depend on."""

    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    k_h: int
    k_w: int
    stride: tuple[int, int]
    dilation: tuple[int, int]
    pad_t: int
    pad_l: int
    requantize_cycles: int  # of an output, with its store

    @property
    def phases(self) -> int:
        """2 if windows start in either half of a word."""
        return 2 if self.stride[1] * self.in_c % 2 and self.out_w > 1 else 1

    @property
    def span(self) -> int:
        """Values of one row from the first to the last of a window."""
        return ((self.k_w - 1) * self.dilation[1] + 1) * self.in_c

    @property
    def words(self) -> int:
        """Words that hold a row of any window."""
        return (self.span + self.phases) // 2

    @property
    def strip_words(self) -> int:
        """Words from the first of the first window of a row to the last of the last."""
        return (self.out_w - 1) * self.stride[1] * self.in_c // 2 + self.words

    @property
    def values(self) -> int:
        """Bytes of an input row that some window reads or that stand before such."""
        return max(0, min(self.in_w * self.in_c, 2 * self.strip_words - self.pad_l * self.in_c))

    @property
    def classes(self) -> int:
        """Taps this far apart share words between the pixels of a block: remainders to walk separately."""
        return self.stride[0] // self.dilation[0] if self.stride[0] % self.dilation[0] == 0 else self.k_h

    @property
    def chains(self) -> Iterator[int]:
        """The taps of each remainder."""
        return ((self.k_h - p + self.classes - 1) // self.classes for p in range(self.classes))

    @property
    def weight_words(self) -> int:
        """Of one pair of channels and one phase."""
        return self.words * self.k_h

    @property
    def pairs(self) -> int:
        return (self.out_c + 1) // 2

    def strip_rows(self, out_rows: int) -> int:
        """Input rows that so many output rows read."""
        return (out_rows - 1) * self.stride[0] + (self.k_h - 1) * self.dilation[0] + 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Blocks of ``rows`` output rows, then ``tail_blocks`` of ``tail_rows``; ``group_blocks`` share a strip."""

    shape: Shape
    resident: bool
    rows: int
    full_blocks: int
    tail_rows: int
    tail_blocks: int
    group_blocks: int

    @property
    def groups(self) -> tuple[tuple[int, int], ...]:
        """(full blocks, tail blocks) of each group, in order, as the C code takes them."""
        full, tail, found = self.full_blocks, self.tail_blocks, []
        while full + tail:
            now = min(full, self.group_blocks)
            also = min(tail, (self.group_blocks - now) * self.rows // self.tail_rows) if tail else 0
            found.append((now, also))
            full, tail = full - now, tail - also
        return tuple(found)

    @property
    def group_rows(self) -> tuple[int, ...]:
        """Output rows of each group."""
        return tuple(full * self.rows + tail * self.tail_rows for full, tail in self.groups)

    @property
    def strip_rows(self) -> int:
        return self.shape.strip_rows(max(self.group_rows))

    @property
    def scratch_bytes(self) -> int:
        copy = 0 if self.resident else self.shape.weight_words + CONSTANTS
        return 4 * (self.shape.strip_words * self.strip_rows + copy)

    @property
    def column_bytes(self) -> int:
        """From the words of a phase's column to those of its next; not 0 if there is one column only."""
        step = self.shape.stride[1] * self.shape.in_c * self.shape.phases // 2
        return 4 * max(step, 1) * self.strip_rows

    def cycles(self) -> float:
        """Modelled, of one image."""
        s = self.shape
        columns = sum(_columns(s))
        per_column = self.full_blocks * block_cycles(s, self.rows, self.resident)
        if self.tail_blocks:
            per_column += self.tail_blocks * block_cycles(s, self.tail_rows, self.resident)
        blocks = (self.full_blocks + self.tail_blocks) * s.phases
        call = _CALL + s.weight_words * (1 if self.resident else _COPIED_WORD)
        calls = len(self.groups) * s.phases
        channels = s.pairs * (columns * per_column + blocks * _BLOCK + calls * call)
        return channels + sum(_strip_cycles(s, rows) for rows in self.group_rows)


# Instructions that the compiler made around the assembly, zig cc 0.17.1 -O3, zero wait states.
_CALL, _COPIED_WORD, _BLOCK = 74, 3.5, 24
_STRIP = 80


def _columns(s: Shape) -> list[int]:
    """Of each phase."""
    return [(s.out_w - phase + s.phases - 1) // s.phases for phase in range(s.phases)]


def _strip_cycles(s: Shape, out_rows: int) -> int:
    """Of the expansion of the input rows of a group."""
    head = s.pad_l * s.in_c % 2
    quads, rest = divmod(s.values - head, 4)
    row = 8 + 7 * head + 9 * (rest > 1) + 8 * (rest % 2)
    row += quads // 8 * 70 if quads % 8 == 0 else quads // 4 * 37 + quads % 4 * 13
    return _STRIP + s.strip_rows(out_rows) * row


def _load_groups(taps: int, rows: int, room: int) -> dict[int, int]:
    """The words loaded before each step of a chain that loads any."""
    loaded, groups = 0, {}
    for k in range(taps):
        if k + rows > loaded:
            most = min(k + room, taps + rows - 1)
            groups[k] = most - loaded
            loaded = most
    return groups


def block_cycles(s: Shape, rows: int, resident: bool) -> int:
    """Of one column of a block: both channels of ``rows`` pixels."""
    total = 0
    room = (12 if resident else 11) - 2 * rows
    for taps in s.chains:
        groups = _load_groups(taps, rows, room)
        for k in range(taps):
            loads = groups.get(k, 0) + (not resident)
            total += (1 + loads if loads else 0) + (2 if resident else 1) + 2 * rows
    total *= s.words
    total += 2 if resident else 8 + 2 * (rows - 1) + 6 * s.words - 2
    return (
        total
        + 13
        + _separate_steps(s, resident)
        + rows * (2 * s.requantize_cycles + 2)
        + 2 * 2 * (rows - 1) * _far(s, rows)
    )


def _separate_steps(s: Shape, resident: bool) -> int:
    """Additions that no load or store does on its way to the next column."""
    step = s.stride[1] * s.in_c * s.phases // 2
    return (s.phases * s.out_c > 255) + (not resident or step >= s.words)


def loop_bytes(s: Shape, rows: int, resident: bool) -> int:
    """The code of that column."""
    room = (12 if resident else 11) - 2 * rows
    loads = sum(sum(_load_groups(taps, rows, room).values()) for taps in s.chains)
    steps = 4 * (s.k_h * (2 + 2 * rows) + loads)
    around = 60 + 4 * rows * (2 * s.requantize_cycles + 2) + 32 * (rows - 1) * _far(s, rows)
    return around + (steps * s.words if resident else steps + 50 + 4 * rows)


def _far(s: Shape, rows: int) -> bool:
    """Whether rows of output are too far apart for a store's offset."""
    return s.out_w * s.out_c * (rows - 1) >= OFFSET_BYTES


def code_bytes(plan: Plan) -> int:
    """Of the whole function, from above."""
    s = plan.shape
    quads, rest = divmod(s.values - s.pad_l * s.in_c % 2, 4)
    turn = (405 if quads % 8 == 0 else 220) if quads >= 4 else 0
    expand = turn + 112 * (quads % 4 > 0) + 142 * (rest > 1) + 215 * (rest % 2) + 45 * (s.pad_l * s.in_c % 2)
    sizes = [plan.rows] + ([plan.tail_rows] if plan.tail_blocks else [])
    loops = sum(loop_bytes(s, rows, plan.resident) + 60 for rows in sizes)
    return 590 + 126 * (s.phases - 1) + 83 * (not plan.resident) + expand + loops


def shape_of(node: Node) -> Shape:
    """The shape of a convolution with one group."""
    op = node.op
    assert isinstance(op, Conv2D)
    (_, ih, iw, ic), (_, oh, ow, oc) = node["x"].type.shape, node.output.type.shape
    _, kh, kw, _ = node["w"].type.shape
    lo, hi = int_bounds(op.clamp)
    cycles = (5 if rounding_mode(node) == DOUBLE else 4) + 3 * (lo > -128) + 3 * (hi < 127)
    return Shape(ih, iw, ic, oh, ow, oc, kh, kw, op.stride, op.dilation, op.padding[0], op.padding[1], cycles)


def _cuts(out_h: int, most: int) -> Iterator[tuple[int, int, int, int]]:
    """(rows, full blocks, tail rows, tail blocks) that make up the output's rows."""
    for rows in range(min(most, out_h), 0, -1):
        for full in range(out_h // rows, max(0, out_h // rows - rows) - 1, -1):
            rest = out_h - full * rows
            for tail in range(1, rows):
                if rest and rest % tail == 0 and full:
                    yield rows, full, tail, rest // tail
            if not rest:
                yield rows, full, 0, 0


def _plans(s: Shape, budget: int) -> Iterator[Plan]:
    for resident in (True, False):
        if resident and s.weight_words > RESIDENT_WORDS:
            continue
        for rows, full, tail, tails in _cuts(s.out_h, MOST_ROWS[resident]):
            if max(loop_bytes(s, rows, resident), loop_bytes(s, tail, resident) if tail else 0) > LOOP_BYTES:
                continue
            for group in range(1, full + -(-tail * tails // rows) + 1):
                plan = Plan(s, resident, rows, full, tail, tails, group)
                if (group > 1 and plan.scratch_bytes > budget) or plan.strip_rows > STRIP_ROWS:
                    break
                if _encodable(plan):
                    yield plan


def _encodable(plan: Plan) -> bool:
    s = plan.shape
    last_word = (s.words - 1 if plan.resident else 0) * plan.strip_rows
    reach = 4 * (last_word + s.strip_rows(plan.rows) - 1)
    steps = (plan.column_bytes, 4 * plan.rows * s.stride[0], plan.rows * s.out_w * s.out_c, s.phases * s.out_c,
             4 * s.words * plan.strip_rows, 4 * s.weight_words)  # fmt: skip
    skipped = s.in_w * s.in_c - s.values
    return max(reach, skipped) <= OFFSET_BYTES and max(steps) <= LARGEST_STEP


@cache
def all_plans(s: Shape, budget: int) -> tuple[Plan, ...]:
    """Every plan whose scratch is at most ``budget`` bytes or serves a single block; none if a row has no values."""
    return tuple(_plans(s, budget)) if s.values else ()


@cache
def fastest(s: Shape, budget: int) -> Plan | None:
    """The plan with the least scratch of those that take hardly more than the fewest modelled cycles."""
    return _smallest(all_plans(s, budget), 1.003)


@cache
def smallest(s: Shape) -> Plan | None:
    """The plan with the least scratch of those that take up to a third more than the fewest modelled cycles."""
    return _smallest(all_plans(s, 0), 4 / 3)


def _smallest(plans: tuple[Plan, ...], slower: float) -> Plan | None:
    if not plans:
        return None
    cycles = {plan: plan.cycles() for plan in plans}
    most = slower * min(cycles.values())
    return min((p for p in plans if cycles[p] <= most), key=lambda p: (p.scratch_bytes, cycles[p]))
