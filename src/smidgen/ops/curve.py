# SPDX-License-Identifier: Apache-2.0
"""Curved activation functions. ONNX Sigmoid, Tanh, HardSigmoid, HardSwish, Elu, Selu, Gelu, Erf, Exp; TFLite's too."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar, Literal, get_args

from smidgen.errors import InvalidGraph
from smidgen.ir import Array, QuantParams, Rounding, TensorType
from smidgen.ops import curves
from smidgen.ops.arithmetic import require_type
from smidgen.ops.quant import ByteOp, Dequantize, Quantize

Function = Literal["sigmoid", "tanh", "hard_sigmoid", "hard_swish", "elu", "silu", "gelu", "gelu_tanh", "erf", "exp"]
FUNCTIONS: tuple[Function, ...] = get_args(Function)


@dataclass(frozen=True)
class Curve(ByteOp):
    """function(x), elementwise; ``curves.py`` says what each is and what ``alpha`` and ``beta`` mean to it.

    Floats: the float32 operations of ``curves.py`` in their order. int8: quantize(function(dequantize(x))), ties by
    ``rounding`` as in Quantize, so the table of 256 bytes is exact by construction.
    """

    operands: ClassVar[tuple[str, ...]] = ("x",)
    function: Function = "sigmoid"
    alpha: float = 0.0
    beta: float = 0.0
    out_quant: QuantParams | None = None
    rounding: Rounding = "even"

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        require_type("x", types[0], "int8", "float32")
        if self.function not in FUNCTIONS:
            raise InvalidGraph(f"there is no function {self.function!r}")
        if (types[0].dtype == "int8") != (self.out_quant is not None):
            raise InvalidGraph("an int8 op needs out_quant, a float32 one must not have it")
        return (TensorType(types[0].dtype, types[0].shape, self.out_quant),)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        if self.out_quant is None:
            return (curves.evaluate(self.function, arrays[0], self.alpha, self.beta),)
        (real,) = Dequantize().evaluate(types, arrays)
        y = curves.evaluate(self.function, real, self.alpha, self.beta)
        back = Quantize(self.out_quant, "int8", self.rounding)
        return back.evaluate([TensorType("float32", types[0].shape)], [y])
