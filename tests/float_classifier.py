# SPDX-License-Identifier: Apache-2.0
"""A small float classifier, and samples whose labels are mostly what it says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnx
from onnx import TensorProto, helper, numpy_helper

from smidgen.compiler import load_float
from smidgen.ir import Graph

Array = npt.NDArray[Any]
SHAPE = (6, 5, 2)  # height, width, channels; the file has channels first


def classifier(seed: int = 0, classes: int = 3) -> bytes:
    """Conv 3x3, depthwise 3x3, conv 1x1, mean, fully connected; as an ONNX file with an NCHW input ``x``."""
    rng = np.random.default_rng(seed)

    def weights(name: str, *shape: int) -> onnx.TensorProto:
        return numpy_helper.from_array(rng.normal(0, 0.5, shape).astype(np.float32), name)

    h, w, c = SHAPE
    nodes = [
        helper.make_node("Conv", ["x", "w0", "b0"], ["c0"], pads=[1, 1, 1, 1], name="first"),
        helper.make_node("Relu", ["c0"], ["r0"]),
        helper.make_node("Conv", ["r0", "w1"], ["c1"], pads=[1, 1, 1, 1], group=16, name="depthwise"),
        helper.make_node("Relu", ["c1"], ["r1"]),
        helper.make_node("Conv", ["r1", "w2", "b2"], ["c2"], name="pointwise"),
        helper.make_node("Relu", ["c2"], ["r2"]),
        helper.make_node("GlobalAveragePool", ["r2"], ["p"]),
        helper.make_node("Flatten", ["p"], ["f"]),
        helper.make_node("Gemm", ["f", "w3", "b3"], ["y"], transB=1, name="last"),
    ]
    constants = [weights("w0", 16, c, 3, 3), weights("b0", 16), weights("w1", 16, 1, 3, 3)]
    constants += [weights("w2", 32, 16, 1, 1), weights("b2", 32), weights("w3", classes, 32), weights("b3", classes)]
    graph = helper.make_graph(
        nodes,
        "classifier",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, c, h, w])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, classes])],
        constants,
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    return bytes(model.SerializeToString())


def save_classifier(path: Path, seed: int = 0) -> Graph:
    """Written to ``path``; the same as a clean float graph."""
    path.write_bytes(classifier(seed))
    return load_float(path)


def input_shape(graph: Graph) -> tuple[int, ...]:
    """Of one sample, as the graph takes it."""
    return graph.inputs[0].type.shape[1:]


def samples(graph: Graph, count: int, seed: int = 1) -> Array:
    """Standard normal inputs."""
    return np.random.default_rng(seed).standard_normal((count, *input_shape(graph))).astype(np.float32)
