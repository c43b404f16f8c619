# SPDX-License-Identifier: Apache-2.0
"""What float32 kernels whose weights are kept in half precision share: which weights those are, and how they lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from smidgen.ir import Array, Half, Node, in_half_precision
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.float32 import packed_bias, quads
from smidgen.kernels.kernel import Packed
from smidgen.targets.target import Core

FOUR = 2.0  # cycles to convert four weights, less the two words that are not loaded
_ONE, _ONE_WITHOUT_FPU = 3.0, 10.0  # cycles to convert one weight


def half_weights(node: Node) -> bool:
    """Weights and bias are constants, the weights kept in half precision"""
    w = node["w"]
    return isinstance(w.type.storage, Half) and all(v.data is not None for v in node.inputs[1:])


def halves(data: Array) -> Array:
    """float16 of weights that are verified to be that (invariant 8 of Graph)."""
    found = in_half_precision(data)
    assert found is not None, "verified: invariant 8 of Graph"
    return found


def conversions(node: Node, core: Core) -> float:
    """Cycles of a plain kernel that converts a weight for each product."""
    return node.macs * (_ONE if "fpu" in core.features else _ONE_WITHOUT_FPU)


def flash_use(whole: FlashUse) -> FlashUse:
    """That of a kernel for float32 weights, with halves."""
    return replace(whole, constant_bytes=whole.constant_bytes // 2)


def words(data: Array) -> Array:
    """Weights in fours as words of two halves, the first one low."""
    found: Array = np.ascontiguousarray(halves(data)).view(np.uint16).reshape(-1, 2).astype(np.uint32)
    packed: Array = found[:, 0] | found[:, 1] << np.uint32(16)
    return packed


def pack(node: Node) -> Mapping[str, Packed]:
    """The weights in their order."""
    return {"w": Packed(np.ascontiguousarray(halves(node["w"].constant)).view(np.uint16))}


def pack_quads(node: Node) -> Mapping[str, Packed]:
    """As for float32 weights, in words: flash grows by up to 3 channels."""
    return {"w": Packed(words(quads(node["w"].constant))), "b": packed_bias(node, 4)}
