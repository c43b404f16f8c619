# SPDX-License-Identifier: Apache-2.0
"""From scaled accumulators to outputs with the upper word of a product: when it is exact, and each channel's constants.

As winograd/requantize.py, but the upper word is a floor, as MULH and SMULL give it, in either form.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.affine_requantize import Affine
from smidgen.kernels.fast_requantize import DOUBLE, requantize_constants, rounding_mode
from smidgen.kernels.kernel import Predicate
from smidgen.kernels.winograd.requantize import affine_layer, channel_constants, scaled_accumulators_fit
from smidgen.kernels.winograd_portable.domain import Int64s


def _layer(node: Node, bits: int) -> tuple[int, tuple[Affine, ...]] | None:
    return affine_layer(node, bits, 0)


def scaled_requantize(bits: int) -> Predicate:
    """The condition under which accumulators times 2^bits can be rescaled exactly."""

    def fits(node: Node) -> bool:
        return scaled_accumulators_fit(node, bits) or _layer(node, bits) is not None

    fits.__doc__ = (
        f"Accumulators are below 2^{31 - bits}, multipliers below one half and not tiny, "
        "and with ties to even none can be a tie"
    )
    return fits


def rounding_macros(node: Node, bits: int) -> Mapping[str, int]:
    """The macros of smg_portable_winograd.inc.h: SMG_SHIFT is 0 unless all channels share a shift."""
    layer, limits = _layer(node, bits), requantize_constants(node)
    return {
        "SMG_ACT_MIN": limits["SMG_ACT_MIN"], "SMG_ACT_MAX": limits["SMG_ACT_MAX"],
        "SMG_SHIFT": layer[0] if layer else 0,
        "SMG_NEGATIVE_TIES": int(layer is None and rounding_mode(node) == DOUBLE),
    }  # fmt: skip


def channel_columns(node: Node, bits: int) -> tuple[Int64s, Int64s]:
    """mult, addend and shift of each channel (3, out_c), and 2^bits times its bias for raw input bytes."""
    mult, addend, shift, bias = channel_constants(node, bits, _layer(node, bits))
    return np.stack([mult, addend, shift]), bias
