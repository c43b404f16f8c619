# SPDX-License-Identifier: Apache-2.0
"""Operators that move bytes or change what they stand for. Semantics: TFLite Micro's kernels."""

from __future__ import annotations

import numpy as np
import tflite

from smidgen.errors import MalformedModel
from smidgen.frontends.tflite.operator import INT8_REMEDY, OpReader
from smidgen.frontends.tflite.tensors import Refused
from smidgen.ir import Node, Value
from smidgen.ops import Concat, Crop, Dequantize, Pad, Quantize, Requantize, Reshape, Transpose


def reshape(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.output_type
    if x.type.dtype != out.dtype:
        raise MalformedModel(f"{r.loc}: {x.type.dtype} becomes {out.dtype}, but {r.kind} computes nothing")
    if x.type.dtype == "int8":
        renaming, x = r.same_steps(0)
        return [*renaming, *r.node(Reshape(out.shape), x)]
    return r.node(Reshape(out.shape, out.quant), x)


def transpose(r: OpReader) -> list[Node]:
    renaming, x = r.same_steps(0)
    rank = len(x.type.shape)
    permutation = tuple(int(p) % rank if -rank <= p < rank else rank for p in r.integers(1).ravel())
    return [*renaming, *r.node(Transpose(permutation), x)]


def pad(r: OpReader) -> list[Node]:
    renaming, x = r.same_steps(0)
    widths = r.integers(1)
    if widths.shape != (len(x.type.shape), 2) or widths.min(initial=0) < 0:
        raise MalformedModel(
            f"{r.loc}: paddings {widths.tolist()} for a tensor of {len(x.type.shape)} dimensions, expected a pair of "
            f"non-negative widths a dimension"
        )
    before, after = (tuple(int(w) for w in widths[:, side]) for side in (0, 1))
    return [*renaming, *r.node(Pad(before, after, _pad_value(r)), x)]


def _pad_value(r: OpReader) -> float:
    """PADV2's constant, which is in the output's steps, or PAD's: the zero point."""
    out = r.steps(r.output_type)
    if out is None:
        return _real_pad_value(r)
    if not r.has(2):
        return out.zero_point[0]
    value, of = r.integers(2), r.table.type(r.input_index(2))
    if value.size != 1 or of.dtype != "int8" or of.quant != out:
        raise MalformedModel(
            f"{r.loc}: inconsistent quantisation: the padding value is {of}, expected one int8 in the output's steps"
        )
    return int(value.ravel()[0])


def _real_pad_value(r: OpReader) -> float:
    if not r.has(2):
        return 0.0
    value = r.data(2)
    if value.size != 1 or value.dtype != np.float32:
        raise MalformedModel(f"{r.loc}: the padding value is {value.dtype}{list(value.shape)}, expected one float32")
    return float(value.reshape(()))


def concatenation(r: OpReader) -> list[Node]:
    o = r.options(tflite.ConcatenationOptions, tflite.BuiltinOptions.ConcatenationOptions)
    if o.FusedActivationFunction() != tflite.ActivationFunctionType.NONE:
        raise Refused("a fused activation", "TFLite Micro has none for concatenation either; use a separate one")
    rank, nodes, values = len(r.output_type.shape), [], []
    if not r.inputs or not -rank <= o.Axis() < rank:
        raise MalformedModel(f"{r.loc}: {len(r.inputs)} inputs along axis {o.Axis()} of {rank} dimensions")
    for i in range(len(r.inputs)):
        renaming, x = r.same_steps(i)
        nodes += renaming
        values.append(x)
    return [*nodes, *r.node(Concat(o.Axis() % rank), *values)]


def slice_(r: OpReader) -> list[Node]:
    """SLICE: a size of -1 reaches to the end."""
    begin, size = (r.integers(i).ravel().tolist() for i in (1, 2))
    shape = r.value(0).type.shape
    if not len(begin) == len(size) == len(shape):
        raise MalformedModel(f"{r.loc}: begins {begin} and sizes {size} for a tensor of {len(shape)} dimensions")
    return _cropped(r, [(b, d - b if n == -1 else n) for b, n, d in zip(begin, size, shape, strict=True)])


def strided_slice(r: OpReader) -> list[Node]:
    """STRIDED_SLICE with strides of 1, whose result keeps all dimensions (strided_slice.cc; its masks are bits)."""
    o = r.options(tflite.StridedSliceOptions, tflite.BuiltinOptions.StridedSliceOptions)
    begin, end, strides = (r.integers(i).ravel().tolist() for i in (1, 2, 3))
    shape = r.value(0).type.shape
    if not len(begin) == len(end) == len(strides) == len(shape):
        raise MalformedModel(f"{r.loc}: bounds {begin}, {end}, {strides} for a tensor of {len(shape)} dimensions")
    if o.EllipsisMask() or o.NewAxisMask() or o.ShrinkAxisMask() or set(strides) - {1}:
        raise Refused("a slice with strides or of other dimensions", "Slices are supported with strides of 1")
    taken = []
    for i, (b, e, d) in enumerate(zip(begin, end, shape, strict=True)):
        first = 0 if o.BeginMask() >> i & 1 else min(max(b + d if b < 0 else b, 0), d)
        last = d if o.EndMask() >> i & 1 else min(max(e + d if e < 0 else e, 0), d)
        taken.append((first, last - first))
    return _cropped(r, taken)


def _cropped(r: OpReader, taken: list[tuple[int, int]]) -> list[Node]:
    """Start and length in each dimension; one node a dimension of which a part is taken."""
    nodes, x = r.same_steps(0)
    ops = [Crop(a, *part) for a, (part, d) in enumerate(zip(taken, x.type.shape, strict=True)) if part != (0, d)]
    for op in ops[:-1]:
        (t,) = op.infer([x.type])
        y = Value(r.name(f"along_{op.axis}"), t)
        nodes.append(Node(op, (x,), (y,), r.loc))
        x = y
    return [*nodes, *r.node(ops[-1] if ops else Reshape(x.type.shape), x)]


def quantize(r: OpReader) -> list[Node]:
    x, out = r.value(0), r.output_type
    if out.dtype in ("int8", "uint8") and (out.quant is None or out.quant.axis is not None):
        raise MalformedModel(f"{r.loc}: its {out.dtype} output has no per-tensor quantization")
    if out.dtype not in ("int8", "uint8") or out.quant is None:
        raise Refused(f"quantising {x.type.dtype} to {out.dtype}", INT8_REMEDY)
    if x.type.dtype == "float32" and out.dtype == "int8":
        return r.node(Quantize(out.quant), x)
    if x.type.dtype in ("int8", "uint8"):
        return r.node(Requantize(out.quant, out.dtype), x)
    raise Refused(f"quantising {x.type.dtype} to {out.dtype}", INT8_REMEDY)


def dequantize(r: OpReader) -> list[Node]:
    """To reals; constants of float16 (TFLite's float16 quantisation) at once."""
    half = r.table.half(r.input_index(0))
    if half is not None:
        r.table.computed[r.output_index] = half
        return []
    x = r.value(0)
    r.quant(x.type)
    return r.node(Dequantize(), x)
