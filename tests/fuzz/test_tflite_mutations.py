# SPDX-License-Identifier: Apache-2.0
"""Damaged TFLite files: an error of ours with a message, or a model that compiles; quickly and in little memory."""

from __future__ import annotations

import resource
import time
import zlib
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smidgen.compiler import compile as compile_graph
from smidgen.errors import DoesNotFit, MalformedModel, ModelError, NoKernel
from smidgen.frontends import load_bytes
from smidgen.frontends.tflite.ops import IMPORTERS
from smidgen.ir import Graph, evaluate
from smidgen.transforms import FLOAT, run_pipeline
from tests.oracles.test_tflite_float import CASES as FLOAT_CASES
from tests.oracles.tflite_micro import run_tflite_micro
from tests.shared import SHARED, needs_shared
from tests.tflite_builder import Operator, Options, Tensor
from tests.tflite_tiny import Parts, tiny_parts

MAX_SECONDS = 10.0
MAX_RESIDENT_KIB = 2 << 20
FAST_CASES, FULL_CASES = 300, 2000
_SMALL = 200_000  # elements; an altered shape can make an activation huge

Random = np.random.Generator
_NUMBERS = (-(2**31), -300, -3, -1, 0, 1, 2, 3, 5, 17, 255, 2**16, 2**24, 2**31 - 1)
_REALS = (0.0, -1.0, 1e-45, 1e-30, 1e-6, 1e-3, 1.0, 1e3, 1e30, 3.4e38, float("inf"), float("nan"))
_DTYPES = ("int8", "uint8", "int16", "int32", "int64", "float32", "float16", "bool", "string", "int4")
_KINDS = (*IMPORTERS, "LSTM", "IF", "SPLIT", "PLACEHOLDER_FOR_GREATER_OP_CODES")


def mutated(data: bytes, r: Random) -> bytes:
    """Flipped bits, other bytes, other words, a truncation, swapped, zeroed, removed or repeated ranges."""
    damaged = bytearray(data)
    kind = int(r.integers(8))
    a, b = sorted(int(i) for i in r.integers(0, len(data), 2))
    size, few = int(r.integers(1, 65)), int(r.integers(1, 9))
    if kind <= 1:
        for i in r.integers(0, len(data), few):
            damaged[i] = damaged[i] ^ 1 << int(r.integers(8)) if kind else int(r.choice([0, 1, 127, 128, 255]))
    elif kind == 2:
        del damaged[a:]
    elif kind == 3:
        damaged[a : a + size], damaged[b : b + size] = damaged[b : b + size], damaged[a : a + size]
    elif kind == 4:
        del damaged[a : a + size]
    elif kind == 5:
        damaged[a:a] = damaged[b : b + size]
    elif kind == 6:
        damaged[a : a + size] = bytes(len(damaged[a : a + size]))
    else:
        for i in r.integers(0, len(data) // 4, few):
            word = int(r.choice(_NUMBERS)) % 2**32
            damaged[4 * i : 4 * i + 4] = word.to_bytes(4, "little")
    return bytes(damaged)


def changed(r: Random) -> bytes:
    """The tiny network, well formed as a file, that says something else: other numbers, types, shapes, wiring."""
    p = tiny_parts()
    for _ in range(int(r.integers(1, 4))):
        alter: Callable[[Parts, Random], None] = _pick((_alter_tensor, _alter_operator, _alter_wiring), r)
        alter(p, r)
    return p.file()


def _pick(items: Any, r: Random) -> Any:  # Any: a heterogeneous choice
    return items[int(r.integers(len(items)))]


def _alter_tensor(p: Parts, r: Random) -> None:
    i = int(r.integers(len(p.tensors)))
    t, kind = p.tensors[i], int(r.integers(8))
    dims = list(t.shape) or [1]
    dims[int(r.integers(len(dims)))] = _pick(_NUMBERS, r)
    scales = list(t.scale) or [1.0]
    scales[int(r.integers(len(scales)))] = _pick(_REALS, r)
    others: tuple[Tensor, ...] = (
        replace(t, shape=tuple(dims)),
        replace(t, shape=(*t.shape, 1)),
        replace(t, scale=tuple(scales)),
        replace(t, scale=t.scale * 2, zero_point=t.zero_point * 2),
        replace(t, zero_point=(_pick(_NUMBERS, r),)),
        replace(t, dtype=_pick(_DTYPES, r)),
        replace(t, axis=_pick(_NUMBERS, r)),
        replace(t, buffer=int(r.integers(0, 20))),
    )
    p.tensors[i] = others[kind]


def _alter_operator(p: Parts, r: Random) -> None:
    i = int(r.integers(len(p.operators)))
    op = p.operators[i]
    if r.integers(0, 3) and op.options and op.options.fields:
        fields = dict(op.options.fields)
        name = _pick(list(fields), r)
        if name in ("Beta", "Alpha"):
            fields[name] = _pick(_REALS, r)
        elif not isinstance(fields[name], tuple):
            wide = name.startswith(("Stride", "Filter", "Dilation", "Depth", "Axis"))
            fields[name] = _pick(_NUMBERS, r) if wide else int(r.integers(0, 7)) % (2 if name == "KeepDims" else 7)
        op = replace(op, options=Options(op.options.table, fields))
    elif r.integers(0, 2):
        op = replace(op, kind=_pick(_KINDS, r))
    else:
        op = replace(op, version=_pick((1, 2, 5, 20, -1), r))
    p.operators[i] = op


def _alter_wiring(p: Parts, r: Random) -> None:
    i = int(r.integers(len(p.operators)))
    op = p.operators[i]
    index = int(r.integers(-1, len(p.tensors) + 1))
    kind = int(r.integers(5))
    if kind == 0 and op.inputs:
        inputs = list(op.inputs)
        inputs[int(r.integers(len(inputs)))] = index
        p.operators[i] = replace(op, inputs=tuple(inputs))
    elif kind == 1:
        p.operators[i] = replace(op, outputs=(index,))
    elif kind == 2:
        p.operators[i] = replace(op, inputs=op.inputs[: int(r.integers(len(op.inputs) + 1))])
    elif kind == 3:
        p.outputs = [index]
    else:
        p.operators.insert(int(r.integers(len(p.operators))), Operator(op.kind, op.inputs, op.outputs, op.options))


def _run_if_small(graph: Graph) -> None:
    """What compiles must also compute."""
    if sum(v.type.elements for v in graph.values()) < _SMALL:
        evaluate(graph, [np.zeros(v.type.shape, v.type.dtype) for v in graph.inputs])


def outcome_of(data: bytes, what: str) -> str:
    """What compiling leads to. Raises AssertionError for anything but a model or an error with a readable message."""
    began = time.monotonic()
    try:
        _run_if_small(compile_graph(load_bytes(data, "m", "m.tflite")).graph)
        outcome = "compiles"
    except (ModelError, NoKernel, DoesNotFit) as e:
        outcome = type(e).__name__
        if not 20 < len(str(e)) < 8000:
            raise AssertionError(f"{what}: a message of {len(str(e))} characters") from e
    except Exception as e:
        raise AssertionError(f"{what}: {type(e).__name__}: {e}") from e
    assert time.monotonic() - began < MAX_SECONDS, what
    return outcome


def fuzz(seed: str, count: int, make: Callable[[int, Random], bytes]) -> Counter[str]:
    outcome: Counter[str] = Counter()
    for case in range(count):
        random = np.random.default_rng([zlib.crc32(seed.encode()), case])
        outcome[outcome_of(make(case, random), f"case {case} of {seed}")] += 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss < MAX_RESIDENT_KIB
    print(f"{seed}: {dict(outcome)}")
    return outcome


def test_tiny_model_is_sound() -> None:
    """Undamaged, it compiles and equals TFLite Micro: so what the mutations break is theirs."""
    data = tiny_parts().file()
    assert outcome_of(data, "tiny") == "compiles"
    x = np.random.default_rng(0).integers(-128, 128, (1, 6, 6, 2)).astype(np.int8)
    np.testing.assert_array_equal(evaluate(load_bytes(data, "m", "m"), [x])[0], run_tflite_micro(data, [x])[0])


def test_damaged_tiny_model() -> None:
    tiny = tiny_parts().file()
    outcome = fuzz("tiny", FAST_CASES, lambda case, r: changed(r) if case % 2 else mutated(tiny, r))
    assert min(outcome[k] for k in ("MalformedModel", "UnsupportedModel", "compiles")) >= 5, "it does not reach far"


@pytest.mark.parametrize("kind", ["CONV_2D", "PRELU", "REDUCE_MAX", "PADV2"])
def test_damaged_float_model(kind: str) -> None:
    data = next(c.model for c in FLOAT_CASES if c.kind == kind)
    outcome: Counter[str] = Counter()
    for case in range(FAST_CASES // 3):
        damaged = mutated(data, np.random.default_rng([zlib.crc32(kind.encode()), case]))
        try:
            _run_if_small(run_pipeline(FLOAT, load_bytes(damaged, "m", "m.tflite")))
            outcome["imported"] += 1
        except ModelError as e:
            outcome[type(e).__name__ if 20 < len(str(e)) < 8000 else f"case {case}: {e}"] += 1
    assert outcome.keys() <= {"imported", "MalformedModel", "UnsupportedModel"}
    assert min(outcome["MalformedModel"], outcome["imported"]) >= 2, "it does not reach far"


@pytest.mark.slow
def test_every_truncation_of_a_tiny_model() -> None:
    tiny = tiny_parts().file()
    for length in range(len(tiny)):
        with pytest.raises(MalformedModel):
            load_bytes(tiny[:length], "m", "m.tflite")


@pytest.mark.full
def test_damaged_tiny_model_at_length() -> None:
    tiny = tiny_parts().file()
    fuzz("tiny at length", 6000, lambda case, r: changed(r) if case % 2 else mutated(tiny, r))


@needs_shared
@pytest.mark.full
@pytest.mark.parametrize("task", ["kws01", "sww01"])
def test_damaged_official_model(task: str) -> None:
    data = (SHARED / "zoo" / task / f"{task}_int8.tflite").read_bytes()
    fuzz(task, FULL_CASES, lambda _, r: mutated(data, r))
