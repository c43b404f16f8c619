# SPDX-License-Identifier: Apache-2.0
"""int8 depthwise convolution with pixels as lanes, on the planes of a convolution, or with channels as lanes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Node
from smidgen.kernels.common import constant_weights, int8_elements
from smidgen.kernels.depthwise import packed_params
from smidgen.kernels.kernel import Kernel, Packed
from smidgen.kernels.rvv import planes
from smidgen.kernels.rvv.planes import Band, Window
from smidgen.kernels.rvv.requantize import LANES, RVV, constants, output_instructions, records, vector_requantize
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import channel_weights
from smidgen.targets.target import Core

LEAST_PERIOD = 64  # lanes
MOST_COPY = 12 * 1024  # bytes: few rows are copied twice


def planes_total(s: Window, band: Band, outputs: float, lanes: int) -> float:
    taps = s.k_h * s.k_w
    strip = 20 + s.out_c * (taps * (4 if taps == 9 else 8) + outputs + 12)
    bands = -(-s.out_h // band.rows)
    whole = planes.fill_instructions(s, band) + planes.crop_instructions(s, band, lanes) + 60
    return planes.clear_instructions(s, band) + s.batch * bands * (whole + planes.strips(s, band, lanes)[0] * strip)


@lru_cache(maxsize=64)
def planes_plan(node: Node) -> tuple[Window, Band, float]:
    s, outputs = planes.window(node), output_instructions(node)
    band = planes.best_band(s, lambda b, lanes: planes_total(s, b, outputs, lanes))
    return s, band, planes_total(s, band, outputs, LANES)


def planes_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128; about a third of them load, a third multiply."""
    per = sum(core.cycles[name] for name in ("load", "multiply", "alu")) / 3
    return planes_plan(node)[2] * per


def planes_pack(node: Node) -> Mapping[str, Packed]:
    s, band, _ = planes_plan(node)
    w = channel_weights(node).astype(np.int8)
    return {"w": Packed(w), "b": Packed(planes.banded_records(node, s, band, s.in_c))}


def planes_scratch(node: Node) -> int:
    s, band, _ = planes_plan(node)
    return planes.scratch_bytes(s, band)


def planes_footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 2560, 256


@dataclass(frozen=True, slots=True)
class Segments:
    """What smg_depthwise_channels_s8_rvv.inc.h calls so."""

    columns: int  # of the padded copy
    lanes: int
    period: int
    in_row: bool  # pixels of a row, else rows

    def of(self, s: Window, rows: int) -> tuple[int, int]:
        """How many there are in a band of so many rows: times, segments each time."""
        return (rows, s.out_w) if self.in_row else (1, rows)


def segments_of(s: Window) -> Segments:
    """With stride 1 weights repeat so often that vectors of 512 bits can be full."""
    columns = (s.out_w - 1) * s.stride_w + (s.k_w - 1) * s.dilation_w + 1
    if s.stride_w > 1:
        return Segments(columns, s.out_c, s.out_c, True)
    repeats = min(-(-LEAST_PERIOD // s.out_c), s.out_w)
    return Segments(columns, s.out_w * s.out_c, repeats * s.out_c, False)


def _rows_in(s: Window, rows: int) -> int:
    return (rows - 1) * s.stride_h + (s.k_h - 1) * s.dilation_h + 1


def _copy_bytes(s: Window, rows: int) -> int:
    return 2 * _rows_in(s, rows) * segments_of(s).columns * s.in_c


def _strips(g: Segments) -> int:
    """Vectors that a segment takes at VLEN 128."""
    full, rest = divmod(g.lanes, g.period)
    return full * -(-g.period // LANES) + -(-rest // LANES)


def _blocks(segments: int) -> list[int]:
    return [2] * (segments // 2) + [1] * (segments % 2)


def channels_total(s: Window, rows: int, outputs: float) -> float:
    """Instructions of all bands of so many rows."""
    g, taps = segments_of(s), s.k_h * s.k_w
    copy = _rows_in(s, rows) * (40 + 6 * -(-g.columns * s.in_c // (2 * LANES)))
    times, segments = g.of(s, rows)
    blocks = [taps * (6 + 3 * n) + n * (outputs + 6) + 24 for n in _blocks(segments)]
    return s.batch * -(-s.out_h // rows) * (copy + times * (_strips(g) * sum(blocks) + 10))


@lru_cache(maxsize=64)
def channels_plan(node: Node) -> tuple[Window, int, float]:
    """The layer, rows of a band, instructions."""
    s, outputs = planes.window(node), output_instructions(node)
    able = [r for r in range(1, s.out_h + 1) if _copy_bytes(s, r) <= MOST_COPY] or [1]
    costs = {r: channels_total(s, r, outputs) for r in able}
    limit = planes.WORTH * min(costs.values())
    rows = min(r for r in able if costs[r] <= limit)
    return s, rows, costs[rows]


def channels_cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128; about a third of them load, a third multiply."""
    per = sum(core.cycles[name] for name in ("load", "multiply", "alu")) / 3
    return channels_plan(node)[2] * per


def channels_pack(node: Node) -> Mapping[str, Packed]:
    s, rows, _ = channels_plan(node)
    g = segments_of(s)
    repeats, w = g.period // s.out_c, channel_weights(node).astype(np.int8)
    starts = [
        2 * (ky * s.dilation_h * g.columns + kx * s.dilation_w) * s.in_c for ky in range(s.k_h) for kx in range(s.k_w)
    ]
    head = np.array([rows, g.period, len(starts), 0, *starts], np.int32)
    columns = np.tile(records(node).T, (1, repeats))
    return {"w": Packed(np.tile(w.T, (1, repeats))), "b": Packed(np.concatenate([head, columns.reshape(-1)]))}


def channels_scratch(node: Node) -> int:
    s, rows, _ = channels_plan(node)
    return _copy_bytes(s, rows)


def channels_footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 3072, 256


def one_output_an_input(node: Node) -> bool:
    """The channel multiplier is 1"""
    return node["x"].type.shape[3] == node.output.type.shape[3]


_ANY = (int8_elements, constant_weights, vector_requantize)

KERNELS = (
    Kernel(
        "smg_depthwise_planes_s8_rvv", "rvv", "depthwise", DepthwiseConv2D, planes_cost, packed_params, RVV,
        _ANY, planes_pack, planes_scratch,
        includes=("smg_rvv.h", "smg_planes.inc.h"), constants=constants, footprint=planes_footprint,
    ),
    Kernel(
        "smg_depthwise_channels_s8_rvv", "rvv", "depthwise", DepthwiseConv2D, channels_cost, packed_params, RVV,
        (*_ANY, one_output_an_input), channels_pack, channels_scratch,
        includes=("smg_rvv.h",), constants=constants, footprint=channels_footprint,
    ),
)  # fmt: skip
