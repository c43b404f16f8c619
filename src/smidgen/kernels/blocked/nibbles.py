# SPDX-License-Identifier: Apache-2.0
"""Two products in one multiplication, of two channels whose weights lie in flash as four bits each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.blocked.blocks import Rows, as_int32, inputs_of, instruction_cycles, output_cycles
from smidgen.kernels.blocked.pairs import HIGHEST, LOWEST, channels_of
from smidgen.kernels.four_bit.storage import group_of, grouped_factors, parts
from smidgen.kernels.high_requantize import high_columns, high_constants
from smidgen.kernels.kernel import Packed
from smidgen.ops.accumulators import Int64s
from smidgen.targets.target import Core

STEP = 4  # inputs of a word
_MOST_STEPS = 8191  # of a chunk: their number shares a word with two factors
_EXTRACT = 2.75  # instructions from a word to the weights of two channels


@dataclass(frozen=True, slots=True)
class Nibbles(Rows):
    """So many rows by so many channels, two in a word (smg_blocked_nibbles.inc.h)."""

    def weights(self, node: Node) -> Int64s:
        """Without their factors (blocks, channels, inputs of whole words)."""
        w = parts(node)[0].astype(np.int64)
        return np.pad(w, ((0, 0), (0, -w.shape[1] % STEP)))[channels_of(node, self.channels)]

    def factors(self, node: Node) -> Int64s:
        """(blocks, channels, groups)"""
        return grouped_factors(node).astype(np.int64)[channels_of(node, self.channels)]

    def constants(self, node: Node) -> Mapping[str, int]:
        return {**self.shape(node), "SMG_GROUPED": int(group_of(node) > 0), **high_constants(node)}

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """The blocks, all in one stream of words."""
        columns = high_columns(node).astype(np.int64)[channels_of(node, self.channels)]
        words, factors, grouped = _words(self.weights(node)), self.factors(node), group_of(node) > 0
        stream: list[Array] = []
        for block, chunks in enumerate(chunks_of(node, self)):
            first, second = columns[block, 0::2, 0], columns[block, 1::2, 0]
            both = first if grouped else (second << 16) + first - (len(chunks) << 15)
            stream.append(np.stack([second, both], axis=1).reshape(-1))
            left = inputs_of(node) // STEP  # the first step that is not whole
            ended = False
            for at, steps in chunks:
                if at == left:
                    stream, ended = [*stream, np.zeros(1, np.int64)], True
                stream += [_head(factors[block], at, steps, group_of(node), ended), words[block, :, at : at + steps].T]
            stream += [np.zeros(int(not ended), np.int64), columns[block, :, 1:]]
        return {"w": Packed(None), "b": Packed(as_int32(np.concatenate([part.reshape(-1) for part in stream])))}

    def cost(self, node: Node, core: Core) -> float:
        found, inputs, pairs = chunks_of(node, self), inputs_of(node), self.channels // 2
        chunks, products = sum(map(len, found)), self.rows * pairs
        steps = len(found) * -(-inputs // STEP)
        each = instruction_cycles(core, multiply=products, load=self.rows, alu=products + _EXTRACT * pairs)
        step = instruction_cycles(core, load=pairs, alu=3, branch=1)
        end = instruction_cycles(core, alu=(6 if group_of(node) else 3) * products + 6, branch=1)
        end += instruction_cycles(core, load=2 * products, store=2 * products) * (3 * products > 15)
        block = instruction_cycles(core, alu=12, load=4 * self.channels, branch=1)
        outputs = len(found) * self.rows * self.channels * output_cycles(core)
        total = len(found) * (inputs * each + block) + steps * step + chunks * end
        return self.around(node, core, (total, outputs, 0.0), 1.9)

    def footprint(self, node: Node) -> tuple[int, int]:
        pairs = self.channels // 2
        products = self.rows * pairs
        code = 4 * 2 * STEP * (2 * products + self.rows + 3 * pairs) + 220 * products + 300 + 700 * self.gathers
        return code, 260 + 8 * products + 120 * self.gathers


def _words(w: Int64s) -> Int64s:
    """Weights (blocks, channels, inputs) as nibbles (blocks, pairs, steps)."""
    fours = w.reshape(*w.shape[:2], -1, STEP) + 8
    halves = (fours << (STEP * np.arange(STEP))).sum(axis=3)
    words: Int64s = halves[:, 0::2] | halves[:, 1::2] << 16
    return words


def _head(factors: Int64s, at: int, steps: int, group: int, ended: bool) -> Int64s:
    """What a chunk begins with. ``factors`` (channels, groups); ``ended``: it is of the inputs that are left."""
    if not group:
        return np.zeros(0, np.int64) if ended else np.array([steps], np.int64)
    here = factors[:, at * STEP // group]
    heads: Int64s = (0 if ended else steps << 16) + (here[1::2] << 8) + here[0::2]
    return heads


@lru_cache(maxsize=512)
def chunks_of(node: Node, block: Nibbles) -> tuple[tuple[tuple[int, int], ...], ...]:
    """Of each block the chunks, as long as any input lets them be: (first step, steps).

    They do not cross groups, and the inputs after the last whole step are a chunk of their own.
    """
    w = block.weights(node)
    steps = w.reshape(*w.shape[:2], -1, STEP)
    highest = np.where(steps > 0, 127 * steps, -128 * steps).sum(axis=3)
    lowest = np.where(steps > 0, -128 * steps, 127 * steps).sum(axis=3)
    forced = {i for i in range(steps.shape[2]) if group_of(node) and i * STEP % group_of(node) == 0}
    if inputs_of(node) % STEP:
        forced.add(steps.shape[2] - 1)
    return tuple(_chunks(most, least, forced) for most, least in zip(highest, lowest, strict=True))


def _chunks(highest: Int64s, lowest: Int64s, forced: set[int]) -> tuple[tuple[int, int], ...]:
    """Of one block, from the extreme sums of its channels' steps (channels, steps)."""
    begins, most, least = [0], highest[:, 0], lowest[:, 0]
    for i in range(1, highest.shape[1]):
        most, least = most + highest[:, i], least + lowest[:, i]
        if i in forced or most.max() > HIGHEST or least.min() < LOWEST or i - begins[-1] == _MOST_STEPS:
            begins.append(i)
            most, least = highest[:, i], lowest[:, i]
    ends = [*begins[1:], highest.shape[1]]
    return tuple((at, end - at) for at, end in zip(begins, ends, strict=True))
