# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers, and 1x1 convolutions of few pixels, eight outputs at a time (smg_dense.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.fast_requantize import DOUBLE, requantize_columns, requantize_constants, rounding_mode
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Packed
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets.target import Core

_OUTPUTS = 8


def _shape(node: Node) -> tuple[int, int, int]:
    """Rows, inputs, outputs."""
    out_c, in_c = channel_weights(node).shape
    return node.output.type.elements // out_c, in_c, out_c


def _words(in_c: int) -> int:
    """Activation words of a row."""
    return -(-in_c // 4) * 2


def uniform(node: Node) -> bool:
    """All channels have one mult, addend and shift."""
    columns = requantize_columns(node)[:, 1:]
    return bool((columns == columns[0]).all())


def pack(node: Node, *, unroll: int) -> Mapping[str, Packed]:
    """Of eight outputs each: starting sums, weights, and unless uniform their requantisation, else that at the end."""
    w, columns = channel_weights(node), requantize_columns(node).astype(np.int64)
    short = -len(w) % _OUTPUTS
    w, columns = np.pad(w, [(0, short), (0, 0)]), np.pad(columns, [(0, short), (0, 0)])
    starts = 2 * (columns[:, 0] - 128 * w.sum(axis=1))
    even, odd = starts[0::2].reshape(-1, 4), starts[1::2].reshape(-1, 4)
    parts = [odd, 256 * odd + even, _weights(w, unroll)]
    if not uniform(node):
        parts.append(np.roll(columns[:, 1:].reshape(len(even), _OUTPUTS, 3), -1, axis=1).reshape(len(even), -1))
    stream = np.concatenate(parts, axis=1).reshape(-1)
    if uniform(node):
        stream = np.concatenate([stream, columns[0, 1:]])
    return {"w": Packed(None), "b": Packed(_as_int32(stream))}


def _weights(w: Int64s, unroll: int) -> Int64s:
    """(blocks, words): of each step (two inputs), four words, in the order in which the loops load them."""
    in_c = w.shape[1]
    w = np.pad(w, [(0, 0), (0, -in_c % 4)])
    steps = w.reshape(len(w), -1, 2, 2).transpose(0, 1, 3, 2).reshape(len(w), -1, 2)  # inputs 0, 2 then 1, 3 of four
    lanes = 256 * steps[1::2] + steps[0::2] + 128
    words = (lanes[..., 0] & 0xFFFF) | (lanes[..., 1] & 0xFFFF) << 16
    by_block = words.reshape(-1, 4, words.shape[1]).transpose(0, 2, 1)  # (blocks, steps, pairs)
    whole = words.shape[1] // unroll * unroll
    unrolled = by_block[:, :whole].reshape(len(by_block), -1, unroll, 4)
    taken = np.roll(unrolled, -1, axis=2).reshape(len(by_block), -1, 32)  # the first activation is taken last
    rolled = np.roll(taken, 1, axis=2).reshape(len(by_block), -1)  # and the last word of each eight steps lies first
    return np.concatenate([rolled, by_block[:, whole:].reshape(len(by_block), -1)], axis=1)


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


def constants(node: Node, *, unroll: int) -> Mapping[str, int]:
    """The macros of smg_dense.inc.h."""
    words = _words(node["w"].type.shape[-1])
    loops = {"SMG_UNROLLED": int(words >= unroll), "SMG_REST": int(words % unroll > 0)}
    return {"SMG_UNIFORM": int(uniform(node)), **loops, **requantize_constants(node)}


def _clamps(node: Node) -> int:
    op = node.op
    assert isinstance(op, Conv2D | FullyConnected)
    lo, hi = int_bounds(op.clamp)
    return (lo > -128) + (hi < 127)


def cost(node: Node, core: Core, *, unroll: int) -> float:
    rows, in_c, out_c = _shape(node)
    words = _words(in_c)
    sums = words // unroll * (unroll // 2 * 37 + 5) + words % unroll // 2 * 44
    ends = 30 + 8 * (4 + (rounding_mode(node) == DOUBLE) + 3 * _clamps(node)) + (0 if uniform(node) else 32)
    expand = in_c // 16 * 36 + in_c % 16 * 9 + 40
    return rows * (-(-out_c // _OUTPUTS) * (sums + ends) + expand + 80 + 10 * (out_c % _OUTPUTS)) + 70


def _code_bytes(node: Node, unroll: int) -> int:
    """Code that runs for every eight outputs."""
    words = _words(node["w"].type.shape[-1])
    loops = 59 * unroll * (words >= unroll) + 140 * (words % unroll > 0)
    requantize = 14 + 4 * (rounding_mode(node) == DOUBLE) + 10 * _clamps(node) + 4 * (not uniform(node))
    return loops + 8 * requantize + 90


def footprint(node: Node, *, unroll: int) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 740 + _code_bytes(node, unroll), 176


def flash_use(node: Node, *, unroll: int) -> FlashUse:
    """Weights are read once a row; the code for eight outputs may be larger than a cache."""
    rows, in_c, out_c = _shape(node)
    return FlashUse((rows - 1) * in_c * out_c, ((_code_bytes(node, unroll), rows * -(-out_c // _OUTPUTS)),))
