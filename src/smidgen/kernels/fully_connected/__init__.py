# SPDX-License-Identifier: Apache-2.0
"""int8 fully connected layers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from smidgen.ir import Node, Op
from smidgen.kernels.classes import strained
from smidgen.kernels.common import (
    accumulator_fits,
    accumulator_fits_doubled,
    constant_weights,
    double_rounding,
    even_rounding,
    int8_elements,
    output_params,
    pack_rows,
    without_multipliers,
)
from smidgen.kernels.conv2d import packed_params as conv_params
from smidgen.kernels.conv2d.shapes import pointwise
from smidgen.kernels.fast_requantize import fast_requantize
from smidgen.kernels.fully_connected import dense, float32, int16
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.ops import Conv2D, FullyConnected
from smidgen.ops.accumulators import multipliers
from smidgen.targets.target import Core

# Fitted to modelled cycles of the MLPerf Tiny models' layers on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3.
SCALAR_CYCLES_PER_MAC, SCALAR_CYCLES_PER_OUTPUT = 7.9, 87.0
DSP_CYCLES_PER_MAC, DSP_CYCLES_PER_OUTPUT, DSP_CYCLES_PER_INPUT = 1.5, 38.0, 4.0


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, FullyConnected)
    x, (out_c, in_c) = node["x"].type, node["w"].type.shape
    mult, shift = multipliers(node)
    return {
        "rows": x.elements // in_c, "in_c": in_c, "out_c": out_c,
        "in_offset": -x.zero_point, **output_params(node, node.op.clamp),
        "channel_step": int(mult.size > 1), "mult": mult, "shift": shift,
    }  # fmt: skip


def packed_params(node: Node) -> Mapping[str, ParamValue]:
    return without_multipliers(params(node))


def scalar_cost(node: Node, core: Core) -> float:
    cycles = node.macs * SCALAR_CYCLES_PER_MAC + node.output.type.elements * SCALAR_CYCLES_PER_OUTPUT
    return strained(cycles, core, 1.4)


def pack(node: Node) -> Mapping[str, Packed]:
    """Four channels interleaved by four inputs; flash grows by rounding up to 4 channels and 8 inputs."""
    return pack_rows(node, 4)


def scratch(node: Node) -> int:
    """One row in int16."""
    return 2 * (-(-node["w"].type.shape[1] // 8) * 8)


def dsp_cost(node: Node, core: Core) -> float:
    inputs, (out_c, in_c) = node["x"].type.elements, node["w"].type.shape
    products = inputs // in_c * (-(-in_c // 8) * 8) * (-(-out_c // 4) * 4)
    outputs = node.output.type.elements
    return products * DSP_CYCLES_PER_MAC + outputs * DSP_CYCLES_PER_OUTPUT + inputs * DSP_CYCLES_PER_INPUT


_DSP = (int8_elements, constant_weights, accumulator_fits_doubled)
_ANY = (int8_elements, constant_weights, accumulator_fits)

_GENERAL = (
    Kernel(
        "smg_fully_connected_s8_scalar", "fully_connected", "fully_connected", FullyConnected, scalar_cost, params,
        requires=(double_rounding, *_ANY), includes=("smg_fully_connected_scalar.inc.h",),
    ),
    Kernel(
        "smg_fully_connected_s8rne_scalar", "fully_connected", "fully_connected", FullyConnected, scalar_cost, params,
        requires=(even_rounding, *_ANY), includes=("smg_fully_connected_scalar.inc.h",),
    ),
    Kernel(
        "smg_fully_connected_s8_dsp", "fully_connected", "fully_connected", FullyConnected, dsp_cost, packed_params,
        frozenset(("dsp",)), (double_rounding, *_DSP), pack, scratch, includes=("smg_fully_connected_dsp.inc.h",),
    ),
    Kernel(
        "smg_fully_connected_s8rne_dsp", "fully_connected", "fully_connected", FullyConnected, dsp_cost, packed_params,
        frozenset(("dsp",)), (even_rounding, *_DSP), pack, scratch, includes=("smg_fully_connected_dsp.inc.h",),
    ),
)  # fmt: skip


def _dense(
    symbol: str, op: type[Op], loop: Callable[[Node], dense.Loop], params: Callable[[Node], Mapping[str, ParamValue]]
) -> Kernel:
    """Long loops save a percent; short ones leave room for the other code in 1 KB of cache."""
    requires = (int8_elements, constant_weights, *((pointwise,) if op is Conv2D else ()), fast_requantize)
    return Kernel(
        symbol, "fully_connected", "conv2d" if op is Conv2D else "fully_connected", op,
        partial(dense.cost, loop=loop), params, frozenset(("dsp", "fpu")), requires, dense.pack, dense.scratch,
        overlap=dense.overlap, includes=("smg_dense.inc.h",), constants=partial(dense.constants, loop=loop),
        footprint=partial(dense.footprint, loop=loop), flash_use=partial(dense.flash_use, loop=loop),
    )  # fmt: skip


KERNELS = (
    *_GENERAL,
    _dense("smg_fully_connected_s8_m4", FullyConnected, dense.long_loop, packed_params),
    _dense("smg_fully_connected_short_s8_m4", FullyConnected, dense.short_loop, packed_params),
    _dense("smg_conv2d_1x1_rows_s8_m4", Conv2D, dense.short_loop, conv_params),
    *int16.KERNELS,
    *float32.KERNELS,
)
