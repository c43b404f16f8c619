# SPDX-License-Identifier: Apache-2.0
"""Dequantize, float op, Quantize become one integer op: the only place where ONNX's QDQ meaning turns into integers.

Every float tensor is *known*, exactly the dequantization of an integer tensor; *pending*, a float op on known
operands, perhaps clamped and moved, that waits for the Quantize that says in which steps its result is wanted; or
*real*, computed in float32.

- A clamp before a Quantize becomes a clamp of steps: rounding is monotone, so clipping before or after it is the same.
- MaxPool, Transpose, Reshape and Crop commute with Quantize, so they may stand between the op and its Quantize.
- Dequantize then Quantize is a Requantize with rounding "even", or nothing if both are the same.
- A float32 graph input becomes an integer one if Quantize nodes of one quantization are all that reads it; a float32
  output becomes the integer tensor behind its Dequantize. Callers quantise and dequantise at the boundary.
- What no Quantize follows, or reads something that is not quantised, stays a float op: an island between Dequantize
  and Quantize nodes.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smidgen.errors import Finding, InternalError, InvalidGraph, UnsupportedModel
from smidgen.ir import Graph, Node, Op, TensorType, Value, verify
from smidgen.ir.names import Names
from smidgen.ops import Clamp, Concat, Crop, Dequantize, MaxPool2D, Pad, Quantize, Reshape, Transpose
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.quantize.layers import (
    Gap,
    has_integer_form,
    integer_layer,
    padding_step,
    requantize_to,
    single_number,
    steps,
    writes,
)
from smidgen.quantize.uses import Uses

_COMMUTES = (Crop, MaxPool2D, Transpose, Reshape)
_MOVES_STEPS = (Concat, Pad)  # may keep their operands' steps, so that no Quantize need follow
_QUANTISE = "Quantise the float model again, e.g. with smidgen quantize"
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A float tensor that is exactly the dequantization of ``value``."""

    value: Value


@dataclass(frozen=True, slots=True)
class Pending:
    """``moves`` of clip(``node``'s float result), in order; the node's data operands are ``operands``.

    ``clamp`` includes the node's own.

    ``node`` None: the operand itself, waiting only because of its clamp.
    """

    node: Node | None
    operands: tuple[Value, ...]
    loc: str
    clamp: tuple[float, float] = NO_CLAMP
    moves: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class FloatInput:
    """A float32 graph input, moved by ``moves``, that becomes ``quantized``: what all its readers make of it."""

    value: Value
    quantized: Value
    moves: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class Real:
    """A float32 tensor of the new graph."""

    value: Value


State = Known | Pending | FloatInput | Real


def integerize(graph: Graph) -> Graph:
    """An imported graph as an integer one of equal meaning up to rounding ties (docs/numerics.md gives the bound).

    What is not quantised stays float32, a float graph as a whole. Raises UnsupportedModel that names each op whose
    quantization makes no sense.
    """
    result, findings = _Integerizer(graph).run()
    if findings:
        raise UnsupportedModel(_message(graph.name, findings), findings)
    verify(result, "integer")
    return result


def _message(name: str, findings: Sequence[Finding]) -> str:
    places = "1 place" if len(findings) == 1 else f"{len(findings)} places"
    lines = [f"{name}: the model is not quantised in a way that integers can follow ({places}):"]
    lines += [f"  {f.node} ({f.op}): {f.reason}" for f in findings[:_SHOWN]]
    lines += [f"  ... and {len(findings) - _SHOWN} more"] if len(findings) > _SHOWN else []
    return "\n".join([*lines, _QUANTISE])


class _Integerizer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.uses = Uses(graph)
        self.names = Names(v.name for v in graph.values())
        self.nodes: list[Node] = []
        self.mapping: dict[Value, Value] = {}
        self.gaps: list[Gap] = []
        self.failed: set[Value] = set()
        self.reals: dict[Value, Value] = {}
        self.state: dict[Value, State] = {}
        self.inputs: dict[Value, Value] = {}
        for v in graph.inputs:
            quantized = self.uses.quantized_type(v) if v.type.dtype == "float32" else None
            if quantized is not None:
                self.inputs[v] = Value(v.name, replace(quantized, shape=v.type.shape))
                self.state[v] = FloatInput(v, self.inputs[v])
            elif v.type.dtype == "float32":
                self.state[v] = Real(v)

    def run(self) -> tuple[Graph, list[Finding]]:
        for node in self.graph.nodes:
            try:
                if self.failed.intersection(node.inputs):
                    self.failed.update(node.outputs)
                else:
                    self._visit(node)
            except (Gap, InvalidGraph) as e:
                self.gaps.append(e if isinstance(e, Gap) else Gap(node.loc, type(node.op).__name__, str(e)))
                self.failed.update(node.outputs)
        outputs = tuple(self._output(v) for v in self.graph.outputs if v not in self.failed)
        inputs = tuple(self.inputs.get(v, v) for v in self.graph.inputs)
        result = replace(self.graph, inputs=inputs, outputs=outputs, nodes=tuple(self.nodes))
        return result.substitute(self.mapping), [Finding(g.op, g.loc, g.reason, _QUANTISE) for g in self.gaps]

    def _output(self, value: Value) -> Value:
        if value not in self.state:
            return value
        known = self._settled(value)
        if known is None:
            return self._real(value)
        return self._copy(known, value.name, f"output {value.name}") if self._is_input(known) else known

    def _is_input(self, value: Value) -> bool:
        return value in self.graph.inputs or value in self.inputs.values()

    def _copy(self, value: Value, name: str, loc: str) -> Value:
        """A node of its own for a graph output that is an input."""
        return self._emit(Reshape(value.type.shape), (value,), name, loc)

    def _visit(self, node: Node) -> None:
        op = node.op
        if isinstance(op, Quantize):
            self._quantize(node, op)
        elif isinstance(op, Dequantize):
            self.state[node.output] = Known(self._integer(node.inputs[0]))
        elif node.output.type.dtype != "float32":
            self.nodes.append(node)
        elif isinstance(op, _COMMUTES):
            self._commute(node)
        elif isinstance(op, Clamp):
            self._clamp(node.inputs[0], op, node)
        else:
            self._layer(node)

    def _layer(self, node: Node) -> None:
        """Pending where all it reads is quantised, and a Quantize follows or none is needed; else real."""
        waits = isinstance(node.op, _MOVES_STEPS) or self.uses.ends_in_quantize(node.output)
        operands = [v if v.data is not None else self._settled(v) for v in node.inputs] if waits else [None]
        known = [v for v in operands if v is not None]
        if len(known) == len(operands) and has_integer_form(node.op, known):
            clamp = getattr(node.op, "clamp", NO_CLAMP)
            self.state[node.output] = Pending(node, tuple(known), node.loc, clamp)
        else:
            self._keep(node)

    def _keep(self, node: Node) -> None:
        """The node as it is, on reals."""
        self.nodes.append(replace(node, inputs=tuple(self._real(v) for v in node.inputs)))
        self.state[node.output] = Real(node.output)

    def _settled(self, value: Value) -> Value | None:
        """The integer tensor behind a float one, where no Quantize is needed to make it one."""
        state = self.state[value]
        if isinstance(state, Pending):
            like = state.operands[0].type
            if like.quant is None or not self._keeps_steps(state, like):
                return None
            state = Known(self._pending(state, like, None))
            self.state[value] = state
        return state.value if isinstance(state, Known) else None

    def _real(self, value: Value) -> Value:
        """The float32 tensor of the new graph that is this one of the imported graph."""
        if value.data is not None:
            return value
        if value not in self.reals:
            self.reals[value] = self._made_real(self.state[value], value)
        return self.reals[value]

    def _made_real(self, state: State, value: Value) -> Value:
        if isinstance(state, Real):
            return state.value
        if isinstance(state, Known):
            return self._dequantized(state.value, value.name)
        if isinstance(state, FloatInput):
            raise InternalError(f"{value.name}: an input that is quantised is read as a real")
        reals = tuple(v if v.type.dtype == "float32" else self._dequantized(v, v.name) for v in state.operands)
        chain: list[tuple[Op, str, str]] = []
        if state.node is not None:
            chain.append((state.node.op, state.node.output.name, state.loc))
        if state.node is None or state.clamp != getattr(state.node.op, "clamp", NO_CLAMP):
            chain.append((Clamp(state.clamp), value.name, state.loc))
        for op, name, loc in [*chain, *((m.op, m.output.name, m.loc) for m in state.moves)]:
            reals = (self._emit(op, reals, name, loc),)
        return reals[0]

    def _dequantized(self, value: Value, name: str) -> Value:
        return self._emit(Dequantize(), (value,), f"{name}_real", f"reals of {value.name}")

    def _integer(self, value: Value) -> Value:
        """What an integer value of the imported graph became."""
        while value in self.mapping:
            value = self.mapping[value]
        return self.inputs.get(value, value)

    def _keeps_steps(self, state: Pending, like: TensorType) -> bool:
        """True where every result is one of the first operand's own steps, so that no Quantize is needed."""
        if state.node is None:
            return state.clamp[0] in (0.0, -math.inf) and state.clamp[1] == math.inf
        op = state.node.op
        if isinstance(op, Pad):
            step = padding_step(op.value, like) - like.zero_point
            return state.clamp == NO_CLAMP and step * like.scale == op.value
        same = all((v.type.dtype, v.type.quant) == (like.dtype, like.quant) for v in state.operands)
        return isinstance(op, Concat) and state.clamp == NO_CLAMP and same

    def _commute(self, node: Node) -> None:
        state, op = self.state[node.inputs[0]], node.op
        clamp = op.clamp if isinstance(op, MaxPool2D) else NO_CLAMP
        if isinstance(op, MaxPool2D):  # it picks the same element before and after a clamp
            node = replace(node, op=replace(op, clamp=NO_CLAMP))
        if isinstance(state, Known):
            self.state[node.output] = Known(self._emit(node.op, (state.value,), node.output.name, node.loc))
        elif not isinstance(state, Real):
            self.state[node.output] = replace(state, moves=(*state.moves, node))
        if isinstance(state, Real):
            self._keep(replace(node, op=op))
        elif clamp != NO_CLAMP:
            self._clamp(node.output, Clamp(clamp), node)

    def _clamp(self, x: Value, op: Clamp, node: Node) -> None:
        """``node``'s output is the clamped ``x``."""
        state = self.state[x]
        if isinstance(state, Known):
            self.state[node.output] = Pending(None, (state.value,), node.loc, op.clamp)
        elif isinstance(state, Pending):  # whatever moves it has: clamps are elementwise
            lo, hi = (min(max(bound, op.clamp[0]), op.clamp[1]) for bound in state.clamp)
            loc = state.loc if x is node.output else f"{state.loc} + {node.loc}"
            self.state[node.output] = replace(state, clamp=(lo, hi), loc=loc)
        else:
            self._keep(node)

    def _quantize(self, node: Node, op: Quantize) -> None:
        x = node.inputs[0]
        if op.out_quant.axis is not None or op.dtype not in ("int8", "int16"):
            raise Gap(node.loc, "QuantizeLinear", "only activations with one scale, int8 or int16, are quantised here")
        state = Real(x) if x.data is not None else self.state[x]
        if isinstance(state, FloatInput):
            self._quantize_input(node, state)
        elif isinstance(state, Real):
            self.nodes.append(replace(node, inputs=(state.value,)))
        elif isinstance(state, Known) and self._same(state.value, node.output):
            self.mapping[node.output] = state.value
        elif isinstance(state, Pending) and state.node is not None and not writes(state.node.op, op.dtype):
            self.nodes.append(replace(node, inputs=(self._real(x),)))
        else:
            pending = Pending(None, (state.value,), node.loc) if isinstance(state, Known) else state
            self._pending(pending, node.output.type, node.output)

    def _same(self, known: Value, output: Value) -> bool:
        """True where a Quantize changes nothing, and need not stay to tell an output from an input."""
        return known.type == output.type and not (self._is_input(known) and output in self.graph.outputs)

    def _quantize_input(self, node: Node, state: FloatInput) -> None:
        """The input itself becomes int8; what moved it before its Quantize moves the integers."""
        y = state.quantized
        for move in state.moves:
            y = self._emit(move.op, (y,), move.output.name, move.loc)
        if node.output in self.graph.outputs and y is state.quantized:
            y = self._copy(y, node.output.name, node.loc)
        self.mapping[node.output] = y

    def _pending(self, state: Pending, like: TensorType, output: Value | None) -> Value:
        """Emit the integer form of a pending op, with the element type and quantization of ``like``; it writes
        ``output`` if given."""
        op, operands, name = self._first(state, like)
        chain = [(op, name, state.loc)]
        clamp = steps(state.clamp, like)
        if getattr(op, "clamp", NO_CLAMP) != clamp:
            chain.append((Clamp(clamp), f"{name}_clamped", state.loc))
        chain += [(move.op, move.output.name, move.loc) for move in state.moves]
        for i, (step, wanted, loc) in enumerate(chain):
            last = output if i == len(chain) - 1 else None
            operands = (self._emit(step, operands, wanted, loc, last),)
        return operands[0]

    def _first(self, state: Pending, like: TensorType) -> tuple[Op, tuple[Value, ...], str]:
        """The op that gives this element type and quantization, its operands, and a name for its result."""
        node, clamp = state.node, steps(state.clamp, like)
        if node is None:
            (x,) = state.operands
            same = (like.dtype, like.quant) == (x.type.dtype, x.type.quant)
            op: Op = Clamp(clamp) if same else requantize_to(x.type, like, clamp)
            return op, state.operands, f"{x.name}_requantized"
        if isinstance(node.op, Concat | Pad):
            operands = tuple(self._rescaled(v, like, state.loc) for v in state.operands)
            op = replace(node.op, value=padding_step(node.op.value, like)) if isinstance(node.op, Pad) else node.op
            return op, operands, node.output.name
        return *integer_layer(node, state.operands, like, clamp, self.names), node.output.name

    def _rescaled(self, value: Value, like: TensorType, loc: str) -> Value:
        value = single_number(value, self.names)
        if (value.type.dtype, value.type.quant) == (like.dtype, like.quant):
            return value
        return self._emit(requantize_to(value.type, like), (value,), f"{value.name}_rescaled", loc)

    def _emit(self, op: Op, inputs: tuple[Value, ...], name: str, loc: str, output: Value | None = None) -> Value:
        """Append a node that writes ``output``, or a new value of this name."""
        (t,) = op.infer([v.type for v in inputs])
        if output is not None and output.type != t:
            raise InternalError(f"{loc}: made {t}, the graph has {output.type}")
        value = output or Value(self.names.fresh(name), t)
        self.nodes.append(Node(op, inputs, (value,), loc))
        return value
