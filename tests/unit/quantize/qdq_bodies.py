# SPDX-License-Identifier: Apache-2.0
"""Pieces of QDQ models that several tests build from."""

from __future__ import annotations

import numpy as np

from smidgen.ir import Graph
from tests.onnx_models import Builder


def kinds(graph: Graph) -> list[str]:
    return [type(n.op).__name__ for n in graph.nodes]


def dense(b: Builder, x: str, *bias: str, scale: float = 0.02) -> str:
    w = b.dequantize(b.constant(np.arange(-6, 6).reshape(4, 3).astype(np.int8)), scale, 0)
    return b.node("Gemm", x, w, *bias)
