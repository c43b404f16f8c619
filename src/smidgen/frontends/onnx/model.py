# SPDX-License-Identifier: Apache-2.0
"""Bytes to a checked onnx.ModelProto, and the facts that hold for the whole file."""

from __future__ import annotations

from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError  # type: ignore[import-untyped]  # no stubs, one exception
from onnx import numpy_helper

from smidgen.errors import Finding, MalformedModel
from smidgen.ir import Array

OLDEST_OPSET, NEWEST_OPSET = 11, 21
FOUR_BIT_TYPES = (onnx.TensorProto.INT4, onnx.TensorProto.UINT4)
STANDARD_DOMAINS = ("", "ai.onnx")
MACHINE_LEARNING = "ai.onnx.ml"
_REEXPORT = "Export the model again, or download it again if it should be intact"

ModelProto = Any  # onnx's classes are generated at run time; their fields are checked where they enter


def decode_model(data: bytes, source: str) -> ModelProto:
    """The model in these bytes, its parts not yet checked. Raises MalformedModel."""
    if not data:
        raise MalformedModel(f"{source}: the file is empty. {_REEXPORT}")
    try:
        model = onnx.ModelProto.FromString(data)
    except (DecodeError, ValueError, RuntimeError) as e:
        raise MalformedModel(f"{source}: not an ONNX file, or a truncated one ({_first_line(e)}). {_REEXPORT}") from e
    if not model.graph.node and not model.graph.output:
        raise MalformedModel(f"{source}: the file holds no ONNX graph. {_REEXPORT}")
    return model


def check_model(model: ModelProto, source: str) -> None:
    """Run onnx's own checker. Raises MalformedModel."""
    for info in model.graph.output:  # runtimes take an output without a shape, the checker does not; nor is it needed
        if info.type.HasField("tensor_type"):
            info.type.tensor_type.shape.SetInParent()
    try:
        onnx.checker.check_model(model)
    except (onnx.checker.ValidationError, ValueError, RuntimeError, TypeError, UnicodeError) as e:
        raise MalformedModel(f"{source}: onnx's checker refuses the file: {_first_line(e)}. {_REEXPORT}") from e


def opset_of(model: ModelProto) -> int:
    """The version of the standard operator set; 0 where the file imports none."""
    return max((int(o.version) for o in model.opset_import if o.domain in STANDARD_DOMAINS), default=0)


def model_findings(model: ModelProto) -> list[Finding]:
    """What is wrong with the file as a whole."""
    findings = []
    opset = opset_of(model)
    if not OLDEST_OPSET <= opset <= NEWEST_OPSET:
        findings.append(
            Finding(
                "opset",
                str(opset),
                f"operator set {opset} is outside {OLDEST_OPSET} to {NEWEST_OPSET}",
                f"Export with opset {OLDEST_OPSET} to {NEWEST_OPSET}, or convert with onnx.version_converter",
            )
        )
    if model.graph.sparse_initializer:
        findings.append(Finding("initializer", "sparse", "sparse tensors are not read", "Store them as dense tensors"))
    return findings


def tensor_array(tensor: Any, source: str) -> Array:
    """The data of a TensorProto, four-bit integers as int8. Raises MalformedModel where it does not fit its shape."""
    if tensor.data_location == onnx.TensorProto.EXTERNAL or tensor.external_data:
        raise MalformedModel(
            f"{source}: tensor {tensor.name!r} keeps its data in another file. "
            "Save the model in one file: onnx.save(model, path, save_as_external_data=False)"
        )
    try:
        array: Array = numpy_helper.to_array(tensor)
    except Exception as e:  # onnx raises many kinds here, from numpy's and protobuf's to its own
        raise MalformedModel(f"{source}: tensor {tensor.name!r} does not hold what it says ({_first_line(e)})") from e
    return array.astype(np.int8) if tensor.data_type in FOUR_BIT_TYPES else array


def _first_line(e: BaseException) -> str:
    text = str(e).strip().splitlines()
    return (text[0] if text else type(e).__name__)[:200].rstrip(".")
