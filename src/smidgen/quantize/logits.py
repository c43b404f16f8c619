# SPDX-License-Identifier: Apache-2.0
"""The range of what only a softmax reads, chosen by the error of the probabilities.

Its steps are the floor of a classifier's accuracy, and most of what logits span never matters: far below the largest
they stand for probabilities of nothing, far above the others for certainty. So both ends are scanned for the least
squared error after the softmax, which an observer of the logits themselves cannot see.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Graph, Node, QuantParams, Value
from smidgen.ops import Softmax
from smidgen.quantize.plan import MOVERS
from smidgen.quantize.schemes import params

Floats = npt.NDArray[np.float64]
_SHARES = tuple(i / 32 for i in range(1, 33))  # of each end
_MOST_VALUES = 1 << 15
_WORTH = 0.5  # of the observer's error: less of a gain may be chance


def softmax_range(op: Softmax, logits: Array, plain: QuantParams) -> QuantParams:
    """The int8 quantization of logits (..., classes) with the least error of the probabilities; ``plain``, which an
    observer found, unless that error is far below its error: where most of the range matters, the observer's room for
    unseen samples is worth more.
    """
    rows = _spread(logits.reshape(-1, logits.shape[-1]).astype(np.float64))
    least, most = min(float(rows.min()), 0.0), max(float(rows.max()), 0.0)
    wanted = _probabilities(op, rows)

    def error(quant: QuantParams) -> float:
        return float(np.square(_probabilities(op, _rounded(rows, quant)) - wanted).sum())

    best, chosen = error(plain) * _WORTH, plain
    for low in _SHARES if least < 0 else (1.0,):
        for high in _SHARES if most > 0 else (1.0,):
            quant = params(least * low, most * high, "int8", "affine")
            found = error(quant)
            if found < best or (found == best and chosen is not plain):  # of equal ones the widest
                best, chosen = found, quant
    return chosen


def _spread(rows: Floats) -> Floats:
    """Evenly spaced rows, as many as ``_MOST_VALUES`` allows."""
    most = max(1, _MOST_VALUES // rows.shape[1])
    chosen = np.unique(np.linspace(0, len(rows) - 1, min(len(rows), most)).round().astype(np.int64))
    return rows[chosen]


def _probabilities(op: Softmax, x: Floats) -> Floats:
    e = np.exp(op.beta * (x - x.max(axis=-1, keepdims=True)))
    result: Floats = e / e.sum(axis=-1, keepdims=True)
    return result


def _rounded(x: Floats, quant: QuantParams) -> Floats:
    scale, zero = quant.scale[0], quant.zero_point[0]
    result: Floats = (np.clip(np.rint(x / scale) + zero, -128, 127) - zero) * scale
    return result


def only_for_softmax(graph: Graph, users: Mapping[Value, list[Node]], values: Iterable[Value]) -> bool:
    """Tensors of one quantization that nothing but movers and softmaxes read, and that are no outputs."""
    readers = [node for v in values for node in users.get(v, [])]
    moved = all(isinstance(node.op, (Softmax, *MOVERS)) for node in readers)
    return moved and not set(graph.outputs).intersection(values)
