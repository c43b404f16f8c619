# SPDX-License-Identifier: Apache-2.0
"""The generated C on this machine, under sanitizers, against the reference: byte for byte."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.generated import build_program, run_program, shared
from tests.graphs import everything
from tests.mixed_networks import mixed_network
from tests.qdq_networks import FloatNetwork

from smidgen.build.host import Sanitizer, address_sanitizer
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.ir import evaluate
from smidgen.verify import random_inputs
from smidgen.zoo import ZOO
from smidgen.zoo.topologies import SYNTHETIC

CASES = 5

pytestmark = pytest.mark.slow  # every case builds a program


@pytest.fixture(params=["undefined", "address"])
def sanitizer(request: pytest.FixtureRequest, tmp_path: Path) -> Sanitizer:
    if request.param == "address":
        path, reason = address_sanitizer(tmp_path)
        if path is None:
            pytest.skip(f"no AddressSanitizer: {reason}")
    return request.param


def check(compiled: Compiled, folder: Path, sanitizer: Sanitizer) -> None:
    program = build_program(compiled, folder, sanitizer)
    cases = list(random_inputs(compiled.graph, CASES))
    got = run_program(program, compiled, cases)
    for case, outputs in zip(cases, got, strict=True):
        for want, y in zip(evaluate(compiled.graph, case), outputs, strict=True):
            np.testing.assert_array_equal(y, want)
            assert want.dtype != np.float32 or y.tobytes() == want.tobytes()  # signs of zeros too
    assert len({y.tobytes() for outputs in got for y in outputs}) > 1, "every case gave the same output"


@pytest.mark.parametrize("name", sorted(SYNTHETIC))
def test_synthetic_model(name: str, sanitizer: Sanitizer, tmp_path: Path) -> None:
    check(compile_model(SYNTHETIC[name]()), tmp_path, sanitizer)


def test_every_kind_of_call(sanitizer: Sanitizer, tmp_path: Path) -> None:
    check(compile_model(everything()), tmp_path, sanitizer)


@pytest.mark.parametrize("suffix", ["tflite", "onnx"])
@pytest.mark.parametrize("stem", [m.stem for m in ZOO])
def test_official_model(stem: str, suffix: str, sanitizer: Sanitizer, tmp_path: Path) -> None:
    folder = shared()
    path = None if folder is None else folder / "zoo" / stem / f"{stem}_int8.{suffix}"
    if path is None or not path.is_file():
        pytest.skip("no official models beside the repository (../shared, or SMIDGEN_SHARED)")
    check(compile_model(path), tmp_path, sanitizer)


@pytest.mark.parametrize("seed", [0, 1, 2, 5])
def test_float_networks(seed: int, sanitizer: Sanitizer, tmp_path: Path) -> None:
    graph = mixed_network(seed) if seed % 2 else FloatNetwork(seed).graph()
    check(compile_model(graph, check_fit=False), tmp_path, sanitizer)


@pytest.mark.parametrize("stem", [m.stem for m in ZOO])
def test_official_float_model(stem: str, sanitizer: Sanitizer, tmp_path: Path) -> None:
    folder = shared()
    path = None if folder is None else folder / "zoo" / stem / f"{stem}_fp32.onnx"
    if path is None or not path.is_file():
        pytest.skip("no official models beside the repository (../shared, or SMIDGEN_SHARED)")
    check(compile_model(path), tmp_path, sanitizer)
