# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution by F(4x4, 3x3) on CORE-V: transforms and products of two channels in a word."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import channel_steps
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.corev.conv2d import XCV, whole_words
from smidgen.kernels.corev.requantize import (
    WORDS,
    exact_requantize,
    form_of,
    requantize_constants,
    requantize_cycles,
)
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.winograd_portable.cost import CALL
from smidgen.kernels.winograd_portable.domain import F4, streamed_weights
from smidgen.kernels.winograd_portable.geometry import Block, cut_of, evenly_spaced
from smidgen.kernels.winograd_portable.variant import Variant, block_words, few_channels, params, stride_one
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

_SUM_BITS = 25  # what the scale's power of two, 6 bits, leaves of 32


def scaled_sums_fit(node: Node) -> bool:
    """Sums of products are below 2^25"""
    return all(max(-s.lowest, s.highest) < 1 << _SUM_BITS for s in channel_steps(node))


@dataclass(frozen=True)
class CoreV(Variant):
    """F(4x4, 3x3) with four tiles by four channels of sums in registers, without starts."""

    def constants(self, node: Node) -> Mapping[str, int]:
        shape = self.shape(node)
        return {
            "SMG_IN_C": shape.in_c,
            "SMG_IN_PITCH": shape.in_w * shape.in_c if evenly_spaced(shape) else 0,
            "SMG_OUT_C": shape.out_c,
            "SMG_OUT_PITCH": shape.out_w * shape.out_c,
            "SMG_TILES": self.block.tiles,
            "SMG_CHANNELS": self.block.channels,
            "SMG_BAND": cut_of(shape, self.block).band,
            "SMG_EDGES": int(shape.edges),
            "SMG_STAGED": 0,
            **requantize_constants(node),
        }

    def pack(self, node: Node) -> Mapping[str, Packed]:
        """Of each block of channels: constants (channels, words); weights (products, in_c / 2, channels, 2)."""
        w, channels = node["w"].constant, self.block.channels
        words = np.pad(form_of(node).words, [(0, -len(w) % channels), (0, 0)])
        parts = [words.reshape(-(-len(w) // channels), -1)]
        for each in streamed_weights(w, self.domain):
            pairs = np.ascontiguousarray(each.reshape(len(each), -1, 2)).view("<i4").reshape(len(each), -1)
            parts.append(block_words(pairs.astype(np.int64), channels))
        return {"w": Packed(None), "b": Packed(np.ascontiguousarray(np.concatenate(parts, axis=1)))}

    def overlap(self, node: Node) -> Mapping[str, int]:
        """Whole words: inputs are read as such."""
        return {name: lead + -lead % 4 for name, lead in Variant.overlap(self, node).items()}

    def cost(self, node: Node, core: Core) -> float:
        shape = self.shape(node)
        quads, tiles = shape.in_c // 4, shape.rows * shape.columns
        width = min(shape.in_w, shape.tile * (shape.columns - 1) + shape.side)
        column = Classes(3 * 6 + 2 * 17 + 5, 0, 6, 12, 1)
        row = Classes(17, 0, 6, 6)
        inputs = (column * width + (row * 6 + Classes(8, branch=1)) * (2 * shape.columns) + CALL) * (quads * shape.rows)
        blocks = cut_of(shape, self.block).blocks(shape) * -(-shape.out_c // self.block.channels)
        products = (Classes(0, 16, 8) * (shape.in_c // 2) + Classes(2, store=16)) * 36 + CALL
        outputs = Classes(2 * (6 * 5 + 22) + 6 * 2 + 20, 0, 60 + WORDS[form_of(node).form], 16)
        copies = Classes(8, 0, 1, 1, 1) * 16 + CALL
        edges = tiles - (shape.out_h // 4) * (shape.out_w // 4)
        total = inputs + products * blocks + (outputs * tiles + copies * edges) * shape.out_c + CALL * (2 * tiles)
        each = core.cycles["alu"] + core.cycles["multiply"] + requantize_cycles(node, core)
        return shape.batch * (total.cycles(core) + 16 * tiles * shape.out_c * each)


_F4 = CoreV(F4, Block(4, 4))
_REPLACED = ("input", "products", "output")
_PARTS = (*(f"portable_{part}" for part in ("winograd", "f4", *_REPLACED, "conv")), *(f"corev_{p}" for p in _REPLACED))

KERNELS = (
    Kernel(
        "smg_conv2d_3x3_winograd4_s8_corev", "winograd_portable", "conv2d", Conv2D, _F4.cost, params, XCV,
        (int8_elements, constant_weights, stride_one, few_channels, whole_words, scaled_sums_fit, exact_requantize),
        _F4.pack, _F4.scratch, overlap=_F4.overlap, includes=tuple(f"smg_{part}.inc.h" for part in _PARTS),
        constants=_F4.constants, footprint=_F4.footprint, flash_use=_F4.flash_use,
    ),
)  # fmt: skip
