# SPDX-License-Identifier: Apache-2.0
"""The graph: frozen values, typed ops, nodes in topological order. Nothing here knows targets, C or files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir.op import Op
from smidgen.ir.types import Array, Numerics, TensorType


@dataclass(frozen=True, slots=True, eq=False)
class Value:
    """Compared by identity. A constant iff ``data`` is given, then read-only and of its type. Named as in C."""

    name: str
    type: TensorType
    data: Array | None = None

    def __post_init__(self) -> None:
        if self.data is not None:
            if self.data.shape != self.type.shape or self.data.dtype != np.dtype(self.type.dtype):
                raise InvalidGraph(f"{self.name}: data is {self.data.dtype}{list(self.data.shape)}, type {self.type}")
            self.data.setflags(write=False)

    @property
    def constant(self) -> Array:
        """The data of a constant; InvalidGraph for a computed value."""
        if self.data is None:
            raise InvalidGraph(f"{self.name} is not a constant")
        return self.data


@dataclass(frozen=True, slots=True, eq=False)
class Node:
    """One application of an op. ``loc`` says where it came from ("kws.tflite:op 3 CONV_2D"), through every rewrite.

    ``imported_macs``: the multiply-accumulates of the layer as imported, kept when passes narrow it; None: as it is.
    """

    op: Op
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    loc: str
    imported_macs: int | None = None

    def __getitem__(self, operand: str) -> Value:
        value = self.get(operand)
        if value is None:
            raise InvalidGraph(f"{self.loc}: {type(self.op).__name__} has no operand {operand!r} here")
        return value

    def get(self, operand: str) -> Value | None:
        """The input with this operand name, or None if it is absent."""
        index = [o.rstrip("?*") for o in self.op.operands].index(operand)
        return self.inputs[index] if index < len(self.inputs) else None

    @property
    def output(self) -> Value:
        (value,) = self.outputs
        return value

    @property
    def types(self) -> tuple[TensorType, ...]:
        return tuple(v.type for v in self.inputs)

    @property
    def macs(self) -> int:
        """Live multiply-accumulates: those that the node as it stands computes."""
        return self.op.macs(self.types)

    @property
    def nominal_macs(self) -> int:
        """Multiply-accumulates as the model's file has them, which figures per MAC refer to."""
        return self.macs if self.imported_macs is None else self.imported_macs


@dataclass(frozen=True, slots=True, eq=False)
class State:
    """What a step leaves for the next one: ``before`` is what it finds, ``after`` what the next one will find.

    ``reset`` is what the first step finds.
    """

    before: Value
    after: Value
    reset: Array

    def __post_init__(self) -> None:
        self.reset.setflags(write=False)


@dataclass(frozen=True, slots=True, eq=False)
class Graph:
    """Inputs, outputs and nodes of one network. Invariants, checked by ``verify``:

    1. each value is written once;
    2. nodes are in topological order;
    3. every read value is an input, a constant or written earlier;
    4. ``op.infer`` agrees with the stored types;
    5. names are unique C identifiers; the graph's own is in lower case;
    6. every op allows the graph's form;
    7. every node has a loc;
    8. constants kept in four bits have four-bit parts, in groups of the first dimension's rows; those kept in half
       precision have values that it holds exactly;
    9. a state's values have one type, which is its reset's too; ``before`` is read by one node, whose result is
       ``after``: the two can share their bytes.

    ``imported_macs`` is as a node's, and counts removed nodes too. ``notes``: what the importer left out, for the user.
    ``input_names``, ``output_names``: as the model's file has them, which may be no C identifiers; (): as the values'.
    ``states``: what is kept from one evaluation to the next; a graph with states is one step of a stream.
    """

    name: str
    numerics: Numerics
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    nodes: tuple[Node, ...]
    imported_macs: int | None = None
    notes: tuple[str, ...] = ()
    input_names: tuple[str, ...] = ()
    output_names: tuple[str, ...] = ()
    states: tuple[State, ...] = ()

    def with_nodes(self, nodes: tuple[Node, ...]) -> Graph:
        return replace(self, nodes=nodes)

    def substitute(self, mapping: Mapping[Value, Value]) -> Graph:
        """The graph with every use of a key of ``mapping`` replaced by its value (followed to the end of a chain)."""

        def end(v: Value) -> Value:
            while v in mapping:
                v = mapping[v]
            return v

        nodes = tuple(replace(n, inputs=tuple(end(v) for v in n.inputs)) for n in self.nodes)
        states = tuple(replace(s, after=end(s.after)) for s in self.states)
        return replace(self, nodes=nodes, outputs=tuple(end(v) for v in self.outputs), states=states)

    def users(self) -> dict[Value, list[Node]]:
        """Which nodes read each value; a value that nothing reads is absent."""
        table: dict[Value, list[Node]] = {}
        for node in self.nodes:
            for v in dict.fromkeys(node.inputs):
                table.setdefault(v, []).append(node)
        return table

    def producers(self) -> dict[Value, Node]:
        return {v: node for node in self.nodes for v in node.outputs}

    @property
    def state_values(self) -> tuple[Value, ...]:
        """What each state is before and after a step."""
        return tuple(v for s in self.states for v in (s.before, s.after))

    def values(self) -> Iterator[Value]:
        """Every value once: inputs, states, then each node's new constants and outputs, in order."""
        seen: dict[Value, None] = dict.fromkeys((*self.inputs, *(s.before for s in self.states)))
        for node in self.nodes:
            seen.update(dict.fromkeys((*node.inputs, *node.outputs)))
        seen.update(dict.fromkeys(self.outputs))
        return iter(seen)

    @property
    def macs(self) -> int:
        """Live multiply-accumulates of one inference."""
        return sum(node.macs for node in self.nodes)

    @property
    def nominal_macs(self) -> int:
        """Multiply-accumulates of one inference as the model's file has them."""
        return sum(node.nominal_macs for node in self.nodes) if self.imported_macs is None else self.imported_macs
