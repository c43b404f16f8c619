# SPDX-License-Identifier: Apache-2.0
"""Small ONNX models built in code, the way from their bytes to integers, and where the official ones lie."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
import onnxruntime
import pytest
from onnx import TensorProto, helper, numpy_helper
from onnx.reference import ReferenceEvaluator

from smidgen.frontends.onnx import read_onnx
from smidgen.ir import Graph
from smidgen.quantize import integerize
from smidgen.transforms import FLOAT, INTEGER, run_pipeline
from tests.shared import SHARED

Array = npt.NDArray[Any]
TASKS = ("ad01", "ic01", "kws01", "sww01", "vww01")


def official(task: str, kind: str = "int8") -> bytes:
    """The bytes of an official MLPerf Tiny model as ONNX; skips the test where it is absent."""
    path = SHARED / "zoo" / task / f"{task}_{kind}.onnx"
    if not path.is_file():
        pytest.skip(f"{path} is absent (set SMIDGEN_SHARED to the folder that has zoo/ and datasets/)")
    return path.read_bytes()


def kws_samples() -> tuple[Array, Array]:
    """(500 inputs as int8 (49, 10, 1), their labels)."""
    path = SHARED / "datasets" / "kws01" / "kws01.npz"
    if not path.is_file():
        pytest.skip(f"{path} is absent (set SMIDGEN_SHARED to the folder that has zoo/ and datasets/)")
    with np.load(path) as file:
        return file["x"].reshape(-1, 49, 10, 1).astype(np.int8), file["y"]


Oracle = Callable[[Sequence[Array]], list[Array]]


def onnx_runtime(data: bytes, *, optimized: bool) -> Oracle:
    """ONNX Runtime on the CPU, one thread, with all graph optimisations or none."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    level = onnxruntime.GraphOptimizationLevel
    options.graph_optimization_level = level.ORT_ENABLE_ALL if optimized else level.ORT_DISABLE_ALL
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    names = [i.name for i in session.get_inputs()]
    return lambda inputs: [np.asarray(y) for y in session.run(None, dict(zip(names, inputs, strict=True)))]


def reference_evaluator(data: bytes) -> Oracle:
    """onnx's evaluator in numpy.

    Its DequantizeLinear starts at opset 19, so older models are called 19. That changes the meaning of none of the ops
    they are used with here: it only added types, dilations of average pools and the like.
    """
    model = onnx.load_model_from_string(data)
    for opset in model.opset_import:
        opset.version = max(opset.version, 19) if opset.domain == "" else opset.version
    evaluator = ReferenceEvaluator(model)
    names = list(evaluator.input_names)
    return lambda inputs: [np.asarray(y) for y in evaluator.run(None, dict(zip(names, inputs, strict=True)))]


def imported(data: bytes) -> Graph:
    """Read, with the float passes applied."""
    return run_pipeline(FLOAT, read_onnx(data, "model", "model.onnx"))


def integer(data: bytes, probe: Sequence[Array] | None = None) -> Graph:
    """Read, made integer and lowered; ``probe`` makes every exact pass prove itself."""
    return run_pipeline(INTEGER, integerize(imported(data)), probe=probe)


@dataclass
class Builder:
    """Collects nodes; each method returns the name of the tensor it makes."""

    opset: int = 17
    nodes: list[Any] = field(default_factory=list)
    inputs: list[Any] = field(default_factory=list)
    initializers: list[Any] = field(default_factory=list)
    count: int = 0

    def name(self, stem: str) -> str:
        self.count += 1
        return f"{stem}_{self.count}"

    def constant(self, array: Array, stem: str = "constant") -> str:
        name = self.name(stem)
        self.initializers.append(numpy_helper.from_array(np.asarray(array), name))
        return name

    def input(self, shape: Sequence[int | str | None], dtype: int = TensorProto.INT8) -> str:
        name = self.name("x")
        self.inputs.append(helper.make_tensor_value_info(name, dtype, shape))
        return name

    def node(self, op: str, *inputs: str, **attributes: Any) -> str:
        name = self.name(op.lower())
        self.nodes.append(helper.make_node(op, list(inputs), [name], name=f"n_{name}", **attributes))
        return name

    def _params(self, scale: float | Array, zero_point: int | Array, dtype: type) -> tuple[str, str]:
        zero = np.broadcast_to(np.asarray(zero_point, dtype), np.shape(scale))
        return self.constant(np.float32(scale), "scale"), self.constant(np.array(zero), "zero")

    def quantize(self, x: str, scale: float, zero_point: int, dtype: type = np.int8) -> str:
        return self.node("QuantizeLinear", x, *self._params(scale, zero_point, dtype))

    def dequantize(
        self, x: str, scale: float | Array, zero_point: int | Array, dtype: type = np.int8, **attributes: int
    ) -> str:
        return self.node("DequantizeLinear", x, *self._params(scale, zero_point, dtype), **attributes)

    def build(self, *outputs: str, ir_version: int = 8, output_type: int = TensorProto.INT8) -> bytes:
        infos = [helper.make_tensor_value_info(o, output_type, None) for o in outputs]
        graph = helper.make_graph(self.nodes, "g", self.inputs, infos, self.initializers)
        opsets = [helper.make_opsetid("", self.opset)]
        model = helper.make_model(graph, opset_imports=opsets, ir_version=ir_version)
        data: bytes = model.SerializeToString()
        return data


def tiny_model(opset: int = 17) -> bytes:
    """Conv, relu, pool, flatten, dense, softmax on an NCHW int8 input of (1, 2, 6, 6)."""
    rng = np.random.default_rng(3)
    b = Builder(opset)
    x = b.dequantize(b.input((1, 2, 6, 6)), 0.05, 3)
    w = rng.integers(-127, 128, (4, 2, 3, 3)).astype(np.int8)
    scale = rng.uniform(0.005, 0.01, 4).astype(np.float32)
    weights = b.dequantize(b.constant(w, "w"), scale, 0, axis=0)
    bias = b.dequantize(
        b.constant(rng.integers(-900, 900, 4).astype(np.int32), "b"), scale * np.float32(0.05), 0, np.int32, axis=0
    )
    y = b.node("Relu", b.node("Conv", x, weights, bias, pads=[1, 1, 1, 1]))
    y = b.dequantize(b.quantize(y, 0.04, -128), 0.04, -128)
    y = b.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    y = b.dequantize(b.quantize(y, 0.04, -128), 0.04, -128)
    y = b.node("Flatten", y)
    y = b.dequantize(b.quantize(y, 0.04, -128), 0.04, -128)
    dense = rng.integers(-127, 128, (36, 5)).astype(np.int8)
    y = b.node("MatMul", y, b.dequantize(b.constant(dense, "dense"), 0.01, 0))
    y = b.dequantize(b.quantize(y, 0.1, 4), 0.1, 4)
    return b.build(b.quantize(b.node("Softmax", y), 1 / 256, -128))
