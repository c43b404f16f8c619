# SPDX-License-Identifier: Apache-2.0
"""The operators: one file a family; each class is attributes, type inference and the reference meaning."""

from smidgen.ops.activation import Clamp, LeakyRelu, Softmax
from smidgen.ops.conv import Conv2D, DepthwiseConv2D
from smidgen.ops.curve import Curve
from smidgen.ops.dense import FullyConnected
from smidgen.ops.elementwise import Add, Mul
from smidgen.ops.pool import AveragePool2D, MaxPool2D
from smidgen.ops.quant import ByteOp, Dequantize, Lookup, Quantize, Requantize
from smidgen.ops.reduce import Mean
from smidgen.ops.shape import Concat, Crop, Pad, Reshape, Transpose
from smidgen.ops.stream import SlideWindow, reach

OPS = (
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
    Lookup,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Quantize,
    Requantize,
    Reshape,
    SlideWindow,
    Softmax,
    Transpose,
)
"""Every operator, by name: what docs and registry tests iterate over."""

__all__ = [
    "OPS",
    "Add",
    "AveragePool2D",
    "ByteOp",
    "Clamp",
    "Concat",
    "Conv2D",
    "Crop",
    "Curve",
    "DepthwiseConv2D",
    "Dequantize",
    "FullyConnected",
    "LeakyRelu",
    "Lookup",
    "MaxPool2D",
    "Mean",
    "Mul",
    "Pad",
    "Quantize",
    "Requantize",
    "Reshape",
    "SlideWindow",
    "Softmax",
    "Transpose",
    "reach",
]
