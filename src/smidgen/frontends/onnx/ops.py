# SPDX-License-Identifier: Apache-2.0
"""Every ONNX op that can be imported: its function and the operator sets whose definition it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smidgen.frontends.onnx import compute, quantization, simple
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand
from smidgen.frontends.onnx.folding import FOLDABLE


@dataclass(frozen=True, slots=True)
class Importer:
    """``run`` gives the node's first output; it reads the definitions of the opsets ``oldest`` to ``newest``."""

    op: str
    run: Callable[[Context, OnnxNode], Operand]
    oldest: int = 13
    newest: int = 21


IMPORTERS: tuple[Importer, ...] = (
    Importer("Add", simple.add),
    Importer("AveragePool", compute.average_pool),
    Importer("Clip", simple.clip),
    Importer("Concat", simple.concat),
    Importer("Conv", compute.conv),
    Importer("DequantizeLinear", quantization.dequantize_linear),
    Importer("Dropout", simple.identity),
    Importer("Flatten", simple.flatten),
    Importer("Gemm", compute.gemm),
    Importer("GlobalAveragePool", compute.global_average_pool),
    Importer("GlobalMaxPool", compute.global_max_pool),
    Importer("Identity", simple.identity),
    Importer("LeakyRelu", simple.leaky_relu),
    Importer("MatMul", compute.mat_mul),
    Importer("MaxPool", compute.max_pool),
    Importer("Mul", simple.mul),
    Importer("Pad", simple.pad),
    Importer("QuantizeLinear", quantization.quantize_linear),
    Importer("ReduceMean", simple.reduce_mean),
    Importer("Relu", simple.relu),
    Importer("Reshape", simple.reshape),
    Importer("Softmax", simple.softmax),
    Importer("Squeeze", simple.squeeze),
    Importer("Sub", simple.sub),
    Importer("Transpose", simple.transpose),
    Importer("Unsqueeze", simple.unsqueeze),
)

BY_NAME = {i.op: i for i in IMPORTERS}
CONSTANT_ONLY: tuple[str, ...] = tuple(sorted({"Constant", "Shape", *FOLDABLE} - BY_NAME.keys()))
"""Imported only where all their inputs are constants."""
