# SPDX-License-Identifier: Apache-2.0
"""How the pointwise kernels want weights and requantisation constants, as smg_pointwise_shape.inc.h describes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Affine, Form, Steps, channel_steps, find_affine
from smidgen.kernels.common import Int32s
from smidgen.kernels.fast_requantize import DOUBLE, requantize_columns, requantize_constants, rounding_mode
from smidgen.kernels.kernel import Packed
from smidgen.ops.accumulators import Int64s, channel_weights

_SHIFTS = ((4, 12), (5, 13), (6, 14), (8, 16), (10, 18), (12, 20), (4, 13), (3, 11), (2, 10), (1, 9))
"""Shifts of even and odd channels, tried in turn: the same in as many layers as can be, for those may share code."""


@dataclass(frozen=True, slots=True)
class AffineLayer:
    """The constants of an affine layer's pairs of channels, and the shifts that its even and odd channels share."""

    pairs: tuple[tuple[Affine, Affine], ...]
    shift_even: int
    shift_odd: int


def pairs_of(out_c: int) -> tuple[tuple[int, int], ...]:
    """Channels computed together; with an odd number the last pair repeats a channel."""
    return tuple((c, c + 1) if c + 1 < out_c else (out_c - 2, out_c - 1) for c in range(0, out_c, 2))


def steps_of(in_c: int) -> int:
    """Steps of two inputs."""
    return -(-in_c // 2)


def is_narrow(node: Node) -> bool:
    """Weights and parameters of two channels fit the FPU's registers as int16 each."""
    return bool(node["w"].type.shape[-1] <= (24 if affine_layer(node) else 22))


@lru_cache(maxsize=256)
def affine_layer(node: Node) -> AffineLayer | None:
    """The layer's requantisation in two instructions, if there is one (kernels/affine_requantize.py)."""
    if rounding_mode(node) == DOUBLE:
        return None
    steps = channel_steps(node)
    pairs = [(steps[even], steps[odd]) for even, odd in pairs_of(len(steps))]
    scale, sign = (256, 1) if node["w"].type.shape[-1] <= 24 else (1, -1)
    order = list(range(len(pairs)))
    for even, odd in _SHIFTS:
        first = odd if scale == 256 else even
        found = _all_pairs(pairs, order, (Form(scale, first), Form(256, odd)), sign)
        if found is not None:
            return AffineLayer(found, first, odd)
    return None


def _all_pairs(
    pairs: Sequence[tuple[Steps, Steps]], order: list[int], forms: tuple[Form, Form], sign: int
) -> tuple[tuple[Affine, Affine], ...] | None:
    """``order`` is that in which pairs are tried: one that fails goes first, for it hardly fits other shifts."""
    found: dict[int, tuple[Affine, Affine]] = {}
    for place, i in enumerate(order):
        pair = find_affine(*pairs[i], forms, sign)
        if pair is None:
            order.insert(0, order.pop(place))
            return None
        found[i] = pair[0], pair[1]
    return tuple(found[i] for i in range(len(pairs)))


def order(in_c: int) -> tuple[tuple[int, int], ...]:
    """The two inputs of each step; in_c stands for none."""
    whole = in_c // 4 * 4
    steps = [s for k in range(0, whole, 4) for s in ((k, k + 2), (k + 1, k + 3))]
    rest = {0: [], 1: [(0, 4)], 2: [(0, 1)], 3: [(0, 2), (1, 4)]}[in_c % 4]
    return (*steps, *((min(whole + a, in_c), min(whole + b, in_c)) for a, b in rest))


def weight_words(even: Int64s, odd: Int64s, narrow: bool) -> Int32s:
    """The words of two channels: int16 of the odd channel, then of the even one, or both in one lane."""
    lanes = np.array(order(len(even)), np.int64)
    w0, w1 = (np.append(w, 0)[lanes] for w in (even, odd))
    halves = np.stack([w1, w0], axis=1) if narrow else (256 * w1 + w0)[:, None]
    words = (halves[..., 0] & 0xFFFF) | (halves[..., 1] & 0xFFFF) << 16
    packed: Int32s = words.reshape(-1).astype(np.uint32).view(np.int32)
    return packed


def pack(node: Node) -> Mapping[str, Packed]:
    """Parameters and weights of each pair of channels, in the order in which they are read."""
    w, narrow, parameters = channel_weights(node), is_narrow(node), pair_parameters(node)
    rows = [
        np.concatenate([parameters[i], weight_words(w[even], w[odd], narrow)])
        for i, (even, odd) in enumerate(pairs_of(len(w)))
    ]
    return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.stack(rows)))}


def pair_parameters(node: Node) -> Int32s:
    """(pairs, SMG_PARAMETERS)."""
    return _affine_parameters(node) if affine_layer(node) else _general_parameters(node, is_narrow(node))


def _affine_parameters(node: Node) -> Int32s:
    """(pairs, 5): bias, mult and addend of the even channel, mult and addend of the odd one."""
    layer = affine_layer(node)
    assert layer is not None
    rows = [(even.bias, even.mult, even.addend, odd.mult, odd.addend) for even, odd in layer.pairs]
    return np.array(rows, np.int32)


def _general_parameters(node: Node, narrow: bool) -> Int32s:
    """(pairs, 8): start of the even channel's sum, of both; mult, addend and shift of the even channel, of the odd."""
    columns = requantize_columns(node).astype(np.int64)
    rows = []
    for even, odd in pairs_of(len(columns)):
        (b0, *rest0), (b1, *rest1) = columns[even], columns[odd]
        starts = (256 * b0, 256 * b1) if narrow else (b0, 256 * b1 + b0)
        rows.append((*starts, *rest0, *rest1))
    packed: Int32s = (np.array(rows, np.int64) & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return packed


def block_groups(node: Node, nbytes: int) -> int:
    """Groups of four pixels in a block of at most ``nbytes`` of activation words; a layer's blocks are of like size."""
    groups = max(1, node.output.type.elements // node.output.type.shape[-1] // 4)
    most = max(1, nbytes // (16 * steps_of(node["w"].type.shape[-1])))  # without the sums between chunks
    return -(-groups // -(-groups // most))


def chunks_of(node: Node) -> tuple[int, int]:
    """Times that the groups pass by for two channels, and the steps, an even number, of each time but the last.

    A step takes 42 bytes of code and the outputs after the last 150 to 320: no loop is longer than 1 KB of cache.
    """
    steps, affine = steps_of(node["w"].type.shape[-1]), affine_layer(node) is not None
    if is_narrow(node) or steps <= (20 if affine else 16):
        return 1, 0
    last = 19 if affine else 15
    count = 1 + -(-(steps - last) // (22 if affine else 20))
    return count, -(-max(-(-steps // count), -(-(steps - last) // (count - 1))) // 2) * 2


def takes_two_groups(node: Node) -> bool:
    """The loop over the groups takes two at a time: their code fits 1 KB of cache."""
    return is_narrow(node) and steps_of(node["w"].type.shape[-1]) <= (8 if affine_layer(node) else 5)


def constants(node: Node, nbytes: int) -> Mapping[str, int]:
    """The macros of smg_pointwise_shape.inc.h."""
    (n, h, w, out_c), in_c = node.output.type.shape, node["w"].type.shape[-1]
    layer, (chunks, chunk_steps) = affine_layer(node), chunks_of(node)
    return {
        "SMG_IN_C": in_c, "SMG_OUT_C": out_c, "SMG_TAIL": n * h * w % 4,
        "SMG_GROUPS": block_groups(node, nbytes), "SMG_CHUNKS": chunks, "SMG_CHUNK_STEPS": chunk_steps,
        "SMG_AFFINE": int(layer is not None),
        "SMG_SHIFT_EVEN": layer.shift_even if layer else 0, "SMG_SHIFT_ODD": layer.shift_odd if layer else 0,
        **requantize_constants(node),
    }  # fmt: skip
