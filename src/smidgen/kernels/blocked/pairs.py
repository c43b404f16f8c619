# SPDX-License-Identifier: Apache-2.0
"""Two channels' products in one multiplication, in chunks whose lanes provably stay apart (smg_blocked_pairs.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.blocked.blocks import (
    REQUANTIZE,
    Rows,
    as_int32,
    instruction_cycles,
)
from smidgen.kernels.high_requantize import high_columns, high_constants
from smidgen.kernels.kernel import Packed
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.targets.target import Core

_HIGHEST, _LOWEST = (1 << 15) - 1, -(1 << 15)  # of a lane
_UNROLLS = (4, 2, 1)


@lru_cache(maxsize=256)
def _ends(node: Node, pairs: int, unroll: int) -> tuple[tuple[bool, ...], ...] | None:
    """Of each block, whether a chunk ends before each step; None if some step alone lets a lane overflow.

    Chunks are as long as any input lets them be: every lane's sum of products with bytes stays a signed 16-bit number.
    """
    w = channel_weights(node)[_channels(node, pairs)]  # (blocks, channels, inputs)
    if w.shape[2] % unroll:
        return None
    steps = w.reshape(*w.shape[:2], -1, unroll)
    highest = np.where(steps > 0, 127 * steps, -128 * steps).sum(axis=3)
    lowest = np.where(steps > 0, -128 * steps, 127 * steps).sum(axis=3)
    if highest.max() > _HIGHEST or lowest.min() < _LOWEST:
        return None
    most, least = np.zeros(w.shape[:2], np.int64), np.zeros(w.shape[:2], np.int64)
    ends = np.zeros((steps.shape[2], len(w)), bool)
    for i in range(steps.shape[2]):
        most, least = most + highest[:, :, i], least + lowest[:, :, i]
        ends[i] = ((most > _HIGHEST) | (least < _LOWEST)).any(axis=1)
        most = np.where(ends[i][:, None], highest[:, :, i], most)
        least = np.where(ends[i][:, None], lowest[:, :, i], least)
    return tuple(tuple(block) for block in ends.T.tolist())


def _channels(node: Node, pairs: int) -> Array:
    """Channels of each block (blocks, channels), the first of every pair in front."""
    out_c, channels = node.output.type.shape[-1], 2 * pairs
    first: Int64s = np.minimum(np.arange(0, out_c, channels), out_c - channels)
    return first[:, None] + np.arange(channels)


@dataclass(frozen=True, slots=True)
class Pairs(Rows):
    """So many rows by so many channels at a time; ``gathers``: a row is a window, copied to scratch first."""

    @property
    def _pairs(self) -> int:
        return self.channels // 2

    def _unroll(self, node: Node) -> int:
        """SMG_UNROLL: inputs of a step, the number that makes the fewest instructions."""
        able = [u for u in _UNROLLS if _ends(node, self._pairs, u) is not None]
        return min(able, key=lambda u: self._instructions(node, u))

    def _instructions(self, node: Node, unroll: int) -> float:
        """Of all blocks of one block of rows, but for the outputs."""
        ends = _ends(node, self._pairs, unroll)
        assert ends is not None
        chunks, steps = len(ends) + sum(map(sum, ends)), len(ends) * len(ends[0])
        products = self.rows * self._pairs
        return chunks * (4 * products + self._spilled() + 5) + steps * (
            unroll * (2 * products + self.rows + self._pairs) + 5
        )

    def _spilled(self) -> int:
        """Instructions of a chunk for sums that registers have no room for."""
        return 4 * self.rows * self._pairs if 3 * self.rows * self._pairs > 18 else 0

    def constants(self, node: Node) -> Mapping[str, int]:
        inputs = channel_weights(node).shape[1]
        return {"SMG_INPUTS": inputs, "SMG_UNROLL": self._unroll(node), **high_constants(node)}

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """The blocks, all in one stream of words."""
        unroll = self._unroll(node)
        channels, ends = _channels(node, self._pairs), _ends(node, self._pairs, unroll)
        assert ends is not None
        columns, w = high_columns(node).astype(np.int64)[channels], channel_weights(node)[channels]
        words = (w[:, 1::2] << 16) + w[:, 0::2]  # (blocks, pairs, inputs)
        parts: list[Array] = []
        for block, begins in enumerate(ends):
            chunks = np.flatnonzero([True, *begins[1:]])
            lengths = np.diff(np.append(chunks, len(begins)))
            first, second = columns[block, 0::2, 0], columns[block, 1::2, 0]
            starts = [second, (second << 16) + first - (len(chunks) << 15)]
            parts.append(np.stack(starts, axis=1).reshape(-1))
            for at, length in zip(chunks, lengths, strict=True):
                span = slice(at * unroll, (at + length) * unroll)
                parts += [np.array([length]), words[block, :, span].T.reshape(-1)]
            parts += [np.zeros(1, np.int64), columns[block, :, 1:].reshape(-1)]
        return {"w": Packed(None), "b": Packed(as_int32(np.concatenate(parts)))}

    def cost(self, node: Node, core: Core) -> float:
        unroll, blocks = self._unroll(node), len(_channels(node, self._pairs))
        products, inputs = self.rows * self._pairs, channel_weights(node).shape[1]
        loads = self.rows + self._pairs
        of_products = inputs * blocks * instruction_cycles(core, multiply=products, load=loads)
        counted = inputs * blocks * (products + loads)
        others = (self._instructions(node, unroll) - counted) * instruction_cycles(core, alu=1)
        block = instruction_cycles(core, alu=12, load=8 * self._pairs, branch=1)
        outputs = self.rows * self.channels * instruction_cycles(core, **REQUANTIZE)
        return self.around(node, core, of_products + others + blocks * (block + outputs))

    def footprint(self, node: Node) -> tuple[int, int]:
        products, loads = self.rows * self._pairs, self.rows + self._pairs
        code = 4 * self._unroll(node) * (2 * products + loads) + 180 * products + 250 + 700 * self.gathers
        return code, 160 + 8 * products
