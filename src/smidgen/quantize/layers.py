# SPDX-License-Identifier: Apache-2.0
"""The integer form of one float layer, given the quantizations of its operands and of its result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.errors import InvalidGraph
from smidgen.ir import DType, Node, Op, QuantParams, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import (
    Add,
    AveragePool2D,
    Concat,
    Conv2D,
    Curve,
    DepthwiseConv2D,
    FullyConnected,
    LeakyRelu,
    Mean,
    Mul,
    Pad,
    Requantize,
    Softmax,
)
from smidgen.ops.arithmetic import NO_CLAMP, RANGES

_WEIGHTED = (Conv2D, DepthwiseConv2D, FullyConnected)
_RESCALING = (Add, AveragePool2D, Curve, LeakyRelu, Mean, Mul, Softmax)
_ACTIVATIONS = ("int8", "int16")
_ANY_WIDTH = (*_WEIGHTED, Add, AveragePool2D, Concat, LeakyRelu, Mean, Mul, Pad)
_SAME_SCALE = 1e-6  # relative: a float32 product of two float32 scales is off by at most 6e-8
_INT32_MAX = (1 << 31) - 1
_LARGEST_RATIO = float(1 << 30)  # of scales; quantize_multiplier's limit


@dataclass(eq=False)
class Gap(Exception):
    """One op that is not quantised: where, which, what is missing. All are collected, then told in one error."""

    loc: str
    op: str
    reason: str


def _step(value: float, like: TensorType) -> float:
    """The step of a real as Quantize finds it (float32 division, ties to even), not yet saturated."""
    with np.errstate(over="ignore"):
        ratio = np.float32(value) / np.float32(like.scale)
    return float(np.rint(np.clip(np.float64(ratio), -1e9, 1e9))) + like.zero_point


def steps(clamp: tuple[float, float], like: TensorType) -> tuple[float, float]:
    """A clamp of reals as one of steps of a tensor like this; a bound that its type has anyway is infinite."""
    (lo, hi), (least, most) = (_step(b, like) for b in clamp), RANGES[like.dtype]
    return (-math.inf if lo <= least else float(min(lo, most)), math.inf if hi >= most else float(max(hi, least)))


def padding_step(value: float, like: TensorType) -> int:
    """The integer that stands for a real padding value in a tensor like this."""
    return int(np.clip(_step(value, like), *RANGES[like.dtype]))


def requantize_to(x: TensorType, like: TensorType, clamp: tuple[float, float] = NO_CLAMP) -> Requantize:
    """The op that brings a tensor of type ``x`` to the element type and quantization of ``like``, with a clamp."""
    quant = _quant_of(like)
    check_ratio(x.scale, quant)
    return Requantize(quant, like.dtype, clamp, "even")


def _quant_of(t: TensorType) -> QuantParams:
    if t.quant is None:
        raise InvalidGraph(f"{t} carries no quantization")
    return t.quant


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
    """True if the operands, integers or float constants, are quantised as far as the op's integer form needs it.

    Weights have to be; a bias may be float, and so may a constant beside a tensor that is one number only.
    """
    if isinstance(op, _WEIGHTED):
        x, w = operands[:2]
        return x.type.dtype in _ACTIVATIONS and w.type.dtype == "int8" and w.data is not None
    if not isinstance(op, (*_RESCALING, Concat, Pad)):
        return False
    if not all(writes(op, v.type.dtype) for v in operands if v.type.dtype in _ACTIVATIONS):
        return False
    return all(v.type.dtype in _ACTIVATIONS or np.unique(v.constant).size == 1 for v in operands) and any(
        v.data is None for v in operands
    )


def writes(op: Op, dtype: DType) -> bool:
    """True if the op's integer form reads and writes activations of this type: curves are for bytes only."""
    return dtype == "int8" or isinstance(op, _ANY_WIDTH)


def integer_layer(
    node: Node, operands: Sequence[Value], like: TensorType, clamp: tuple[float, float], names: Names
) -> tuple[Op, tuple[Value, ...]]:
    """The op that writes a tensor like this (with the clamp, if it takes one), and its integer operands.

    Raises InvalidGraph with a reason where an operand is not quantised as the op needs it.
    """
    op, quant = node.op, _quant_of(like)
    if isinstance(op, _WEIGHTED):
        inputs = _weighted_operands(operands, names)
        check_ratio(inputs[0].type.scale * max(_scales(inputs[1].type)), quant)
    elif isinstance(op, _RESCALING):
        inputs = tuple(single_number(v, names) for v in operands)
        _check_rescaling(op, inputs, quant)
    else:
        raise InvalidGraph("it has no integer form")
    if isinstance(op, Softmax | Curve):  # these take no clamp
        return replace(op, out_quant=quant, rounding="even"), inputs
    dtype = None if like.dtype == inputs[0].type.dtype else like.dtype
    if isinstance(op, LeakyRelu):  # nor does it
        return replace(op, out_quant=quant, rounding="even", out_dtype=dtype), inputs
    return replace(op, out_quant=quant, rounding="even", clamp=clamp, out_dtype=dtype), inputs


def _scales(t: TensorType) -> tuple[float, ...]:
    return t.quant.scale if t.quant is not None else ()


def check_ratio(scale: float, out: QuantParams) -> None:
    """Raise InvalidGraph unless this scale, over the output's, is one that the fixed-point multipliers can hold."""
    ratio = scale / out.scale[0]
    if not ratio < _LARGEST_RATIO:
        raise InvalidGraph(f"its input scale is {ratio:g} times its output scale: no meaningful quantization")


def _check_rescaling(op: Op, inputs: Sequence[Value], quant: QuantParams) -> None:
    """Raise InvalidGraph where an operand is not quantised, or its scale and the output's are too far apart."""
    for v in inputs:
        if v.type.dtype not in _ACTIVATIONS:
            raise InvalidGraph(f"its operand {v.name!r} is {v.type.dtype}, not quantised to int8")
    scales = [v.type.scale for v in inputs]
    if isinstance(op, Mul):
        scales = [scales[0] * scales[1]]
    if isinstance(op, LeakyRelu):
        scales.append(scales[0] * abs(op.alpha))
    if isinstance(op, Curve):
        return
    if isinstance(op, Softmax):
        replace(op, out_quant=quant).table([v.type for v in inputs])
        return
    for scale in scales:
        check_ratio(scale, quant)
    if isinstance(op, Add):
        replace(op, out_quant=quant).rescale_rne([v.type for v in inputs])


def _weighted_operands(operands: Sequence[Value], names: Names) -> tuple[Value, ...]:
    x, w = operands[:2]
    for v, what, dtypes in ((x, "input", _ACTIVATIONS), (w, "weights", ("int8",))):
        if v.type.dtype not in dtypes:
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
