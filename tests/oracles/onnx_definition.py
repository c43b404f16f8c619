# SPDX-License-Identifier: Apache-2.0
"""What a QDQ layer means, computed as ONNX defines it: DequantizeLinear, the op in floats, QuantizeLinear.

Written from the ONNX operator documents, apart from Op.evaluate; float32 or float64 throughout.
"""

from __future__ import annotations

import numpy as np

from smidgen.ir import Node, TensorType
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, Mean, Mul, Softmax
from tests.onnx_models import Array

Float = type[np.float32] | type[np.float64]


def dequantize(t: TensorType, data: Array, dtype: Float) -> Array:
    assert t.quant is not None
    shape = [1] * data.ndim
    if t.quant.axis is not None:
        shape[t.quant.axis] = -1
    scale = np.array(t.quant.scale, dtype).reshape(shape)
    zero = np.array(t.quant.zero_point, np.int64).reshape(shape)
    real: Array = (data.astype(np.int64) - zero).astype(dtype) * scale
    return real


def quantize(ratio: Array, like: TensorType, clamp: tuple[float, float]) -> Array:
    """QuantizeLinear of a quotient; ``clamp``, in steps, stands for the activation before it."""
    ends = np.iinfo(like.dtype)
    lo, hi = max(clamp[0], ends.min), min(clamp[1], ends.max)
    clipped: Array = np.clip(np.rint(ratio) + like.zero_point, lo, hi).astype(like.dtype)
    return clipped


def layer(node: Node, arrays: list[Array], dtype: Float) -> tuple[Array, Array]:
    """The node's integer output by definition, and the quotient (real result over scale) before it was rounded."""
    op = node.op
    reals = [dequantize(v.type, a, dtype) for v, a in zip(node.inputs, arrays, strict=True)]
    if isinstance(op, Conv2D | DepthwiseConv2D):
        y = _convolution(op, *reals)
    elif isinstance(op, FullyConnected):
        y = reals[0] @ reals[1].T + (reals[2] if len(reals) > 2 else dtype(0))
    elif isinstance(op, Add):
        y = op.signs[0] * reals[0] + op.signs[1] * reals[1]
    elif isinstance(op, Mul):
        y = reals[0] * reals[1]
    elif isinstance(op, Mean):
        y = reals[0].mean(axis=tuple(range(op.first, op.last + 1)), keepdims=True, dtype=dtype)
    elif isinstance(op, AveragePool2D):
        y = _average(op, reals[0])
    elif isinstance(op, Softmax):
        e = np.exp(reals[0] - reals[0].max(axis=-1, keepdims=True))
        y = e / e.sum(axis=-1, keepdims=True)
    else:
        raise AssertionError(f"no definition of {type(op).__name__}")
    assert y.dtype == dtype
    assert op.out_quant is not None
    ratio = y / dtype(op.out_quant.scale[0])
    return quantize(ratio, node.output.type, getattr(op, "clamp", (-np.inf, np.inf))), ratio


def _convolution(op: Conv2D | DepthwiseConv2D, x: Array, w: Array, b: Array | None = None) -> Array:
    """A sum over kernel positions of shifted, strided maps."""
    top, left, bottom, right = op.padding
    x = np.pad(x, ((0, 0), (top, bottom), (left, right), (0, 0)))
    kh, kw = (w.shape[1], w.shape[2]) if isinstance(op, Conv2D) else (w.shape[0], w.shape[1])
    assert getattr(op, "groups", 1) == 1
    oh = (x.shape[1] - (kh - 1) * op.dilation[0] - 1) // op.stride[0] + 1
    ow = (x.shape[2] - (kw - 1) * op.dilation[1] - 1) // op.stride[1] + 1
    y: Array = np.zeros((), x.dtype) if b is None else b
    for i in range(kh):
        for j in range(kw):
            rows = slice(i * op.dilation[0], i * op.dilation[0] + (oh - 1) * op.stride[0] + 1, op.stride[0])
            columns = slice(j * op.dilation[1], j * op.dilation[1] + (ow - 1) * op.stride[1] + 1, op.stride[1])
            part = x[:, rows, columns]
            y = y + (part @ w[:, i, j].T if isinstance(op, Conv2D) else part * w[i, j])
    return y


def _average(op: AveragePool2D, x: Array) -> Array:
    assert op.kernel == x.shape[1:3]
    assert not any(op.padding)
    mean: Array = x.mean(axis=(1, 2), keepdims=True, dtype=x.dtype)
    return mean
