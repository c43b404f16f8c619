# SPDX-License-Identifier: Apache-2.0
"""In float32 too a single wrong bit is found; only which NaN it is does not count."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.compiler import Compiled, verify
from smidgen.compiler import compile as compile_model
from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.ops import Add, FullyConnected, LeakyRelu
from tests.unit.verify.test_divergence import with_text

pytestmark = pytest.mark.slow  # every case builds an image


FORCED = {"dense": "smg_fully_connected_f32_fpu"}


def layers() -> Graph:
    """A dense layer, its leaky ReLU, and the difference of both: infinity less infinity where the data says so."""
    rng = np.random.default_rng(0)
    x, w = (TensorType("float32", s) for s in ((2, 7), (3, 7)))
    values = Value("x", x), Value("w", w, rng.standard_normal(w.shape).astype(np.float32))
    dense, leaky, less = (Value(name, TensorType("float32", (2, 3))) for name in ("dense", "leaky", "less"))
    nodes = (
        Node(FullyConnected(), values, (dense,), "dense"),
        Node(LeakyRelu(0.5), (dense,), (leaky,), "leaky"),
        Node(Add(signs=(1, -1)), (dense, leaky), (less,), "less"),
    )
    return Graph("floats", "onnx-qdq.v1", values[:1], (dense, less), nodes)


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_model(layers(), kernels=FORCED)


def test_nan_equals_nan(compiled: Compiled) -> None:
    x = np.ones((2, 7), np.float32)
    x[0, 3], x[1, 2] = np.inf, np.nan
    found = verify(compiled, inputs=[[x]])
    assert (found.mismatches, found.first_divergence) == (0, None)
    assert np.isnan(found.outputs[0][1]).sum() == 6


BROKEN = (
    ("fully_connected_f32_fpu.inc.h", "{1, 1, in_c, 0, 0, 0, 0}", "{1, 1, in_c - 1, 0, 0, 0, 0}", "dense"),
    ("f32_block.h", '"vldmia %[x]!, {s4}\\n\\t"', '"vldmia %[x]!, {s5}\\n\\t"', "dense"),
    ("leaky_relu_f32_scalar.c", "p->a * x[i]", "p->a * -x[i]", "leaky"),
    ("add_f32_scalar.c", "p->b_sign * *bi", "p->a_sign * *bi", "less"),
)


@pytest.mark.parametrize(("path", "old", "new", "layer"), BROKEN, ids=[b[0] for b in BROKEN])
def test_a_broken_kernel_is_named(compiled: Compiled, path: str, old: str, new: str, layer: str) -> None:
    found = verify(with_text(compiled, f"kernels/smg_{path}", old, new), cases=8)
    assert found.first_divergence is not None
    assert found.first_divergence.name == layer


def test_another_order_of_the_same_sum_is_found() -> None:
    """Two products change places: equal on paper, not in float32."""
    rng = np.random.default_rng(1)
    x, w = (TensorType("float32", s) for s in ((1, 64), (4, 64)))
    values = Value("x", x), Value("w", w, rng.standard_normal(w.shape).astype(np.float32))
    y = Value("y", TensorType("float32", (1, 4)))
    nodes = (Node(FullyConnected(), values, (y,), "dense"),)
    right = compile_model(Graph("order", "onnx-qdq.v1", values[:1], (y,), nodes))
    second, third = ('SMG_STEP("s20", "s21", "s22", "s23", "s5")', 'SMG_STEP("s24", "s25", "s26", "s27", "s6")')
    swapped = with_text(right, "kernels/smg_f32_block.h", second, "SECOND")
    swapped = with_text(swapped, "kernels/smg_f32_block.h", third, second)
    swapped = with_text(swapped, "kernels/smg_f32_block.h", "SECOND", third)
    assert verify(right, cases=8).mismatches == 0
    found = verify(swapped, cases=8)
    assert found.mismatches >= 4
    assert found.first_divergence is not None
    assert found.first_divergence.got == pytest.approx(found.first_divergence.expected, rel=1e-4)
