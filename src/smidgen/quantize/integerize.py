# SPDX-License-Identifier: Apache-2.0
"""Dequantize, float op, Quantize become one integer op: the only place where ONNX's QDQ meaning turns into integers.

Every float tensor is either *known*, exactly the dequantization of an integer tensor, or *pending*: a float op on known
operands, perhaps clamped and moved, that waits for the Quantize that says in which steps its result is wanted.

- A clamp before a Quantize becomes a clamp of steps: rounding is monotone, so clipping before or after it is the same.
- MaxPool, Transpose and Reshape commute with Quantize, so they may stand between the op and its Quantize.
- Dequantize then Quantize is a Requantize with rounding "even", or nothing if both are the same.
- A float32 graph input becomes int8 with the quantization of the Quantize that reads it, and stays float32 where no
  output depends on it; a float32 output becomes the int8 tensor behind its Dequantize. Callers quantise and dequantise
  at the boundary.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from smidgen.errors import Finding, InternalError, InvalidGraph, UnsupportedModel
from smidgen.ir import Graph, Node, Op, QuantParams, TensorType, Value, verify
from smidgen.ir.names import Names
from smidgen.ops import Clamp, Concat, Dequantize, MaxPool2D, Pad, Quantize, Requantize, Reshape, Transpose
from smidgen.ops.arithmetic import NO_CLAMP
from smidgen.quantize.layers import Gap, check_ratio, integer_layer, padding_step, single_number, steps

_COMMUTES = (MaxPool2D, Transpose, Reshape)
_QUANTISE = (
    "Quantise the whole model to int8, e.g. with onnxruntime.quantization.quantize_static(quant_format=QuantFormat.QDQ)"
)
_SHOWN = 10


@dataclass(frozen=True, slots=True)
class Known:
    """A float tensor that is exactly the dequantization of ``value``."""

    value: Value


@dataclass(frozen=True, slots=True)
class Pending:
    """``moves`` of clip(``node``'s float result), in order; the node's data operands are ``operands``.

    ``node`` None: the operand itself, waiting only because of its clamp.
    """

    node: Node | None
    operands: tuple[Value, ...]
    loc: str
    clamp: tuple[float, float] = NO_CLAMP
    moves: tuple[Node, ...] = ()


@dataclass(frozen=True, slots=True)
class FloatInput:
    """A float32 graph input, moved by ``moves``, that no Quantize has read yet."""

    value: Value
    moves: tuple[Node, ...] = ()


State = Known | Pending | FloatInput


def integerize(graph: Graph) -> Graph:
    """An imported graph as an integer one of equal meaning up to rounding ties (docs/numerics.md gives the bound).

    Raises UnsupportedModel that names each op which is not quantised; one sentence if the model is plain float32.
    """
    result, findings = _Integerizer(graph).run()
    if findings and not any(isinstance(n.op, Quantize | Dequantize) for n in graph.nodes):
        finding = Finding("model", graph.name, "it is float32, without QuantizeLinear and DequantizeLinear", _QUANTISE)
        raise UnsupportedModel(
            f"{graph.name}: this is a float32 model, without QuantizeLinear and DequantizeLinear; smidgen compiles "
            f"int8 models. {_QUANTISE}",
            [finding],
        )
    if findings:
        raise UnsupportedModel(_message(graph.name, findings), findings)
    verify(result, "integer")
    return result


def _message(name: str, findings: Sequence[Finding]) -> str:
    places = "1 place" if len(findings) == 1 else f"{len(findings)} places"
    lines = [f"{name}: the model is not fully quantised ({places}):"]
    lines += [f"  {f.node} ({f.op}): {f.reason}" for f in findings[:_SHOWN]]
    lines += [f"  ... and {len(findings) - _SHOWN} more"] if len(findings) > _SHOWN else []
    return "\n".join([*lines, _QUANTISE])


class _Integerizer:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.names = Names(v.name for v in graph.values())
        self.nodes: list[Node] = []
        self.state: dict[Value, State] = {v: FloatInput(v) for v in graph.inputs if v.type.dtype == "float32"}
        self.inputs: dict[Value, Value] = {}
        self.mapping: dict[Value, Value] = {}
        self.gaps: list[Gap] = []
        self.failed: set[Value] = set()

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
        state = self.state.get(value)
        if state is None:
            return value
        try:
            known = self._settle(state, Gap(value.name, "output", "")).value
        except Gap as e:
            self.gaps.append(e)
            return value
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
            self.state[node.output] = self._commute(node)
        elif isinstance(op, Clamp):
            self.state[node.output] = self._clamp(node, op)
        else:
            operands = tuple(self._operand(node, v) for v in node.inputs)
            self.state[node.output] = Pending(node, operands, node.loc)

    def _operand(self, node: Node, value: Value) -> Value:
        """The integer tensor behind a float operand; a plain float constant stays as it is."""
        if value.data is not None:
            return value
        known = self._settle(self.state[value], Gap(node.loc, type(node.op).__name__, ""))
        self.state[value] = known
        return known.value

    def _settle(self, state: State, user: Gap) -> Known:
        """A state as a known tensor, where no Quantize is needed to make it one. Raises Gap for the node at fault."""
        if isinstance(state, FloatInput):
            raise Gap(user.loc, user.op, f"it reads the float32 input {state.value.name!r} without QuantizeLinear")
        if isinstance(state, Known):
            return state
        quant = state.operands[0].type.quant
        if quant is not None and self._keeps_steps(state, quant):
            return Known(self._pending(state, quant, None))
        name = "Clip" if state.node is None else type(state.node.op).__name__
        raise Gap(state.loc, name, "no QuantizeLinear follows it, so the steps of its result are unknown")

    def _integer(self, value: Value) -> Value:
        """What an integer value of the imported graph became."""
        while value in self.mapping:
            value = self.mapping[value]
        return self.inputs.get(value, value)

    def _keeps_steps(self, state: Pending, quant: QuantParams) -> bool:
        """True where every result is one of the first operand's own steps, so that no Quantize is needed."""
        if state.node is None:
            return state.clamp[0] in (0.0, -math.inf) and state.clamp[1] == math.inf
        op = state.node.op
        if isinstance(op, Pad):
            step = padding_step(op.value, quant) - quant.zero_point[0]
            return state.clamp == NO_CLAMP and step * quant.scale[0] == op.value
        return isinstance(op, Concat) and state.clamp == NO_CLAMP and {v.type.quant for v in state.operands} == {quant}

    def _commute(self, node: Node) -> State:
        state = self.state[node.inputs[0]]
        if isinstance(state, Known):
            return Known(self._emit(node.op, (state.value,), node.output.name, node.loc))
        if isinstance(state, FloatInput) and isinstance(node.op, MaxPool2D):
            raise Gap(node.loc, "MaxPool", "it reads a float32 input without QuantizeLinear")
        return replace(state, moves=(*state.moves, node))

    def _clamp(self, node: Node, op: Clamp) -> State:
        state = self.state[node.inputs[0]]
        if isinstance(state, FloatInput):
            raise Gap(node.loc, "Clip", "it reads a float32 input without QuantizeLinear")
        if isinstance(state, Known):
            return Pending(None, (state.value,), node.loc, op.clamp)
        lo, hi = (min(max(bound, op.clamp[0]), op.clamp[1]) for bound in state.clamp)
        return replace(state, clamp=(lo, hi), loc=f"{state.loc} + {node.loc}")

    def _quantize(self, node: Node, op: Quantize) -> None:
        state = self.state.get(node.inputs[0])
        if op.out_quant.axis is not None or op.dtype != "int8" or state is None:
            raise Gap(node.loc, "QuantizeLinear", "only computed activations with one int8 scale are quantised here")
        if isinstance(state, FloatInput):
            self._quantize_input(node, op, state)
            return
        if isinstance(state, Known):
            known = state.value.type
            if known == node.output.type and not (self._is_input(state.value) and node.output in self.graph.outputs):
                self.mapping[node.output] = state.value
                return
            state = Pending(None, (state.value,), node.loc)
        self._pending(state, op.out_quant, node.output)

    def _quantize_input(self, node: Node, op: Quantize, state: FloatInput) -> None:
        """The input itself becomes int8; what moved it before its Quantize moves the integers."""
        x = state.value
        have = self.inputs.get(x)
        if have is None:
            have = Value(x.name, TensorType("int8", x.type.shape, op.out_quant))
            self.inputs[x] = have
        if have.type.quant != op.out_quant:
            raise Gap(node.loc, "QuantizeLinear", f"input {x.name!r} is quantised a second time with other parameters")
        y = have
        for move in state.moves:
            y = self._emit(move.op, (y,), move.output.name, move.loc)
        if node.output in self.graph.outputs and y is have:
            y = self._copy(y, node.output.name, node.loc)
        self.mapping[node.output] = y

    def _pending(self, state: Pending, quant: QuantParams | None, output: Value | None) -> Value:
        """Emit the integer form of a pending op with this output quantization; it writes ``output`` if given."""
        if quant is None:
            raise Gap(state.loc, "Quantize", "it has no scale")
        op, operands, name = self._first(state, quant)
        chain = [(op, name, state.loc)]
        clamp = steps(state.clamp, quant)
        if getattr(op, "clamp", NO_CLAMP) != clamp:
            chain.append((Clamp(clamp), f"{name}_clamped", state.loc))
        chain += [(move.op, move.output.name, move.loc) for move in state.moves]
        for i, (step, wanted, loc) in enumerate(chain):
            last = output if i == len(chain) - 1 else None
            operands = (self._emit(step, operands, wanted, loc, last),)
        return operands[0]

    def _first(self, state: Pending, quant: QuantParams) -> tuple[Op, tuple[Value, ...], str]:
        """The op that gives this quantization, its operands, and a name for its result."""
        node, clamp = state.node, steps(state.clamp, quant)
        if node is None:
            (x,) = state.operands
            check_ratio(x.type.scale, quant)
            same = quant == x.type.quant
            op: Op = Clamp(clamp) if same else Requantize(quant, "int8", clamp, "even")
            return op, state.operands, f"{x.name}_requantized"
        if isinstance(node.op, Concat | Pad):
            operands = tuple(self._rescaled(v, quant, state.loc) for v in state.operands)
            op = replace(node.op, value=padding_step(node.op.value, quant)) if isinstance(node.op, Pad) else node.op
            return op, operands, node.output.name
        return *integer_layer(node, state.operands, quant, clamp, self.names), node.output.name

    def _rescaled(self, value: Value, quant: QuantParams, loc: str) -> Value:
        value = single_number(value, self.names)
        if value.type.quant == quant:
            return value
        check_ratio(value.type.scale, quant)
        return self._emit(Requantize(quant, "int8", rounding="even"), (value,), f"{value.name}_rescaled", loc)

    def _emit(self, op: Op, inputs: tuple[Value, ...], name: str, loc: str, output: Value | None = None) -> Value:
        """Append a node that writes ``output``, or a new value of this name."""
        (t,) = op.infer([v.type for v in inputs])
        if output is not None and output.type != t:
            raise InternalError(f"{loc}: made {t}, the graph has {output.type}")
        value = output or Value(self.names.fresh(name), t)
        self.nodes.append(Node(op, inputs, (value,), loc))
        return value
