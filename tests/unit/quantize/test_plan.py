# SPDX-License-Identifier: Apache-2.0
"""Where integers begin and end, which element types operands share, and what batches and float sums may not do."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.ir import Array, Op, TensorType
from smidgen.ops import Add, Clamp, Concat, Conv2D, FullyConnected, MaxPool2D, Mul, Pad, Quantize
from smidgen.quantize import Recipe, evaluate_batch, fast, quantize
from smidgen.quantize.batches import rebatched
from smidgen.quantize.plan import make_plan
from tests.op_graphs import Builder, int8_type, quant


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


@pytest.mark.parametrize("op", [Add(), Mul(), Concat(3)], ids=lambda op: type(op).__name__)
def test_the_other_operand_of_an_int16_one_is_int16_too(op: Op) -> None:
    """Both operands are outputs as well, so that no shared quantization makes them alike anyway."""
    b = Builder()
    x = b.input(real(1, 4, 4, 2))
    y, z = (b.op(Conv2D(), x, b.constant(real(2, 1, 1, 2), normal(2, 2, seed=s))) for s in (1, 2))
    recipe = Recipe(precisions={y.name: "int16"})
    assert make_plan(b.graph(y, z), recipe).dtype_of(z) == "int8"
    plan = make_plan(b.graph(b.op(op, y, z), y, z), recipe)
    assert [plan.dtype_of(v) for v in (x, y, z)] == ["int16", "int16", "int16"]


def test_int16_goes_on_from_operand_to_operand() -> None:
    b = Builder()
    x = b.input(real(1, 4))
    y, z, u = (b.op(FullyConnected(), x, b.constant(real(4, 4), normal(4, 4, seed=s))) for s in range(3))
    graph = b.graph(b.op(Mul(), z, u), b.op(Add(), y, z))
    plan = make_plan(graph, Recipe(precisions={y.name: "int16"}))
    assert [plan.dtype_of(v) for v in (y, z, u)] == ["int16"] * 3


def _quantized_after(*ops: Op) -> list[str]:
    """The ops whose results are quantised in a convolution followed by these, and another convolution."""
    b = Builder()
    x = b.input(real(1, 6, 6, 2))
    y = b.op(Conv2D(), x, b.constant(real(2, 1, 1, 2), normal(2, 2)))
    for op in ops:
        y = b.op(op, y)
    y = b.op(Conv2D(), y, b.constant(real(2, 1, 1, 2), normal(2, 2, seed=1)))
    qdq = quantize(b.graph(y), [normal(10, 6, 6, 2)], Recipe(equalize=False)).qdq
    makers = {v: n for n in qdq.nodes for v in n.outputs}
    found = [n.inputs[0] for n in qdq.nodes if isinstance(n.op, Quantize)]
    return [type(makers[v].op).__name__ if v in makers else "input" for v in found]


def test_results_are_quantised_once_behind_their_clamp_and_not_again_when_moved() -> None:
    assert _quantized_after() == ["input", "Conv2D", "Conv2D"]
    assert _quantized_after(MaxPool2D((2, 2), (2, 2))) == ["input", "Conv2D", "Conv2D"]
    assert _quantized_after(Clamp((-1.0, 1.0))) == ["input", "Clamp", "Conv2D"]
    assert _quantized_after(MaxPool2D((2, 2), (2, 2)), Clamp((-1.0, 1.0))) == ["input", "Conv2D", "Clamp", "Conv2D"]


def test_what_padding_puts_in_is_quantised_too() -> None:
    pad = Pad((0, 1, 1, 0), (0, 1, 1, 0), 0.3)
    assert _quantized_after(pad) == ["input", "Conv2D", "Pad", "Conv2D"]


def test_operands_of_different_rank_are_not_enlarged() -> None:
    """Two samples happen to fit the second dimension: they would be added along it."""
    b = Builder()
    x, y = b.input(real(1, 2, 3)), b.input(real(1, 3))
    graph = b.graph(b.op(Add(), x, y))
    assert rebatched(graph, 2) is None
    data = [normal(4, 2, 3), normal(4, 3, seed=1)]
    assert np.array_equal(evaluate_batch(graph, data)[0], data[0] + data[1][:, None])


@pytest.mark.parametrize(("last", "kind"), [(7, np.float32), (8, np.float64), (9, np.float64)])
def test_sums_are_in_float32_only_below_2_to_the_24(
    last: int, kind: type[np.floating], monkeypatch: pytest.MonkeyPatch
) -> None:
    """1,032 weights of 127 and one more times 128: with 8, exactly 2**24."""
    b = Builder()
    x = b.input(int8_type(1, 1033, zero_point=0))
    w = np.full((1, 1033), 127)
    w[0, -1] = last
    weights = b.constant(TensorType("int8", (1, 1033), quant(1.0)), w)
    node_graph = b.graph(b.op(FullyConnected(out_quant=quant(1e6), rounding="even"), x, weights))
    seen, products = [], fast.products
    monkeypatch.setattr(fast, "products", lambda n, x, w: (seen.append(x.dtype), products(n, x, w))[1])
    evaluate_batch(node_graph, [np.full((2, 1033), -128, np.int8)], stored=True)
    assert seen == [np.dtype(kind)]
