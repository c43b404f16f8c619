# SPDX-License-Identifier: Apache-2.0
"""1x1 convolution by four-bit weights: how they are packed, and what unpacking them costs."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.four_bit.storage import group_of, grouped_factors, parts
from smidgen.kernels.kernel import Packed
from smidgen.kernels.pointwise import figures
from smidgen.kernels.pointwise.packing import (
    affine_layer,
    block_groups,
    constants,
    is_narrow,
    order,
    pair_parameters,
    pairs_of,
    steps_of,
)
from smidgen.targets.target import Core


def _parameters(node: Node) -> int:
    return 5 if affine_layer(node) else 8


def _nibble_words(even: Array, odd: Array) -> Array:
    """Weights of two channels, two steps a word; 8 stands for a weight of 0."""
    lanes = np.array(order(len(even)), np.int64)
    lanes = np.pad(lanes, [(0, len(lanes) % 2), (0, 0)], constant_values=len(even))
    u0, u1 = (np.append(w.astype(np.int64), 0)[lanes] + 8 for w in (even, odd))
    halves = u0 | u1 << 8
    steps = halves[:, 0] | halves[:, 1] << 16
    return np.asarray(steps[0::2] | steps[1::2] << 4)


def _factor_words(even: Array, odd: Array) -> Array:
    both = (even | odd << 4).astype(np.uint8)
    return np.pad(both, (0, -len(both) % 4)).view("<u4").astype(np.int64)


def pack(node: Node) -> Mapping[str, Packed]:
    """Parameters, nibbles and factors of each pair of channels."""
    w, _ = parts(node)
    factors, parameters = grouped_factors(node), pair_parameters(node)
    rows = [
        np.concatenate(
            [parameters[i].astype(np.int64), _nibble_words(w[a], w[b]), _factor_words(factors[a], factors[b])]
        )
        for i, (a, b) in enumerate(pairs_of(len(w)))
    ]
    stream = (np.stack(rows) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(stream))}


def four_bit_constants(node: Node, nbytes: int) -> Mapping[str, int]:
    return {"SMG_GROUP": group_of(node), **constants(node, nbytes)}


def _weight_words(node: Node) -> int:
    return steps_of(node["w"].type.shape[-1]) * (2 if is_narrow(node) else 1)


def _pair_blocks(node: Node, nbytes: int) -> int:
    """Times that a pair of channels is unpacked."""
    blocks = -(-(figures.pixels_of(node) // 4) // block_groups(node, nbytes))
    return blocks * -(-node.output.type.shape[-1] // 2)


def scratch(node: Node, *, nbytes: int) -> int:
    """A pair's parameters and weights, and as without unpacking."""
    return 4 * (_parameters(node) + _weight_words(node)) + figures.scratch(node, nbytes=nbytes)


def cost(node: Node, core: Core, *, nbytes: int) -> float:
    each = 6.0 if group_of(node) else 3.5
    groups = grouped_factors(node).shape[1]
    unpack = _weight_words(node) * each + 12 * groups + 130
    return float(figures.cost(node, core, nbytes=nbytes) + _pair_blocks(node, nbytes) * unpack)


def footprint(node: Node) -> tuple[int, int]:
    code, stack = figures.footprint(node)
    return code + 500, stack + 64


def flash_use(node: Node, *, nbytes: int) -> FlashUse:
    """The packed stream is read once a block."""
    stream = pack(node)["b"].data
    assert stream is not None
    pairs = -(-node.output.type.shape[-1] // 2)
    blocks = _pair_blocks(node, nbytes) // pairs
    return FlashUse((blocks - 1) * stream.nbytes, figures.flash_use(node, nbytes=nbytes).loops)
