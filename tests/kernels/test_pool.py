# SPDX-License-Identifier: Apache-2.0
"""Average pooling over many elements: tables stay small, sums that could leave 32 bits are refused."""

from __future__ import annotations

import ctypes
from typing import Any

import numpy as np
import pytest

from smidgen.ir import Node, Rounding, TensorType
from smidgen.kernels.registry import all_kernels
from smidgen.ops import AveragePool2D, MaxPool2D
from tests.kernels.admitted import EVERY_FEATURE, core_of, runs_on_host
from tests.kernels.host import run
from tests.kernels.nodes import make, quant

AVERAGES = [
    k for k in all_kernels() if k.op is AveragePool2D and "_s8" in k.symbol and not k.constants and runs_on_host(k)
]


def average(rounding: Rounding, size: tuple[int, int], **attributes: Any) -> Node:
    x = TensorType("int8", (1, *size, 8), quant(0.5, 3))
    out = x.quant if rounding == "double" else quant(0.25, -7)
    return make(AveragePool2D(out_quant=out, rounding=rounding, **attributes), [(x, None)])


@pytest.mark.parametrize("kernel", [k for k in AVERAGES if "rne" in k.symbol], ids=lambda k: k.symbol)
@pytest.mark.parametrize(
    ("attributes", "divisors"),
    [
        ({"kernel": (16, 16), "padding": (1, 1, 1, 1)}, [256, 240, 225]),
        ({"kernel": (16, 16), "padding": (1, 0, 0, 0)}, [256, 240]),
        ({"kernel": (16, 16), "padding": (15, 0, 0, 0), "stride": (5, 1)}, [256, 176, 96, 16]),
        ({"kernel": (16, 16), "padding": (1, 1, 1, 1), "count_include_pad": True}, [256]),
        ({"kernel": (16, 16)}, [256]),
        ({"kernel": (4, 2), "padding": (3, 1, 3, 1)}, [8, 6, 4, 3, 2, 1]),
    ],
)
def test_multipliers_are_those_of_divisors_that_occur(
    library: ctypes.CDLL, kernel: Any, attributes: dict[str, Any], divisors: list[int]
) -> None:
    node = average("even", (17, 18), **attributes)
    params = kernel.params(node)
    assert params["divisors"] == len(divisors)
    assert params["divisor"].tolist() == divisors
    assert params["mult"].shape == params["shift"].shape == (len(divisors),)
    x = np.random.default_rng(1).integers(-128, 128, node["x"].type.shape).astype(np.int8)
    np.testing.assert_array_equal(run(library, kernel, node, [x]), node.op.evaluate(node.types, [x])[0])


@pytest.mark.parametrize("kernel", AVERAGES, ids=lambda k: k.symbol)
def test_a_sum_that_may_leave_32_bits_is_refused(kernel: Any) -> None:
    rounding: Rounding = "even" if "rne" in kernel.symbol else "double"
    largest = ((1 << 31) - 1) // 255
    size = (2901, 2903)  # their product is just above
    assert 2901 * 2902 < largest < 2901 * 2903
    assert kernel.rejects(average(rounding, size, kernel=size), core_of(kernel)).startswith("needs: The ")
    fits = kernel.rejects(average(rounding, size, kernel=(2901, 2902)), core_of(kernel))
    doubled = "needs: Twice the sum over a window, shifted left where a multiplier is above 1, fits 32 bits"
    if kernel.symbol == "smg_avgpool_s8_portable":  # divides by a reciprocal that is exact to there
        assert fits == "needs: The windows have at most 4000 elements"
        return
    assert fits is None or (kernel.symbol == "smg_avgpool_s8rne_dsp" and fits.startswith(doubled))


@pytest.mark.parametrize("kernel", AVERAGES, ids=lambda k: k.symbol)
@pytest.mark.parametrize("value", [-128, 127, None])
@pytest.mark.parametrize("kernel_size", [(16, 16), (16, 19), (3, 19), (19, 17), (1, 1)])
def test_long_sums(library: ctypes.CDLL, kernel: Any, value: int | None, kernel_size: tuple[int, int]) -> None:
    """Sums of the ends of int8 over more elements than 16-bit lanes can hold, in runs of whole and of partial rows."""
    rounding: Rounding = "even" if "rne" in kernel.symbol else "double"
    x = TensorType("int8", (2, 20, 19, 21), quant(0.5, 3))
    node = make(AveragePool2D(kernel_size, (2, 1), rounding=rounding, out_quant=x.quant), [(x, None)])
    data = np.random.default_rng(1).integers(-128, 128, x.shape) if value is None else np.full(x.shape, value)
    array = data.astype(np.int8)
    np.testing.assert_array_equal(run(library, kernel, node, [array]), node.op.evaluate(node.types, [array])[0])


def test_a_maximum_has_no_sum() -> None:
    x = TensorType("int8", (1, 4000, 4000, 1), quant(0.5, 3))
    kernel = next(k for k in all_kernels() if k.op is MaxPool2D and runs_on_host(k) and not k.unless)
    assert kernel.rejects(make(MaxPool2D((4000, 4000)), [(x, None)]), EVERY_FEATURE) is None
