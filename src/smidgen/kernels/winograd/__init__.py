# SPDX-License-Identifier: Apache-2.0
"""int8 3x3 convolution with stride 1 by integer-exact Winograd transforms."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.fast_requantize import (
    accumulator_bounds,
    fast_requantize,
    requantize_columns,
    requantize_constants,
)
from smidgen.kernels.kernel import Kernel, Packed, ParamValue, Predicate
from smidgen.kernels.winograd.cost import winograd4_cost
from smidgen.kernels.winograd.geometry import Cut, Shape, lead_bytes, scratch_bytes, shape_of, whole_rows
from smidgen.kernels.winograd.transform import F4, Scheme, pack
from smidgen.ops import Conv2D

MOST_CHANNELS = 252
SMALL = Cut(block=2, band=1, group=2)
LARGEST_ADDEND = 1 << 30


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    return {**without_multipliers(window_params(node)), "groups": node.op.groups}


def three_by_three(node: Node) -> bool:
    """Filters are 3x3, with stride 1, dilation 1, one group and padding of at most 2 on each side"""
    op = node.op
    assert isinstance(op, Conv2D)
    plain = op.stride == (1, 1) and op.dilation == (1, 1) and op.groups == 1 and max(op.padding) <= 2
    return plain and node["w"].type.shape[1:3] == (3, 3)


def channels_in_fours(node: Node) -> bool:
    """Input channels are a multiple of 4, at most 252"""
    channels = node["x"].type.shape[3]
    return channels % 4 == 0 and channels <= MOST_CHANNELS


def rows_in_reach(node: Node) -> bool:
    """A row of the output has less than 65536 bytes, a pixel at most 1000"""
    _, _, width, channels = node.output.type.shape
    return width * channels < 1 << 16 and channels <= 1000


def same_sizes(node: Node) -> bool:
    """The output is as large as the input, with padding 1 on each side"""
    op = node.op
    assert isinstance(op, Conv2D)
    return op.padding == (1, 1, 1, 1) and node["x"].type.shape == node.output.type.shape


def scaled_requantize(scheme: Scheme) -> Predicate:
    """The condition under which the scheme's scaled accumulators can be rescaled exactly."""

    def fits(node: Node) -> bool:
        if not fast_requantize(node):
            return False
        columns = requantize_columns(node).astype(np.int64)
        addend = (np.abs(columns[:, 2]) << (scheme.scale_bits - 1)) + (1 << scheme.scale_bits)
        limit = 1 << (31 - scheme.scale_bits)
        return bool((accumulator_bounds(node) < limit).all() and (addend < LARGEST_ADDEND).all())

    fits.__doc__ = (
        f"Accumulators are below 2^{31 - scheme.scale_bits}, multipliers below one half and not tiny, "
        "and with ties to even none can be a tie"
    )
    return fits


CutOf = Callable[[Shape], Cut]


def small_units(shape: Shape) -> Cut:
    return SMALL


def constants4(cut_of: CutOf) -> Callable[[Node], Mapping[str, int]]:
    def constants(node: Node) -> Mapping[str, int]:
        shape = shape_of(node, 4)
        cut = cut_of(shape)
        return {
            "SMG_IN_C": shape.in_c,
            "SMG_IN_PITCH": shape.in_w * shape.in_c if shape.regular else 0,
            "SMG_OUT_C": shape.out_c,
            "SMG_OUT_PITCH": shape.out_w * shape.out_c,
            "SMG_BLOCK": cut.block,
            "SMG_BAND": cut.band,
            "SMG_GROUP": cut.group,
            "SMG_EDGES": int(shape.edges),
            **requantize_constants(node),
        }

    return constants


def scratch4(cut_of: CutOf) -> Callable[[Node], int]:
    def scratch(node: Node) -> int:
        shape = shape_of(node, 4)
        return scratch_bytes(shape, cut_of(shape))

    return scratch


def pack4(node: Node) -> Mapping[str, Packed]:
    """int16 weights in the transform's domain: 72 bytes for each pair of channels instead of 9."""
    return pack(node, F4)


def overlap4(node: Node) -> Mapping[str, int]:
    shape = shape_of(node, 4)
    return {"y": lead_bytes(shape, whole_rows(shape))}


def footprint4(node: Node) -> tuple[int, int]:
    return 4096, 160


_WINOGRAD = (int8_elements, constant_weights, three_by_three, channels_in_fours, rows_in_reach)
_ISA = frozenset(("dsp", "fpu"))
_F4_BODY = (
    "smg_winograd.inc.h", "smg_winograd4.inc.h", "smg_winograd4_input.inc.h", "smg_winograd4_output.inc.h",
    "smg_winograd_products.inc.h",
)  # fmt: skip

KERNELS = (
    Kernel(
        "smg_conv2d_winograd4_s8_m4", "winograd", "conv2d", Conv2D, winograd4_cost(whole_rows), params, _ISA,
        (*_WINOGRAD, scaled_requantize(F4)), pack4, scratch4(whole_rows), overlap=overlap4, includes=_F4_BODY,
        constants=constants4(whole_rows), footprint=footprint4,
    ),
    Kernel(
        "smg_conv2d_winograd4_small_s8_m4", "winograd", "conv2d", Conv2D, winograd4_cost(small_units), params, _ISA,
        (*_WINOGRAD, same_sizes, scaled_requantize(F4)), pack4, scratch4(small_units), inplace="x", includes=_F4_BODY,
        constants=constants4(small_units), footprint=footprint4,
    ),
)  # fmt: skip
