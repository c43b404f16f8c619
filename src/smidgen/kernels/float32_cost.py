# SPDX-License-Identifier: Apache-2.0
"""What the float32 convolutions for the FPU take: how their pixels fall into blocks of four, and cycles for that."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Node
from smidgen.ops import Conv2D, DepthwiseConv2D


@dataclass(frozen=True, slots=True)
class Axis:
    """One dimension: for each output position the taps inside the input, and whether all of them are."""

    taps: tuple[int, ...]
    whole: tuple[bool, ...]

    def blocks(self) -> tuple[int, list[int]]:
        """How many blocks of four whole neighbours the kernels take along it, and the taps of those left one by one."""
        count, singles, at = 0, list[int](), 0
        while at < len(self.taps):
            if all(self.whole[at : at + 4]) and at + 4 <= len(self.taps):
                count, at = count + 1, at + 4
            else:
                singles.append(self.taps[at])
                at += 1
        return count, singles


def axes(node: Node) -> tuple[Axis, Axis]:
    """Rows and columns of a convolution's output."""
    op, x, y = node.op, node["x"].type.shape, node.output.type.shape
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    kernel = node["w"].type.shape[1:3] if isinstance(op, Conv2D) else node["w"].type.shape[:2]

    def axis(d: int) -> Axis:
        start = np.arange(y[1 + d])[:, None] * op.stride[d] - op.padding[d]
        at = start + np.arange(kernel[d]) * op.dilation[d]
        inside = (at >= 0) & (at < x[1 + d])
        taps = [int(count) for count in inside.sum(axis=1)]
        return Axis(tuple(taps), tuple(count == kernel[d] for count in taps))

    return axis(0), axis(1)


def by_columns(node: Node) -> bool:
    """True where more blocks lie one below the other than side by side."""
    rows, columns = axes(node)
    return rows.blocks()[0] * len(columns.taps) > columns.blocks()[0] * len(rows.taps)


def flat(node: Node) -> bool:
    """True for a 1x1 convolution whose pixels are one line."""
    op = node.op
    plain = isinstance(op, Conv2D) and op.stride == (1, 1) and not any(op.padding)
    return plain and node["w"].type.shape[1:3] == (1, 1)


@dataclass(frozen=True, slots=True)
class Work:
    """Of one image and four channels: taps, rows of taps and windows, each of blocks and of single pixels."""

    block_taps: int
    single_taps: int
    block_runs: int
    single_runs: int
    blocks: int
    singles: int

    def cycles(self, per: Sequence[float], channels: int = 1) -> float:
        """``per`` block tap and channel, single tap and channel, block run, single run, block, single."""
        counts = (self.block_taps * channels, self.single_taps * channels, self.block_runs, self.single_runs)
        return float(np.dot(per, (*counts, self.blocks, self.singles)))


def work(node: Node) -> Work:
    rows, columns = axes(node)
    upright = by_columns(node)
    if flat(node):
        pixels = node.output.type.elements // node.output.type.shape[-1]
        rows, columns, upright = Axis((1,), (True,)), Axis((1,) * pixels, (True,) * pixels), False
    line, across = (rows, columns) if upright else (columns, rows)
    (count, singles), lines = line.blocks(), len(across.taps)
    full, crossing = max(line.taps), sum(across.taps)
    block_runs = count * full * lines if upright else count * crossing
    single_runs = sum(singles) * lines if upright else len(singles) * crossing
    return Work(
        count * full * crossing, sum(singles) * crossing, block_runs, single_runs, count * lines, len(singles) * lines
    )
