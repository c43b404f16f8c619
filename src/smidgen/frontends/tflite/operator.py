# SPDX-License-Identifier: Apache-2.0
"""One TFLite operator while it is read: its tensors, options, version and fused activation, all checked."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.tensors import Refused, TensorTable
from smidgen.ir import Array, Node, Op, QuantParams, Rounding, TensorType, Value
from smidgen.ops import Reshape
from smidgen.ops.arithmetic import NO_CLAMP

_HIGHEST_VERSION = {"CONV_2D": 8, "DEPTHWISE_CONV_2D": 7, "FULLY_CONNECTED": 13, "ADD": 5, "SUB": 5, "MUL": 7}
_DEFAULT_HIGHEST_VERSION = 6
"""Operator versions: tensorflow/lite/tools/versioning/op_version.cc. What a version adds shows in types and options."""

_ACTIVATIONS: dict[int, tuple[float, float]] = {
    tflite.ActivationFunctionType.NONE: NO_CLAMP,
    tflite.ActivationFunctionType.RELU: (0.0, math.inf),
    tflite.ActivationFunctionType.RELU_N1_TO_1: (-1.0, 1.0),
    tflite.ActivationFunctionType.RELU6: (0.0, 6.0),
}
INT8_REMEDY = "Convert the model to full int8 quantisation, or leave it in float32"
_SAME_SCALE = 1e-6  # largest difference; as in pooling_common.cc


@dataclass
class OpReader:
    """One operator while it is read: its number, schema name, version and tensors."""

    index: int
    kind: str
    version: int
    op: tflite.Operator
    table: TensorTable
    loc: str

    def check_version(self) -> None:
        highest = _HIGHEST_VERSION.get(self.kind, _DEFAULT_HIGHEST_VERSION)
        if not 1 <= self.version <= highest:
            raise Refused(f"operator version {self.version}", f"smidgen knows versions 1 to {highest}")

    @property
    def inputs(self) -> list[int]:
        return self.table.indices(self.op.InputsAsNumpy(), "operator inputs")

    @property
    def output_indices(self) -> list[int]:
        return self.table.indices(self.op.OutputsAsNumpy(), "operator outputs")

    @property
    def output_index(self) -> int:
        outputs = self.output_indices
        if len(outputs) != 1 or outputs[0] < 0:
            raise MalformedModel(f"{self.loc}: its outputs are the tensors {outputs}, expected one")
        return outputs[0]

    def name(self, suffix: str = "") -> str:
        """A new name for a value of this operator: "conv_2d_3", "conv_2d_3_w"."""
        return self.table.names.fresh("_".join(filter(None, (self.kind.lower(), str(self.index), suffix))))

    def input_index(self, position: int) -> int:
        inputs = self.inputs
        if position >= len(inputs) or inputs[position] < 0:
            raise MalformedModel(f"{self.loc}: input {position} is missing")
        return inputs[position]

    def has(self, position: int) -> bool:
        inputs = self.inputs
        return position < len(inputs) and inputs[position] >= 0

    def value(self, position: int) -> Value:
        """An input as a value: a computed one, or a constant with its declared type."""
        index = self.input_index(position)
        data = self.table.constant(index)
        if data is None:
            return self.table.activation(index)
        return Value(self.name(f"c{position}"), self.table.type(index), data)

    def data(self, position: int) -> Array:
        """The data of an input that has to be constant."""
        index = self.input_index(position)
        data = self.table.constant(index)
        if data is None:
            raise Refused(f"input {position} is computed at run time", "Only constants are supported there")
        return data

    def integers(self, position: int) -> Array:
        """The data of an input that has to be constant integers: axes, paddings, permutations."""
        data = self.data(position)
        if data.dtype.kind != "i":
            raise MalformedModel(f"{self.loc}: input {position} is {data.dtype}, expected integers")
        return data

    def same_steps(self, position: int) -> tuple[list[Node], Value]:
        """An int8 input in the output's quantization, for operators that TFLite Micro runs without looking at scales.

        Scales that differ by rounding only are renamed (a Reshape to the same shape, which costs nothing).
        """
        x, out = self.value(position), self.steps(self.output_type)
        q = self.steps(x.type)
        if q is None or out is None or q == out:
            return [], x
        if q.zero_point != out.zero_point or abs(q.scale[0] - out.scale[0]) > _SAME_SCALE:
            raise MalformedModel(
                f"{self.loc}: inconsistent quantisation: input {position} has scale {q.scale[0]:g} and zero point "
                f"{q.zero_point[0]}, the output {out.scale[0]:g} and {out.zero_point[0]}, but {self.kind} "
                f"keeps its input's quantisation"
            )
        renamed = TensorType("int8", x.type.shape, out)
        if x.data is not None:
            return [], Value(x.name, renamed, x.data)
        op = Reshape(x.type.shape, out)
        node = Node(op, (x,), (Value(self.name(f"x{position}"), renamed),), self.loc)
        return [node], node.output

    def constant(self, operand: str, of: TensorType, data: Array) -> Value:
        return Value(self.name(operand), of, np.ascontiguousarray(data))

    @property
    def output_type(self) -> TensorType:
        return self.table.type(self.output_index)

    def options(self, kind: Any, expected: int) -> Any:  # Any: generated classes share no base
        """The operator's option table. MalformedModel when the file holds another type of options."""
        table = self.op.BuiltinOptions()
        if self.op.BuiltinOptionsType() != expected or table is None:
            raise MalformedModel(f"{self.loc}: options of type {self.op.BuiltinOptionsType()}, expected {expected}")
        options = kind()
        options.Init(table.Bytes, table.Pos)
        return options

    def quant(self, t: TensorType) -> QuantParams:
        """The per-tensor int8 quantization of a tensor; Refused for other types."""
        if t.dtype != "int8":
            raise Refused(f"a tensor is {t.dtype}", INT8_REMEDY)
        if t.quant is None or t.quant.axis is not None:
            raise MalformedModel(f"{self.loc}: an int8 activation has no per-tensor quantization")
        return t.quant

    def steps(self, t: TensorType) -> QuantParams | None:
        """The per-tensor int8 quantization of a tensor, None for reals; Refused for other types."""
        return None if t.dtype == "float32" else self.quant(t)

    def clamp(self, activation: int, out: QuantParams | None) -> tuple[float, float]:
        """A fused activation in output steps (kernel_util.cc, CalculateActivationRangeQuantized), or in reals."""
        if activation not in _ACTIVATIONS:
            raise Refused(f"fused activation {activation}", "Use RELU, RELU6, RELU_N1_TO_1 or none")
        if out is None:
            return _ACTIVATIONS[activation]
        lo, hi = (quantized(bound, out) for bound in _ACTIVATIONS[activation])
        return lo, hi

    def node(self, op: Op, *inputs: Value) -> list[Node]:
        """The single node of this operator; its inferred type must be the declared one."""
        (inferred,) = op.infer([v.type for v in inputs])
        declared = self.output_type
        if (inferred.dtype, inferred.shape) != (declared.dtype, declared.shape):
            raise MalformedModel(f"{self.loc}: computes {inferred}, but the file declares its output as {declared}")
        return [Node(op, inputs, (Value(self.name(), inferred),), self.loc)]


def rounding(out: QuantParams | None) -> Rounding:
    """TFLite Micro's for its integers; reals become integers, if ever, in ours."""
    return "even" if out is None else "double"


def quantized(real: float, q: QuantParams) -> float:
    """A real in steps of ``q``, rounded half away from zero; infinities stay (kernel_util.cc, Quantize)."""
    if math.isinf(real):
        return real
    with np.errstate(over="ignore"):
        ratio = float(np.float32(real) / np.float32(q.scale[0]))
    if math.isinf(ratio):
        return ratio
    return q.zero_point[0] + math.copysign(math.floor(abs(ratio) + 0.5), ratio)
