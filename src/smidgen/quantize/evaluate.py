# SPDX-License-Identifier: Apache-2.0
"""Runs a graph, float, integer or mixed, on many samples: what metrics are computed from."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from smidgen.ir import Array, Graph, TensorType
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize.batches import chunks
from smidgen.quantize.walk import Walker


@np.errstate(over="ignore", invalid="ignore", divide="ignore")  # infinities and NaN are results like others
def evaluate_batch(
    graph: Graph,
    inputs: Sequence[Array],
    *,
    stored: bool = False,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> list[Array]:
    """The outputs (N, *sample) for stacked samples (N, *sample), one array a graph input.

    Integer inputs are taken as stored, or as float32 reals that are quantised first; integer outputs are given as reals
    unless ``stored``. Integer arithmetic is exact: equal to ``evaluate`` for each sample. Floats are computed with BLAS
    and may differ from it in the last bits. Raises InvalidInput for shapes that do not fit.
    """
    arrays = [_as_stored(v.type, a) for v, a in zip(graph.inputs, inputs, strict=False)] + list(
        inputs[len(graph.inputs) :]
    )
    results: list[list[Array]] = [[] for _ in graph.outputs]
    total, done = len(arrays[0]) if arrays else 0, 0
    for chunk in chunks(graph, arrays):
        walker = Walker(graph, (chunk,))
        kept = {v.name: walker.env[v.name][0] for v in graph.outputs if v.name in walker.env}
        for i, node in enumerate(graph.nodes):
            walker.step(i)
            kept.update((v.name, walker.env[v.name][0]) for v in node.outputs if v in graph.outputs)
            walker.release(i)
        for result, v in zip(results, graph.outputs, strict=True):
            y = kept[v.name] if v.data is None else np.broadcast_to(v.data, v.type.shape)
            y = _as_real(v.type, y) if not stored else y
            result.append(y.reshape(chunk.samples, *_sample(v.type)))
        done += chunk.samples
        progress(done, total)
    return [np.concatenate(r) for r in results]


def _sample(t: TensorType) -> tuple[int, ...]:
    return t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape


def _as_stored(t: TensorType, a: Array) -> Array:
    if t.dtype == "float32" or t.quant is None or a.dtype == np.dtype(t.dtype):
        return a.astype(t.dtype, copy=False)
    real = a.astype(np.float32)
    return Quantize(t.quant, t.dtype, "even").evaluate((TensorType("float32", a.shape or (1,)),), (real,))[0]


def _as_real(t: TensorType, a: Array) -> Array:
    if t.dtype == "float32" or t.quant is None:
        return a
    return Dequantize().evaluate((TensorType(t.dtype, a.shape, t.quant),), (a,))[0]
