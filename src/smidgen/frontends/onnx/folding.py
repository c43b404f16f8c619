# SPDX-License-Identifier: Apache-2.0
"""Evaluates nodes whose inputs are all constant with onnx's reference evaluator, within a bound on memory."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Sequence

import numpy as np
import onnx

from smidgen.errors import MalformedModel
from smidgen.frontends.onnx.context import OnnxNode, Refusal
from smidgen.ir import Array

MAX_ELEMENTS = 1 << 24
"""Of one folded tensor and of all of them together; more than any model for a microcontroller holds."""


def _broadcast(inputs: Sequence[Array]) -> int:
    return math.prod(np.broadcast_shapes(*(a.shape for a in inputs)))


def _largest(inputs: Sequence[Array]) -> int:
    return max((a.size for a in inputs), default=0)


def _total(inputs: Sequence[Array]) -> int:
    return sum(a.size for a in inputs)


def _filled(inputs: Sequence[Array]) -> int:
    return math.prod(abs(int(d)) for d in inputs[0].ravel())


def _expanded(inputs: Sequence[Array]) -> int:
    return math.prod(np.broadcast_shapes(inputs[0].shape, tuple(abs(int(d)) for d in inputs[1].ravel())))


def _range(inputs: Sequence[Array]) -> int:
    start, limit, delta = (float(a.reshape(())) for a in inputs)
    return max(0, math.ceil((limit - start) / delta))


def _gathered(inputs: Sequence[Array]) -> int:
    return inputs[0].size * max(inputs[1].size, 1)


FOLDABLE: dict[str, Callable[[Sequence[Array]], int]] = {
    **dict.fromkeys(("Add", "Sub", "Mul", "Div", "Mod", "Pow", "Min", "Max", "Where"), _broadcast),
    **dict.fromkeys(("Equal", "Greater", "Less", "GreaterOrEqual", "LessOrEqual", "And", "Or"), _broadcast),
    **dict.fromkeys(("Abs", "Neg", "Not", "Sqrt", "Reciprocal", "Floor", "Ceil", "Round", "Exp", "Log"), _largest),
    **dict.fromkeys(("Cast", "Identity", "Reshape", "Transpose", "Squeeze", "Unsqueeze", "Flatten"), _largest),
    **dict.fromkeys(("Slice", "Size", "ReduceProd", "ReduceSum", "ReduceMax", "ReduceMin", "Clip", "Relu"), _largest),
    **dict.fromkeys(("ReduceL1", "ReduceL2", "ReduceMean", "ReduceSumSquare", "Sign", "Erf", "Sigmoid"), _largest),
    **dict.fromkeys(("Tanh", "Softmax", "Trilu"), _largest),
    "CastLike": lambda inputs: inputs[0].size,
    "Concat": _total,
    "ConstantOfShape": _filled,
    "Expand": _expanded,
    "Gather": _gathered,
    "Range": _range,
}
"""Ops that exporters leave behind in shape arithmetic: how many elements each can give."""


def fold(node: OnnxNode, inputs: Sequence[Array | None]) -> Array:
    """The node's only output. Raises MalformedModel where the inputs do not fit it, refuses where it is too large."""
    present = [a for a in inputs if a is not None]
    try:
        size = FOLDABLE[node.op_type](present)
    except (ValueError, ArithmeticError, IndexError, TypeError) as e:
        raise MalformedModel(f"{node.loc}: its constant inputs do not fit it ({e})") from e
    if size > MAX_ELEMENTS:
        raise Refusal(f"its constant result would have {size} elements", f"At most {MAX_ELEMENTS} are folded")
    try:
        return _run(node, inputs)
    except Exception as e:  # the reference evaluator raises whatever numpy or its own code raises
        raise MalformedModel(f"{node.loc}: cannot be evaluated on its constant inputs ({str(e)[:200]})") from e


def _run(node: OnnxNode, inputs: Sequence[Array | None]) -> Array:
    from onnx.reference import ReferenceEvaluator  # takes a third of a second to import; most models fold nothing

    names = [n for n in dict.fromkeys(node.inputs) if n]
    feeds = {n: a for n, a in zip(node.inputs, inputs, strict=True) if n and a is not None}
    graph = onnx.helper.make_graph(
        [node.proto],
        "fold",
        [
            onnx.helper.make_tensor_value_info(n, onnx.helper.np_dtype_to_tensor_dtype(feeds[n].dtype), None)
            for n in names
        ],
        [onnx.ValueInfoProto(name=node.outputs[0])],
    )
    model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", node.opset)])
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        (result,) = ReferenceEvaluator(model).run(None, feeds)
    return np.asarray(result)
