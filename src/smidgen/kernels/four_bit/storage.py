# SPDX-License-Identifier: Apache-2.0
"""What kernels for four-bit weights share: which weights those are, and their parts."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node, four_bit_parts


def four_bit_weights(node: Node) -> bool:
    """Weights and bias are constants, the weights kept in four bits"""
    bias, w = node.get("b"), node["w"]
    return w.data is not None and w.type.storage is not None and (bias is None or bias.data is not None)


def group_of(node: Node) -> int:
    """SMG_GROUP: consecutive weights of an output channel that share a factor; 0: all factors are 1."""
    storage = node["w"].type.storage
    assert storage is not None
    return storage.group or 0


@lru_cache(maxsize=64)
def parts(node: Node) -> tuple[Array, Array]:
    """(w, factors) of the layer's weights: (out_c, values) in -8 .. 7 and (out_c, groups) in 1 .. 15."""
    data, storage = node["w"].constant, node["w"].type.storage
    assert storage is not None
    found = four_bit_parts(data.reshape(len(data), -1), storage.group)
    assert found is not None, "verified: invariant 8 of Graph"
    return found


def grouped_factors(node: Node) -> Array:
    """(out_c, groups), or nothing a channel where all factors are 1."""
    w, factors = parts(node)
    return factors if group_of(node) else np.zeros((len(w), 0), np.uint8)
