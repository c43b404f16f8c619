# SPDX-License-Identifier: Apache-2.0
"""int8 1x1 convolution and fully connected layers with output channels as lanes (smg_rvv_channels.inc.h),
or twice as many of them with sums in 16 bits as long as they fit (smg_rvv_chunks.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.conv2d import packed_params as conv_params
from smidgen.kernels.conv2d.shapes import pointwise
from smidgen.kernels.fully_connected import packed_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.rvv.requantize import (
    LANES,
    RVV,
    constants,
    output_instructions,
    records,
    vector_requantize,
)
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import Int64s, channel_weights
from smidgen.targets.target import Core

_ROWS = 3  # whose sums stay in registers


def cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    w = node["w"].constant
    out_c, in_c = len(w), w.size // len(w)
    rows, outputs = int(node.output.type.elements // out_c), output_instructions(node) + 4
    blocks = [_ROWS] * (rows // _ROWS) + ([rows % _ROWS] if rows % _ROWS else [])
    strips = -(-out_c // LANES)
    load = strips * sum(in_c * (n + 1) + 4 * n for n in blocks)
    multiply = strips * sum(in_c * n + n for n in blocks)
    alu = strips * sum(in_c * 2 + in_c // 8 * (n + 1) + outputs * n + 14 for n in blocks)
    branch = strips * sum(in_c // 8 + in_c % 8 + 3 for _ in blocks)
    classes = {"load": load, "multiply": multiply, "alu": alu, "branch": branch}
    total: float = 40.0 + sum(count * core.cycles[name] for name, count in classes.items())
    return total


@lru_cache(maxsize=64)
def chunk(node: Node) -> int:
    """How many products of every output provably fit 16 bits together, whatever the input bytes: 8, 4, 2 or 1."""
    w = channel_weights(node)
    return next((n for n in (8, 4, 2) if _fits(np.pad(w, ((0, 0), (0, -w.shape[1] % n))), n)), 1)


def _fits(w: Int64s, length: int) -> bool:
    above, below = (np.maximum(s * w, 0).reshape(len(w), -1, length).sum(axis=2) for s in (1, -1))
    return bool((127 * above + 128 * below).max() < 1 << 15 and (128 * above + 127 * below).max() <= 1 << 15)


def two_fit(node: Node) -> bool:
    """No two neighbouring weights' products exceed 16 bits: they are not both -128"""
    return chunk(node) > 1


def chunk_constants(node: Node) -> Mapping[str, int]:
    return {**constants(node), "SMG_CHUNK": chunk(node)}


def chunks_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    w, length = node["w"].constant, chunk(node)
    out_c, in_c = len(w), w.size // len(w)
    blocks = int(node.output.type.elements // out_c) * -(-out_c // (2 * LANES))
    turns = in_c // length + in_c % length
    alu = in_c + in_c * (length > 2) // 2 + 8 * turns + 2 * output_instructions(node) + 24
    classes = {"load": in_c * 2 + 8, "multiply": in_c + 2, "alu": alu, "branch": turns + 2}
    total: float = 40.0 + blocks * sum(count * core.cycles[name] for name, count in classes.items())
    return total


def pack(node: Node) -> Mapping[str, Packed]:
    """Weights (in_c, out_c), and the channels' records by columns."""
    w = node["w"].constant
    return {
        "w": Packed(np.ascontiguousarray(w.reshape(w.shape[0], -1).T)),
        "b": Packed(np.ascontiguousarray(records(node).T)),
    }


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 2560, 640


_ANY = (int8_elements, constant_weights, vector_requantize)
_CHUNKS = ("smg_rvv.h", "smg_rvv_chunks.inc.h")
_INCLUDES = ("smg_rvv.h", "smg_rvv_channels.inc.h")

KERNELS = (
    Kernel(
        "smg_conv2d_1x1_s8_rvv", "rvv", "conv2d", Conv2D, cost, conv_params, RVV, (*_ANY, pointwise), pack,
        includes=_INCLUDES, constants=constants, footprint=footprint,
    ),
    Kernel(
        "smg_fully_connected_s8_rvv", "rvv", "fully_connected", FullyConnected, cost, packed_params, RVV, _ANY, pack,
        includes=_INCLUDES, constants=constants, footprint=footprint,
    ),
    Kernel(
        "smg_conv2d_1x1_chunks_s8_rvv", "rvv", "conv2d", Conv2D, chunks_cost, conv_params, RVV,
        (*_ANY, pointwise, two_fit), pack, includes=_CHUNKS, constants=chunk_constants, footprint=footprint,
    ),
    Kernel(
        "smg_fully_connected_chunks_s8_rvv", "rvv", "fully_connected", FullyConnected, chunks_cost, packed_params, RVV,
        (*_ANY, two_fit), pack, includes=_CHUNKS, constants=chunk_constants, footprint=footprint,
    ),
)  # fmt: skip
