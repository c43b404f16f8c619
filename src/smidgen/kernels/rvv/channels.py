# SPDX-License-Identifier: Apache-2.0
"""int8 1x1 convolution and fully connected layers with output channels as lanes (smg_rvv_channels.inc.h)."""

from __future__ import annotations

from collections.abc import Mapping

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
from smidgen.targets.target import Core

_ROWS = 3  # whose sums stay in registers


def cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128."""
    w = node["w"].constant
    out_c, in_c = w.shape[0], w.size // w.shape[0]
    rows, outputs = node.output.type.elements // out_c, output_instructions(node) + 4
    blocks = [_ROWS] * (rows // _ROWS) + ([rows % _ROWS] if rows % _ROWS else [])
    strips = -(-out_c // LANES)
    load = strips * sum(in_c * (n + 1) + 4 * n for n in blocks)
    multiply = strips * sum(in_c * n + n for n in blocks)
    alu = strips * sum(in_c * 2 + in_c // 8 * (n + 1) + outputs * n + 14 for n in blocks)
    branch = strips * sum(in_c // 8 + in_c % 8 + 3 for _ in blocks)
    classes = {"load": load, "multiply": multiply, "alu": alu, "branch": branch}
    return sum(count * core.cycles[name] for name, count in classes.items()) + 40


def pack(node: Node) -> Mapping[str, Packed]:
    """Weights (in_c, out_c), and the channels' records by columns."""
    w = node["w"].constant
    return {
        "w": Packed(np.ascontiguousarray(w.reshape(w.shape[0], -1).T)),
        "b": Packed(np.ascontiguousarray(records(node).T)),
    }


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 2560, 256


_ANY = (int8_elements, constant_weights, vector_requantize)
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
)  # fmt: skip
