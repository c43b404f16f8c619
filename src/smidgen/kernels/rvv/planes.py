# SPDX-License-Identifier: Apache-2.0
"""int8 convolution with pixels as lanes: planes of int16 a band of rows at a time (smg_planes.inc.h)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import constant_weights, int8_elements, window_params, without_multipliers
from smidgen.kernels.conv2d.shapes import one_group, pointwise
from smidgen.kernels.kernel import Kernel, Packed, ParamValue
from smidgen.kernels.rvv.requantize import (
    LANES,
    RVV,
    constants,
    output_instructions,
    records,
    vector_requantize,
)
from smidgen.ops import Conv2D
from smidgen.targets.target import Core

GROUP = 3  # output channels whose sums stay in registers
SHORTEST_RUN = 24
MOST_SCRATCH = 24 * 1024  # bands are as high as fit it
WORTH = 1.03  # a band that costs no more than this times the least may be taken if its scratch is smaller


@dataclass(frozen=True, slots=True)
class Window:
    """The numbers of a convolution; a pointwise one's pixels are split into `in_h` rows as bands need them."""

    batch: int
    in_h: int
    in_w: int
    in_c: int
    out_h: int
    out_w: int
    out_c: int
    k_h: int
    k_w: int
    stride_h: int
    stride_w: int
    dilation_h: int
    dilation_w: int
    pad_t: int
    pad_l: int


@dataclass(frozen=True, slots=True)
class Band:
    """Output rows done together, and whether each column of the filter has a variant of the planes."""

    rows: int
    split: bool


def _phases(size: int, stride: int, dilation: int) -> int:
    return min(size, stride) if dilation == 1 else stride


@dataclass(frozen=True, slots=True)
class Planes:
    """smg_planes of a band."""

    rows_in: int
    phases: int
    slots: int
    variants: int
    pitch: int

    @property
    def elements(self) -> int:
        return self.phases * self.slots * self.variants * self.pitch


def planes_of(s: Window, band: Band) -> Planes:
    rows_in = (band.rows - 1) * s.stride_h + (s.k_h - 1) * s.dilation_h + 1
    return Planes(
        rows_in,
        _phases(s.k_h, s.stride_h, s.dilation_h),
        -(-rows_in // s.stride_h),
        s.k_w if band.split else _phases(s.k_w, s.stride_w, s.dilation_w),
        s.out_w + (0 if band.split else (s.k_w - 1) * s.dilation_w // s.stride_w),
    )


def scratch_bytes(s: Window, band: Band) -> int:
    """Planes of int16, and a band of outputs whose rows are as long as theirs."""
    planes = planes_of(s, band)
    rows = (band.rows - 1) * planes.pitch + s.out_w if planes.pitch != s.out_w else 0
    return 2 * planes.elements * s.in_c + rows * s.out_c


def fill_instructions(s: Window, band: Band) -> float:
    """Of the planes of a whole band."""
    planes = planes_of(s, band)
    used = sum(r % s.stride_h < planes.phases for r in range(planes.rows_in))
    return used * planes.variants * (30 + (8 + 7 * s.in_c) * -(-planes.pitch // (2 * LANES)))


def clear_instructions(s: Window, band: Band) -> float:
    """Of zero points in all planes, once."""
    return 5 * -(-planes_of(s, band).elements * s.in_c // (2 * LANES))


def strips(s: Window, band: Band, lanes: int) -> tuple[int, bool]:
    """Vectors of ``lanes`` pixels that a band takes, and whether each lies in a row."""
    pitch = planes_of(s, band).pitch
    by_rows, all_rows = band.rows * -(-s.out_w // lanes), -(-((band.rows - 1) * pitch + s.out_w) // lanes)
    return min(by_rows, all_rows), by_rows <= all_rows or pitch == s.out_w


def crop_instructions(s: Window, band: Band, lanes: int) -> float:
    if strips(s, band, lanes)[1]:
        return 0.0
    return band.rows * (8 + 6 * -(-s.out_w * s.out_c // (4 * LANES)))


def _run(s: Window) -> int:
    """Steps between two starts: the channels of a tap, if they are not few."""
    return s.in_c if s.in_c >= SHORTEST_RUN else 1


def _strip_instructions(s: Window, outputs: float) -> float:
    """All channels of up to LANES pixels."""
    steps, taps = s.k_h * s.k_w * s.in_c, s.k_h * s.k_w
    total = 12.0
    for first in range(0, s.out_c, GROUP):
        n = min(GROUP, s.out_c - first)
        loops = taps * (22 + 3 * (s.in_c // 8) + 2 * (s.in_c % 8)) if _run(s) > 1 else 1.4 * steps + 2 * (steps % 8)
        total += steps * (2 + 2 * n) + loops + n * (outputs + 3) + 14
    return total


def _total(s: Window, band: Band, outputs: float, lanes: int) -> float:
    full, rest = divmod(s.out_h, band.rows)
    bands = [(band, full)] + ([(Band(rest, band.split), 1)] if rest else [])
    each = _strip_instructions(s, outputs)
    return clear_instructions(s, band) + s.batch * sum(
        times * (40 + fill_instructions(s, b) + strips(s, b, lanes)[0] * each + crop_instructions(s, b, lanes))
        for b, times in bands
    )


def window(node: Node) -> Window:
    p = window_params(node)
    s = Window(*(int(v) for name in Window.__dataclass_fields__ if isinstance(v := p[name], int)))
    if isinstance(node.op, Conv2D) and pointwise(node):
        pixels = s.batch * s.in_h * s.in_w
        parts = [d for d in range(1, pixels + 1) if pixels % d == 0]
        rows = next((d for d in parts if 2 * s.in_c * pixels // d <= MOST_SCRATCH), pixels)
        width = pixels // rows
        return Window(1, rows, width, s.in_c, rows, width, s.out_c, 1, 1, 1, 1, 1, 1, 0, 0)
    return s


def best_band(s: Window, instructions: Callable[[Band, int], float]) -> Band:
    """The least scratch among the bands that cost little more than the cheapest that fits.

    What counts are the instructions with vectors of 128 and of 256 bits together: a band that fills the former need not
    fill the latter.
    """
    costs = {b: instructions(b, LANES) + instructions(b, 2 * LANES) for b in bands(s)}
    able = {b: c for b, c in costs.items() if scratch_bytes(s, b) <= MOST_SCRATCH}
    if not able:
        return min(costs, key=lambda b: (scratch_bytes(s, b), costs[b]))
    limit = WORTH * min(able.values())
    return min((b for b, c in able.items() if c <= limit), key=lambda b: (scratch_bytes(s, b), b.rows, b.split))


def bands(s: Window) -> list[Band]:
    return [Band(rows, split) for rows in range(1, s.out_h + 1) for split in (False, True)[: 1 + (s.k_w > 1)]]


@lru_cache(maxsize=64)
def _plan(node: Node) -> tuple[Window, Band, float]:
    s, outputs = window(node), output_instructions(node)
    band = best_band(s, lambda b, lanes: _total(s, b, outputs, lanes))
    return s, band, _total(s, band, outputs, LANES)


def cost(node: Node, core: Core) -> float:
    """Instructions at VLEN 128; about a third of them load, a third multiply."""
    per = sum(core.cycles[name] for name in ("load", "multiply", "alu")) / 3
    return _plan(node)[2] * per


def params(node: Node) -> Mapping[str, ParamValue]:
    assert isinstance(node.op, Conv2D)
    s, _, _ = _plan(node)
    numbers = {name: getattr(s, name) for name in Window.__dataclass_fields__}
    return {**without_multipliers(window_params(node)), "groups": node.op.groups, **numbers}


def pack(node: Node) -> Mapping[str, Packed]:
    w = node["w"].constant
    s, band, _ = _plan(node)
    groups = [np.moveaxis(w[i : i + GROUP], 0, -1).reshape(-1) for i in range(0, w.shape[0], GROUP)]
    return {"w": Packed(np.concatenate(groups)), "b": Packed(banded_records(node, s, band, _run(s)))}


def _taps(s: Window, band: Band) -> list[int]:
    """Where the lanes of each of the filter's taps begin within a plane."""
    planes = planes_of(s, band)
    starts = []
    for ky in range(s.k_h):
        slot, phase = divmod(ky * s.dilation_h, s.stride_h)
        for kx in range(s.k_w):
            column, variant = (0, kx) if band.split else divmod(kx * s.dilation_w, s.stride_w)
            starts.append(((variant * planes.phases + phase) * planes.slots + slot) * planes.pitch + column)
    return starts


def banded_records(node: Node, s: Window, band: Band, length: int) -> Array:
    """The band's numbers, where the runs of ``length`` steps begin, then a record a channel."""
    plane, channels = planes_of(s, band).elements, range(0, s.in_c, length)
    starts = [2 * (tap + c * plane) for tap in _taps(s, band) for c in channels]
    head = np.array([band.rows, band.split, len(starts), length, *starts], np.int32)
    both: Array = np.concatenate([head, records(node).reshape(-1)])
    return both


def scratch(node: Node) -> int:
    s, band, _ = _plan(node)
    return scratch_bytes(s, band)


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes, from above."""
    return 3840, 256


KERNELS = (
    Kernel(
        "smg_conv2d_planes_s8_rvv", "rvv", "conv2d", Conv2D, cost, params, RVV,
        (int8_elements, constant_weights, one_group, vector_requantize), pack, scratch,
        includes=("smg_rvv.h", "smg_planes.inc.h"), constants=constants, footprint=footprint,
    ),
)  # fmt: skip
