# SPDX-License-Identifier: Apache-2.0
"""Outputs of a graph for recorded samples, as real values: of the integers that are compiled, not of an imitation."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from smidgen.ir import Array, Graph, TensorType, Value, evaluate
from smidgen.ops import Dequantize, Quantize
from smidgen.quantize import evaluate_batch
from smidgen.quantize.data import Samples
from smidgen.quantize.metrics import Outputs

Progress = Callable[[int, int], None]


def quiet(done: int, total: int) -> None:
    """Progress that nobody looks at."""


def outputs_of(graph: Graph, samples: Samples, progress: Progress = quiet) -> Outputs:
    """Every output as a float32 stack (samples, *shape), a batch of 1 left out. Inputs are quantised as a caller does.

    Integers are exact. Floats may differ in their last bits from what is compiled: ``exact_outputs`` does not.
    """
    return tuple(a.astype(np.float32) for a in evaluate_batch(graph, samples.inputs, progress=progress))


def has_floats(graph: Graph) -> bool:
    """True if some node computes with reals, beyond quantising and dequantising."""
    return any(
        not isinstance(n.op, Quantize | Dequantize)
        for n in graph.nodes
        for v in n.outputs
        if v.type.dtype == "float32" and not n.op.view
    )


def exact_outputs(graph: Graph, samples: Samples, progress: Progress = quiet) -> Outputs:
    """The same, one sample after the other by the meaning of every op: bit for bit what the compiled model gives."""
    stacks = [_as_input(s, v) for s, v in zip(samples.inputs, graph.inputs, strict=True)]
    made: list[list[Array]] = []
    for i in range(len(samples)):
        made.append(evaluate(graph, [s[i] for s in stacks]))
        progress(i + 1, len(samples))
    return tuple(
        _as_real(np.stack(arrays), v) for v, arrays in zip(graph.outputs, zip(*made, strict=True), strict=True)
    )


def true_outputs(graph: Graph, samples: Samples, progress: Progress = quiet) -> Outputs:
    """Bit for bit what the compiled model gives, the quicker way where that is exact."""
    return (exact_outputs if has_floats(graph) else outputs_of)(graph, samples, progress)


def _as_input(stack: Array, value: Value) -> Array:
    """The stack in the graph input's own type and shape."""
    t = value.type
    whole = stack.reshape(len(stack), *t.shape)
    if t.quant is None or t.dtype == "float32":
        return whole.astype(t.dtype)
    return Quantize(t.quant, t.dtype, "even").evaluate([TensorType("float32", whole.shape)], [whole])[0]


def _as_real(stack: Array, value: Value) -> Array:
    t = value.type
    if t.quant is not None and t.dtype != "float32":
        stack = Dequantize().evaluate([TensorType(t.dtype, stack.shape, t.quant)], [stack])[0]
    shape = t.shape[1:] if t.shape and t.shape[0] == 1 else t.shape
    return stack.reshape(len(stack), *shape).astype(np.float32)
