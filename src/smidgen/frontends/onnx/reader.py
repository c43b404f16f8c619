# SPDX-License-Identifier: Apache-2.0
"""ONNX bytes to a Graph in form "imported": floats, Quantize and Dequantize as the file says, layouts not yet moved."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx

from smidgen.errors import Finding, InvalidGraph, MalformedModel
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand, Refusal, shape_of
from smidgen.frontends.onnx.folding import FOLDABLE, MAX_ELEMENTS, fold
from smidgen.frontends.onnx.functions import inlined
from smidgen.frontends.onnx.model import (
    FOUR_BIT_TYPES,
    STANDARD_DOMAINS,
    ModelProto,
    check_model,
    decode_model,
    model_findings,
    opset_of,
    tensor_array,
)
from smidgen.frontends.onnx.ops import BY_NAME, CONSTANT_ONLY
from smidgen.frontends.onnx.outputs import Outputs, kept_outputs, live_nodes
from smidgen.frontends.onnx.quantization import propagate, uint8_input, uint8_output
from smidgen.frontends.support import unsupported
from smidgen.ir import Array, DType, Graph, TensorType, Value, verify
from smidgen.ir.names import Names
from smidgen.ops import Reshape

_MICROSOFT = "com.microsoft"
_MICROSOFT_OPS = ("QuantizeLinear", "DequantizeLinear")  # the standard ones under another domain
_INPUT_TYPES: dict[int, DType] = {
    onnx.TensorProto.FLOAT: "float32",
    onnx.TensorProto.INT8: "int8",
    onnx.TensorProto.UINT8: "uint8",
    onnx.TensorProto.INT16: "int16",
}
_MAX_DIMENSION = 1 << 24

_NAME_CHARACTERS = 48


def read_onnx(data: bytes, name: str, source: str) -> Graph:
    """The model in these bytes; ``source`` is what messages call the file, ``name`` what the graph is called.

    Raises MalformedModel for bytes that are no sound ONNX model, UnsupportedModel with all findings for sound ones
    that use what smidgen does not have. uint8 inputs and outputs keep their type; inside, uint8 is int8, less 128.
    """
    model = decode_model(data, source)
    findings = model_findings(model)
    if findings:  # before the checker, which calls what it does not know damaged
        raise unsupported(source, findings)
    check_model(model, source)
    graph, findings = _Reader(inlined(model, source), name, source).read()
    if graph is None:
        raise unsupported(source, findings)
    return graph


class _Poison:
    """Stands for the outputs of nodes that could not be imported."""


_POISON = _Poison()


class _Reader:
    def __init__(self, model: ModelProto, name: str, source: str) -> None:
        self.model, self.name, self.source = model, name, source
        self.opset = opset_of(model)
        self.findings: list[Finding] = []
        self.ctx = Context(Names())
        self.poisoned: set[str] = set()
        self.folded = 0
        self.inputs: list[Value] = []
        self.input_names: list[str] = []
        self.outputs = Outputs((), ())

    def read(self) -> tuple[Graph | None, list[Finding]]:
        """The graph (None with findings) and the findings."""
        nodes = [
            OnnxNode(p, f"{self.source}:node {i} {p.op_type} {_shortened(p.name)!r}", self.opset)
            for i, p in enumerate(self.model.graph.node)
        ]
        for tensor in self.model.graph.initializer:
            self._note_four_bits(tensor, tensor.name)
            self.ctx.operands[tensor.name] = tensor_array(tensor, self.source)
        self._propagate(nodes)
        self.outputs, missing = kept_outputs(self.model, nodes)
        self.findings += missing
        nodes = live_nodes(nodes, self.outputs.names) if not missing else []
        self.ctx.read = frozenset((*self.outputs.names, *(i for n in nodes for i in n.inputs)))
        self.ctx.inner_names = {
            o.name: f"{o.name}_int8"
            for o in self.model.graph.output
            if o.type.tensor_type.elem_type == onnx.TensorProto.UINT8
        }
        for info in self.model.graph.input:
            if info.name not in self.ctx.operands:
                self._import_input(info)
        for node in nodes:
            self._import_node(node)
        if self.findings:
            return None, self.findings
        return self._finish()

    def _note_four_bits(self, tensor: Any, name: str) -> None:
        if tensor.data_type in FOUR_BIT_TYPES:
            self.ctx.four_bit.add(name)

    def _propagate(self, nodes: Sequence[OnnxNode]) -> None:
        constants: dict[str, Array] = {k: v for k, v in self.ctx.operands.items() if isinstance(v, np.ndarray)}
        for node in nodes:
            if node.op_type == "Constant" and node.outputs:
                try:
                    constants[node.outputs[0]] = self._constant(node)
                except Refusal:
                    continue  # reported when the node is imported
        try:
            self.ctx.quant = propagate(list(nodes), constants)
        except Refusal as e:
            self.findings.append(Finding("scale", "", e.reason, e.remedy))

    def _import_input(self, info: Any) -> None:
        try:
            value = Value(self.ctx.names.fresh(info.name), self._input_type(info))
            unsigned = value.type.dtype == "uint8"
            operand = uint8_input(self.ctx, value, f"{self.source}:input {info.name!r}") if unsigned else value
        except Refusal as e:
            self.findings.append(Finding("input", info.name, e.reason, e.remedy))
            self.poisoned.add(info.name)
            return
        self.ctx.operands[info.name] = operand
        self.inputs.append(value)
        self.input_names.append(info.name)

    def _input_type(self, info: Any) -> TensorType:
        tensor = info.type.tensor_type
        if not info.type.HasField("tensor_type") or tensor.elem_type not in _INPUT_TYPES:
            kind = onnx.TensorProto.DataType.Name(tensor.elem_type) if tensor.elem_type in range(1, 24) else "no tensor"
            raise Refusal(f"it is {kind}", "Inputs must be float32, int8, uint8 or int16 tensors")
        if not tensor.HasField("shape"):
            raise Refusal("it has no shape", "Export with a fixed input shape")
        shape = tuple(self._dimension(i, d) for i, d in enumerate(tensor.shape.dim))
        dtype = _INPUT_TYPES[tensor.elem_type]
        quant = None if dtype == "float32" else self.ctx.quant.get(info.name)
        if dtype != "float32" and quant is None:
            raise Refusal("it is an integer tensor that no DequantizeLinear reads", "Give it a scale and a zero point")
        return TensorType(dtype, shape, quant)

    def _dimension(self, index: int, dim: Any) -> int:
        """A fixed dimension; a symbolic first one is the batch and counts as 1."""
        if dim.HasField("dim_value"):
            if 0 < dim.dim_value <= _MAX_DIMENSION:
                return int(dim.dim_value)
            if index or dim.dim_value:
                raise Refusal(f"dimension {index} is {dim.dim_value}", "Export with a fixed input shape")
        if index == 0:
            return 1
        what = dim.dim_param or "unnamed"
        raise Refusal(
            f"dimension {index} ({what}) is dynamic; only the first, the batch, may be",
            "Fix it: python -m onnxruntime.tools.make_dynamic_shape_fixed --input_name NAME --input_shape SHAPE",
        )

    def _import_node(self, node: OnnxNode) -> None:
        outputs = [o for o in node.outputs if o]
        try:
            self._check_known(node)
            if self.poisoned.intersection(node.inputs) or not outputs:
                raise _Skip
            self._check_inputs(node)
            result = self.ctx.operands[node.outputs[0]] = self._run(node)
            self._mark_unsigned(node, result)
        except _Skip:
            self.poisoned.update(outputs)
        except Refusal as e:
            self.findings.append(Finding(node.op_type, node.proto.name or "".join(outputs[:1]), e.reason, e.remedy))
            self.poisoned.update(outputs)
        except (InvalidGraph, OverflowError, ValueError) as e:
            raise MalformedModel(f"{node.loc}: its operands do not fit together ({e})") from e
        else:
            self.poisoned.update(o for o in outputs[1:])

    def _mark_unsigned(self, node: OnnxNode, result: Operand) -> None:
        """What an op that moves bytes makes of a uint8 tensor is uint8, too."""
        if isinstance(result, Value) and result.type.dtype == "int8":
            operands = [self.ctx.operands[n] for n in node.inputs if n]
            if any(isinstance(x, Value) and x in self.ctx.unsigned for x in operands):
                self.ctx.unsigned.add(result)

    def _check_known(self, node: OnnxNode) -> None:
        domain, importer = node.proto.domain, BY_NAME.get(node.op_type)
        known = domain in STANDARD_DOMAINS or (domain == _MICROSOFT and node.op_type in _MICROSOFT_OPS)
        if importer is not None and importer.domain:
            known = domain == importer.domain
        if not known:
            raise Refusal(f"it is of the domain {domain!r}", "Export with standard ONNX operators only")
        if importer is None and node.op_type not in CONSTANT_ONLY:
            raise Refusal("this operator is not supported")
        if importer is not None and not importer.oldest <= node.opset <= importer.newest and not importer.domain:
            raise Refusal(
                f"its definition of opset {node.opset} is not supported",
                f"Export with opset {importer.oldest} to {importer.newest}",
            )

    def _check_inputs(self, node: OnnxNode) -> None:
        missing = [n for n in node.inputs if n and n not in self.ctx.operands]
        if missing:
            raise MalformedModel(f"{node.loc}: reads {missing[0]!r}, which nothing writes before")

    def _run(self, node: OnnxNode) -> Operand:
        if node.op_type == "Constant":
            return self._constant(node)
        if node.op_type == "Shape":
            return self._shape(node)
        inputs = [self.ctx.operands[n] if n else None for n in node.inputs]
        if node.op_type in FOLDABLE and all(a is None or isinstance(a, np.ndarray) for a in inputs):
            result = fold(node, [a if isinstance(a, np.ndarray) else None for a in inputs])
            self.folded += result.size
            if self.folded > MAX_ELEMENTS:
                raise Refusal(f"constants computed so far have {self.folded} elements", f"The limit is {MAX_ELEMENTS}")
            return result
        importer = BY_NAME.get(node.op_type)
        if importer is None:
            raise Refusal("it is supported only on constants", "Remove it, or make its inputs constant (onnxsim)")
        return importer.run(self.ctx, node)

    def _constant(self, node: OnnxNode) -> Array:
        for attribute in node.proto.attribute:
            if attribute.name == "value":
                self._note_four_bits(attribute.t, node.outputs[0])
                return tensor_array(attribute.t, node.loc)
            if attribute.name in ("value_float", "value_floats"):
                return np.array(onnx.helper.get_attribute_value(attribute), np.float32)
            if attribute.name in ("value_int", "value_ints"):
                return np.array(onnx.helper.get_attribute_value(attribute), np.int64)
        raise Refusal("it holds no dense numeric tensor")

    def _shape(self, node: OnnxNode) -> Array:
        dims = shape_of(self.ctx.operand(node, 0))
        start, end = node.int("start", 0), node.int("end", len(dims))
        return np.array(dims[start:end], np.int64)

    def _finish(self) -> tuple[Graph | None, list[Finding]]:
        outputs = []
        for name in self.outputs.names:
            operand = self.ctx.operands.get(name)
            if not isinstance(operand, Value):
                reason = "it does not depend on any input" if operand is not None else "no node writes it"
                self.findings.append(Finding("output", name, reason, "Remove this output"))
                continue
            loc = f"{self.source}:output {name!r}"
            if operand in self.ctx.unsigned:
                operand = uint8_output(self.ctx, operand, name, loc)
            elif operand in self.inputs:
                operand = self.ctx.emit(Reshape(operand.type.shape), (operand,), name, loc)
            outputs.append(operand)
        if self.findings:
            return None, self.findings
        if not self.inputs or not outputs:
            raise MalformedModel(f"{self.source}: the graph has no {'outputs' if self.inputs else 'inputs'}")
        graph = Graph(
            self.name,
            "onnx-qdq.v1",
            tuple(self.inputs),
            tuple(outputs),
            tuple(self.ctx.nodes),
            notes=self.outputs.notes,
            input_names=tuple(self.input_names),
            output_names=self.outputs.names,
        )
        verify(graph, "imported")
        return graph, []


class _Skip(Exception):
    """Control flow: the node reads what could not be imported, so nothing more can be said about it."""


def _shortened(name: object) -> str:
    """Exporters join the names of everything they fused; the last part tells most, the node's number the rest.

    A damaged file's name can arrive as bytes that are no UTF-8.
    """
    last = str(name).rsplit(";", 1)[-1]
    return last if len(last) <= _NAME_CHARACTERS else f"...{last[-_NAME_CHARACTERS:]}"
