# SPDX-License-Identifier: Apache-2.0
"""Which outputs of an ONNX file are kept, and which nodes these need: class labels are dropped, scores are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import onnx

from smidgen.errors import Finding
from smidgen.frontends.onnx.context import OnnxNode
from smidgen.frontends.onnx.model import MACHINE_LEARNING, ModelProto

_Type = onnx.TensorProto
_SCORES = frozenset((_Type.UNDEFINED, _Type.FLOAT, _Type.INT8, _Type.UINT8, _Type.FLOAT16, _Type.DOUBLE))
_REMEDY = (
    "Export the scores too: keep the probabilities that skl2onnx gives, or remove the ArgMax at the end; the label is "
    "the index of the largest score"
)


@dataclass(frozen=True, slots=True)
class Outputs:
    """The names of the kept tensors, and a sentence on each output that was left out or replaced."""

    names: tuple[str, ...]
    notes: tuple[str, ...]


def kept_outputs(model: ModelProto, nodes: Sequence[OnnxNode]) -> tuple[Outputs, list[Finding]]:
    """What of the model's outputs becomes outputs of the graph; a finding where that is nothing."""
    producers = {o: n for n in nodes for o in n.outputs}
    names, notes, dropped = [], [], []
    for info in model.graph.output:
        producer, kind = producers.get(info.name), _kind(info)
        if producer is not None and producer.op_type == "ZipMap" and producer.proto.domain == MACHINE_LEARNING:
            names.append(producer.inputs[0])
            notes.append(
                f"output {info.name!r} is a map from labels to scores (ZipMap): the scores alone are kept, in the "
                f"order of the labels, as output {producer.inputs[0]!r}"
            )
        elif kind is None:
            names.append(info.name)
        else:
            dropped.append(Finding("output", info.name, f"it is {kind}: a label, not a score", _REMEDY))
            notes.append(f"output {info.name!r} is left out: it is {kind}, a label made from the scores that are kept")
    outputs = Outputs(tuple(dict.fromkeys(names)), tuple(notes))
    return outputs, [] if names else dropped


def _kind(info: Any) -> str | None:
    """The type of an output that holds no scores; None for one that does."""
    if info.type.WhichOneof("value") not in (None, "tensor_type"):
        return f"a {info.type.WhichOneof('value').removesuffix('_type')}"
    number = info.type.tensor_type.elem_type
    if number in _SCORES or number not in _Type.DataType.values():
        return None
    return f"a tensor of {_Type.DataType.Name(number)}"


def live_nodes(nodes: Sequence[OnnxNode], outputs: Sequence[str]) -> list[OnnxNode]:
    """The nodes that these outputs depend on, in order."""
    needed = set(outputs)
    live = []
    for node in reversed(nodes):
        if needed.intersection(node.outputs):
            needed.update(node.inputs)
            live.append(node)
    return live[::-1]
