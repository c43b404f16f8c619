# SPDX-License-Identifier: Apache-2.0
"""Moving a window of frames on by one: what streaming networks keep between their steps."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import SlideWindow
from smidgen.targets.target import Core

# Modelled cycles of smg_copy on a Cortex-M4, zero wait states: sixteen bytes a turn, then words, then bytes.
CYCLES_PER_16_BYTES, CYCLES_PER_WORD, CYCLES_PER_BYTE, CYCLES_PER_COPY, CYCLES = 13.0, 7.0, 7.0, 12.0, 30.0


def params(node: Node) -> Mapping[str, ParamValue]:
    outer, kept, frame = _chunks(node)
    return {"outer": outer, "kept_bytes": kept, "frame_bytes": frame}


def cost(node: Node, core: Core) -> float:
    outer, kept, frame = _chunks(node)
    return CYCLES + outer * (_copy_cycles(kept) + _copy_cycles(frame))


def _chunks(node: Node) -> tuple[int, int, int]:
    """Runs of frames, and in each the bytes that stay and those of a frame."""
    assert isinstance(node.op, SlideWindow)
    outer, frames, frame_bytes = node.op.chunks(node.types)
    return outer, (frames - 1) * frame_bytes, frame_bytes


def _copy_cycles(nbytes: int) -> float:
    words = nbytes // 4 % 4
    return CYCLES_PER_COPY + nbytes // 16 * CYCLES_PER_16_BYTES + words * CYCLES_PER_WORD + nbytes % 4 * CYCLES_PER_BYTE


def int16_elements(node: Node) -> bool:
    """Elements are int16"""
    return node.output.type.dtype == "int16"


KERNELS = (
    Kernel(
        "smg_slide_window_s8_scalar", "slide_window", "slide_window", SlideWindow, cost, params,
        requires=(byte_elements,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
    Kernel(
        "smg_slide_window_s16_scalar", "slide_window", "slide_window_s16", SlideWindow, cost, params,
        requires=(int16_elements,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
    Kernel(
        "smg_slide_window_f32_scalar", "slide_window", "slide_window_f32", SlideWindow, cost, params,
        requires=(float_elements,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
)  # fmt: skip
