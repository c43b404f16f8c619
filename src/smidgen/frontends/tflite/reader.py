# SPDX-License-Identifier: Apache-2.0
"""TFLite flatbuffer to graph. Format: tensorflow/compiler/mlir/lite/schema/schema.fbs, version 3."""

from __future__ import annotations

import struct
from dataclasses import dataclass

import tflite

from smidgen.errors import Finding, InvalidGraph, MalformedModel
from smidgen.frontends.support import unsupported
from smidgen.frontends.tflite.operator import OpReader
from smidgen.frontends.tflite.ops import IMPORTERS, Importer
from smidgen.frontends.tflite.tensors import Downstream, Refused, TensorTable, builtin_name
from smidgen.ir import Graph, Node, Numerics, verify

_RESHAPING = ("RESHAPE", "SQUEEZE", "EXPAND_DIMS")
_BROKEN = (
    struct.error,
    IndexError,
    ValueError,
    TypeError,
    OverflowError,
    AttributeError,
    AssertionError,
    KeyError,
    MemoryError,
)
"""What reading a damaged flatbuffer can raise: offsets outside the file, wrong union members, nonsense counts."""


def read_tflite(data: bytes, name: str, source: str) -> Graph:
    """The graph of a TFLite model's only subgraph: integer form, ``tflm-int8.v1``.

    A model without any quantised tensor is one of floats, in imported form; what our quantiser makes of it rounds as
    ``onnx-qdq.v1`` says, which is its numerics from the start.

    Raises MalformedModel when the file is damaged or contradicts itself, UnsupportedModel with all findings when it is
    well formed but beyond smidgen.
    """
    try:
        return _Reader(data, name, source).graph()
    except MalformedModel as e:
        raise MalformedModel(f"{e}. The file contradicts itself: convert the model again, or download it again") from e
    except InvalidGraph as e:
        raise MalformedModel(f"{source}: {e}. The file contradicts itself: convert the model again") from e
    except _BROKEN as e:
        raise MalformedModel(
            f"{source} is not a valid TFLite model: an offset or count in it points outside its {len(data)} bytes "
            f"or to the wrong thing. The file is damaged or truncated: export it again, or download it again"
        ) from e


@dataclass
class _Reader:
    data: bytes
    name: str
    source: str

    def graph(self) -> Graph:
        model = tflite.Model.GetRootAs(self.data, 0)
        if model.Version() != 3:
            raise MalformedModel(f"{self.source}: schema version {model.Version()}, expected 3")
        if model.SubgraphsLength() != 1:
            self._refuse_subgraphs(model.SubgraphsLength())
        subgraph = model.Subgraphs(0)
        table = TensorTable(model, subgraph, self.data, self.source)
        read = table.indices(subgraph.InputsAsNumpy(), "inputs")
        inputs = tuple(table.graph_input(i) for i in read)
        nodes = self._nodes(model, subgraph, table)
        written = table.indices(subgraph.OutputsAsNumpy(), "outputs")
        outputs = tuple(table.activation(i) for i in written)
        if not inputs or not outputs:
            raise MalformedModel(f"{self.source} has no {'inputs' if not inputs else 'outputs'}")
        numerics: Numerics = "tflm-int8.v1" if any(v.type.quant for n in nodes for v in n.inputs) else "onnx-qdq.v1"
        graph = Graph(
            self.name,
            numerics,
            inputs,
            outputs,
            tuple(nodes),
            input_names=tuple(table.written_name(i) for i in read),
            output_names=tuple(table.written_name(i) for i in written),
        )
        verify(graph, "imported" if numerics == "onnx-qdq.v1" else "integer")
        return graph

    def _refuse_subgraphs(self, count: int) -> None:
        if count == 0:
            raise MalformedModel(f"{self.source} has no subgraph")
        finding = Finding("control flow", "model", f"{count} subgraphs", "Export a model without If, While or CallOnce")
        raise unsupported(self.source, [finding])

    def _nodes(self, model: tflite.Model, subgraph: tflite.SubGraph, table: TensorTable) -> list[Node]:
        nodes: list[Node] = []
        findings = list(table.input_findings)
        readers = [self._reader(model, table, i) for i in range(table.count(subgraph.OperatorsLength(), "operators"))]
        for reader in _live(readers, table):
            try:
                nodes += _convert(reader, IMPORTERS.get(reader.kind))
            except Downstream:
                table.poison(reader)
            except Refused as e:
                findings.append(Finding(reader.kind, f"op {reader.index}", e.reason, e.remedy))
                table.poison(reader)
        if findings:
            raise unsupported(self.source, findings)
        return nodes

    def _reader(self, model: tflite.Model, table: TensorTable, index: int) -> OpReader:
        op = table.subgraph.Operators(index)
        code = model.OperatorCodes(op.OpcodeIndex())
        kind = builtin_name(code)
        return OpReader(index, kind, code.Version(), op, table, f"{self.source}:op {index} {kind}")


def _live(readers: list[OpReader], table: TensorTable) -> list[OpReader]:
    """All operators but those that compute shapes: new shapes are read from the tensors that have them."""
    needed = set(table.indices(table.subgraph.OutputsAsNumpy(), "outputs"))
    live = []
    for reader in reversed(readers):
        outputs = reader.output_indices
        if needed.intersection(outputs) or not all(table.is_integer(i) for i in outputs):
            live.append(reader)
            needed.update(reader.inputs[:1] if reader.kind in _RESHAPING else reader.inputs)
    return live[::-1]


def _convert(reader: OpReader, importer: Importer | None) -> list[Node]:
    if importer is None:
        raise Refused("this operator is not supported", "See `smidgen ops`; replace it or ask for it")
    reader.check_version()
    try:
        nodes = importer.convert(reader)
    except InvalidGraph as e:
        raise MalformedModel(f"{reader.loc}: {e}") from e
    for output in nodes[-1].outputs if nodes else ():
        reader.table.define(reader.output_index, output)
    return nodes
