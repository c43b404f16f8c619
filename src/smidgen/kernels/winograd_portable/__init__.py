# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution by integer transforms with plain 32-bit multiplications, for cores without vectors or DSP."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Kernel, Packed, ParamValue, Predicate
from smidgen.kernels.winograd.geometry import Shape, lead_bytes, shape_of
from smidgen.kernels.winograd_portable.cost import count, transforms, weights_count
from smidgen.kernels.winograd_portable.domain import F2, F4, S2, S4, Domain, first_start, streamed_weights, sum_starts
from smidgen.kernels.winograd_portable.geometry import (
    Block,
    cut_of,
    evenly_spaced,
    footprint,
    scratch_bytes,
    stream_words,
)
from smidgen.kernels.winograd_portable.requantize import channel_columns, rounding_macros, scaled_requantize
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

MOST_CHANNELS = 252
BETTER = frozenset(("dsp", "xcv", "rvv", "mve"))  # their cores multiply several numbers at a time


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
        parts = [_words(columns.T, channels)]
        for each, start in zip(streamed_weights(w, self.domain), starts.T, strict=True):
            parts += [_words(start[:, None], channels), _halves(each, channels)]
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


def _words(rows: Array, channels: int) -> Array:
    """Numbers modulo 2^32 (out_c, n) as (blocks, n * channels) words."""
    blocks = _blocks((rows & 0xFFFFFFFF).astype(np.uint32), channels)
    return blocks.reshape(len(blocks), -1).view(np.int32)


def _halves(rows: Array, channels: int) -> Array:
    """int16 (out_c, products, in_c) as (blocks, words) of two."""
    blocks = _blocks(rows, channels)
    return blocks.reshape(len(blocks), -1).view(np.int32)


def _corev(symbol: str, scheme: str, shape: Predicate, domain: Domain) -> Kernel:
    """The same kernel with CORE-V's products."""
    plain = _kernel(symbol, scheme, shape, CoreV(domain, WIDE), frozenset(("xcv",)))
    parts = tuple(f"smg_portable_{part}.inc.h" for part in ("winograd", scheme, "input", "products", "output", "conv"))
    requires, includes = (*plain.requires, whole_words), (*parts, "smg_corev_products.inc.h")
    return replace(plain, requires=requires, includes=includes, unless=frozenset())


def _kernel(symbol: str, scheme: str, shape: Predicate, variant: Variant, isa: frozenset[str]) -> Kernel:
    parts = ("winograd", scheme, "input", "products", "output", "conv", "weights", "whole")
    return Kernel(
        symbol, "winograd_portable", "conv2d", Conv2D, variant.cost, params, isa,
        (int8_elements, constant_weights, shape, few_channels,
         scaled_requantize(variant.domain.scheme.scale_bits)),
        variant.pack, variant.scratch, overlap=variant.overlap,
        includes=tuple(f"smg_portable_{part}.inc.h" for part in parts), constants=variant.constants,
        footprint=variant.footprint, flash_use=variant.flash_use, unless=BETTER,
    )  # fmt: skip


@dataclass(frozen=True)
class CoreV(Variant):
    """Products of words of two inputs by two weights."""

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """As ``Variant.pack``, weights as (products, in_c / 2, channels, 2)."""
        w, channels = node["w"].constant, self.block.channels
        columns, bias = channel_columns(node, self.domain.scheme.scale_bits)
        starts = sum_starts(w, self.domain, bias)
        parts = [_words(columns.T, channels)]
        for each, start in zip(streamed_weights(w, self.domain), starts.T, strict=True):
            pairs = np.ascontiguousarray(each.reshape(len(each), -1, 2)).view("<i4").reshape(len(each), -1)
            parts += [_words(start[:, None], channels), _words(pairs.astype(np.int64), channels)]
        return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate(parts, axis=1)))}

    def overlap(self, node: Node) -> Mapping[str, int]:
        """Whole words: inputs are read as such."""
        return {name: lead + -lead % 4 for name, lead in Variant.overlap(self, node).items()}

    def cost(self, node: Node, core: Core) -> float:
        """The same but for the products: a multiply of words for two, no addition, and no end of a loop."""
        shape = self.shape(node)
        cut, load, multiply = cut_of(shape, self.block), core.cycles["load"], core.cycles["multiply"]
        blocks = shape.batch * cut.blocks(shape) * -(-shape.out_c // self.block.channels)
        sums = self.block.tiles * self.block.channels
        loads = self.block.tiles + self.block.channels
        ends = sums * (core.cycles["alu"] + core.cycles["store"])
        place = shape.in_c // 2 * (loads * load + sums * multiply) + ends
        return (
            transforms(shape, cut, self.domain, self.constants(node)).cycles(core)
            + blocks * self.domain.side**2 * place
        )


def whole_words(node: Node) -> bool:
    """Four divides the input channels"""
    return node["x"].type.shape[-1] % 4 == 0


RISCV, THUMB = frozenset(("rv32m",)), frozenset(("thumb",))
WIDE = Block(4, 4)


_SCHEMES = (
    ("winograd4", "f4", stride_one, F4),
    ("winograd2", "f2", stride_one, F2),
    ("stride2_tile4", "s4", stride_two, S4),
    ("stride2_tile2", "s2", stride_two, S2),
)


def _family(isa: frozenset[str], tiles: int, channels: int) -> tuple[Kernel, ...]:
    """Every transform with sums of so many tiles and channels in registers."""
    return tuple(
        _kernel(f"smg_conv2d_{name}{'_staged' * staged}_{tiles}x{channels}_s8_portable", scheme, shape,
                Variant(domain, Block(tiles, channels), staged), isa)
        for staged in (False, True)
        for name, scheme, shape, domain in _SCHEMES
        if not staged or domain in (F4, S2)  # of S4 it takes longer than S4 saves, and F2's weights grow little
    )  # fmt: skip


KERNELS = (
    *_family(RISCV, 4, 4),
    *_family(THUMB, 2, 2),
    _corev("smg_conv2d_3x3_winograd4_s8_corev", "f4", stride_one, F4),
)
"""4x4 for 31 registers, 2x2 for 15 or fewer."""
