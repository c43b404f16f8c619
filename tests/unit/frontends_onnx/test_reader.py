# SPDX-License-Identifier: Apache-2.0
"""What the ONNX reader makes of whole files: inputs, names, locations, and the messages for what it refuses."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from smidgen.errors import Finding, MalformedModel, UnsupportedModel
from smidgen.frontends.onnx import read_onnx
from smidgen.frontends.onnx.folding import FOLDABLE, MAX_ELEMENTS
from smidgen.frontends.onnx.ops import BY_NAME, CONSTANT_ONLY, IMPORTERS
from smidgen.ir import evaluate, verify
from smidgen.ops import Conv2D, DepthwiseConv2D, Dequantize
from tests.onnx_models import Builder, tiny_model

FLOAT, INT8, UINT8 = TensorProto.FLOAT, TensorProto.INT8, TensorProto.UINT8


def read(data: bytes) -> object:
    return read_onnx(data, "model", "file.onnx")


def changed(edit: Callable[[onnx.ModelProto], object], data: bytes | None = None) -> bytes:
    model = onnx.load_model_from_string(data or tiny_model())
    edit(model)
    out: bytes = model.SerializeToString()
    return out


def findings_of(data: bytes) -> list[Finding]:
    with pytest.raises(UnsupportedModel) as e:
        read(data)
    return list(e.value.findings)


def test_graph_is_valid_and_knows_where_each_node_comes_from() -> None:
    graph = read_onnx(tiny_model(), "tiny", "tiny.onnx")
    verify(graph, "imported")
    assert (graph.name, graph.numerics) == ("tiny", "onnx-qdq.v1")
    (conv,) = (n for n in graph.nodes if isinstance(n.op, Conv2D))
    assert conv.loc.startswith("tiny.onnx:node 3 Conv 'n_conv_")
    assert conv["w"].type.shape == (4, 3, 3, 2)  # OHWI


def test_symbolic_batch_is_one() -> None:
    data = changed(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[0], "dim_param", "N"))
    assert read_onnx(data, "m", "m").inputs[0].type.shape == (1, 2, 6, 6)


def test_another_dynamic_dimension_is_named_with_a_remedy() -> None:
    data = changed(lambda m: setattr(m.graph.input[0].type.tensor_type.shape.dim[2], "dim_param", "height"))
    (finding,) = findings_of(data)
    assert finding.op == "input"
    assert finding.reason == "dimension 2 (height) is dynamic; only the first, the batch, may be"
    assert "make_dynamic_shape_fixed" in finding.remedy


def test_uint8_inputs_and_outputs_keep_type_and_name() -> None:
    b = Builder()
    x = b.input((1, 4), UINT8)
    y = b.quantize(b.node("Relu", b.dequantize(x, 0.5, 100, np.uint8)), 0.5, 90, np.uint8)
    moved = b.node("Flatten", y)
    graph = read_onnx(b.build(y, moved, x, output_type=UINT8), "m", "m")
    assert [v.name for v in (*graph.inputs, *graph.outputs)] == ["x_1", y, moved, "x_1_2"]
    assert [(v.type.dtype, v.type.zero_point) for v in graph.outputs] == [("uint8", 90), ("uint8", 90), ("uint8", 100)]
    assert (graph.inputs[0].type.dtype, graph.inputs[0].type.zero_point) == ("uint8", 100)
    assert {v.type.dtype for n in graph.nodes for v in n.outputs} == {"int8", "float32", "uint8"}
    data = np.array([[0, 99, 104, 255]], np.uint8)
    for got, want in zip(evaluate(graph, [data]), ([[90, 90, 94, 245]], [[90, 90, 94, 245]], data), strict=True):
        np.testing.assert_array_equal(got, want)


def test_without_a_zero_point_the_type_decides() -> None:
    """QuantizeLinear makes uint8 then, or what output_dtype says; DequantizeLinear reads the type of its input."""
    for dtype, attributes in ((np.uint8, {}), (np.uint8, {"output_dtype": UINT8}), (np.int8, {"output_dtype": INT8})):
        b = Builder(21)
        scale = b.constant(np.float32(0.5))
        moved = b.node("Flatten", b.node("QuantizeLinear", b.input((1, 4), FLOAT), scale, **attributes))
        data = b.build(b.node("DequantizeLinear", moved, scale), output_type=FLOAT)
        real = np.array([[-200, -3, 30, 200]], np.float32)
        want = np.clip(real, 0, 127.5) if dtype == np.uint8 else np.clip(real, -64, 63.5)
        np.testing.assert_array_equal(evaluate(read_onnx(data, "m", "m"), [real])[0], want)


@pytest.mark.parametrize(("elem_type", "dtype"), [(INT8, np.int8), (UINT8, np.uint8)])
def test_input_without_a_zero_point(elem_type: int, dtype: type) -> None:
    b = Builder()
    x = b.node("DequantizeLinear", b.input((1, 4), elem_type), b.constant(np.float32(0.5)))
    graph = read_onnx(b.build(x, output_type=FLOAT), "m", "m")
    (y,) = evaluate(graph, [np.array([[0, 1, 100, 127]], dtype)])
    np.testing.assert_array_equal(y, np.array([[0, 0.5, 50, 63.5]], np.float32))


def test_zero_point_of_another_type_than_the_data() -> None:
    b = Builder()
    x = b.dequantize(b.quantize(b.input((1, 4), FLOAT), 0.5, 0), 0.5, 128, np.uint8)
    with pytest.raises(MalformedModel, match="a zero point of uint8 for data of int8"):
        read(b.build(x, output_type=FLOAT))


def test_integer_input_finds_its_scale_through_reshapes_and_transposes() -> None:
    b = Builder()
    x = b.node("Transpose", b.node("Flatten", b.input((1, 2, 3))), perm=[1, 0])
    graph = read_onnx(b.build(b.dequantize(x, 0.25, 5), output_type=FLOAT), "m", "m")
    assert (graph.inputs[0].type.scale, graph.inputs[0].type.zero_point) == (0.25, 5)


def test_integer_input_without_scale_is_refused() -> None:
    b = Builder()
    (finding, *_) = findings_of(b.build(b.node("Flatten", b.input((1, 4)))))
    assert (finding.op, finding.node) == ("input", "x_1")
    assert "no DequantizeLinear reads" in finding.reason


def test_all_findings_are_reported_at_once() -> None:
    b = Builder()
    x = b.dequantize(b.input((1, 2, 6, 6)), 0.1, 0)
    softplus = b.node("Softplus", x)
    after = b.node("Relu", softplus)  # says nothing new: its input could not be imported
    other = b.node("Softsign", after)
    b.node("Det", after)  # nothing reads it
    data = b.build(b.node("Add", b.node("MaxPool", x, kernel_shape=[2, 2], dilations=[2, 2]), other), output_type=FLOAT)
    assert [(f.op, f.reason) for f in findings_of(data)] == [
        ("Softplus", "this operator is not supported"),
        ("Softsign", "this operator is not supported"),
        ("MaxPool", "dilated pooling is not supported"),
    ]
    with pytest.raises(UnsupportedModel, match=r"(?s)file.onnx uses.*n_softplus.*Softplus.*Softsign.*dilated pooling"):
        read(data)


@pytest.mark.parametrize("opset", [10, 22])
def test_other_opsets_are_refused(opset: int) -> None:
    data = changed(lambda m: setattr(m.opset_import[0], "version", opset))
    finding = findings_of(data)[0]
    assert (finding.op, finding.node) == ("opset", str(opset))
    assert "Export with opset 11 to 21" in finding.remedy


def test_other_domains_are_refused_but_microsofts_quantisers_are_not() -> None:
    def to_domain(domain: str) -> Callable[[onnx.ModelProto], None]:
        def edit(model: onnx.ModelProto) -> None:
            model.opset_import.append(helper.make_opsetid(domain, 1))
            for node in model.graph.node:
                if node.op_type in ("QuantizeLinear", "DequantizeLinear"):
                    node.domain = domain

        return edit

    read(changed(to_domain("com.microsoft")))
    finding = findings_of(changed(to_domain("com.example")))[0]
    assert finding.reason == "it is of the domain 'com.example'"


def test_depthwise_convolutions_keep_their_scales_on_the_channels() -> None:
    b = Builder()
    w = b.constant(np.arange(36).reshape(4, 1, 3, 3).astype(np.int8))
    scales = np.array([0.1, 0.2, 0.3, 0.4], np.float32)
    y = b.node("Conv", b.dequantize(b.input((1, 2, 5, 5)), 0.1, 0), b.dequantize(w, scales, 0, axis=0), group=2)
    graph = read_onnx(b.build(b.quantize(y, 0.1, 0)), "m", "m")
    (node,) = (n for n in graph.nodes if isinstance(n.op, DepthwiseConv2D))
    (dequantize,) = (n for n in graph.nodes if node["w"] in n.outputs)
    assert isinstance(dequantize.op, Dequantize)
    weights = dequantize.inputs[0]
    assert weights.type.shape == (3, 3, 4)
    assert weights.type.quant is not None
    assert weights.type.quant.axis == 2
    np.testing.assert_array_equal(weights.constant[:, :, 1], np.arange(9, 18).reshape(3, 3))


def weighted(weight: np.ndarray, scale: object, zero: object, dtype: type = np.int8, **attrs: int) -> bytes:
    b = Builder(21)
    x = b.dequantize(b.input((1, weight.shape[0])), 0.1, 0)
    y = b.node("MatMul", x, b.dequantize(b.constant(weight), scale, zero, dtype, **attrs))  # type: ignore[arg-type]
    return b.build(b.quantize(y, 0.1, 0))


EIGHT = np.ones((8, 4), np.int8)
REFUSED: dict[str, tuple[bytes, str]] = {
    "scales along the inputs": (
        weighted(EIGHT, np.arange(1, 9, dtype=np.float32), 0, axis=0),
        "not along the output channels",
    ),
    "blocked": (
        weighted(EIGHT, np.ones((4, 4), np.float32), np.zeros((4, 4), np.int8), axis=0, block_size=2),
        "only for matrices of four-bit integers",
    ),
    "16-bit weights": (weighted(EIGHT.astype(np.int16), 0.1, 0, np.int16), r"its weights .* are int16"),
    "zero points that do not fit": (
        weighted(np.array([[0], [255]], np.uint8), 0.1, 100, np.uint8),
        r"do not fit int8 \(-100 to 155\)",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_weights(case: str) -> None:
    data, message = REFUSED[case]
    with pytest.raises(UnsupportedModel, match=message):
        read(data)


def test_equal_scales_along_another_axis_are_one_scale() -> None:
    read(weighted(EIGHT, np.full(8, 0.5, np.float32), 0, axis=0))


MALFORMED: dict[str, tuple[bytes, str]] = {
    "empty": (b"", "the file is empty"),
    "text": (
        b"this is no model at all, it is a sentence",
        "not an ONNX file, or a truncated one|checker|no ONNX graph",
    ),
    "zeros": (bytes(1000), "not an ONNX file|no ONNX graph|checker"),
    "truncated": (tiny_model()[:-100], "not an ONNX file, or a truncated one|checker"),
    "negative scale": (weighted(EIGHT, -0.1, 0), "scales are positive and finite"),
    "infinite scale": (weighted(EIGHT, np.inf, 0), "scales are positive and finite"),
    "external data": (
        changed(lambda m: m.graph.initializer[0].external_data.add(key="location", value="weights.bin")),
        "keeps its data in another file|external",
    ),
}


@pytest.mark.parametrize("case", MALFORMED)
def test_malformed_files(case: str) -> None:
    data, message = MALFORMED[case]
    with pytest.raises(MalformedModel, match=message) as e:
        read(data)
    assert str(e.value).startswith("file.onnx")


def test_a_hostile_constant_is_refused_before_it_is_made() -> None:
    b = Builder()
    huge = b.node("ConstantOfShape", b.constant(np.array([1 << 20, 1 << 20], np.int64)))
    y = b.node("Add", b.dequantize(b.input((1, 4)), 0.1, 0), huge)
    (finding,) = findings_of(b.build(b.quantize(y, 0.1, 0)))
    assert finding.reason == f"its constant result would have {1 << 40} elements"
    assert str(MAX_ELEMENTS) in finding.remedy


def test_many_large_constants_are_refused_together() -> None:
    b = Builder()
    shape = b.constant(np.array([MAX_ELEMENTS // 2 + 1], np.int64))
    y = b.input((1, 1), FLOAT)
    for _ in range(3):
        y = b.node("Add", y, b.node("ConstantOfShape", shape))
    data = b.build(y, output_type=FLOAT)
    assert "constants computed so far" in findings_of(data)[0].reason


def test_each_op_is_listed_once_and_in_order() -> None:
    names = [i.op for i in IMPORTERS]
    assert names == sorted(set(names))
    assert not BY_NAME.keys() & set(CONSTANT_ONLY)
    assert set(CONSTANT_ONLY) <= {"Constant", "Shape", *FOLDABLE}
    for importer in IMPORTERS:
        for opset in (importer.oldest, importer.newest):
            assert onnx.defs.has(importer.op, 1 if importer.domain else opset, importer.domain)


def test_reading_twice_gives_the_same_names() -> None:
    first, second = (read_onnx(tiny_model(), "m", "m") for _ in range(2))
    assert [v.name for v in first.values()] == [v.name for v in second.values()]
