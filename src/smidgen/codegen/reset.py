# SPDX-License-Identifier: Apache-2.0
"""Prints the function that brings a stream's state to where no frame has come yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from smidgen.codegen.ctext import call
from smidgen.codegen.template import fill
from smidgen.ir import Array, State
from smidgen.ops import SlideWindow

if TYPE_CHECKING:
    from smidgen.codegen.model import Printer


def reset_text(printer: Printer) -> str:
    """smg_<model>_reset; fills ``printer.data`` with what states begin with: a frame each, as they repeat it."""
    makers = printer.schedule.graph.producers()
    calls: list[str] = []
    for state in printer.schedule.graph.states:
        op = makers[state.after].op
        frame, *counts = _repeated(state, op) if isinstance(op, SlideWindow) else (state.reset, 1, 1)
        runs, frames = counts
        constant = printer.data.add(f"{state.before.name}_rest", np.ascontiguousarray(frame))
        numbers = (runs, frames, frame.nbytes // runs)
        calls.append(call(f"{printer.prefix}_rest", (printer.place(state.before), constant, *map(str, numbers))))
    return fill("reset.c.in", prefix=printer.prefix, calls="\n".join(calls))


def _repeated(state: State, op: SlideWindow) -> tuple[Array, int, int]:
    """The frame that a state consists of, in how many runs, how often in each; the whole state if frames differ."""
    runs, frames, _ = op.chunks((state.before.type, state.before.type))
    first = state.reset.take([0], axis=op.axis)
    if np.array_equal(np.repeat(first, frames, axis=op.axis), state.reset, equal_nan=first.dtype == np.float32):
        return first, runs, frames
    return state.reset, 1, 1
