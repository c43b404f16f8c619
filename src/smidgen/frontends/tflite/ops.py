# SPDX-License-Identifier: Apache-2.0
"""Which TFLite operators smidgen reads, and what each becomes."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from smidgen.frontends.tflite import elementwise, movement, windows
from smidgen.frontends.tflite.operator import OpReader
from smidgen.ir import Node, Op
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
    Requantize,
    Reshape,
    Softmax,
    Transpose,
)


class Importer(NamedTuple):
    """Reads one kind of operator; ``makes`` are the ops it can become (beside a Reshape)."""

    convert: Callable[[OpReader], list[Node]]
    makes: tuple[type[Op], ...]


IMPORTERS: dict[str, Importer] = {
    "ADD": Importer(elementwise.add, (Add,)),
    "AVERAGE_POOL_2D": Importer(windows.average_pool_2d, (AveragePool2D,)),
    "CONCATENATION": Importer(movement.concatenation, (Concat,)),
    "CONV_2D": Importer(windows.conv_2d, (Conv2D,)),
    "DEPTHWISE_CONV_2D": Importer(windows.depthwise_conv_2d, (DepthwiseConv2D,)),
    "DEQUANTIZE": Importer(movement.dequantize, (Dequantize,)),
    "DIV": Importer(elementwise.div, (Mul,)),
    "ELU": Importer(elementwise.curve(Curve("elu", 1.0)), (Curve,)),
    "EXP": Importer(elementwise.curve(Curve("exp")), (Curve,)),
    "EXPAND_DIMS": Importer(movement.reshape, (Reshape,)),
    "FULLY_CONNECTED": Importer(windows.fully_connected, (FullyConnected,)),
    "GELU": Importer(elementwise.gelu, (Curve,)),
    "HARD_SWISH": Importer(elementwise.curve(Curve("hard_swish")), (Curve,)),
    "LEAKY_RELU": Importer(elementwise.leaky_relu, (LeakyRelu,)),
    "LOGISTIC": Importer(elementwise.curve(Curve("sigmoid")), (Curve,)),
    "MAXIMUM": Importer(elementwise.maximum, (Clamp,)),
    "MAX_POOL_2D": Importer(windows.max_pool_2d, (MaxPool2D,)),
    "MEAN": Importer(elementwise.mean, (Mean,)),
    "MINIMUM": Importer(elementwise.minimum, (Clamp,)),
    "MUL": Importer(elementwise.mul, (Mul,)),
    "PAD": Importer(movement.pad, (Pad,)),
    "PADV2": Importer(movement.pad, (Pad,)),
    "PRELU": Importer(elementwise.p_relu, (Add, Clamp, LeakyRelu, Mul)),
    "QUANTIZE": Importer(movement.quantize, (Quantize, Requantize)),
    "REDUCE_MAX": Importer(elementwise.reduce_max, (MaxPool2D,)),
    "RELU": Importer(elementwise.relu, (Clamp, Requantize)),
    "RELU6": Importer(elementwise.relu6, (Clamp,)),
    "RELU_0_TO_1": Importer(elementwise.relu_0_to_1, (Clamp,)),
    "RELU_N1_TO_1": Importer(elementwise.relu_n1_to_1, (Clamp,)),
    "RESHAPE": Importer(movement.reshape, (Reshape,)),
    "SLICE": Importer(movement.slice_, (Crop, Reshape)),
    "SOFTMAX": Importer(elementwise.softmax, (Softmax,)),
    "SQUEEZE": Importer(movement.reshape, (Reshape,)),
    "STRIDED_SLICE": Importer(movement.strided_slice, (Crop, Reshape)),
    "SUB": Importer(elementwise.sub, (Add,)),
    "SUM": Importer(elementwise.sum_, (Mean, Mul)),
    "TANH": Importer(elementwise.curve(Curve("tanh")), (Curve,)),
    "TRANSPOSE": Importer(movement.transpose, (Transpose,)),
}
