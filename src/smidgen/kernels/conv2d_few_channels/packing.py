# SPDX-License-Identifier: Apache-2.0
"""Weights of two output channels in one int16 lane, and what has to hold for it."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import Int32s
from smidgen.kernels.conv2d_few_channels.plan import CONSTANTS, Shape, Window, in_chains
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


def _rows(node: Node, s: Shape) -> Int64s:
    """(pairs, k_h, span): joined weights of the values from the first to the last of a window's row."""
    joined = joined_weights(node)
    rows = np.zeros((len(joined), s.k_h, s.span), np.int64)
    step = s.dilation[1] * s.in_c
    for kx in range(s.k_w):
        rows[:, :, kx * step : kx * step + s.in_c] = joined[:, :, kx, :]
    return rows


def _words(lanes: Int64s) -> Int64s:
    """Two values' weights each, of lanes (..., 2)."""
    words: Int64s = (lanes[..., 0] & 0xFFFF) | (lanes[..., 1] & 0xFFFF) << 16
    return words


def weight_words(node: Node, window: Window) -> Int64s:
    """(pairs, phases, weight words) in the order in which the loop takes them.

    In the second phase windows start in the upper half of a word: their rows begin with a zero, or, where the values
    left over are joined, these are each row's first instead of its last.
    """
    s, rows = window.shape, _rows(node, window.shape)
    by_column, by_pair = window.classes
    phases = []
    for phase in range(s.phases):
        whole = rows[:, :, phase:] if window.vertical else np.pad(rows, ((0, 0), (0, 0), (phase, 0)))
        whole = whole[:, :, : 2 * window.words]
        whole = np.pad(whole, ((0, 0), (0, 0), (0, 2 * window.words - whole.shape[2])))
        whole = whole[:, in_chains(s.k_h, by_column)].reshape(len(rows), s.k_h, window.words, 2)
        left = np.pad(rows[:, :, 0 if phase else -1], ((0, 0), (0, s.k_h % 2))).reshape(len(rows), -1, 2)
        left = left[:, in_chains(window.joined_taps, by_pair)]
        phases.append(np.concatenate([_words(whole.swapaxes(1, 2)).reshape(len(rows), -1), _words(left)], axis=1))
    return np.stack(phases, axis=1)


def packed(node: Node, window: Window) -> Int32s:
    """(pairs, phases, weights and constants) as smg_conv2d_few_channels_rows.inc.h reads them.

    Values are 2 * (x + 128), so the bias loses 128 times the sum of the weights.
    """
    columns = requantize_columns(node).astype(np.int64)
    start = 2 * (columns[:, 0] - 128 * channel_weights(node).sum(axis=1))
    s, words = window.shape, weight_words(node, window)
    constants = [
        np.array([start[a] + 256 * start[b], start[a], *columns[a, 1:], *columns[b, 1:]]) for a, b in pairs(s.out_c)
    ]
    assert all(len(c) == CONSTANTS for c in constants)
    both = np.concatenate(
        [
            words,
            np.repeat(np.array(constants)[:, None], s.phases, axis=1),
        ],
        axis=2,
    )
    result: Int32s = (both & 0xFFFFFFFF).astype(np.uint32).view(np.int32)
    return result
