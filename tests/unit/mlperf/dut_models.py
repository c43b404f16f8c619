# SPDX-License-Identifier: Apache-2.0
"""Small compiled models that fit the benchmark's tasks."""

from __future__ import annotations

from functools import cache

from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.ir import TensorType, Value
from smidgen.ops import Dequantize, FullyConnected, Quantize, Requantize, Reshape
from tests.op_graphs import Builder, int8_type, quant

INNER = quant(0.046875, 3)


def _inner(b: Builder, x: Value) -> Value:
    """The input as int8, whatever it is."""
    if x.type.dtype == "float32":
        return b.op(Quantize(INNER), x)
    return x if x.type.dtype == "int8" else b.op(Requantize(INNER), x)


@cache
def classifier(t: TensorType, classes: int = 4, out: str = "int8", target: str = "nucleo-l4r5zi") -> Compiled:
    """One dense layer over all elements of an input of type ``t``."""
    b = Builder()
    x = b.op(Reshape((1, t.elements)), _inner(b, b.input(t)))
    y = b.op(FullyConnected(out_quant=quant(0.375, 11)), x, b.weights(classes, t.elements, axis=None))
    if out == "uint8":
        y = b.op(Requantize(quant(0.375, 139), dtype="uint8"), y)
    return compile_model(b.graph(y if out != "float32" else b.op(Dequantize(), y)), target)


@cache
def autoencoder(t: TensorType, out: str = "int8") -> Compiled:
    """Nearly the identity: the input in other integers."""
    b = Builder()
    y = b.op(Requantize(quant(0.609375, -7)), _inner(b, b.input(t)))
    return compile_model(b.graph(y if out == "int8" else b.op(Dequantize(), y)))


def kws() -> Compiled:
    """A classifier of the kws task's shape."""
    return classifier(int8_type(1, 49, 10, 1, scale=0.5, zero_point=80), 12)
