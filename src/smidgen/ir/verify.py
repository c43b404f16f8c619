# SPDX-License-Identifier: Apache-2.0
"""The graph's invariants, checked after the frontend and after every pass."""

from __future__ import annotations

import re

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir.graph import Graph, Node, Value
from smidgen.ir.op import Form
from smidgen.ir.types import Half, storage_after

_IDENTIFIER = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")


def verify(graph: Graph, form: Form) -> None:
    """Raise InvalidGraph, naming the invariant by its number in ``Graph``, at the first one that is broken."""
    known = {*graph.inputs, *(s.before for s in graph.states)}
    for node in graph.nodes:
        _check_node(node, form, known)
        known.update(node.outputs)
    missing = [v.name for v in graph.outputs if v not in known and v.data is None]
    if missing:
        raise InvalidGraph(f"(3) outputs never written: {missing}")
    _check_states(graph)
    _check_names(graph)


def _check_states(graph: Graph) -> None:
    users, producers = graph.users(), graph.producers()
    for s in graph.states:
        t, name = s.before.type, s.before.name
        if s.before.data is not None or s.before in graph.inputs or s.before in producers:
            raise InvalidGraph(f"(9) state {name!r} is an input, a constant or a node's result")
        if s.after.type != t or s.reset.shape != t.shape or s.reset.dtype != np.dtype(t.dtype):
            raise InvalidGraph(f"(9) state {name!r}, {t}, becomes {s.after.type} or is reset to another type")
        if s.before in graph.outputs or users.get(s.before, []) != [producers.get(s.after)]:
            raise InvalidGraph(f"(9) state {name!r} is not read by the node that makes {s.after.name!r}, and it alone")


def _check_node(node: Node, form: Form, known: set[Value]) -> None:
    what = type(node.op).__name__
    if not node.loc:
        raise InvalidGraph(f"(7) a {what} node has no loc")
    if not node.op.allowed(form, node.types):
        raise InvalidGraph(f"(6) {node.loc}: {what} is not allowed in {form} form")
    for v in node.inputs:
        if v not in known and v.data is None:
            raise InvalidGraph(f"(2,3) {node.loc}: reads {v.name!r} before anything writes it")
    _check_storage(node)
    _check_arity(node)
    have = tuple(v.type for v in node.outputs)
    try:
        want = node.op.infer(node.types)
    except InvalidGraph as e:
        raise InvalidGraph(f"(4) {node.loc}: {e}") from e
    if want != have:
        raise InvalidGraph(f"(4) {node.loc}: {what} infers {[*map(str, want)]}, graph says {[*map(str, have)]}")
    for v in node.outputs:
        if v in known or v.data is not None:
            raise InvalidGraph(f"(1) {node.loc}: {v.name!r} is written twice")


def _check_storage(node: Node) -> None:
    for v in node.inputs:
        storage = v.type.storage
        if storage is None:
            continue
        form = "half precision" if isinstance(storage, Half) else "four bits"
        if v.data is None or not v.type.shape:
            raise InvalidGraph(f"(8) {node.loc}: {v.name!r} is kept in {form}, but is no constant of weights")
        if storage_after(v.data, storage) is None:
            what = "not exact in half precision" if isinstance(storage, Half) else "no four-bit products"
            raise InvalidGraph(f"(8) {node.loc}: {v.name!r}, {v.type}, has values that are {what}")


def _check_arity(node: Node) -> None:
    operands = node.op.operands
    least = sum(not o.endswith(("?", "*")) for o in operands)
    most = len(node.inputs) if operands and operands[-1].endswith("*") else len(operands)
    if not least <= len(node.inputs) <= most:
        raise InvalidGraph(f"(4) {node.loc}: {type(node.op).__name__} takes {operands}, got {len(node.inputs)} inputs")


def _check_names(graph: Graph) -> None:
    seen: set[str] = set()
    if not _IDENTIFIER.match(graph.name) or graph.name != graph.name.lower():
        raise InvalidGraph(f"(5) the graph's name {graph.name!r} is not a C identifier in lower case")
    for v in graph.values():
        if not _IDENTIFIER.match(v.name):
            raise InvalidGraph(f"(5) {v.name!r} is not a C identifier")
        if v.name in seen:
            raise InvalidGraph(f"(5) two values are named {v.name!r}")
        seen.add(v.name)
