# SPDX-License-Identifier: Apache-2.0
"""Depthwise layers that are computed four channels at a time, and their weights in that order."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Array, Node


def one_to_one(node: Node) -> bool:
    """Each input channel makes one output channel"""
    return node["x"].type.shape[3] == node["w"].type.shape[2]


def four_channels(node: Node) -> bool:
    """There are at least four channels"""
    return node["w"].type.shape[2] >= 4


def pack_taps(node: Node) -> Array:
    """The weights by four channels, the last four overlapping those before if need be, then by pairs of taps t, u as
    bytes t0 t1 u0 u1, t2 t3 u2 u3. An odd number of taps gains one of zeros: a ninth more flash for 3x3.
    """
    w = node["w"].constant
    taps, channels = w.shape[0] * w.shape[1], w.shape[2]
    flat = np.pad(w.reshape(taps, channels), ((0, taps % 2), (0, 0)))
    starts = [min(c, channels - 4) for c in range(0, channels, 4)]
    quads = np.stack([flat[:, c : c + 4] for c in starts])  # (quads, taps, 4)
    pairs = quads.reshape(len(starts), -1, 2, 2, 2).transpose(0, 1, 3, 2, 4)  # (quads, pairs, half of 4, tap, 2)
    packed: Array = np.ascontiguousarray(pairs)
    return packed
