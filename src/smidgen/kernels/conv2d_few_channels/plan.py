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
STRIP_PITCH = 63  # a store's post-index reaches 255 bytes
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
        """Words that hold any row of any window."""
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
    def pairs(self) -> int:
        return (self.out_c + 1) // 2

    def strip_rows(self, out_rows: int) -> int:
        """Input rows that so many output rows read."""
        return (out_rows - 1) * self.stride[0] + (self.k_h - 1) * self.dilation[0] + 1


def chains(tap_rows: int, stride: int, taps: int) -> tuple[int, int]:
    """Of taps so many rows apart: into how many remainders they fall, and by how many words each step moves on.

    Pixels a stride apart share words if it is a multiple of the taps' distance, or half of it.
    """
    if stride % tap_rows == 0:
        return stride // tap_rows, 1
    return (1, 2) if tap_rows == 2 * stride else (taps, 1)


def in_chains(taps: int, classes: int) -> list[int]:
    """The taps in the order of the chains."""
    return [tap for p in range(classes) for tap in range(p, taps, classes)]


@dataclass(frozen=True, slots=True)
class Window:
    """How the inner loop walks a window: weights in registers or streamed, values left over by odd rows joined."""

    shape: Shape
    resident: bool
    vertical: bool

    @property
    def words(self) -> int:
        """Word columns of a window."""
        return self.shape.span // 2 if self.vertical else self.shape.words

    @property
    def joined_taps(self) -> int:
        """Words of values from two rows."""
        return (self.shape.k_h + 1) // 2 if self.vertical else 0

    @property
    def weight_words(self) -> int:
        """Of one pair of channels and one phase."""
        return self.words * self.shape.k_h + self.joined_taps

    def joined_rows(self, out_rows: int) -> int:
        """Rows of a column from the first to the last such word of so many output rows."""
        return (out_rows - 1) * self.shape.stride[0] + 2 * self.joined_taps - 1 if self.vertical else 0

    @property
    def classes(self) -> tuple[int, int]:
        """The remainders of a column's taps and of joined taps."""
        s = self.shape
        return chains(s.dilation[0], s.stride[0], s.k_h)[0], chains(2, s.stride[0], self.joined_taps)[0]

    def loads(self, rows: int) -> Iterator[tuple[int, list[int]]]:
        """Of each kind of column: how many there are, and the words that each step loads, ``rows`` output rows."""
        s, room = self.shape, (12 if self.resident else 11) - 2 * rows
        kinds = ((self.words, s.dilation[0], s.k_h), (int(self.vertical), 2, self.joined_taps))
        for count, tap_rows, taps in kinds:
            classes, advance = chains(tap_rows, s.stride[0], taps)
            lengths = [(taps - p + classes - 1) // classes for p in range(classes)]
            yield count, [words for taken in lengths for words in _chain_loads(taken, rows, room, advance)]


@dataclass(frozen=True, slots=True)
class Plan:
    """Blocks of ``rows`` output rows, then ``tail_blocks`` of ``tail_rows``; ``group_blocks`` share a strip."""

    shape: Shape
    window: Window
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
    def most_rows(self) -> int:
        """Output rows of the first group, which none exceeds."""
        now = min(self.full_blocks, self.group_blocks)
        also = (self.group_blocks - now) * self.rows // max(self.tail_rows, 1)
        return now * self.rows + min(self.tail_blocks, also) * self.tail_rows

    @property
    def strip_rows(self) -> int:
        return self.shape.strip_rows(self.most_rows)

    @property
    def pitch(self) -> int:
        """Words from a column of the strip to the next."""
        return self.strip_rows + self.window.joined_rows(self.most_rows)

    @property
    def scratch_bytes(self) -> int:
        copy = 0 if self.window.resident else self.window.weight_words + CONSTANTS
        return 4 * (self.shape.strip_words * self.pitch + copy)

    @property
    def column_bytes(self) -> int:
        """From the words of a phase's column to those of its next; not 0 if there is one column only."""
        step = self.shape.stride[1] * self.shape.in_c * self.shape.phases // 2
        return 4 * max(step, 1) * self.pitch

    def cycles(self) -> float:
        """Modelled, of one image."""
        s, window, group_rows = self.shape, self.window, self.group_rows
        apart = not window.resident or self.column_bytes > 255 or self.column_bytes >= 4 * window.words * self.pitch
        per_column = self.full_blocks * (block_cycles(window, self.rows) + apart)
        if self.tail_blocks:
            per_column += self.tail_blocks * (block_cycles(window, self.tail_rows) + apart)
        blocks = (self.full_blocks + self.tail_blocks) * s.phases
        call = _CALL + window.weight_words * (1 if window.resident else _COPIED_WORD)
        calls = len(group_rows) * s.phases
        channels = s.pairs * (s.out_w * per_column + blocks * _BLOCK + calls * call)
        joined = len(group_rows) * s.out_w * _join_cycles(s, window.joined_rows(self.most_rows))
        return channels + joined + sum(_strip_cycles(s, rows) for rows in group_rows)


# Instructions that the compiler made around the assembly, zig cc 0.17.1 -O3, zero wait states.
_CALL, _COPIED_WORD, _BLOCK = 74, 3.5, 24
_STRIP = 80


def _join_cycles(s: Shape, rows: int) -> int:
    """Of one column's joined words."""
    if rows == 0:
        return 0
    return 6 + (2 + 4 * rows if s.stride[0] % 2 else 5 * ((rows + 1) // 2))


def _strip_cycles(s: Shape, out_rows: int) -> int:
    """Of the expansion of the input rows of a group."""
    head = s.pad_l * s.in_c % 2
    quads, rest = divmod(s.values - head, 4)
    row = 8 + 7 * head + 9 * (rest > 1) + 8 * (rest % 2)
    row += quads // 8 * 70 if quads % 8 == 0 else quads // 4 * 37 + quads % 4 * 13
    return _STRIP + s.strip_rows(out_rows) * row


def _chain_loads(taps: int, rows: int, room: int, advance: int) -> Iterator[int]:
    """The words loaded before each step of a chain: as many as there is room for, when one is missing."""
    loaded = 0
    for k in range(taps):
        missing = k * advance + rows > loaded
        most = min(k * advance + room, (taps - 1) * advance + rows) if missing else loaded
        yield most - loaded
        loaded = most


def block_cycles(window: Window, rows: int) -> int:
    """Of one column of a block: both channels of ``rows`` pixels."""
    s, total = window.shape, 0
    for count, steps in window.loads(rows):
        for words in steps:
            loads = words + (not window.resident)
            total += count * ((1 + loads if loads else 0) + (2 if window.resident else 1) + 2 * rows)
    total += 2 if window.resident else 8 + 2 * (rows - 1) + 6 * window.words - 2
    far = 2 * 2 * (rows - 1) * _far(s, rows) + (s.phases * s.out_c > 255)
    return total + 13 + rows * (2 * s.requantize_cycles + 2) + far


def loop_bytes(window: Window, rows: int) -> int:
    """The code of that column."""
    s, steps = window.shape, 0
    for count, loads in window.loads(rows):
        code = 4 * (len(loads) * (2 + 2 * rows) + sum(loads))
        steps += code * (count if window.resident else min(count, 1))
    around = 60 + 4 * rows * (2 * s.requantize_cycles + 2) + 32 * (rows - 1) * _far(s, rows)
    return around + steps + (0 if window.resident else 50 + 4 * rows)


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
    loops = sum(loop_bytes(plan.window, rows) + 60 for rows in sizes)
    joined = plan.window.joined_rows(plan.most_rows)
    join = s.phases * (40 + (12 * joined if s.stride[0] % 2 else 8 * (joined + 1))) if joined else 0
    return 590 + 126 * (s.phases - 1) + 330 * (not plan.window.resident) + expand + join + loops


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


def _windows(s: Shape) -> Iterator[Window]:
    """Values left over are joined where rows leave any and each window has a first column of its own to keep them."""
    odd = s.span % 2 == 1 and s.span > 1 and s.k_h > 1 and s.dilation[0] == 1
    apart = s.phases == 1 or s.stride[1] * s.in_c > 1
    for window in (Window(s, True, True), Window(s, True, False), Window(s, False, False)):
        if (window.resident and window.weight_words > RESIDENT_WORDS) or (window.vertical and not (odd and apart)):
            continue
        yield window


def _plans(s: Shape, budget: int) -> Iterator[Plan]:
    for window in _windows(s):
        for rows, full, tail, tails in _cuts(s.out_h, MOST_ROWS[window.resident]):
            if max(loop_bytes(window, rows), loop_bytes(window, tail) if tail else 0) > LOOP_BYTES:
                continue
            for group in range(1, full + -(-tail * tails // rows) + 1):
                plan = Plan(s, window, rows, full, tail, tails, group)
                if (group > 1 and plan.scratch_bytes > budget) or plan.pitch > STRIP_PITCH:
                    break
                if _encodable(plan):
                    yield plan


def _encodable(plan: Plan) -> bool:
    s, window = plan.shape, plan.window
    last_word = (window.words - 1 if window.resident else 0) * plan.pitch + s.strip_rows(plan.rows)
    reach = 4 * max(last_word, plan.strip_rows + window.joined_rows(plan.rows)) - 4
    steps = (plan.column_bytes, 4 * plan.rows * s.stride[0], plan.rows * s.out_w * s.out_c, s.phases * s.out_c,
             4 * window.words * plan.pitch, 4 * window.weight_words)  # fmt: skip
    skipped = s.in_w * s.in_c - s.values
    return max(reach, skipped) <= OFFSET_BYTES and max(steps) <= LARGEST_STEP


@cache
def all_plans(s: Shape, budget: int) -> tuple[Plan, ...]:
    """The plans whose scratch is at most ``budget`` bytes, or those of single blocks; none if a row has no values."""
    plans = tuple(_plans(s, budget)) if s.values else ()
    return tuple(p for p in plans if p.scratch_bytes <= budget) or plans


@cache
def fastest(s: Shape, budget: int) -> Plan | None:
    """The plan with the least scratch of those that take hardly more than the fewest modelled cycles."""
    return _smallest(all_plans(s, budget), 1.003)


@cache
def smallest(s: Shape, budget: int) -> Plan | None:
    """The plan with the least scratch of those that take up to a third more than the fewest modelled cycles."""
    quick, small = fastest(s, budget), _smallest(all_plans(s, 0), 4 / 3)
    return quick if quick and small and quick.scratch_bytes < small.scratch_bytes else small


def _smallest(plans: tuple[Plan, ...], slower: float) -> Plan | None:
    if not plans:
        return None
    cycles = {plan: plan.cycles() for plan in plans}
    most = slower * min(cycles.values())
    return min((p for p in plans if cycles[p] <= most), key=lambda p: (p.scratch_bytes, cycles[p]))
