# SPDX-License-Identifier: Apache-2.0
"""From the scaled accumulators of a Winograd kernel to outputs: when it is exact, and each channel's constants.

Two forms (smg_winograd.inc.h). Affine: one multiplication, one saturation with a shift that the layer's channels share,
every step of the output proven to lie where it must (kernels/affine_requantize.py). Otherwise the form of
smg_fast_requantize.h, for an accumulator times 2^scale_bits.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Affine, Form, channel_steps, find_affine
from smidgen.kernels.fast_requantize import (
    DOUBLE,
    EVEN,
    accumulator_bounds,
    fast_requantize,
    requantize_columns,
    requantize_constants,
    rounding_mode,
)
from smidgen.kernels.kernel import Predicate
from smidgen.kernels.winograd.transform import Scheme
from smidgen.ops.accumulators import Int64s

LARGEST_ADDEND = 1 << 30
MOST_SHIFT = 22  # of the affine form: zero_point << shift stays below 2^30


@lru_cache(maxsize=256)
def affine_layer(node: Node, bits: int, half: int = 1 << 31) -> tuple[int, tuple[Affine, ...]] | None:
    """The shift that all channels share, and their constants for 2^bits * accumulators; None if there are none.

    ``half`` as in ``find_affine``.
    """
    if rounding_mode(node) == DOUBLE:
        return None
    steps = channel_steps(node)
    ratios = [s.ratio for s in steps if s.ratio > 0]
    shift = min(MOST_SHIFT, math.floor(math.log2((1 << bits) / 2 / max(ratios, default=1.0)) - 1e-9))
    if shift < 1:
        return None
    found: list[Affine] = []
    for each in steps:
        constants = find_affine(each, None, (Form(1 << bits, shift), Form(1 << bits, shift)), 1, half=half)
        if constants is None:
            return None
        found.append(constants[0])
    return shift, tuple(found)


def scaled_requantize(bits: int) -> Predicate:
    """The condition under which accumulators times 2^bits can be rescaled exactly."""

    def fits(node: Node) -> bool:
        return scaled_accumulators_fit(node, bits) or affine_layer(node, bits) is not None

    fits.__doc__ = (
        f"Accumulators are below 2^{31 - bits}, multipliers below one half and not tiny, "
        "and with ties to even none can be a tie"
    )
    return fits


def scaled_accumulators_fit(node: Node, bits: int) -> bool:
    """Whether the scaled form of smg_fast_requantize.h is exact."""
    if not fast_requantize(node):
        return False
    addend = requantize_columns(node)[:, 2].astype(np.int64)
    largest = (np.abs(addend) << (bits - 1)) + (1 << bits)
    return bool((accumulator_bounds(node) < 1 << (31 - bits)).all() and (largest < LARGEST_ADDEND).all())


def rounding_macros(node: Node, bits: int) -> Mapping[str, int]:
    """The macros of smg_winograd.inc.h: SMG_SHIFT is 0 unless the layer is affine, which has no rounding mode."""
    layer = affine_layer(node, bits)
    macros = requantize_constants(node)
    return {**macros, "SMG_ROUNDING_MODE": EVEN, "SMG_SHIFT": layer[0]} if layer else {**macros, "SMG_SHIFT": 0}


def packed_channels(node: Node, scheme: Scheme) -> npt.NDArray[np.int32]:
    """smg_winograd_channel of each output channel (out_c, 8): mult, addend, shift, bias, four corners.

    The kernel sums (x + raised) * w, so the bias loses that many times the sum of weights; outputs of a tile that see
    its offset lose that too. Biases wrap modulo 2^32 as the sums do.
    """
    bits = scheme.scale_bits
    mult, addend, shift, bias = channel_constants(node, bits, affine_layer(node, bits))
    w = node["w"].constant.astype(np.int64).sum(axis=3)  # (out_c, 3, 3)
    bias = bias - (scheme.raised * w.sum(axis=(1, 2)) << scheme.scale_bits)
    seen = np.zeros((scheme.tile + 2,) * 2, np.int64)
    seen[scheme.offset_from :, scheme.offset_from :] = scheme.offset
    windows = [seen[r : r + 3, c : c + 3] for r in (2, 3) for c in (2, 3)] if scheme.offset else [np.zeros((3, 3))] * 4
    corners = [bias - ((w * s).sum(axis=(1, 2)).astype(np.int64) << scheme.scale_bits) for s in windows]
    columns = np.stack([mult, addend, shift, bias, *corners], axis=1)
    return (columns & 0xFFFFFFFF).astype(np.uint32).view(np.int32)


def channel_constants(
    node: Node, bits: int, layer: tuple[int, tuple[Affine, ...]] | None
) -> tuple[Int64s, Int64s, Int64s, Int64s]:
    """mult, addend, shift and bias of each channel, the bias for 2^bits * sum(w * x) over input bytes.

    ``layer``: what ``affine_layer`` found.
    """
    if layer is not None:
        rows = np.array([(c.mult, c.addend, layer[0], c.bias) for c in layer[1]], np.int64)
        mult, addend, shift, bias = rows.T
        return mult, addend, shift, bias
    bias, mult, addend, shift = requantize_columns(node).astype(np.int64).T
    mode = rounding_mode(node)
    half = 0 if mode == EVEN else (1 << bits) >> 2
    return mult, (addend << (bits - 1)) + half, shift if mode == DOUBLE else shift + bits - 1, bias << bits
