# SPDX-License-Identifier: Apache-2.0
"""Fully connected layers with sixteen products an instruction."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.classes import Classes
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.fast_requantize import fast_requantize
from smidgen.kernels.fully_connected import packed_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.mve import streams
from smidgen.kernels.mve.streams import BYTES, MVE, Loop
from smidgen.ops import FullyConnected
from smidgen.targets.target import Core

_STACK_BYTES = 160


def _shape(node: Node) -> tuple[int, int, int]:
    """Rows, inputs, outputs."""
    out_c, in_c = node["w"].type.shape
    return node["x"].type.elements // in_c, in_c, out_c


def _loop(node: Node) -> Loop:
    return streams.loop(_shape(node)[1], aligned=True)


def _direct(node: Node) -> bool:
    return _loop(node).window_bytes == _shape(node)[1]


def _pairs(node: Node) -> bool:
    return _shape(node)[0] >= 2


def sizes_fit(node: Node) -> bool:
    """There are at most 4095 outputs and less than 64 K inputs"""
    return _shape(node)[2] <= 4095 and _loop(node).window_bytes < 1 << 16


def constants(node: Node) -> Mapping[str, int]:
    unrolled = _loop(node)
    return {
        **streams.constants(node, unrolled, _pairs(node)), "SMG_ALIGNED": 1, "SMG_WINDOW_STEP": unrolled.window_bytes,
        "SMG_DIRECT": int(_direct(node)), "SMG_IN_C": _shape(node)[1],
    }  # fmt: skip


def pack(node: Node) -> Mapping[str, Packed]:
    return {"w": Packed(None), "b": streams.stream(node, node["w"].constant, _loop(node), _pairs(node))}


def scratch(node: Node) -> int:
    """The rows in whole vectors."""
    return 0 if _direct(node) else _shape(node)[0] * _loop(node).window_bytes


def cost(node: Node, core: Core) -> float:
    """Instructions by class."""
    rows, in_c, _ = _shape(node)
    vector = Classes(load=1, store=1, alu=2, branch=1) * (-(-in_c // BYTES))
    copy = Classes() if _direct(node) else (vector + Classes(alu=10)) * rows
    return (copy + streams.row_classes(node, _loop(node), _pairs(node), rows)).cycles(core) + 30


def footprint(node: Node) -> tuple[int, int]:
    return streams.code_bytes(_loop(node), _pairs(node)) + 160, _STACK_BYTES


KERNELS = (
    Kernel(
        "smg_fully_connected_s8_mve", "mve", "fully_connected", FullyConnected, cost, packed_params, MVE,
        (int8_elements, constant_weights, fast_requantize, sizes_fit), pack, scratch,
        includes=("smg_mve_products.inc.h", "smg_mve_requantize.inc.h"), constants=constants, footprint=footprint,
    ),
)  # fmt: skip
