# SPDX-License-Identifier: Apache-2.0
"""Pooling windows against their definition, and what large ones cost."""

from __future__ import annotations

import time

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen.ir import Array, TensorType
from smidgen.ops import AveragePool2D, MaxPool2D
from tests.op_graphs import int8_type, quant

_SECONDS = 3.0  # generous; window by window, each takes far longer


def parts(op: AveragePool2D | MaxPool2D, x: Array) -> list[list[Array]]:
    """The part of each output position's window that lies inside x (h, w)."""
    (kh, kw), (sh, sw), (top, left, bottom, right) = op.kernel, op.stride, op.padding
    rows = range(-top, x.shape[0] + bottom - kh + 1, sh)
    columns = range(-left, x.shape[1] + right - kw + 1, sw)
    return [[x[max(r, 0) : r + kh, max(c, 0) : c + kw] for c in columns] for r in rows]


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.data())
def test_pooling_follows_its_definition(data: st.DataObject) -> None:
    def draw(low: int, high: int) -> int:
        return data.draw(st.integers(low, high))

    kernel = draw(1, 5), draw(1, 5)
    padding = draw(0, kernel[0] - 1), draw(0, kernel[1] - 1), draw(0, kernel[0] - 1), draw(0, kernel[1] - 1)
    h, w, stride = kernel[0] + draw(0, 6), kernel[1] + draw(0, 6), (draw(1, 3), draw(1, 3))
    x = np.random.default_rng(draw(0, 99)).integers(-128, 128, (1, h, w, 1)).astype(np.int8)
    t = int8_type(1, h, w, 1)
    average = AveragePool2D(kernel, stride, padding, out_quant=t.quant)
    inside = parts(average, x[0, :, :, 0])
    np.testing.assert_array_equal(average.valid_counts(t)[0, :, :, 0], [[p.size for p in row] for row in inside])
    means = np.array([[p.astype(np.int64).sum() / p.size for p in row] for row in inside])
    rounded = np.sign(means) * np.floor(np.abs(means) + 0.5)
    np.testing.assert_array_equal(average.evaluate([t], [x])[0][0, :, :, 0], rounded)
    (maxima,) = MaxPool2D(kernel, stride, padding).evaluate([t], [x])
    np.testing.assert_array_equal(maxima[0, :, :, 0], [[p.max() for p in row] for row in inside])


def test_large_windows_are_cheap() -> None:
    size, k = 800, 400
    t = TensorType("int8", (1, size, size, 1), quant(0.5, 3))
    x = np.random.default_rng(0).integers(-128, 128, t.shape).astype(np.int8)
    even = AveragePool2D((k, k), padding=(1, 1, 1, 1), out_quant=quant(0.25, 0), rounding="even")
    start = time.process_time()
    counts, (means,) = even.counts(t), even.evaluate([t], [x])
    (maxima,) = MaxPool2D((k, k)).evaluate([t], [x])
    assert time.process_time() - start < _SECONDS
    assert counts[0, :2, :2, 0].tolist() == [[(k - 1) ** 2, (k - 1) * k], [(k - 1) * k, k * k]]
    assert means[0, 1, 1, 0] == round((x[0, :k, :k, 0].astype(np.int64) - 3).mean() * 2)
    assert maxima[0, 7, 9, 0] == x[0, 7 : 7 + k, 9 : 9 + k, 0].max()
