# SPDX-License-Identifier: Apache-2.0
"""Damaged ONNX files: MalformedModel or UnsupportedModel with a message, nothing else, quickly and in little memory."""

from __future__ import annotations

import resource
import time
import zlib
from collections import Counter
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import numpy_helper

from smidgen.errors import MalformedModel, UnsupportedModel
from smidgen.frontends.onnx.ops import CONSTANT_ONLY, IMPORTERS
from smidgen.ir import Graph, evaluate
from tests.onnx_models import integer, official, tiny_model
from tests.oracles.onnx_float_cases import build

MAX_SECONDS = 10.0
MAX_RESIDENT_KIB = 2 << 20
FAST_CASES, FULL_CASES = 300, 600
_SMALL = 200_000  # elements; altered shapes can make any activation huge


def mutated(data: bytes, rng: np.random.Generator) -> bytes:
    """A few flipped bits or changed bytes, a truncation, two swapped chunks, a chunk removed or written twice."""
    damaged = bytearray(data)
    kind = int(rng.integers(6))
    a, b = sorted(int(i) for i in rng.integers(0, len(data), 2))
    size = int(rng.integers(1, 65))
    if kind == 0:
        for i in rng.integers(0, len(data), int(rng.integers(1, 9))):
            damaged[i] ^= 1 << int(rng.integers(8))
    elif kind == 1:
        for i in rng.integers(0, len(data), int(rng.integers(1, 9))):
            damaged[i] = int(rng.choice([0, 1, 127, 128, 255, int(rng.integers(256))]))
    elif kind == 2:
        del damaged[a:]
    elif kind == 3:
        damaged[a : a + size], damaged[b : b + size] = damaged[b : b + size], damaged[a : a + size]
    elif kind == 4:
        del damaged[a : a + size]
    else:
        damaged[a:a] = damaged[b : b + size]
    return bytes(damaged)


_NUMBERS = (-(2**63), -(2**31), -3, -1, 0, 1, 2, 3, 5, 17, 255, 2**24, 2**31, 2**40, 2**63 - 1)
_REALS = (0.0, -1.0, 1e-45, 1e-30, 1e-3, 1.0, 1e3, 1e30, 3.4e38, float("inf"), float("nan"))
_OPS = (*(i.op for i in IMPORTERS), *CONSTANT_ONLY, "If", "LSTM", "NoSuchOp")


def changed(data: bytes, rng: np.random.Generator) -> bytes:
    """A well-formed file that says something else: other numbers, types, shapes, names, ops."""
    model = onnx.load_model_from_string(data)
    for _ in range(int(rng.integers(1, 4))):
        rng.choice(np.array([_change_node, _change_tensor, _change_scale, _change_header], object))(model, rng)
    out: bytes = model.SerializeToString()
    return out


def _pick(items: Any, rng: np.random.Generator) -> Any:
    return items[int(rng.integers(len(items)))]


def _change_node(model: Any, rng: np.random.Generator) -> None:
    node = _pick(model.graph.node, rng)
    kind = int(rng.integers(5))
    if kind == 0 and node.attribute:
        attribute = _pick(node.attribute, rng)
        if attribute.ints:
            attribute.ints[int(rng.integers(len(attribute.ints)))] = _pick(_NUMBERS, rng)
        attribute.i, attribute.f = _pick(_NUMBERS, rng), _pick(_REALS, rng)
    elif kind == 1:
        node.op_type = _pick(_OPS, rng)
    elif kind == 2 and node.input:
        node.input[int(rng.integers(len(node.input)))] = _pick(_pick(model.graph.node, rng).output, rng)
    elif kind == 3 and node.input:
        node.input[int(rng.integers(len(node.input)))] = _pick(model.graph.initializer, rng).name
    else:
        name = _pick(("axis", "group", "pads", "auto_pad", "strides", "dilations", "perm", "keepdims", "to"), rng)
        value = _pick((_pick(_NUMBERS, rng), [_pick(_NUMBERS, rng)] * int(rng.integers(1, 5)), "SAME_UPPER", "?"), rng)
        node.attribute.append(onnx.helper.make_attribute(name, value))


def _change_tensor(model: Any, rng: np.random.Generator) -> None:
    tensor = _pick(model.graph.initializer, rng)
    kind = int(rng.integers(4))
    if kind == 0:
        tensor.data_type = int(rng.integers(0, 24))
    elif kind == 1 and tensor.dims:
        tensor.dims[int(rng.integers(len(tensor.dims)))] = _pick(_NUMBERS, rng)
    elif kind == 2:
        tensor.dims.append(1)
    else:
        tensor.raw_data = bytes(reversed(tensor.raw_data))


def _change_scale(model: Any, rng: np.random.Generator) -> None:
    tensor = _pick([t for t in model.graph.initializer if t.data_type == onnx.TensorProto.FLOAT], rng)
    shape = tuple(d for d in tensor.dims if 0 < d < 1000)
    tensor.CopyFrom(numpy_helper.from_array(np.full(shape, _pick(_REALS, rng), np.float32), tensor.name))


def _change_header(model: Any, rng: np.random.Generator) -> None:
    kind = int(rng.integers(4))
    dims = model.graph.input[0].type.tensor_type.shape.dim
    if kind == 0:
        model.opset_import[0].version = int(rng.integers(1, 26))
    elif kind == 1 and dims:
        _pick(dims, rng).dim_value = _pick(_NUMBERS, rng)
    elif kind == 2 and dims:
        _pick(dims, rng).dim_param = "n"
    else:
        model.graph.input[0].type.tensor_type.elem_type = int(rng.integers(0, 24))


def _run_if_small(graph: Graph) -> None:
    """What compiles must also compute."""
    if sum(v.type.elements for v in graph.values()) < _SMALL:
        evaluate(graph, [np.zeros(v.type.shape, v.type.dtype) for v in graph.inputs])


def fuzz(data: bytes, seed: str, count: int) -> Counter[str]:
    """What ``count`` damaged copies of the model lead to. Raises whatever is no ModelError."""
    outcome: Counter[str] = Counter()
    for case in range(count):
        rng = np.random.default_rng([zlib.crc32(seed.encode()), case])
        damaged = (changed if case % 2 else mutated)(data, rng)
        began = time.monotonic()
        try:
            _run_if_small(integer(damaged))
            outcome["compiles"] += 1
        except (MalformedModel, UnsupportedModel) as e:
            outcome[type(e).__name__] += 1
            message = str(e)
            if not 20 < len(message) < 8000:
                raise AssertionError(f"case {case} of {seed}: a message of {len(message)} characters") from e
        except Exception as e:
            raise AssertionError(f"case {case} of {seed}: {type(e).__name__}: {e}") from e
        assert time.monotonic() - began < MAX_SECONDS, f"case {case} of {seed}"
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MAX_RESIDENT_KIB
    print(f"{seed}: {dict(outcome)}")
    return outcome


@pytest.mark.parametrize("opset", [13, 21])
def test_damaged_tiny_model(opset: int) -> None:
    outcome = fuzz(tiny_model(opset), f"tiny {opset}", FAST_CASES // 2)
    assert min(outcome[k] for k in ("MalformedModel", "UnsupportedModel", "compiles")) >= 5, "it does not reach far"


@pytest.mark.parametrize("name", ["conv-bn-relu-pool-linear", "squeeze and excite", "written out activations"])
def test_damaged_float_model(name: str) -> None:
    outcome = fuzz(build(name, 13), name, FAST_CASES // 3)
    assert min(outcome[k] for k in ("MalformedModel", "UnsupportedModel", "compiles")) >= 3, "it does not reach far"


@pytest.mark.full
@pytest.mark.parametrize("task", ["kws01", "sww01", "ic01", "ad01"])
def test_damaged_official_model(task: str) -> None:
    fuzz(official(task), task, FULL_CASES)


@pytest.mark.full
def test_damaged_tiny_model_at_length() -> None:
    fuzz(tiny_model(), "tiny at length", 3000)
