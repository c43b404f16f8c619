# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution by integer transforms with plain 32-bit multiplications, for cores without vectors or DSP."""

from __future__ import annotations

from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.kernel import Kernel, Predicate
from smidgen.kernels.winograd_portable import corev
from smidgen.kernels.winograd_portable.domain import F2, F4, S2, S4
from smidgen.kernels.winograd_portable.geometry import Block
from smidgen.kernels.winograd_portable.requantize import scaled_requantize
from smidgen.kernels.winograd_portable.variant import Variant, few_channels, params, stride_one, stride_two
from smidgen.ops import Conv2D

BETTER = frozenset(("dsp", "xcv", "rvv", "mve"))  # their cores multiply several numbers at a time


def _kernel(symbol: str, scheme: str, shape: Predicate, variant: Variant, isa: frozenset[str]) -> Kernel:
    parts = ("winograd", scheme, "input", "products", "output", "conv", "weights", "whole")
    return Kernel(
        symbol, "winograd_portable", "conv2d", Conv2D, variant.cost, params, isa,
        (int8_elements, constant_weights, shape, few_channels,
         scaled_requantize(variant.domain.scheme.scale_bits)),
        variant.pack, variant.scratch, overlap=variant.overlap,
        includes=tuple(f"smg_portable_{part}.inc.h" for part in parts), constants=variant.constants,
        footprint=variant.footprint, flash_use=variant.flash_use, unless=BETTER,
    )  # fmt: skip


RISCV, THUMB = frozenset(("rv32m",)), frozenset(("thumb",))

_SCHEMES = (
    ("winograd4", "f4", stride_one, F4),
    ("winograd2", "f2", stride_one, F2),
    ("stride2_tile4", "s4", stride_two, S4),
    ("stride2_tile2", "s2", stride_two, S2),
)


def _family(isa: frozenset[str], tiles: int, channels: int) -> tuple[Kernel, ...]:
    """Every transform with sums of so many tiles and channels in registers."""
    return tuple(
        _kernel(f"smg_conv2d_{name}{'_staged' * staged}_{tiles}x{channels}_s8_portable", scheme, shape,
                Variant(domain, Block(tiles, channels), staged), isa)
        for staged in (False, True)
        for name, scheme, shape, domain in _SCHEMES
        if not staged or domain in (F4, S2)  # of S4 it takes longer than S4 saves, and F2's weights grow little
    )  # fmt: skip


KERNELS = (*_family(RISCV, 4, 4), *_family(THUMB, 2, 2), *corev.KERNELS)
"""4x4 for 31 registers, 2x2 for 15 or fewer."""
