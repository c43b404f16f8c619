# SPDX-License-Identifier: Apache-2.0
"""A way to compute a 3x3 convolution by integer transforms: its macros, constants, scratch and cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import window_params, without_multipliers
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Packed, ParamValue
from smidgen.kernels.winograd.geometry import Shape, lead_bytes, shape_of
from smidgen.kernels.winograd_portable.cost import count, weights_count
from smidgen.kernels.winograd_portable.domain import Domain, first_start, streamed_weights, sum_starts
from smidgen.kernels.winograd_portable.geometry import (
    Block,
    cut_of,
    evenly_spaced,
    footprint,
    scratch_bytes,
    stream_words,
)
from smidgen.kernels.winograd_portable.requantize import channel_columns, rounding_macros
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

MOST_CHANNELS = 252


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**without_multipliers(window_params(node)), "groups": node.op.groups}


def _three_by_three(node: Node, stride: int) -> bool:
    op = node.op
    assert isinstance(op, Conv2D)
    plain = op.stride == (stride, stride) and op.dilation == (1, 1) and op.groups == 1 and max(op.padding) <= 2
    return plain and node["w"].type.shape[1:3] == (3, 3)


def stride_one(node: Node) -> bool:
    """Filters are 3x3, with stride 1, dilation 1, one group and padding of at most 2 on each side"""
    return _three_by_three(node, 1)


def stride_two(node: Node) -> bool:
    """Filters are 3x3, with stride 2, dilation 1, one group and padding of at most 2 on each side"""
    return _three_by_three(node, 2)


def few_channels(node: Node) -> bool:
    """There are at most 252 input channels"""
    return node["x"].type.shape[3] <= MOST_CHANNELS


@dataclass(frozen=True)
class Variant:
    """One way to compute: a transform, what is kept in registers, and whether weights are transformed in scratch."""

    domain: Domain
    block: Block
    staged: bool = False

    def constants(self, node: Node) -> Mapping[str, int]:
        shape = self.shape(node)
        return {
            "SMG_IN_C": shape.in_c,
            "SMG_IN_PITCH": shape.in_w * shape.in_c if evenly_spaced(shape) else 0,
            "SMG_OUT_C": shape.out_c,
            "SMG_OUT_PITCH": shape.out_w * shape.out_c,
            "SMG_TILES": self.block.tiles,
            "SMG_CHANNELS": self.block.channels,
            "SMG_BAND": cut_of(shape, self.block).band,
            "SMG_EDGES": int(shape.edges),
            "SMG_STAGED": int(self.staged),
            **rounding_macros(node, self.domain.scheme.scale_bits),
        }

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """Of each block of channels: constants; of each sum its starts and weights (products, in_c, channels).

        Staged, of each channel constants and a start, and weights as they are.
        """
        w, channels = node["w"].constant, self.block.channels
        columns, bias = channel_columns(node, self.domain.scheme.scale_bits)
        if self.staged:
            each = np.stack([*columns, first_start(w, self.domain, bias)], axis=1)
            return {"w": Packed(w), "b": Packed((each & 0xFFFFFFFF).astype(np.uint32).view(np.int32))}
        starts = sum_starts(w, self.domain, bias)
        parts = [block_words(columns.T, channels)]
        for each, start in zip(streamed_weights(w, self.domain), starts.T, strict=True):
            parts += [block_words(start[:, None], channels), _halves(each, channels)]
        return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate(parts, axis=1)))}

    def scratch(self, node: Node) -> int:
        shape = self.shape(node)
        blocks = -(-shape.out_c // self.block.channels)
        weights = 4 * blocks * stream_words(shape.in_c, self.domain, self.block) if self.staged else 0
        return weights + scratch_bytes(shape, cut_of(shape, self.block), self.domain, self.block)

    def overlap(self, node: Node) -> Mapping[str, int]:
        shape = self.shape(node)
        return {"y": lead_bytes(shape, cut_of(shape, self.block))}

    def footprint(self, node: Node) -> tuple[int, int]:
        return footprint(self.shape(node), self.block, staged=self.staged)

    def flash_use(self, node: Node) -> FlashUse:
        """Unless they were transformed in scratch, weights are read again for each block of tiles."""
        shape = self.shape(node)
        times = shape.batch * cut_of(shape, self.block).blocks(shape) - 1
        blocks = -(-shape.out_c // self.block.channels)
        stream = 0 if self.staged else 4 * blocks * stream_words(shape.in_c, self.domain, self.block)
        return FlashUse(times * stream)

    def cost(self, node: Node, core: Core) -> float:
        shape = self.shape(node)
        cut, constants = cut_of(shape, self.block), self.constants(node)
        total = count(shape, cut, self.domain, self.block, constants, core.features)
        if self.staged:
            total += weights_count(shape, self.domain, core.features)
        return total.cycles(core)

    def shape(self, node: Node) -> Shape:
        return shape_of(node, self.domain.scheme.tile)


def _blocks(rows: Array, channels: int) -> Array:
    """Rows of channels, filled up with zeros, as (blocks, rest of a row, channels)."""
    short = -len(rows) % channels
    padded = np.pad(rows, [(0, short)] + [(0, 0)] * (rows.ndim - 1))
    blocks = padded.reshape(len(padded) // channels, channels, -1)
    return np.ascontiguousarray(blocks.transpose(0, 2, 1))


def block_words(rows: Array, channels: int) -> Array:
    """Numbers modulo 2^32 (out_c, n) as (blocks, n * channels) words."""
    blocks = _blocks((rows & 0xFFFFFFFF).astype(np.uint32), channels)
    return blocks.reshape(len(blocks), -1).view(np.int32)


def _halves(rows: Array, channels: int) -> Array:
    """int16 (out_c, products, in_c) as (blocks, words) of two."""
    blocks = _blocks(rows, channels)
    return blocks.reshape(len(blocks), -1).view(np.int32)
