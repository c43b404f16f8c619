# SPDX-License-Identifier: Apache-2.0
"""Weights of two output channels in one int16 lane, and what has to hold for it."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.conv2d_few_channels.plan import CONSTANTS, Shape
from smidgen.kernels.fast_requantize import accumulator_bounds, requantize_columns
from smidgen.ops.accumulators import Int64s, channel_weights

LARGEST_SECOND = 1 << 22  # twice the accumulator, shifted left by 8, has to fit 32 bits


def pairs(out_c: int) -> list[tuple[int, int]]:
    """The channels of each pair; the last of an odd number overlaps the one before, a single channel is its own."""
    starts = [min(c, max(out_c - 2, 0)) for c in range(0, out_c, 2)]
    return [(c, min(c + 1, out_c - 1)) for c in starts]


def joined_weights(node: Node) -> Int64s:
    """(pairs, k_h, k_w, in_c): first + 256 * second of each pair's weights."""
    w = node["w"].constant.astype(np.int64)
    first, second = zip(*pairs(w.shape[0]), strict=True)
    joined: Int64s = w[list(first)] + 256 * w[list(second)]
    return joined


def pairs_fit(node: Node) -> bool:
    """Weights of two channels fit 16 bits and every other channel's accumulators provably fit 23"""
    second = [b for _, b in pairs(node["w"].type.shape[0])]
    return bool(joined_weights(node).min() >= -(1 << 15) and accumulator_bounds(node)[second].max() < LARGEST_SECOND)


def weight_words(node: Node, s: Shape) -> Int64s:
    """(pairs, phases, word columns, k_h in the order of remainders): two values' joined weights each."""
    joined = joined_weights(node)
    count = joined.shape[0]
    row = np.zeros((count, s.k_h, s.span), np.int64)
    step = s.dilation[1] * s.in_c
    for kx in range(s.k_w):
        row[:, :, kx * step : kx * step + s.in_c] = joined[:, :, kx, :]
    lanes = np.zeros((count, s.phases, s.k_h, 2 * s.words), np.int64)
    for phase in range(s.phases):
        lanes[:, phase, :, phase : phase + s.span] = row
    order = [tap for p in range(s.classes) for tap in range(p, s.k_h, s.classes)]
    ordered = lanes[:, :, order].reshape(count, s.phases, s.k_h, s.words, 2).swapaxes(2, 3)
    words: Int64s = (ordered[..., 0] & 0xFFFF) | (ordered[..., 1] & 0xFFFF) << 16
    return words


def packed(node: Node, s: Shape) -> Int32s:
    """(pairs, phases, weights and constants) as smg_conv2d_few_channels_rows.inc.h reads them.

    Values are 2 * (x + 128), so the bias loses 128 times the sum of the weights.
    """
    columns = requantize_columns(node).astype(np.int64)
    start = 2 * (columns[:, 0] - 128 * channel_weights(node).sum(axis=1))
    words = weight_words(node, s)
    constants = [
        np.array([start[a] + 256 * start[b], start[a], *columns[a, 1:], *columns[b, 1:]]) for a, b in pairs(s.out_c)
    ]
    assert all(len(c) == CONSTANTS for c in constants)
    both = np.concatenate(
        [
            words.reshape(s.pairs, s.phases, -1),
            np.repeat(np.array(constants)[:, None], s.phases, axis=1),
        ],
        axis=2,
    )
    result: Int32s = (both & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return result
