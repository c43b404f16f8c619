# SPDX-License-Identifier: Apache-2.0
"""Float ONNX files: labels beside scores, functions, older operator sets, real exports, what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from smidgen.errors import MalformedModel, UnsupportedModel
from smidgen.frontends.onnx import read_onnx
from smidgen.ir import Graph, evaluate
from smidgen.ops import Clamp, Curve, FullyConnected, Transpose
from smidgen.transforms import FLOAT, run_pipeline
from tests.onnx_models import onnx_runtime
from tests.oracles.onnx_float_cases import FLOAT as REAL
from tests.oracles.onnx_float_cases import Net, scores

INT64 = TensorProto.INT64


def classifier(*, zipmap: bool, keep_scores: bool = True, opset: int = 17) -> bytes:
    """skl2onnx's structure: scores, and the label of the largest (ArgMax, ArrayFeatureExtractor, Cast, ZipMap)."""
    n = Net(opset, (3, 5))
    p = scores(n)
    best = n.node("ArgMax", p, axis=1)
    ml = {"domain": "ai.onnx.ml"}
    n.nodes.append(helper.make_node("ArrayFeatureExtractor", [n.constant(np.array([7, 9])), best], ["classes"], **ml))
    n.nodes.append(helper.make_node("Cast", ["classes"], ["label"], to=INT64))
    model = onnx.load_model_from_string(n.finish(p))
    del model.graph.output[:]
    model.graph.output.append(helper.make_tensor_value_info("label", INT64, None))
    if zipmap:
        model.graph.node.append(helper.make_node("ZipMap", [p], ["map"], classlabels_int64s=[7, 9], **ml))
        kind = helper.make_sequence_type_proto(
            helper.make_map_type_proto(INT64, helper.make_tensor_type_proto(REAL, None))
        )
        model.graph.output.append(helper.make_value_info("map", kind))
    elif keep_scores:
        model.graph.output.append(helper.make_tensor_value_info(p, REAL, None))
    data: bytes = model.SerializeToString()
    return data


def read(data: bytes) -> Graph:
    return read_onnx(data, "model", "file.onnx")


@pytest.mark.parametrize("zipmap", [False, True])
def test_labels_are_left_out_and_scores_kept(zipmap: bool) -> None:
    graph = run_pipeline(FLOAT, read(classifier(zipmap=zipmap)))
    assert [type(n.op).__name__ for n in graph.nodes] == ["FullyConnected", "FullyConnected", "Curve", "Add", "Concat"]
    assert [v.type.shape for v in graph.outputs] == [(3, 2)]
    assert "output 'label' is left out: it is a tensor of INT64, a label" in graph.notes[0]
    assert ("ZipMap" in graph.notes[-1]) == zipmap
    assert len(graph.notes) == 1 + zipmap
    (p,) = evaluate(graph, [np.random.default_rng(0).normal(0, 1, (3, 5)).astype(np.float32)])
    np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-6)


def test_labels_alone_are_refused() -> None:
    with pytest.raises(UnsupportedModel, match=r"label: output: it is a tensor of INT64: a label, not a score.*ArgMax"):
        read(classifier(zipmap=False, keep_scores=False))


def test_other_machine_learning_ops_are_refused() -> None:
    n = Net(17, (1, 4))
    n.nodes.append(helper.make_node("Normalizer", [n.x], ["y"], domain="ai.onnx.ml"))
    with pytest.raises(UnsupportedModel, match=r"this operator is not supported|of the domain 'ai.onnx.ml'"):
        read(n.finish("y"))


def with_function(body_op: str) -> bytes:
    """A model whose only node is a function of its own: Relu of an op."""
    n = Net(17, (2, 3))
    n.nodes.append(helper.make_node("Twice", [n.x], ["y"], domain="own"))
    model = onnx.load_model_from_string(n.finish("y"))
    model.opset_import.append(helper.make_opsetid("own", 1))
    domain = "own" if body_op == "Twice" else ""
    body = [helper.make_node(body_op, ["a"], ["b"], domain=domain), helper.make_node("Relu", ["b"], ["c"])]
    opsets = [helper.make_opsetid("", 17), helper.make_opsetid("own", 1)]
    model.functions.append(helper.make_function("own", "Twice", ["a"], ["c"], body, opsets))
    data: bytes = model.SerializeToString()
    return data


def test_functions_of_the_model_are_expanded() -> None:
    assert [type(n.op) for n in read(with_function("Tanh")).nodes] == [Curve, Clamp]


def test_a_function_that_calls_itself() -> None:
    with pytest.raises(MalformedModel, match=r"'Twice' calls itself|checker refuses"):
        read(with_function("Twice"))


def test_dead_nodes_need_no_support() -> None:
    n = Net(17, (2, 3))
    y = n.node("Relu", n.x)
    n.node("NonZero", n.node("Softsign", n.x))
    assert [type(k.op) for k in read(n.finish(y)).nodes] == [Clamp]


REFUSED = {
    "an LSTM": (lambda n: n.node("LSTM", n.x, n.weights(1, 8, 3), n.weights(1, 8, 2), hidden_size=2), "LSTM"),
    "division by a tensor": (lambda n: n.node("Div", n.x, n.node("Exp", n.x)), "Only division by a constant"),
    "division by zero": (lambda n: n.node("Div", n.x, n.number(0)), "divides by 0"),
    "a power": (lambda n: n.node("Pow", n.x, n.number(0.5)), "exponent is not 1, 2 or 3"),
    "a step": (lambda n: n.node("Slice", n.x, *(n.constant(np.array([v])) for v in (0, 3, 2, 2))), "its step is 2"),
    "nothing": (
        lambda n: n.node("Slice", n.x, *(n.constant(np.array([v])) for v in (2, 2, 1))),
        "takes nothing of dim",
    ),
    "training": (
        lambda n: n.node(
            "BatchNormalization", n.x, *(n.weights(2) for _ in range(3)), n.numbers(1, 1), training_mode=1
        ),
        r"model\.eval\(\)",
    ),
    "integers": (lambda n: n.node("Cast", n.node("Cast", n.x, to=INT64), to=REAL), "makes INT64"),
    "two tensors compared": (lambda n: n.node("Max", n.x, n.node("Exp", n.x)), "it compares tensors"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused(case: str) -> None:
    body, text = REFUSED[case]
    n = Net(17, (1, 2, 3))
    with pytest.raises(UnsupportedModel, match=text):
        read(n.finish(body(n)))


def test_a_negative_variance_is_malformed() -> None:
    n = Net(17, (1, 2))
    y = n.node("BatchNormalization", n.x, *(n.weights(2) for _ in range(3)), n.numbers(1, -1))
    with pytest.raises(MalformedModel, match="a variance is negative"):
        read(n.finish(y))


@pytest.mark.parametrize("opset", [11, 12])
def test_definitions_before_opset_13(opset: int) -> None:
    """Axes as attributes; Softmax over all dimensions from the axis on."""
    n = Net(opset, (2, 1, 3, 4))
    y = n.node("Softmax", n.node("Unsqueeze", n.node("Squeeze", n.x, axes=[1]), axes=[0]), axis=2)
    data = n.finish(n.node("ReduceSum", y, axes=[2], keepdims=0))
    x = np.random.default_rng(0).normal(0, 1, (2, 1, 3, 4)).astype(np.float32)
    (want,) = onnx_runtime(data, optimized=False)([x])
    np.testing.assert_allclose(evaluate(read(data), [x])[0], want, rtol=0, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize("dynamo", [False, True])
def test_real_exports_of_torch(tmp_path: Path, dynamo: bool) -> None:
    """The builders mimic these; where torch is installed, the real thing."""
    torch = pytest.importorskip("torch", reason="torch is not installed: tests/oracles mimics its exports")
    if dynamo:
        pytest.importorskip("onnxscript", reason="onnxscript, which torch's newer exporter needs, is not installed")
    nn = torch.nn
    net = nn.Sequential(
        *(nn.Conv2d(3, 6, 3, padding=1, bias=False), nn.BatchNorm2d(6), nn.ReLU(), nn.MaxPool2d(2)),
        *(nn.Flatten(), nn.Linear(96, 8), nn.Tanh(), nn.Linear(8, 3)),
    ).eval()
    x = torch.randn(1, 3, 8, 8)
    torch.onnx.export(net, (x,), str(tmp_path / "net.onnx"), dynamo=dynamo, external_data=False)
    graph = run_pipeline(FLOAT, read((tmp_path / "net.onnx").read_bytes()))
    assert sum(isinstance(n.op, Transpose) for n in graph.nodes) == 1
    assert sum(isinstance(n.op, FullyConnected) for n in graph.nodes) == 2
    want = net(x).detach().numpy()
    np.testing.assert_allclose(evaluate(graph, [x.numpy()])[0], want, rtol=0, atol=1e-5 * np.abs(want).max())
