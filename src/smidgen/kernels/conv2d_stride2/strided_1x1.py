# SPDX-License-Identifier: Apache-2.0
"""int8 1x1 convolution with any stride, from gathered strips of pixels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements, without_multipliers
from smidgen.kernels.conv2d import params
from smidgen.kernels.conv2d.shapes import one_group
from smidgen.kernels.fast_requantize import fast_requantize, requantize_constants
from smidgen.kernels.flash_use import FlashUse
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import Kernel, Packed, ParamValue, Predicate
from smidgen.kernels.pixel_block import (
    MOST_PIXEL_BYTES,
    expand_code_bytes,
    expand_cycles,
    lanes,
    outputs_pairable,
    pack_pairs,
    pixel_words,
    raw_pairs_fit,
    row_code_bytes,
    row_cycles,
    row_flash_use,
)
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

M4 = frozenset(("dsp", "fpu"))
LONG, SHORT = 64, 16  # pixels a strip: each pair's weights are read once a strip


def pixelwise(node: Node) -> bool:
    """Filters are 1x1, without padding"""
    op = node.op
    assert isinstance(op, Conv2D)
    return node["w"].type.shape[1:3] == (1, 1) and not any(op.padding)


def input_channels_fit(node: Node) -> bool:
    """There are 3 to 682 input channels"""
    channels = node["x"].type.shape[3]
    return pixel_words(channels) >= 2 and 4 * pixel_words(channels) <= MOST_PIXEL_BYTES


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def _pixels(node: Node) -> int:
    """Outputs in all, each of out_c channels."""
    out = node.output.type
    return out.elements // out.shape[3]


@dataclass(frozen=True, slots=True)
class Variant:
    """The longest strip, and whether weights are int16."""

    strip: int
    wide: bool

    def constants(self, node: Node) -> Mapping[str, int]:
        return {
            "SMG_IN_C": node["x"].type.shape[3], "SMG_OUT_C": node.output.type.shape[3],
            "SMG_STRIP_PIXELS": self.strip, "SMG_NARROW": int(_pixels(node) < 4), **requantize_constants(node),
        }  # fmt: skip

    def pack(self, node: Node) -> Mapping[str, Packed]:
        w = node["w"].constant
        return pack_pairs(node, lanes(w.reshape(w.shape[0], -1)), self.wide)

    def strips(self, node: Node) -> tuple[int, ...]:
        """The pixels of each strip, as the C code divides them."""
        left, found = _pixels(node), list[int]()
        for strips in range(-(-left // self.strip), 0, -1):
            found.append(left // strips)
            left -= found[-1]
        return tuple(found)

    def scratch(self, node: Node) -> int:
        longest, out_c = max(4, *self.strips(node)), node.output.type.shape[3]
        return 4 * pixel_words(node["x"].type.shape[3]) * longest + (4 * out_c if _pixels(node) < 4 else 0)

    def cost(self, node: Node, core: Core) -> float:
        (_, _, out_w, out_c), channels = node.output.type.shape, node["x"].type.shape[3]
        pixels, pairs = _pixels(node), -(-out_c // 2)
        gather = pixels * expand_cycles(channels) + 40 * pixels / out_w
        rows = sum(row_cycles(node, pixel_words(channels), max(n, 4), self.wide) + 10 for n in self.strips(node))
        return gather + pairs * rows + 60 * len(self.strips(node)) + 150

    def overlap(self, node: Node) -> Mapping[str, int]:
        """A strip of outputs is written when all its inputs are gathered."""
        op, (_, out_h, out_w, out_c), (_, in_h, in_w, in_c) = node.op, node.output.type.shape, node["x"].type.shape
        assert isinstance(op, Conv2D)
        steps, done = list[tuple[int, int]](), 0
        for count in self.strips(node):
            row, column = divmod(done, out_w)
            image, row = divmod(row, out_h)
            done += count
            start = ((image * in_h + row * op.stride[0]) * in_w + column * op.stride[1]) * in_c
            steps.append((start, done * out_c))
        return {"y": forward_lead(steps)}

    def flash_use(self, node: Node) -> FlashUse:
        return row_flash_use(node, pixel_words(node["x"].type.shape[3]), self.wide, self.strips(node))

    def footprint(self, node: Node) -> tuple[int, int]:
        channels = node["x"].type.shape[3]
        code = row_code_bytes(node, pixel_words(channels), self.wide) + expand_code_bytes(channels)
        return code + 300, 200


def _record(symbol: str, variant: Variant) -> Kernel:
    fits: tuple[Predicate, ...] = () if variant.wide else (raw_pairs_fit,)
    return Kernel(
        symbol, "conv2d_stride2", "conv2d", Conv2D, variant.cost, packed_params, M4,
        (int8_elements, constant_weights, one_group, pixelwise, input_channels_fit, outputs_pairable,
         fast_requantize, *fits),
        variant.pack, variant.scratch, includes=("smg_conv2d_1x1_m4.inc.h",),
        overlap=variant.overlap, constants=variant.constants, footprint=variant.footprint,
        flash_use=variant.flash_use,
    )  # fmt: skip


KERNELS = (
    _record("smg_conv2d_1x1_strided_s8_m4", Variant(LONG, False)),
    _record("smg_conv2d_1x1_strided_wide_s8_m4", Variant(LONG, True)),
    _record("smg_conv2d_1x1_strided_small_s8_m4", Variant(SHORT, False)),
)
