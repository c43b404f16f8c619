# SPDX-License-Identifier: Apache-2.0
"""Every ONNX op that can be imported: its function and the operator sets whose definition it follows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from smidgen.frontends.onnx import compute, elementwise, normalize, quantization, reduce, simple
from smidgen.frontends.onnx.context import Context, OnnxNode, Operand
from smidgen.frontends.onnx.folding import FOLDABLE
from smidgen.frontends.onnx.model import MACHINE_LEARNING, NEWEST_OPSET, OLDEST_OPSET
from smidgen.ir import Op
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Concat,
    Conv2D,
    Crop,
    Curve,
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
    oldest: int = OLDEST_OPSET
    newest: int = NEWEST_OPSET
    domain: str = ""


IMPORTERS: tuple[Importer, ...] = (
    Importer("Add", elementwise.add, (Add,)),
    Importer("AveragePool", compute.average_pool, (AveragePool2D,)),
    Importer("BatchNormalization", normalize.batch_normalization, (Mul, Add)),
    Importer("Cast", simple.cast, ()),
    Importer("CastLike", simple.cast_like, (), oldest=15),
    Importer("Clip", elementwise.clip, (Clamp,)),
    Importer("Concat", simple.concat, (Concat,)),
    Importer("Conv", compute.conv, (Conv2D, DepthwiseConv2D)),
    Importer("DequantizeLinear", quantization.dequantize_linear, (Dequantize,)),
    Importer("Div", elementwise.div, (Mul,)),
    Importer("Dropout", simple.identity, ()),
    Importer("Elu", elementwise.curve(elementwise.elu), (Curve,)),
    Importer("Erf", elementwise.curve(lambda _: Curve("erf")), (Curve,)),
    Importer("Exp", elementwise.curve(lambda _: Curve("exp")), (Curve,)),
    Importer("Expand", simple.expand, (Mul,)),
    Importer("Flatten", simple.flatten, (Reshape,)),
    Importer("Gelu", elementwise.curve(elementwise.gelu), (Curve,), oldest=20),
    Importer("Gemm", compute.gemm, (FullyConnected,)),
    Importer("GlobalAveragePool", compute.global_average_pool, (AveragePool2D,)),
    Importer("GlobalMaxPool", compute.global_max_pool, (MaxPool2D,)),
    Importer("HardSigmoid", elementwise.curve(elementwise.hard_sigmoid), (Curve,)),
    Importer("HardSwish", elementwise.curve(lambda _: Curve("hard_swish")), (Curve,), oldest=14),
    Importer("Identity", simple.identity, ()),
    Importer("LeakyRelu", elementwise.leaky_relu, (LeakyRelu,)),
    Importer("MatMul", compute.mat_mul, (FullyConnected,)),
    Importer("Max", elementwise.maximum, (Clamp,)),
    Importer("MaxPool", compute.max_pool, (MaxPool2D,)),
    Importer("Min", elementwise.minimum, (Clamp,)),
    Importer("Mul", elementwise.mul, (Curve, Mul)),
    Importer("Neg", elementwise.neg, (Mul,)),
    Importer("PRelu", elementwise.p_relu, (Add, Clamp, LeakyRelu, Mul)),
    Importer("Pad", simple.pad, (Pad,)),
    Importer("Pow", elementwise.power, (Mul,)),
    Importer("QuantizeLinear", quantization.quantize_linear, (Quantize,)),
    Importer("ReduceMax", reduce.reduce_max, (MaxPool2D,)),
    Importer("ReduceMean", reduce.reduce_mean, (Mean,)),
    Importer("ReduceSum", reduce.reduce_sum, (Mean, Mul)),
    Importer("Relu", elementwise.relu, (Clamp,)),
    Importer("Reshape", simple.reshape, (Reshape,)),
    Importer("Scaler", normalize.scaler, (Add, Mul), domain=MACHINE_LEARNING),
    Importer("Selu", elementwise.curve(elementwise.selu), (Curve,)),
    Importer("Sigmoid", elementwise.curve(lambda _: Curve("sigmoid")), (Curve,)),
    Importer("Slice", simple.slice_, (Crop,)),
    Importer("Softmax", simple.softmax, (Softmax,)),
    Importer("Squeeze", simple.squeeze, (Reshape,)),
    Importer("Sub", elementwise.sub, (Add,)),
    Importer("Sum", elementwise.sum_, (Add,)),
    Importer("Tanh", elementwise.curve(lambda _: Curve("tanh")), (Curve,)),
    Importer("Transpose", simple.transpose, (Transpose,)),
    Importer("Unsqueeze", simple.unsqueeze, (Reshape,)),
)

BY_NAME = {i.op: i for i in IMPORTERS}
CONSTANT_ONLY: tuple[str, ...] = tuple(sorted({"Constant", "Shape", *FOLDABLE} - BY_NAME.keys()))
"""Imported only where all their inputs are constants."""
