# SPDX-License-Identifier: Apache-2.0
"""Blocks of rows by output channels whose sums stay in registers (smg_blocked_rows.inc.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.classes import few_registers, strained
from smidgen.kernels.common import Int32s
from smidgen.kernels.high_requantize import high_columns, high_constants
from smidgen.kernels.kernel import Packed, Predicate
from smidgen.ops.accumulators import channel_weights
from smidgen.targets.target import Core

_REQUANTIZE = {"alu": 12, "multiply": 2, "store": 1}  # instructions of an output, its bounds unreached
_REQUANTIZE_BY_HALVES = {"alu": 45, "multiply": 4, "load": 2, "store": 1}  # on ARMv6-M
_GATHER_STRAIN = 1.35  # times the cycles of a gathered byte with eight registers


def instruction_cycles(core: Core, **counts: float) -> float:
    """Cycles of so many instructions of each class; a class that the core's file does not price costs 1."""
    return sum(count * core.cycles.get(name, 1) for name, count in counts.items())


def output_cycles(core: Core) -> float:
    """Of one output, from its sum to its store."""
    return instruction_cycles(core, **(_REQUANTIZE_BY_HALVES if few_registers(core) else _REQUANTIZE))


def rows_of(node: Node) -> int:
    """Pixels of a convolution's output, rows of a fully connected layer."""
    out = node.output.type
    return out.elements // out.shape[-1]


def inputs_of(node: Node) -> int:
    """Inputs of a row."""
    return int(channel_weights(node).shape[1])


def as_int32(values: Array) -> Int32s:
    """Values modulo 2^32."""
    wrapped: Int32s = (values & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return np.ascontiguousarray(wrapped)


@dataclass(frozen=True, slots=True)
class Rows:
    """So many rows by so many channels at a time; ``gathers``: a row is a window, copied to scratch first."""

    rows: int
    channels: int
    gathers: bool = False

    @property
    def fits(self) -> tuple[Predicate, ...]:
        """There is at least one whole block."""
        return (_at_least(self.rows, rows_of, "rows of outputs"),
                _at_least(self.channels, lambda node: node.output.type.shape[-1], "output channels"))  # fmt: skip

    def scratch(self, node: Node) -> int:
        return self.rows * inputs_of(node) if self.gathers else 0

    def shape(self, node: Node) -> Mapping[str, int]:
        """The macros that every kernel here needs."""
        return {"SMG_INPUTS": inputs_of(node), **(window_constants(node) if self.gathers else {})}

    def around(self, node: Node, core: Core, cycles: tuple[float, float, float], strain: float) -> float:
        """Cycles of all rows, given those of a block of them: of products, of outputs, before the products.

        With eight registers products take ``strain`` times as many; that and the other figures of such cores are fitted
        to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M0+. With more the counts need no correction.
        """
        products, outputs, before = cycles
        before += self.rows * _gather_cycles(node, core) if self.gathers else 0.0
        each = strained(products, core, strain) + outputs + strained(before, core, _GATHER_STRAIN)
        return -(-rows_of(node) // self.rows) * (each + instruction_cycles(core, alu=10))


def _gather_cycles(node: Node, core: Core) -> float:
    """Of one window."""
    k_h = node["w"].type.shape[1]
    byte = instruction_cycles(core, load=1, store=1, alu=0.25, branch=0.1)
    return inputs_of(node) * byte + k_h * instruction_cycles(core, alu=14, branch=2) + instruction_cycles(core, alu=40)


def window_constants(node: Node) -> Mapping[str, int]:
    """The macros of smg_blocked_gather.inc.h."""
    _, k_h, k_w, in_c = node["w"].type.shape
    return {"SMG_K_H": k_h, "SMG_K_W": k_w, "SMG_IN_C": in_c}


@dataclass(frozen=True, slots=True)
class Block(Rows):
    """Weights as bytes."""

    def first_channels(self, node: Node) -> Array:
        """The first channel of each block; the last block repeats channels where there is no whole one left."""
        out_c = node.output.type.shape[-1]
        return np.minimum(np.arange(0, out_c, self.channels), out_c - self.channels)

    def constants(self, node: Node) -> Mapping[str, int]:
        return {**self.shape(node), "SMG_UNROLL": unrolled(inputs_of(node)), **high_constants(node)}

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """Weights (blocks, inputs, channels); starting sums, then mult, addend and shift of each block's channels."""
        channels = self.first_channels(node)[:, None] + np.arange(self.channels)
        columns = high_columns(node).astype(np.int64)[channels]
        starts, ends = columns[..., 0], columns[..., 1:].reshape(len(channels), -1)
        w = channel_weights(node)[channels].transpose(0, 2, 1).astype(np.int8)
        return {
            "w": Packed(np.ascontiguousarray(w)),
            "b": Packed(as_int32(np.concatenate([starts, ends], axis=1).reshape(-1))),
        }

    def cost(self, node: Node, core: Core) -> float:
        out_c, inputs = channel_weights(node).shape
        products, loads, steps = self.rows * self.channels, self.rows + self.channels, unrolled(inputs)
        step = instruction_cycles(core, multiply=products, alu=products + 3 / steps, load=loads, branch=1 / steps)
        block = instruction_cycles(core, alu=12, load=4 * self.channels, branch=1)
        blocks, strain = -(-out_c // self.channels), 2.15 if self.rows > 1 else 1.55
        outputs = blocks * products * output_cycles(core)
        return self.around(node, core, (blocks * (inputs * step + block), outputs, 0.0), strain)

    def footprint(self, node: Node) -> tuple[int, int]:
        _, inputs = channel_weights(node).shape
        products, loads = self.rows * self.channels, self.rows + self.channels
        code = 4 * unrolled(inputs) * (2 * products + loads) + 80 * products + 200 + 700 * self.gathers
        return code, 160


def _at_least(count: int, of: Callable[[Node], int], what: str) -> Predicate:
    def holds(node: Node) -> bool:
        return of(node) >= count

    holds.__doc__ = f"There are at least {count} {what}"
    return holds


def unrolled(inputs: int) -> int:
    """SMG_UNROLL: inputs between two branches, a divisor of their number."""
    return next(u for u in (4, 5, 3, 7, 2, 1) if inputs % u == 0)
