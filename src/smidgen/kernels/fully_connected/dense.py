# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers, and 1x1 convolutions of few pixels, eight outputs at a time (smg_dense.inc.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.fast_requantize import (
    DOUBLE,
    EVEN,
    accumulator_bounds,
    requantize_columns,
    requantize_constants,
    rounding_mode,
)
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Packed
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

_OUTPUTS = 8
_LARGEST_SCALED_SHIFT = 14  # so that 256 * addend stays below 2^30
_CACHE_BYTES = 1008  # of code for eight outputs that stays in a cache of 1 KB wherever it begins


@dataclass(frozen=True, slots=True)
class Loop:
    """Steps that are unrolled, how many the first pass leaves out, and how many passes a row takes."""

    steps: int
    skip: int
    passes: int


def _shape(node: Node) -> tuple[int, int, int]:
    """Rows, inputs, outputs."""
    out_c, in_c = channel_weights(node).shape
    return node.output.type.elements // out_c, in_c, out_c


def _words(in_c: int) -> int:
    """Activation words of a row."""
    return -(-in_c // 4) * 2


def _loop(node: Node, most: int) -> Loop:
    """As few passes as ``most`` unrolled steps allow, and then as few steps."""
    words = _words(node["w"].type.shape[-1])
    passes = -(-words // most)
    steps = -(-words // (2 * passes)) * 2
    return Loop(steps, passes * steps - words, passes)


def short_loop(node: Node) -> Loop:
    """Loops that with all code for eight outputs stay in 1 KB."""
    most = next(m for m in (14, 12, 10, 8, 6) if m == 6 or _code_bytes(node, Loop(m, 2, 2)) <= _CACHE_BYTES)
    return _loop(node, most)


def long_loop(node: Node) -> Loop:
    return _loop(node, 32)


def _padded(node: Node) -> Int64s:
    """Weights of channels rounded up to eight (channels, inputs)."""
    w = channel_weights(node)
    return np.pad(w, [(0, -len(w) % _OUTPUTS), (0, 0)])


@lru_cache(maxsize=256)
def _narrow(node: Node) -> bool:
    """Two channels' weights fit an int16 lane as 256 * odd + even, and 512 times the odd one's accumulator 32 bits."""
    w, bounds = _padded(node), accumulator_bounds(node)
    lanes = 256 * w[1::2] + w[0::2]
    return bool(lanes.min() >= -(1 << 15) and lanes.max() < 1 << 15 and (bounds[1::2] < 1 << 22).all())


def _scaled(node: Node) -> bool:
    return _narrow(node) and rounding_mode(node) != DOUBLE


@lru_cache(maxsize=256)
def _common_shift(node: Node) -> int:
    """SMG_SHIFT: 0 unless all channels have one mult, addend and shift."""
    columns = requantize_columns(node)[:, 1:]
    shift = int(columns[0, 2])
    fits = shift <= _LARGEST_SCALED_SHIFT or not _scaled(node)
    return shift if fits and (columns == columns[0]).all() else 0


def pack(node: Node) -> Mapping[str, Packed]:
    """Of eight outputs each: starting sums, weights, and their requantisation unless it is common: that at the end."""
    w, columns = _padded(node), requantize_columns(node).astype(np.int64)
    columns = np.pad(columns, [(0, len(w) - len(columns)), (0, 0)])
    starts = 2 * (columns[:, 0] - 128 * w.sum(axis=1))
    even, odd = starts[0::2].reshape(-1, 4), starts[1::2].reshape(-1, 4)
    parts = [even if _narrow(node) else odd, 256 * odd + even, _weights(w, 0 if _narrow(node) else 128)]
    if _common_shift(node):
        _, mult, addend, _ = columns[0]
        ends = np.array([mult, addend, 256 * addend + (0 if rounding_mode(node) == EVEN else 128)])
    else:
        ends = np.zeros(0, np.int64)
        parts.append(columns[:, 1:].reshape(len(even), _OUTPUTS, 3)[:, ::-1].reshape(len(even), -1))
    stream = np.concatenate([np.concatenate(parts, axis=1).reshape(-1), ends])
    return {"w": Packed(None), "b": Packed(_as_int32(stream))}


def _weights(w: Int64s, offset: int) -> Int64s:
    """(blocks, words): of each step (two inputs), four words; eight words in the order in which they lie."""
    in_c = w.shape[1]
    w = np.pad(w, [(0, 0), (0, -in_c % 4)])
    steps = w.reshape(len(w), -1, 2, 2).transpose(0, 1, 3, 2).reshape(len(w), -1, 2)  # inputs 0, 2 then 1, 3 of four
    lanes = 256 * steps[1::2] + steps[0::2] + offset
    words = (lanes[..., 0] & 0xFFFF) | (lanes[..., 1] & 0xFFFF) << 16
    by_block = words.reshape(-1, 4, words.shape[1]).transpose(0, 2, 1)  # (blocks, steps, pairs)
    ordered = by_block.reshape(len(by_block), -1, 8)[..., [4, 0, 1, 2, 3, 5, 6, 7]]
    flat: Int64s = ordered.reshape(len(by_block), -1)
    return flat


def _as_int32(values: Array) -> Int32s:
    """Values modulo 2^32."""
    wrapped: Int32s = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return np.ascontiguousarray(wrapped)


def scratch(node: Node) -> int:
    """Activation words of a row, and eight outputs where they are not a multiple of eight."""
    _, in_c, out_c = _shape(node)
    return 4 * _words(in_c) + 8 * (out_c % _OUTPUTS > 0)


def overlap(node: Node) -> Mapping[str, int]:
    """A row is in scratch before its outputs are written. Four inputs become eight bytes, read before they are written.

    Scratch may so end where the first row does; its last eight bytes, for outputs, must not be above that.
    """
    rows, in_c, out_c = _shape(node)
    return {"y": max(0, (out_c - in_c) * (rows - 1)), "scratch": scratch(node) - in_c}


def constants(node: Node, *, loop: Callable[[Node], Loop]) -> Mapping[str, int]:
    """The macros of smg_dense.inc.h."""
    turns = loop(node)
    loops = {"SMG_STEPS": turns.steps, "SMG_SKIP": turns.skip, "SMG_LOOP": int(turns.passes > 1)}
    return {**loops, "SMG_NARROW": int(_narrow(node)), "SMG_SHIFT": _common_shift(node), **requantize_constants(node)}


def _clamps(node: Node) -> int:
    op = node.op
    assert isinstance(op, Conv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    return (lo > -128) + (hi < 127)


def cost(node: Node, core: Core, *, loop: Callable[[Node], Loop]) -> float:
    rows, in_c, out_c = _shape(node)
    turns, shift = loop(node), _common_shift(node)
    sums = _words(in_c) // 2 * 37 + (5 * turns.passes - 2 if turns.passes > 1 else 0) + 3 * (turns.skip > 0)
    each = 3 + (rounding_mode(node) == DOUBLE) + 3 * _clamps(node) + (0 if shift else 5)
    ends = 23 + 8 * each + 3 * (shift > 0) + 4 * (not _scaled(node) or not shift)
    expand = in_c // 16 * (31 if _narrow(node) else 35) + in_c % 16 * 9 + 40
    return rows * (-(-out_c // _OUTPUTS) * (sums + ends) + expand + 70 + 10 * (out_c % _OUTPUTS)) + 70


def _code_bytes(node: Node, loop: Loop) -> int:
    """Code that runs for every eight outputs."""
    shift = _common_shift(node)
    requantize = 11 + 4 * (rounding_mode(node) == DOUBLE) + 10 * _clamps(node) + (0 if shift else 6)
    parts = 16 + 16 * (not _scaled(node) or not shift)
    return 59 * loop.steps + 10 * (loop.passes > 1) + 4 * (loop.skip > 0) + 8 * requantize + parts + 44


def footprint(node: Node, *, loop: Callable[[Node], Loop]) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 656 + _code_bytes(node, loop(node)), 176


def flash_use(node: Node, *, loop: Callable[[Node], Loop]) -> FlashUse:
    """Weights are read once a row; the code for eight outputs may be larger than a cache."""
    rows, in_c, out_c = _shape(node)
    turns, blocks = loop(node), rows * -(-out_c // _OUTPUTS)
    return FlashUse((rows - 1) * in_c * out_c, ((_code_bytes(node, turns), blocks),))
