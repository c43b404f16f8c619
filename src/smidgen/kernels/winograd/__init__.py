# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution with stride 1 by integer-exact Winograd transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.kernel import Kernel, Packed, ParamValue, Predicate
from smidgen.kernels.winograd.cost import cycles
from smidgen.kernels.winograd.geometry import (
    Cut,
    Shape,
    lead_bytes,
    one_round,
    scratch_bytes,
    shape_of,
    twice_the_rows,
    whole_rows,
)
from smidgen.kernels.winograd.requantize import packed_channels, rounding_macros, scaled_requantize
from smidgen.kernels.winograd.size import footprint, input_code_bytes, pair_code_bytes
from smidgen.kernels.winograd.transform import F2, F4, Scheme, packed_weights
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

MOST_CHANNELS = 252
SMALL = Cut(block=2, band=1, group=2)


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**without_multipliers(window_params(node)), "groups": node.op.groups}


def three_by_three(node: Node) -> bool:
    """Filters are 3x3, with stride 1, dilation 1, one group and padding of at most 2 on each side"""
    op = node.op
    assert isinstance(op, Conv2D)
    plain = op.stride == (1, 1) and op.dilation == (1, 1) and op.groups == 1 and max(op.padding) <= 2
    return plain and node["w"].type.shape[1:3] == (3, 3)


def channels_in_fours(node: Node) -> bool:
    """Input channels are a multiple of 4, at most 252"""
    channels = node["x"].type.shape[3]
    return channels % 4 == 0 and channels <= MOST_CHANNELS


def rows_in_reach(node: Node) -> bool:
    """A row of the output has less than 65536 bytes, a pixel at most 1000"""
    _, _, width, channels = node.output.type.shape
    return width * channels < 1 << 16 and channels <= 1000


def weights_of_a_position_fit(node: Node) -> bool:
    """There are at most 64 input channels"""
    return node["x"].type.shape[3] <= 64


def same_sizes(node: Node) -> bool:
    """The output is as large as the input, with padding 1 on each side"""
    op = node.op
    assert isinstance(op, Conv2D)
    return op.padding == (1, 1, 1, 1) and node["x"].type.shape == node.output.type.shape


CutOf = Callable[[Shape], Cut]


def small_units(shape: Shape) -> Cut:
    return SMALL


@dataclass(frozen=True)
class Variant:
    """One way to compute: a scheme, how the layer is cut into units, and whether weights are transformed in scratch."""

    scheme: Scheme
    cut_of: CutOf
    staged: bool = False

    def constants(self, node: Node) -> Mapping[str, int]:
        shape = self.shape(node)
        cut = self.cut_of(shape)
        return {
            "SMG_IN_C": shape.in_c,
            "SMG_IN_PITCH": shape.in_w * shape.in_c if shape.regular else 0,
            "SMG_OUT_C": shape.out_c,
            "SMG_OUT_PITCH": shape.out_w * shape.out_c,
            "SMG_BLOCK": cut.block,
            "SMG_BAND": cut.band,
            "SMG_GROUP": cut.group,
            "SMG_ROUND": cut.round,
            "SMG_EDGES": int(shape.edges),
            **rounding_macros(node, self.scheme.scale_bits),
        }

    def scratch(self, node: Node) -> int:
        shape = self.shape(node)
        weights = 2 * self.scheme.positions * shape.in_c * (shape.out_c + shape.out_c % 2) if self.staged else 0
        return scratch_bytes(shape, self.cut_of(shape)) + weights

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """int16 weights in the transform's domain, 8 (F4) or 3.6 times (F2) the bytes; staged ones as they are."""
        w = node["w"].constant
        w = np.pad(w, ((0, len(w) % 2), *[(0, 0)] * 3)) if self.staged else packed_weights(w, self.scheme)
        return {"w": Packed(w), "b": Packed(packed_channels(node, self.scheme))}

    def overlap(self, node: Node) -> Mapping[str, int]:
        shape = self.shape(node)
        return {"y": lead_bytes(shape, self.cut_of(shape))}

    def footprint(self, node: Node) -> tuple[int, int]:
        shape = self.shape(node)
        return footprint(shape, self.cut_of(shape), self.constants(node), staged=self.staged)

    def cost(self, node: Node, core: Core) -> float:
        shape = self.shape(node)
        return cycles(shape, self.cut_of(shape), self.constants(node), staged=self.staged)

    def flash_use(self, node: Node) -> FlashUse:
        """Weights are read again for each round, unless they were transformed in scratch; so is a pair's code."""
        shape = self.shape(node)
        cut = self.cut_of(shape)
        pairs, rounds = -(-shape.out_c // 2), shape.batch * cut.rounds(shape)
        weights = 0 if self.staged else self.scheme.positions * shape.in_c * 4
        constants, rows = self.constants(node), shape.batch * shape.rows * -(-shape.columns // cut.across(shape))
        inputs = input_code_bytes(shape, constants), shape.in_c // 4 * rows
        outputs = pair_code_bytes(shape, cut, constants), pairs * rounds
        return FlashUse((rounds - 1) * pairs * weights, (inputs, outputs))

    def shape(self, node: Node) -> Shape:
        return shape_of(node, self.scheme.tile)


def kernel(symbol: str, variant: Variant, requires: tuple[Predicate, ...] = (), *, in_place: bool = False) -> Kernel:
    """The record of one variant; ``requires`` come before the conditions that all share."""
    tile = variant.scheme.tile
    body = tuple(
        f"smg_winograd{part}.inc.h" for part in ("", f"{tile}_input", f"{tile}_output", "_conv", "_products", "_rounds")
    )
    if variant.staged:
        body += ("smg_winograd_weights.inc.h",)
    other = tuple(f"smg_winograd{6 - tile}_{part}.inc.h" for part in ("input", "output"))
    return Kernel(
        symbol, "winograd", "conv2d", Conv2D, variant.cost, params, frozenset(("dsp", "fpu")),
        (*_ANY, *requires, scaled_requantize(variant.scheme.scale_bits)), variant.pack, variant.scratch,
        inplace="x" if in_place else None, overlap=None if in_place else variant.overlap, includes=(*body, *other),
        constants=variant.constants, footprint=variant.footprint,
        flash_use=variant.flash_use,
    )  # fmt: skip


_ANY = (int8_elements, constant_weights, three_by_three, channels_in_fours, rows_in_reach)

KERNELS = (
    kernel("smg_conv2d_winograd4_s8_m4", Variant(F4, whole_rows)),
    kernel("smg_conv2d_winograd4_round_s8_m4", Variant(F4, one_round), (weights_of_a_position_fit,)),
    kernel("smg_conv2d_winograd4_band_s8_m4", Variant(F4, twice_the_rows), (weights_of_a_position_fit,)),
    kernel("smg_conv2d_winograd4_small_s8_m4", Variant(F4, small_units), (same_sizes,), in_place=True),
    kernel("smg_conv2d_winograd4_staged_s8_m4", Variant(F4, whole_rows, staged=True)),
    kernel("smg_conv2d_winograd2_s8_m4", Variant(F2, whole_rows)),
    kernel("smg_conv2d_winograd2_staged_s8_m4", Variant(F2, whole_rows, staged=True)),
)
