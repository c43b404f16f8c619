# SPDX-License-Identifier: Apache-2.0
"""A pass is a named function from graph to graph; the runner verifies and compares results after each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.errors import InvalidGraph, PassBroke
from smidgen.ir import Array, Form, Graph, Node, Value, evaluate, verify


@dataclass(frozen=True, slots=True)
class Pass:
    """``needs`` and ``makes`` are graph forms. ``exact``: outputs stay equal bit for bit.

    The float passes that are not exact say why; they round as often as before, in another order, so that an output
    moves by a few of its range's float32 steps (tests hold them to 1e-5 of the range).
    """

    name: str
    run: Callable[[Graph], Graph]
    needs: Form = "integer"
    makes: Form = "integer"
    exact: bool = True


def run_pipeline(
    pipeline: Sequence[Pass],
    graph: Graph,
    *,
    probe: Sequence[Array] | None = None,
    watch: Callable[[str, Graph], None] | None = None,
) -> Graph:
    """Apply the passes in order and verify after each.

    With ``probe`` (one array an input) exact passes must leave its outputs equal. ``watch`` sees each pass's name and
    result. Raises PassBroke with the name of the pass at fault.
    """
    if pipeline:
        verify(graph, pipeline[0].needs)
    for p in pipeline:
        after = p.run(graph)
        try:
            verify(after, p.makes)
        except InvalidGraph as e:
            raise PassBroke(f"pass {p.name}: {e}") from e
        if probe is not None and p.exact:
            _compare(p.name, graph, after, probe)
        graph = after
        if watch is not None:
            watch(p.name, graph)
    return graph


def _compare(name: str, before: Graph, after: Graph, probe: Sequence[Array]) -> None:
    for v, a, b in zip(before.outputs, evaluate(before, probe), evaluate(after, probe), strict=True):
        if not np.array_equal(a, b):
            raise PassBroke(f"pass {name} changed output {v.name!r}: {np.sum(a != b)} of {a.size} elements differ")


def only_user(value: Value, users: dict[Value, list[Node]], graph_outputs: Sequence[Value]) -> Node | None:
    """The single node that reads ``value``, or None if there are more, none, or it is a graph output."""
    readers = users.get(value, [])
    return readers[0] if len(readers) == 1 and value not in graph_outputs else None
