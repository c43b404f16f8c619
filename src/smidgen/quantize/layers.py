# SPDX-License-Identifier: Apache-2.0
"""The integer form of one float layer, given the quantizations of its operands and of its result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph
from smidgen.ir import Node, Op, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import (
    Add,
    AveragePool2D,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    LeakyRelu,
    Mean,
    Mul,
    Pad,
    Softmax,
)

_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)
_RESCALING = (Add, AveragePool2D, LeakyRelu, Mean, Mul, Softmax)
_SAME_SCALE = 1e-6  # relative: a float32 product of two float32 scales is off by at most 6e-8
_INT32_MAX = (1 << 31) - 1
_LARGEST_RATIO = float(1 << 30)  # of scales; quantize_multiplier's limit


@dataclass(eq=False)
class Gap(Exception):
    """One op that is not quantised: where, which, what is missing. All are collected, then told in one error."""

    loc: str
    op: str
    reason: str


def _step(value: float, quant: QuantParams) -> float:
    """The step of a real as Quantize finds it (float32 division, ties to even), not yet saturated."""
    with np.errstate(over="ignore"):
        ratio = np.float32(value) / np.float32(quant.scale[0])
    return float(np.rint(np.clip(np.float64(ratio), -1e9, 1e9))) + quant.zero_point[0]


def steps(clamp: tuple[float, float], quant: QuantParams) -> tuple[float, float]:
    """A clamp of reals as one of output steps; a bound that int8 has anyway is infinite."""
    lo, hi = (_step(b, quant) for b in clamp)
    return (-math.inf if lo <= -128 else min(lo, 127.0), math.inf if hi >= 127 else max(hi, -128.0))


def padding_step(value: float, quant: QuantParams) -> int:
    """The stored int8 value of a real padding value."""
    return int(np.clip(_step(value, quant), -128, 127))


def single_number(value: Value, names: Names) -> Value:
    """A float constant that is one number, repeated or not, as int8: q = +-1 and its magnitude for a scale, exactly."""
    if value.data is None or value.type.dtype != "float32":
        return value
    numbers = np.unique(value.data)
    if numbers.size != 1 or not np.isfinite(numbers[0]):
        raise InvalidGraph(f"its constant operand {value.name!r} is float32, not quantised")
    number = float(numbers[0])
    quant = QuantParams((abs(number) or 1.0,), (0,))
    shape = value.type.shape
    return Value(names.fresh(value.name), TensorType("int8", shape, quant), np.full(shape, np.sign(number), np.int8))


def has_integer_form(op: Op, operands: Sequence[Value]) -> bool:
    """True if the operands, int8 tensors or float constants, are quantised as far as the op's integer form needs it.

    Weights have to be; a bias may be float, and so may a constant beside a tensor that is one number only.
    """
    if isinstance(op, _WEIGHTED):
        x, w = operands[:2]
        return x.type.dtype == "int8" and w.type.dtype == "int8" and w.data is not None
    if not isinstance(op, (*_RESCALING, Concat, Pad)):
        return False
    return all(v.type.dtype == "int8" or np.unique(v.constant).size == 1 for v in operands) and any(
        v.data is None for v in operands
    )


def integer_layer(
    node: Node, operands: Sequence[Value], quant: QuantParams, clamp: tuple[float, float], names: Names
) -> tuple[Op, tuple[Value, ...]]:
    """The op with its output quantization (and the clamp, if it takes one), and its integer operands.

    Raises InvalidGraph with a reason where an operand is not quantised as the op needs it.
    """
    op = node.op
    if isinstance(op, _WEIGHTED):
        inputs = _weighted_operands(operands, names)
        check_ratio(inputs[0].type.scale * max(_scales(inputs[1].type)), quant)
    elif isinstance(op, _RESCALING):
        inputs = tuple(single_number(v, names) for v in operands)
        _check_rescaling(op, inputs, quant)
    else:
        raise InvalidGraph("it has no integer form")
    if isinstance(op, LeakyRelu | Softmax):  # these take no clamp
        return replace(op, out_quant=quant, rounding="even"), inputs
    return replace(op, out_quant=quant, rounding="even", clamp=clamp), inputs


def _scales(t: TensorType) -> tuple[float, ...]:
    return t.quant.scale if t.quant is not None else ()


def check_ratio(scale: float, out: QuantParams) -> None:
    """Raise InvalidGraph unless this scale, over the output's, is one that the fixed-point multipliers can hold."""
    ratio = scale / out.scale[0]
    if not ratio < _LARGEST_RATIO:
        raise InvalidGraph(f"its input scale is {ratio:g} times its output scale: no meaningful quantization")


def _check_rescaling(op: Op, inputs: Sequence[Value], quant: QuantParams) -> None:
    """Raise InvalidGraph where an operand is not int8, or its scale and the output's are too far apart."""
    for v in inputs:
        if v.type.dtype != "int8":
            raise InvalidGraph(f"its operand {v.name!r} is {v.type.dtype}, not quantised to int8")
    scales = [v.type.scale for v in inputs]
    if isinstance(op, Mul):
        scales = [scales[0] * scales[1]]
    if isinstance(op, LeakyRelu):
        scales.append(scales[0] * abs(op.alpha))
    if isinstance(op, Softmax):
        replace(op, out_quant=quant).table([v.type for v in inputs])
        return
    for scale in scales:
        check_ratio(scale, quant)
    if isinstance(op, Add):
        replace(op, out_quant=quant).rescale_rne([v.type for v in inputs])


def _weighted_operands(operands: Sequence[Value], names: Names) -> tuple[Value, ...]:
    x, w = operands[:2]
    for v, what in ((x, "input"), (w, "weights")):
        if v.type.dtype != "int8":
            raise InvalidGraph(f"its {what} {v.name!r} are {v.type.dtype}: no DequantizeLinear of int8 data before it")
    if w.data is None:
        raise InvalidGraph(f"its weights {w.name!r} are computed while the network runs")
    return (x, w) if len(operands) == 2 else (x, w, _integer_bias(x.type, w.type, operands[2], names))


def _integer_bias(x: TensorType, w: TensorType, bias: Value, names: Names) -> Value:
    """The bias in steps of scale(x) * scale(w).

    An int32 bias that has this scale (to float32 precision) is taken as it is. Any other, and a float one, is rounded
    to it, ties to even, which moves the sum by at most half an accumulator step.
    """
    channels = bias.type.shape[0]
    target = x.scale * np.array(_scales(w), np.float64)
    if bias.type.dtype == "int32" and _same_scale(_scales(bias.type), target):
        data = bias.constant
    else:
        data = _to_int32(_real(bias) / target, bias.name)
    wanted = tuple(float(s) for s in target)
    axis = None if len(wanted) == 1 else 0
    quant = QuantParams(wanted, (0,) * len(wanted), axis)
    return Value(names.fresh(bias.name), TensorType("int32", (channels,), quant), np.array(data, np.int32))


def _same_scale(have: Sequence[float], want: npt.NDArray[np.float64]) -> bool:
    return bool(np.all(np.abs(np.array(have) - want) <= _SAME_SCALE * want))


def _real(bias: Value) -> npt.NDArray[np.float64]:
    quant = bias.type.quant
    data = bias.constant.astype(np.float64)
    if quant is None:
        return data
    return (data - np.array(quant.zero_point, np.float64)) * np.array(quant.scale, np.float64)


def _to_int32(ratio: npt.NDArray[np.float64], name: str) -> npt.NDArray[np.int32]:
    if not np.all(np.abs(ratio) <= _INT32_MAX):
        raise InvalidGraph(f"its bias {name!r} does not fit int32 in steps of scale(input) * scale(weights)")
    return np.rint(ratio).astype(np.int32)
