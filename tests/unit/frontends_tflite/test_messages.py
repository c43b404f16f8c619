# SPDX-License-Identifier: Apache-2.0
"""What users read when a TFLite file cannot be compiled: what, where, why and what to do."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smidgen.errors import MalformedModel, ModelError, UnsupportedModel
from smidgen.frontends import load_bytes
from tests.tflite_builder import Operator, Options, Tensor, build, int8, int32, per_channel, single
from tests.tflite_tiny import Parts, tiny_parts


def message(data: bytes, kind: type[ModelError], source: str = "net.tflite") -> str:
    with pytest.raises(kind) as raised:
        load_bytes(data, "net", source)
    return str(raised.value)


def altered(change: Callable[[Parts], None]) -> bytes:
    parts = tiny_parts()
    change(parts)
    return parts.file()


def tensor(index: int, **fields: Any) -> Callable[[Parts], None]:  # Any: fields of Tensor
    def change(p: Parts) -> None:
        p.tensors[index] = replace(p.tensors[index], **fields)

    return change


def operator(index: int, **fields: Any) -> Callable[[Parts], None]:  # Any: fields of Operator
    def change(p: Parts) -> None:
        p.operators[index] = replace(p.operators[index], **fields)

    return change


def test_empty_file() -> None:
    assert message(b"", MalformedModel) == "net.tflite is empty (0 bytes). Is the download or the export complete?"


def test_wrong_magic() -> None:
    data = tiny_parts().file()
    text = message(data[:4] + b"TFL2" + data[8:], MalformedModel)
    assert text.startswith("net.tflite is not a TFLite model: bytes 4 to 7 are b'TFL2', not b'TFL3'. Is the download")


def test_other_files_are_not_called_tflite() -> None:
    assert "not an ONNX file" in message(b"<!doctype html><html></html>", MalformedModel, "net.onnx")


def test_truncated() -> None:
    data = tiny_parts().file()
    text = message(data[: len(data) // 2], MalformedModel)
    assert text == (
        f"net.tflite is not a valid TFLite model: an offset or count in it points outside its {len(data) // 2} bytes "
        f"or to the wrong thing. The file is damaged or truncated: export it again, or download it again"
    )


def test_schema_version() -> None:
    p = tiny_parts()
    data = build(p.tensors, p.operators, p.inputs, p.outputs, schema=2)
    assert message(data, MalformedModel).startswith("net.tflite: schema version 2, expected 3.")


def test_several_subgraphs() -> None:
    p = tiny_parts()
    text = message(build(p.tensors, p.operators, p.inputs, p.outputs, subgraphs=2), UnsupportedModel)
    assert "model: control flow: 2 subgraphs. Export a model without If, While or CallOnce" in text
    text = message(build(p.tensors, p.operators, p.inputs, p.outputs, subgraphs=0), MalformedModel)
    assert text.startswith("net.tflite has no subgraph.")


def test_unsupported_operators_are_all_listed_once() -> None:
    """What reads their outputs is not reported: it says nothing new."""

    def change(p: Parts) -> None:
        operator(3, kind="LSTM")(p)
        operator(0, version=99)(p)

    text = message(altered(change), UnsupportedModel)
    assert text == (
        "net.tflite uses what smidgen does not support:"
        "\n  op 0: PAD: operator version 99. smidgen knows versions 1 to 6"
        "\n  op 3: LSTM: this operator is not supported. See `smidgen ops`; replace it or ask for it"
    )
    with pytest.raises(UnsupportedModel) as raised:
        load_bytes(altered(operator(3, kind="LSTM")), "net", "net.tflite")
    (finding,) = raised.value.findings
    assert (finding.op, finding.node) == ("LSTM", "op 3")
    assert finding.reason == "this operator is not supported"
    assert finding.remedy == "See `smidgen ops`; replace it or ask for it"


@pytest.mark.parametrize(("dtype", "name"), [("float16", "FLOAT16"), ("int4", "INT4"), ("string", "STRING")])
def test_unsupported_element_type(dtype: str, name: str) -> None:
    text = message(altered(tensor(0, dtype=dtype)), UnsupportedModel)
    assert f"input: tensor 0 has element type {name}. Convert the model to full int8 quantisation" in text


def test_dynamic_shape() -> None:
    text = message(altered(tensor(0, shape=(1, 1, 6, 2), signature=(-1, -1, 6, 2))), UnsupportedModel)
    assert (
        "tensor 0 has a dynamic shape [-1, -1, 6, 2]. Fix every dimension but the batch when converting (a batch of -1 "
        "counts as 1)"
    ) in text


def test_a_dynamic_batch_counts_as_one() -> None:
    graph = load_bytes(altered(tensor(0, signature=(-1, 6, 6, 2))), "net", "net.tflite")
    assert graph.inputs[0].type.shape == (1, 6, 6, 2)


_CONTRADICTIONS: dict[str, tuple[Callable[[Parts], None], str]] = {
    "tensor index": (operator(3, inputs=(99, 5)), "a tensor index among operator inputs is outside the"),
    "missing input": (operator(3, inputs=(5, -1)), "op 3 ADD: input 1 is missing"),
    "missing output": (operator(3, outputs=(-1,)), "op 3 ADD: its outputs are the tensors [-1], expected one"),
    "cycle": (operator(0, inputs=(5, 1)), "tensor 5 is read before any operator writes it"),
    "second write": (operator(3, outputs=(5,)), "tensor 5 is written twice"),
    "write to an input": (operator(0, outputs=(0,)), "op 0 PAD: computes int8[1,8,8,2]"),
    "write to a constant": (operator(17, inputs=(3,)), "op 17 DEQUANTIZE: an int8 activation has no per-tensor"),
    "declared shape": (tensor(5, shape=(1, 5, 6, 4)), "but the file declares its output as int8[1,5,6,4]"),
    "impossible shape": (tensor(0, shape=(0, 6, 6, 2)), "tensor 0 has the impossible shape [0, 6, 6, 2]"),
    "scale": (tensor(5, scale=(-1.0,)), "tensor 5 has a scale that is not positive and finite"),
    "infinite scale": (tensor(5, scale=(float("inf"),)), "tensor 5 has a scale that is not positive and finite"),
    "zero point": (tensor(5, zero_point=(300,)), "tensor 5 is int8 with zero point outside -128..127"),
    "scales": (tensor(3, scale=(1.0, 2.0), zero_point=(0, 0)), "has 2 scales and 2 zero points on axis 0"),
    "asymmetric weights": (tensor(3, zero_point=(1, 0, 0, 0)), "op 1 CONV_2D: int8 weights need scales and zero poi"),
    "no scale": (tensor(5, scale=(), zero_point=()), "an int8 activation has no per-tensor quantization"),
    "bias scale": (
        tensor(4, scale=(1.0,) * 4),
        "op 1 CONV_2D: inconsistent quantisation: the bias scale 1 is not input scale times weight scale (0.0005)",
    ),
    "pool scale": (
        tensor(12, scale=(0.5,)),
        "op 6 MAX_POOL_2D: inconsistent quantisation: input 0 has scale 0.2 and zero point -10, the output 0.5 and "
        "-10, but MAX_POOL_2D keeps its input's quantisation",
    ),
    "softmax scale": (tensor(25, scale=(0.5,)), "SOFTMAX: inconsistent quantisation: int8 softmax has output scale"),
    "multiplier": (tensor(7, scale=(1e-38,)), "op 2 DEPTHWISE_CONV_2D: multiplier 1e+35 is too large"),
    "buffer number": (tensor(3, buffer=77), "tensor 3 names buffer 77, which does not exist"),
    "buffer length": (tensor(3, shape=(5, 3, 3, 2)), "tensor 3"),
    "options": (operator(3, options=None), "op 3 ADD: options of type 0, expected 11"),
    "stride": (
        operator(6, options=Options("Pool2DOptions", {"StrideH": 0, "FilterHeight": 1, "FilterWidth": 1})),
        "op 6 MAX_POOL_2D: stride (0, 0) or dilation (1, 1) below 1",
    ),
    "window": (operator(6, options=Options("Pool2DOptions", {})), "a window of (0, 0) over [1, 6, 6, 4]"),
    "no outputs": (lambda p: p.outputs.clear(), "net.tflite has no outputs"),
    "no inputs": (lambda p: p.inputs.clear(), "tensor 0 is read before any operator writes it"),
    "input twice": (lambda p: p.inputs.append(0), "graph input 0 is missing or listed twice"),
}


@pytest.mark.parametrize("name", _CONTRADICTIONS)
def test_contradictions(name: str) -> None:
    change, expected = _CONTRADICTIONS[name]
    text = message(altered(change), MalformedModel)
    assert expected in text
    assert text.startswith(("net.tflite: ", "net.tflite:op ", "net.tflite has"))
    assert text.endswith(". The file contradicts itself: convert the model again, or download it again")


_X, _OUT = int8((1, 4, 4, 2)), int8((1, 4, 4, 2))


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (
            single("MEAN", [int8((1, 4, 3, 4)), int32(np.array([1, 3]))], int8((1, 3)), Options("ReducerOptions")),
            "MEAN: mean over axes [1, 3], which are not adjacent. Transpose first, or use two of them",
        ),
        (
            single("CONCATENATION", [_X, _X], int8((1, 4, 4, 4)),
                   Options("ConcatenationOptions", {"Axis": 3, "FusedActivationFunction": 1})),
            "CONCATENATION: a fused activation. TFLite Micro has none for concatenation either; use a separate one",
        ),
        (
            single("ADD", [_X, _X], _OUT, Options("AddOptions", {"FusedActivationFunction": 4})),
            "ADD: fused activation 4. Use RELU, RELU6, RELU_N1_TO_1 or none",
        ),
        (
            single("QUANTIZE", [_X], Tensor("int16", (1, 4, 4, 2), (0.5,), (0,))),
            "QUANTIZE: quantising int8 to int16. Convert the model to full int8 quantisation",
        ),
        (
            single("TRANSPOSE", [int8((2, 3)), Tensor("int32", (2,))], int8((3, 2))),
            "TRANSPOSE: input 1 is computed at run time. Only constants are supported there",
        ),
        (
            single("FULLY_CONNECTED", [int8((1, 4)), Tensor("int8", (2, 4), (0.5,), (0,), 0, np.ones((2, 4), np.int8))],
                   int8((1, 2)), Options("FullyConnectedOptions", {"WeightsFormat": 1})),
            "FULLY_CONNECTED: shuffled weights (format 1). Convert without weight shuffling",
        ),
        (
            single("CONV_2D", [int8((1, 3, 3, 1)), per_channel(np.ones((1, 1, 1, 1), np.int8), [0.1], 0),
                               Tensor("int64", (1,), data=np.ones(1, np.int64))], int8((1, 3, 3, 1)),
                   Options("Conv2DOptions", {"StrideH": 1, "StrideW": 1})),
            "CONV_2D: bias is int64. smidgen needs an int32 bias with int8 activations",
        ),
    ],
)  # fmt: skip
def test_limits(model: bytes, expected: str) -> None:
    assert expected in message(model, UnsupportedModel)


def test_many_findings_are_cut() -> None:
    tensors = [int8((1, 4)) for _ in range(14)]
    operators = [Operator("ABS", (0,), (i + 1,)) for i in range(13)]
    text = message(build(tensors, operators, [0], [13]), UnsupportedModel)
    assert text.count("ABS") == 10
    assert text.endswith("... and 3 more")
