# SPDX-License-Identifier: Apache-2.0
"""Every ONNX op that can be imported: its function and the operator sets whose definition it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smidgen.frontends.onnx import compute, quantization, simple
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand
from smidgen.frontends.onnx.folding import FOLDABLE
from smidgen.ir import Op
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    Dequantize,
    FullyConnected,
    LeakyRelu,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Reshape,
    Softmax,
    Transpose,
)


@dataclass(frozen=True, slots=True)
class Importer:
    """``run`` gives the node's first output; it reads the definitions of the opsets ``oldest`` to ``newest``.

    ``makes`` are the ops it can become, beside the Transpose, Reshape and Dequantize that bring operands into place.
    """

    op: str
    run: Callable[[Context, OnnxNode], Operand]
    makes: tuple[type[Op], ...]
    oldest: int = 13
    newest: int = 21


IMPORTERS: tuple[Importer, ...] = (
    Importer("Add", simple.add, (Add,)),
    Importer("AveragePool", compute.average_pool, (AveragePool2D,)),
    Importer("Clip", simple.clip, (Clamp,)),
    Importer("Concat", simple.concat, (Concat,)),
    Importer("Conv", compute.conv, (Conv2D, DepthwiseConv2D)),
    Importer("DequantizeLinear", quantization.dequantize_linear, (Dequantize,)),
    Importer("Dropout", simple.identity, ()),
    Importer("Flatten", simple.flatten, (Reshape,)),
    Importer("Gemm", compute.gemm, (FullyConnected,)),
    Importer("GlobalAveragePool", compute.global_average_pool, (AveragePool2D,)),
    Importer("GlobalMaxPool", compute.global_max_pool, (MaxPool2D,)),
    Importer("Identity", simple.identity, ()),
    Importer("LeakyRelu", simple.leaky_relu, (LeakyRelu,)),
    Importer("MatMul", compute.mat_mul, (FullyConnected,)),
    Importer("MaxPool", compute.max_pool, (MaxPool2D,)),
    Importer("Mul", simple.mul, (Mul,)),
    Importer("Pad", simple.pad, (Pad,)),
    Importer("QuantizeLinear", quantization.quantize_linear, (Quantize,)),
    Importer("ReduceMean", simple.reduce_mean, (Mean,)),
    Importer("Relu", simple.relu, (Clamp,)),
    Importer("Reshape", simple.reshape, (Reshape,)),
    Importer("Softmax", simple.softmax, (Softmax,)),
    Importer("Squeeze", simple.squeeze, (Reshape,)),
    Importer("Sub", simple.sub, (Add,)),
    Importer("Transpose", simple.transpose, (Transpose,)),
    Importer("Unsqueeze", simple.unsqueeze, (Reshape,)),
)

BY_NAME = {i.op: i for i in IMPORTERS}
CONSTANT_ONLY: tuple[str, ...] = tuple(sorted({"Constant", "Shape", *FOLDABLE} - BY_NAME.keys()))
"""Imported only where all their inputs are constants."""
