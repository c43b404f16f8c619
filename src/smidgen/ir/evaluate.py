# SPDX-License-Identifier: Apache-2.0
"""Run a graph in numpy, node by node: the oracle that every kernel, pass and simulator is held to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir.graph import Graph, Value
from smidgen.ir.types import Array


def evaluate_all(graph: Graph, inputs: Sequence[Array], states: Sequence[Array] | None = None) -> dict[Value, Array]:
    """Every computed value of the graph for one set of inputs (shapes and dtypes as ``graph.inputs`` say).

    ``states`` are what the graph's states hold before, as ``next_states`` gives them; None: as after a reset.
    """
    env: dict[Value, Array] = {}
    check_inputs(graph, inputs)
    env.update(zip(graph.inputs, inputs, strict=True))
    found = [s.reset for s in graph.states] if states is None else states
    env.update(zip((s.before for s in graph.states), found, strict=True))
    for node in graph.nodes:
        arrays = [v.data if v.data is not None else env[v] for v in node.inputs]
        env.update(zip(node.outputs, node.op.evaluate(node.types, arrays), strict=True))
    return env


def evaluate(graph: Graph, inputs: Sequence[Array]) -> list[Array]:
    """The graph's outputs for one set of inputs."""
    env = evaluate_all(graph, inputs)
    return [v.data if v.data is not None else env[v] for v in graph.outputs]


def next_states(graph: Graph, values: Mapping[Value, Array]) -> list[Array]:
    """What the graph's states hold after an evaluation with these ``values``."""
    return [values[s.after] for s in graph.states]


def check_inputs(graph: Graph, inputs: Sequence[Array]) -> None:
    """Raise InvalidInput unless there is one array of the right dtype and shape for each graph input."""
    if len(inputs) != len(graph.inputs):
        raise InvalidInput(f"{graph.name} takes {len(graph.inputs)} inputs, got {len(inputs)}")
    for value, array in zip(graph.inputs, inputs, strict=True):
        if not isinstance(array, np.ndarray):
            raise InvalidInput(f"input {value.name!r} of {graph.name} is a {type(array).__name__}, not a numpy array")
        if array.dtype != np.dtype(value.type.dtype) or array.shape != value.type.shape:
            raise InvalidInput(
                f"input {value.name!r} of {graph.name} is {value.type.dtype}{list(value.type.shape)}, "
                f"got {array.dtype}{list(array.shape)}"
            )
