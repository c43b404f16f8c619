# SPDX-License-Identifier: Apache-2.0
"""A graph as text: what dumps, goldens and error messages show."""

from __future__ import annotations

from dataclasses import fields, is_dataclass

import numpy as np

from smidgen.ir.graph import Graph, Node, Value
from smidgen.ir.types import Array, QuantParams

_SHOWN_ELEMENTS = 8


def format_graph(graph: Graph) -> str:
    """One line a value or node, in order; the same text for the same graph."""
    lines = [f"graph {graph.name} ({graph.numerics})"]
    lines += [f"  input  {v.name}: {v.type}" for v in graph.inputs]
    lines += [f"  state  {s.before.name}: {s.before.type} = {_format_data(s.reset)}" for s in graph.states]
    named: set[Value] = set()
    for node in graph.nodes:
        for v in node.inputs:
            if v.data is not None and v not in named:
                named.add(v)
                lines.append(f"  const  {v.name}: {v.type} = {_format_data(v.data)}")
        lines.append(f"  {_format_node(node)}")
    lines += [f"  output {v.name}: {v.type}" for v in graph.outputs]
    lines += [f"  keep   {s.after.name} as {s.before.name}" for s in graph.states]
    return "\n".join(lines) + "\n"


def _format_node(node: Node) -> str:
    outputs = ", ".join(f"{v.name}: {v.type}" for v in node.outputs)
    inputs = ", ".join(v.name for v in node.inputs)
    attributes = ""
    if is_dataclass(node.op):
        pairs = [(f.name, getattr(node.op, f.name)) for f in fields(node.op)]
        shown = [f"{k}={v}" for k, v in pairs if v is not None and not isinstance(v, QuantParams)]
        attributes = f" {{{', '.join(shown)}}}" if shown else ""
    return f"{outputs} = {type(node.op).__name__}({inputs}){attributes}  # {node.loc}"


def _format_data(data: Array) -> str:
    flat = np.asarray(data).ravel()
    shown = " ".join(f"{x:g}" for x in flat[:_SHOWN_ELEMENTS].tolist())
    return f"[{shown}{' ...' if flat.size > _SHOWN_ELEMENTS else ''}]"
