# SPDX-License-Identifier: Apache-2.0
"""More than four dimensions, where neighbours can be walked as one."""

from __future__ import annotations

import ctypes

import numpy as np
import pytest

from smidgen.ir import Node, TensorType
from smidgen.kernels.registry import all_kernels
from smidgen.ops import Add, Mul, Pad
from tests.kernels.admitted import EVERY_FEATURE
from tests.kernels.host import run
from tests.kernels.nodes import make, quant

Shape = tuple[int, ...]


def pair(op: type, rounding: str, a: Shape, b: Shape) -> Node:
    types = [TensorType("int8", s, quant(0.5, 3)) for s in (a, b)]
    return make(op(out_quant=quant(0.9 if op is Add else 30, -2), rounding=rounding), [(t, None) for t in types])


def padded(shape: Shape, before: Shape, after: Shape) -> Node:
    return make(Pad(before, after, -5), [(TensorType("int8", shape, quant(0.5, -5)), None)])


def check(library: ctypes.CDLL, symbol: str, node: Node) -> None:
    (kernel,) = (k for k in all_kernels() if k.symbol == symbol)
    assert kernel.rejects(node, EVERY_FEATURE) is None
    rng = np.random.default_rng(2)
    arrays = [rng.integers(-128, 128, t.shape).astype(np.int8) for t in node.types]
    np.testing.assert_array_equal(run(library, kernel, node, arrays), node.op.evaluate(node.types, arrays)[0])


@pytest.mark.parametrize(
    ("a", "b", "dims"),
    [
        ((1, 2, 1, 2, 3), (3,), (1, 1, 4, 3)),
        ((2, 3, 2, 3, 2), (2, 3, 2, 3, 2), (1, 1, 1, 72)),
        ((2, 3, 1, 1, 2, 3), (1, 1, 2, 3, 2, 3), (1, 6, 6, 6)),
        ((2, 1, 2, 1, 3), (3, 1, 2, 3), None),  # five in turn
        ((2, 1, 2, 1, 1, 3), (2, 2, 2, 3, 2, 3), None),
        ((1, 1, 1), (1,), (1, 1, 1, 1)),
    ],
)
@pytest.mark.parametrize("op", [Add, Mul])
@pytest.mark.parametrize("rounding", ["double", "even"])
def test_broadcasts(library: ctypes.CDLL, op: type, rounding: str, a: Shape, b: Shape, dims: Shape | None) -> None:
    symbol = f"smg_{op.__name__.lower()}_s8{'rne' if rounding == 'even' else ''}_scalar"
    (kernel,) = (k for k in all_kernels() if k.symbol == symbol)
    for node in (pair(op, rounding, a, b), pair(op, rounding, b, a)):
        if dims:
            assert kernel.params(node)["shape"]["dims"] == dims  # type: ignore[index,call-overload]  # a mapping
            check(library, symbol, node)
        else:
            assert kernel.rejects(node, EVERY_FEATURE) == (
                "needs: There are at most four dimensions after merging neighbours that broadcast alike"
            )


@pytest.mark.parametrize(
    ("shape", "before", "after", "out"),
    [
        ((1, 2, 1, 2, 3), (0, 0, 0, 0, 0), (0, 1, 0, 0, 0), (1, 1, 1, 18)),
        ((1, 4, 5, 3), (0, 1, 1, 0), (0, 1, 2, 0), (1, 1, 6, 24)),
        ((2, 4, 5, 3), (0, 1, 0, 0), (0, 0, 0, 2), (1, 2, 25, 5)),
        ((2, 2, 2, 2, 2, 2), (0, 1, 0, 0, 1, 1), (0, 0, 0, 2, 0, 1), None),
        ((2, 2, 2, 2, 2, 2), (0, 1, 0, 1, 0, 0), (0, 0, 0, 2, 0, 0), (1, 2, 6, 20)),
        ((1, 1, 2), (0, 0, 0), (0, 0, 0), (1, 1, 1, 2)),
        ((1, 1), (0, 0), (0, 0), (1, 1, 1, 1)),
    ],
)
def test_padding(library: ctypes.CDLL, shape: Shape, before: Shape, after: Shape, out: Shape | None) -> None:
    node = padded(shape, before, after)
    (kernel,) = (k for k in all_kernels() if k.op is Pad and "_s8" in k.symbol)
    if out:
        assert kernel.params(node)["out_dims"] == out
        check(library, "smg_pad_s8_scalar", node)
    else:
        assert kernel.rejects(node, EVERY_FEATURE) == (
            "needs: There are at most four dimensions after merging those without padding into those before them"
        )
