# SPDX-License-Identifier: Apache-2.0
"""A small float network, data for it, and how near a result is."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Array, Graph, TensorType, Value
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Softmax
from tests.op_graphs import Builder

RELU = (0.0, np.inf)


def real(*shape: int) -> TensorType:
    return TensorType("float32", shape)


def normal(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def small_network(seed: int = 0) -> Graph:
    """Convolution, depthwise, addition of both, pooling, dense, softmax."""
    b, r = Builder(), np.random.default_rng(seed)
    x = b.input(real(1, 6, 6, 3))

    def constant(*shape: int, spread: float = 1.0) -> Value:
        return b.constant(real(*shape), r.normal(0, spread, shape))

    y = b.op(Conv2D(padding=(1, 1, 1, 1), clamp=RELU), x, constant(8, 3, 3, 3, spread=0.3), constant(8))
    z = b.op(DepthwiseConv2D(padding=(1, 1, 1, 1), clamp=RELU), y, constant(3, 3, 8, spread=0.4), constant(8))
    s = b.op(Add(), y, z)
    c = b.op(Conv2D(clamp=RELU), s, constant(8, 1, 1, 8, spread=0.4), constant(8))
    p = b.op(AveragePool2D((6, 6), (6, 6)), c)
    f = b.op(FullyConnected(), p, constant(5, 8, spread=0.5), constant(5))
    return b.graph(b.op(Softmax(), f))


def sqnr_db(reference: Array, got: Array) -> float:
    noise = float(np.square(reference.astype(np.float64) - got).sum())
    return float(10 * np.log10(np.square(reference.astype(np.float64)).sum() / max(noise, 1e-30)))
