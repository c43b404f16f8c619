# SPDX-License-Identifier: Apache-2.0
"""Moving a window of frames on by one: what streaming networks keep between their steps."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.common import byte_elements
from smidgen.kernels.float32 import float_elements
from smidgen.kernels.int16 import int16_throughout
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import SlideWindow
from smidgen.targets.target import Core

# Modelled cycles on a Cortex-M4, zero wait states, zig cc 0.17.1 -O3: 64 bytes a turn, then 16, then words, then bytes.
CYCLES_PER_64_BYTES, CYCLES_PER_16_BYTES, CYCLES_PER_WORD, CYCLES_PER_BYTE = 43.0, 13.0, 7.0, 7.0
CYCLES_PER_COPY, CYCLES = 20.0, 65.0


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
    blocks = nbytes // 64 * CYCLES_PER_64_BYTES + nbytes % 64 // 16 * CYCLES_PER_16_BYTES
    return CYCLES_PER_COPY + blocks + nbytes // 4 % 4 * CYCLES_PER_WORD + nbytes % 4 * CYCLES_PER_BYTE


KERNELS = (
    Kernel(
        "smg_slide_window_s8_scalar", "slide_window", "slide_window", SlideWindow, cost, params,
        requires=(byte_elements,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
    Kernel(
        "smg_slide_window_s16_scalar", "slide_window", "slide_window_s16", SlideWindow, cost, params,
        requires=(int16_throughout,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
    Kernel(
        "smg_slide_window_f32_scalar", "slide_window", "slide_window_f32", SlideWindow, cost, params,
        requires=(float_elements,), inplace="window", includes=("smg_slide_window.inc.h",),
    ),
)  # fmt: skip
