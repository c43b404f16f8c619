# SPDX-License-Identifier: Apache-2.0
"""Two products in one multiplication, of two channels or of two rows, in chunks whose lanes provably stay apart."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.blocked.blocks import (
    Rows,
    as_int32,
    inputs_of,
    instruction_cycles,
    output_cycles,
)
from smidgen.kernels.high_requantize import high_columns, high_constants
from smidgen.kernels.kernel import Packed
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.targets.target import Core

HIGHEST, LOWEST = (1 << 15) - 1, -(1 << 15)  # of a lane
_UNROLLS = (4, 3, 2, 1)


@lru_cache(maxsize=512)
def _ends(node: Node, block: Lanes, unroll: int) -> tuple[tuple[bool, ...], ...] | None:
    """Of each block, whether a chunk ends before each step; None if some step alone lets a lane overflow.

    Chunks are as long as any input lets them be: every lane's sum of products with bytes stays a signed 16-bit number.
    """
    w = block.weights(node)
    if w.shape[2] % unroll:
        return None
    steps = w.reshape(*w.shape[:2], -1, unroll)
    highest = np.where(steps > 0, 127 * steps, -128 * steps).sum(axis=3)
    lowest = np.where(steps > 0, -128 * steps, 127 * steps).sum(axis=3)
    if highest.max() > HIGHEST or lowest.min() < LOWEST:
        return None
    most, least = np.zeros(w.shape[:2], np.int64), np.zeros(w.shape[:2], np.int64)
    ends = np.zeros((steps.shape[2], len(w)), bool)
    for i in range(steps.shape[2]):
        most, least = most + highest[:, :, i], least + lowest[:, :, i]
        ends[i] = ((most > HIGHEST) | (least < LOWEST)).any(axis=1)
        most = np.where(ends[i][:, None], highest[:, :, i], most)
        least = np.where(ends[i][:, None], lowest[:, :, i], least)
    return tuple(tuple(block) for block in ends.T.tolist())


def channels_of(node: Node, channels: int) -> Array:
    """Channels of each block (blocks, channels)."""
    out_c = node.output.type.shape[-1]
    first: Int64s = np.minimum(np.arange(0, out_c, channels), out_c - channels)
    return first[:, None] + np.arange(channels)


def chunks_of(begins: tuple[bool, ...]) -> list[tuple[int, int]]:
    """(first step, steps) of each chunk of a block."""
    first = np.flatnonzero([True, *begins[1:]])
    return list(zip(first.tolist(), np.diff(np.append(first, len(begins))).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Lanes(Rows, ABC):
    """What blocks with two channels in a word and blocks with two rows in a word share."""

    @property
    @abstractmethod
    def values(self) -> int:
        """SMG_VALUES: numbers that multiply a word."""

    @abstractmethod
    def pack(self, node: Node) -> Mapping[str, Packed]:
        """What the kernel reads in place of weights and bias."""

    @property
    def words(self) -> int:
        """SMG_WORDS: words of two numbers each."""
        return self.rows * self.channels // 2 // self.values

    def ends(self, node: Node) -> tuple[int, tuple[tuple[bool, ...], ...]]:
        """SMG_UNROLL, the number of inputs of a step that makes the fewest instructions, and where chunks end."""
        found = [(u, ends) for u in _UNROLLS if (ends := _ends(node, self, u)) is not None]
        return min(found, key=lambda f: self._instructions(*f))

    def _instructions(self, unroll: int, ends: tuple[tuple[bool, ...], ...]) -> float:
        """Of all blocks of one block of rows, but for the outputs."""
        chunks, steps = len(ends) + sum(map(sum, ends)), len(ends) * len(ends[0])
        products = self.values * self.words
        spilled = 4 * products if 3 * products > 18 else 0  # sums that registers have no room for
        step = unroll * (2 * products + self.values + self.words) + 5
        return chunks * (4 * products + spilled + 5) + steps * step

    def constants(self, node: Node) -> Mapping[str, int]:
        return {**self.shape(node), "SMG_UNROLL": self.ends(node)[0], **high_constants(node)}

    def columns(self, node: Node) -> Array:
        """Bias, mult, addend and shift (blocks, channels, 4)."""
        columns: Array = high_columns(node).astype(np.int64)[channels_of(node, self.channels)]
        return columns

    def padding(self, node: Node) -> int:
        """Inputs after the last that meet weights of 0."""
        return 0

    def weights(self, node: Node) -> Int64s:
        """(blocks, channels, inputs)"""
        w = channel_weights(node)[channels_of(node, self.channels)]
        return np.pad(w, ((0, 0), (0, 0), (0, self.padding(node))))

    def cost(self, node: Node, core: Core) -> float:
        (unroll, ends), inputs = self.ends(node), inputs_of(node) + self.padding(node)
        blocks, products, loads = len(ends), self.values * self.words, self.values + self.words
        of_products = inputs * blocks * instruction_cycles(core, multiply=products, load=loads)
        others = self._instructions(unroll, ends) - inputs * blocks * (products + loads)
        block = instruction_cycles(core, alu=12, load=4 * self.channels, branch=1)
        outputs = blocks * self.rows * self.channels * output_cycles(core)
        total = of_products + others * instruction_cycles(core, alu=1) + blocks * block
        return self.around(node, core, (total, outputs, self.preparation(node, core)), self.strain)

    @property
    @abstractmethod
    def strain(self) -> float:
        """Of products, with eight registers."""

    def preparation(self, node: Node, core: Core) -> float:
        """Cycles before the blocks of a block of rows."""
        return 0.0

    def footprint(self, node: Node) -> tuple[int, int]:
        products, loads = self.values * self.words, self.values + self.words
        code = 4 * self.ends(node)[0] * (2 * products + loads) + 180 * products + 250 + 700 * self.gathers
        return code, 160 + 8 * products + 240 * self.gathers


@dataclass(frozen=True, slots=True)
class Pairs(Lanes):
    """Words of two channels' weights (smg_blocked_pairs.inc.h)."""

    @property
    def values(self) -> int:
        return self.rows

    @property
    def strain(self) -> float:
        return 1.57 if self.rows > 1 else 1.22

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """The blocks, all in one stream of words."""
        (unroll, ends), columns, w = self.ends(node), self.columns(node), self.weights(node)
        words = (w[:, 1::2] << 16) + w[:, 0::2]  # (blocks, pairs, inputs)
        parts: list[Array] = []
        for block, begins in enumerate(ends):
            chunks = chunks_of(begins)
            first, second = columns[block, 0::2, 0], columns[block, 1::2, 0]
            starts = [second, (second << 16) + first - (len(chunks) << 15)]
            parts.append(np.stack(starts, axis=1).reshape(-1))
            for at, steps in chunks:
                span = slice(at * unroll, (at + steps) * unroll)
                parts += [np.array([steps]), words[block, :, span].T.reshape(-1)]
            parts += [np.zeros(1, np.int64), columns[block, :, 1:].reshape(-1)]
        return {"w": Packed(None), "b": Packed(as_int32(np.concatenate(parts)))}


@dataclass(frozen=True, slots=True)
class RowPairs(Lanes):
    """Words of two rows' inputs (smg_blocked_row_pairs.inc.h)."""

    @property
    def values(self) -> int:
        return self.channels

    @property
    def strain(self) -> float:
        return 1.3

    def scratch(self, node: Node) -> int:
        """The words of a block of rows, then its gathered inputs."""
        return 2 * self.rows * (inputs_of(node) + self.padding(node)) + Rows.scratch(self, node)

    def padding(self, node: Node) -> int:
        return inputs_of(node) % 2

    def preparation(self, node: Node, core: Core) -> float:
        return inputs_of(node) * (
            instruction_cycles(core, load=self.rows, alu=self.rows + 2, store=self.words, branch=1)
        )

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """Weights (blocks, inputs, channels); of each block starting sums, lengths of chunks and requantisation."""
        (_, ends), columns, parts = self.ends(node), self.columns(node), list[Array]()
        for block, begins in enumerate(ends):
            chunks, bias = chunks_of(begins), columns[block, :, 0]
            starts = np.stack([bias, (bias << 16) + bias - (len(chunks) << 15)], axis=1)
            lengths = np.array([*(steps for _, steps in chunks), 0])
            parts += [starts.reshape(-1), lengths, columns[block, :, 1:].reshape(-1)]
        w = self.weights(node).transpose(0, 2, 1).astype(np.int8)
        return {"w": Packed(np.ascontiguousarray(w)), "b": Packed(as_int32(np.concatenate(parts)))}
