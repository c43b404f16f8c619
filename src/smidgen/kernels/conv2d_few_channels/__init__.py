# SPDX-License-Identifier: Apache-2.0
"""int8 convolution of few input channels: a network's first layer."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.conv2d_few_channels.packing import packed, pairs_fit
from smidgen.kernels.conv2d_few_channels.plan import Plan, Shape, code_bytes, fastest, shape_of, smallest
from smidgen.kernels.fast_requantize import fast_requantize, requantize_constants
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

MOST_CHANNELS = 8
STRIP_BYTES = 12288  # of scratch; beyond, blocks do not share a strip
_INCLUDES = (
    "smg_conv2d_few_channels_m4.inc.h",
    "smg_conv2d_few_channels_expand.inc.h",
    "smg_conv2d_few_channels_join.inc.h",
    "smg_conv2d_few_channels_rows.inc.h",
    "smg_conv2d_few_channels_rows_m4.inc.h",
)
_STACK_BYTES = 224


def few_channels(node: Node) -> bool:
    """There are at most 8 input channels and one group"""
    op = node.op
    assert isinstance(op, Conv2D)
    return op.groups == 1 and node["x"].type.shape[3] <= MOST_CHANNELS


def planned(node: Node) -> bool:
    """Windows, rows and pixels are near enough for the offsets of loads and stores"""
    return quick(shape_of(node)) is not None


def params(node: Node) -> Mapping[str, ParamValue]:
    return {**without_multipliers(window_params(node)), "groups": 1}


def constants_of(plan: Plan, node: Node) -> Mapping[str, int]:
    s = plan.shape
    return {
        "SMG_K_H": s.k_h, "SMG_STRIDE_H": s.stride[0], "SMG_DILATION_H": s.dilation[0],
        "SMG_WORDS": plan.window.words, "SMG_VERTICAL": int(plan.window.vertical), "SMG_PHASES": s.phases,
        "SMG_STRIP_WORDS": s.strip_words, "SMG_STRIP_ROWS": plan.strip_rows, "SMG_PITCH": plan.pitch,
        "SMG_HEAD": s.pad_l * s.in_c % 2, "SMG_VALUES": s.values, "SMG_IN_ROW_BYTES": s.in_w * s.in_c,
        "SMG_COLUMN_BYTES": plan.column_bytes, "SMG_PIXEL_BYTES": s.phases * s.out_c,
        "SMG_OUT_ROW_BYTES": s.out_w * s.out_c, "SMG_SECOND": int(s.out_c > 1),
        "SMG_RESIDENT": int(plan.window.resident), "SMG_ROWS": plan.rows, "SMG_FULL_BLOCKS": plan.full_blocks,
        "SMG_TAIL_ROWS": plan.tail_rows, "SMG_TAIL_BLOCKS": plan.tail_blocks,
        "SMG_GROUP_BLOCKS": plan.group_blocks, **requantize_constants(node),
    }  # fmt: skip


def lead(plan: Plan, node: Node) -> int:
    """Bytes from the start of y up to which it is written while the first byte of x still to be read is the first.

    The largest over all groups of rows; y and x may share memory if x starts that far above y.
    """
    s, (batch, *_) = plan.shape, node["x"].type.shape
    row, out_row = s.in_w * s.in_c, s.out_w * s.out_c
    most, done, total = 0, 0, batch * s.out_h
    for rows in plan.group_rows * batch:
        done += rows
        if done < total:
            image, y = divmod(done, s.out_h)
            first = min(max(y * s.stride[0] - s.pad_t, 0), s.in_h) if y else 0
            most = max(most, done * out_row - (image * s.in_h + first) * row)
    return most


def quick(s: Shape) -> Plan | None:
    return fastest(s, STRIP_BYTES)


def small(s: Shape) -> Plan | None:
    return smallest(s, STRIP_BYTES)


def _kernel(symbol: str, choose: Callable[[Shape], Plan | None]) -> Kernel:
    def plan(node: Node) -> Plan:
        found = choose(shape_of(node))
        assert found is not None
        return found

    def pack(node: Node) -> Mapping[str, Packed]:
        return {"w": Packed(None), "b": Packed(packed(node, plan(node).window))}

    def cost(node: Node, core: Core) -> float:
        return node["x"].type.shape[0] * plan(node).cycles() + 100

    constants: Callable[[Node], Mapping[str, int]] = lambda node: constants_of(plan(node), node)  # noqa: E731
    return Kernel(
        symbol, "conv2d_few_channels", "conv2d", Conv2D, cost, params, frozenset({"dsp", "fpu"}),
        (int8_elements, constant_weights, few_channels, fast_requantize, pairs_fit, planned), pack,
        scratch=lambda node: plan(node).scratch_bytes, overlap=lambda node: {"y": lead(plan(node), node)},
        includes=_INCLUDES, constants=constants, footprint=lambda node: (code_bytes(plan(node)), _STACK_BYTES),
    )  # fmt: skip


KERNELS = (
    _kernel("smg_conv2d_few_channels_s8_m4", quick),
    _kernel("smg_conv2d_few_channels_small_s8_m4", small),
)
