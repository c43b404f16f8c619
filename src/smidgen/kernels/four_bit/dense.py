# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers, eight outputs at a time (smg_fully_connected_four_bit_s8_m4.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import int8_elements
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.four_bit.storage import (
    as_int32,
    channel_columns,
    four_bit_weights,
    group_of,
    grouped_factors,
    layer_constants,
    live_parts,
    requantize_cycles,
    requantizes,
)
from smidgen.kernels.fully_connected import packed_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.ops import FullyConnected
from smidgen.ops.accumulators import Int64s
from smidgen.targets.target import Core

_OUTPUTS = 8
_MOST_CHUNK = 504  # inputs whose products with four-bit weights sum to less than 2^19


def _shape(node: Node) -> tuple[int, int, int]:
    """Rows, inputs counted up to eight, outputs."""
    out_c, in_c = node["w"].type.shape
    return node["x"].type.elements // in_c, -(-in_c // 8) * 8, out_c


def chunk(node: Node) -> int:
    """SMG_CHUNK: inputs that are summed at once, all with one factor; a multiple of 8 that divides the group."""
    group = group_of(node) or _MOST_CHUNK
    return next(c for c in range(min(group, _MOST_CHUNK), 0, -8) if group % c == 0)


def _uniform(node: Node) -> bool:
    """All channels have one multiplier and shift."""
    columns = channel_columns(node)[:, 1:]
    return bool((columns == columns[0]).all())


def _words(node: Node) -> Array:
    """(blocks, steps, 2): eight channels' nibbles by two inputs."""
    w, _ = live_parts(node)
    padded = np.pad(w.astype(np.int64), [(0, -len(w) % _OUTPUTS), (0, -w.shape[1] % 8)])
    fours = padded.reshape(-1, 2, 4, padded.shape[1] // 4, 4)  # blocks, quads, channels, fours, inputs
    nibbles = np.where(np.arange(4)[:, None, None] < 3, fours + 8, fours & 15)
    lanes = (nibbles << (4 * np.arange(4))[:, None, None]).sum(axis=2)  # blocks, quads, fours, inputs
    steps = np.stack([lanes[..., 0] | lanes[..., 2] << 16, lanes[..., 1] | lanes[..., 3] << 16], axis=-1)
    return np.asarray(steps.reshape(*steps.shape[:2], -1).transpose(0, 2, 1))


def _factors(node: Node, first: int) -> Int64s:
    """(blocks,): the factors of the chunk from an input on, as eight nibbles."""
    factors = grouped_factors(node)[:, first // group_of(node)].astype(np.int64)
    eights = np.pad(factors, (0, -len(factors) % _OUTPUTS), constant_values=1).reshape(-1, _OUTPUTS)
    words: Int64s = (eights << (4 * np.arange(_OUTPUTS))).sum(axis=1)
    return words


def pack(node: Node) -> Mapping[str, Packed]:
    """Blocks of eight outputs, in place of the bias; there are no weights beside them."""
    words, columns = _words(node), channel_columns(node)
    padded = np.pad(columns, [(0, -len(columns) % _OUTPUTS), (0, 0)], mode="edge")
    bias, mult, shift = (padded[:, i].reshape(-1, _OUTPUTS) for i in range(3))
    parts_of_blocks = list[Array]()
    for first in range(0, 2 * words.shape[1], chunk(node)):
        parts_of_blocks.append(words[:, first // 2 : (first + chunk(node)) // 2].reshape(len(words), -1))
        if group_of(node):
            parts_of_blocks.append(_factors(node, first)[:, None])
    parts_of_blocks.append(bias)
    if not _uniform(node):
        shifts = (shift & 255).reshape(len(words), 2, 4)
        parts_of_blocks += [mult, (shifts << (8 * np.arange(4))).sum(axis=2)]
    common = columns[0, 1:] if _uniform(node) else np.zeros(0, np.int64)
    stream = np.concatenate([np.concatenate(parts_of_blocks, axis=1).reshape(-1), common])
    return {"w": Packed(None), "b": Packed(as_int32(stream))}


def constants(node: Node) -> Mapping[str, int]:
    return {
        "SMG_GROUP": int(group_of(node) > 0), "SMG_CHUNK": chunk(node), "SMG_UNIFORM": int(_uniform(node)),
        **layer_constants(node),
    }  # fmt: skip


def scratch(node: Node) -> int:
    """A row's lanes, and a sum for each chunk."""
    _, inputs, _ = _shape(node)
    return 2 * inputs + 4 * -(-inputs // chunk(node))


def overlap(node: Node) -> Mapping[str, int]:
    """A row is in scratch before its outputs are written. Four inputs become eight bytes, read before they are written.

    Scratch may so end where the first row does.
    """
    out_c, in_c = node["w"].type.shape
    return {"y": max(0, (out_c - in_c) * (_shape(node)[0] - 1)), "scratch": scratch(node) - in_c}


def cost(node: Node, core: Core) -> float:
    rows, inputs, out_c = _shape(node)
    chunks = -(-inputs // chunk(node))
    each = inputs // 2 * 18 + chunks * (112 if group_of(node) else 80) + 7 * -(-inputs // 16)
    block = each + 60 + 8 * (requantize_cycles(node) + 19)
    return rows * (-(-out_c // _OUTPUTS) * block + inputs * 4 + 30 * chunks + 60) + 60


def footprint(node: Node) -> tuple[int, int]:
    return 1430, 240


def flash_use(node: Node) -> FlashUse:
    """Weights are read once a row."""
    rows, inputs, out_c = _shape(node)
    return FlashUse((rows - 1) * inputs * out_c // 2)


KERNELS = (
    Kernel(
        "smg_fully_connected_four_bit_s8_m4", "four_bit", "fully_connected", FullyConnected, cost, packed_params,
        frozenset(("dsp", "fpu")), (int8_elements, four_bit_weights, requantizes), pack, scratch,
        overlap=overlap, includes=("smg_four_bit_requantize.h",), constants=constants,
        footprint=footprint, flash_use=flash_use,
    ),
)  # fmt: skip
