# SPDX-License-Identifier: Apache-2.0
"""What networks that take one frame at a time need beside the usual operators; passes make it, no file contains it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, Graph, Op, TensorType


@dataclass(frozen=True)
class SlideWindow(Op):
    """The window moved on by one frame: the oldest frame along ``axis`` leaves, x becomes the newest."""

    operands: ClassVar[tuple[str, ...]] = ("window", "x")
    axis: int = 0

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        window, x = types
        if not 0 <= self.axis < len(window.shape):
            raise InvalidGraph(f"a window of shape {list(window.shape)} has no dimension {self.axis}")
        frame = (*window.shape[: self.axis], 1, *window.shape[self.axis + 1 :])
        if (x.dtype, x.shape, x.quant) != (window.dtype, frame, window.quant):
            raise InvalidGraph(f"{x} is no frame of the window {window} along dimension {self.axis}")
        return (window,)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        window, x = arrays
        kept = window[(slice(None),) * self.axis + (slice(1, None),)]
        return (np.concatenate([kept, x], axis=self.axis),)

    def chunks(self, types: Sequence[TensorType]) -> tuple[int, int, int]:
        """How many runs of frames lie in the window, the frames in one, the bytes of one frame's part of one."""
        window = types[0]
        outer, frames = math.prod(window.shape[: self.axis]), window.shape[self.axis]
        return outer, frames, window.nbytes // (outer * frames)


def reach(graph: Graph) -> int:
    """How many of the newest frames, the current one included, the outputs of one step of a stream depend on."""
    past = dict.fromkeys(graph.inputs, 0)
    for node in graph.nodes:
        older = node.op.chunks(node.types)[1] - 1 if isinstance(node.op, SlideWindow) else 0
        found = max((past[v] for v in node.inputs if v in past), default=0) + older
        past.update(dict.fromkeys(node.outputs, found))
    return 1 + max((past[v] for v in graph.outputs if v in past), default=0)
