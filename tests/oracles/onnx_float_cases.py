# SPDX-License-Identifier: Apache-2.0
"""Small float ONNX models, one a construct, written as exporters write them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from tests.onnx_models import Array, Builder

FLOAT = TensorProto.FLOAT
Shape = tuple[int, ...]
Body = Callable[["Net"], str]
_AXES_AS_INPUT = {"Squeeze": 13, "Unsqueeze": 13, "ReduceSum": 13, "ReduceMean": 18, "ReduceMax": 18}


class Net(Builder):
    """A builder of float models; ``x`` is the first input's name."""

    def __init__(self, opset: int, shape: Shape, seed: int = 0) -> None:
        super().__init__(opset)
        self.rng = np.random.default_rng(seed)
        self.x = self.input(shape, FLOAT)

    def weights(self, *shape: int, size: float = 1.0) -> str:
        return self.constant(self.rng.normal(0, size, shape).astype(np.float32))

    def numbers(self, *values: float) -> str:
        return self.constant(np.array(values, np.float32))

    def number(self, value: float) -> str:
        return self.constant(np.float32(value))

    def conv(self, x: str, o: int, i: int, *kernel: int, bias: bool = True, **attributes: Any) -> str:
        operands = [x, self.weights(o, i, *kernel), *([self.weights(o)] if bias else [])]
        return self.node("Conv", *operands, **attributes)

    def batch_norm(self, x: str, channels: int) -> str:
        r = self.rng
        parts = (
            r.normal(1, 0.4, channels),
            r.normal(0, 1, channels),
            r.normal(0, 1, channels),
            r.uniform(0.2, 3, channels),
        )
        return self.node("BatchNormalization", x, *(self.constant(p.astype(np.float32)) for p in parts), epsilon=1e-3)

    def dense(self, x: str, k: int, n: int) -> str:
        return self.node("Gemm", x, self.weights(n, k), self.weights(n), transB=1)

    def over(self, op: str, x: str, axes: list[int], **attributes: Any) -> str:
        """An op whose axes are an attribute or an input, as the operator set has it."""
        if self.opset >= _AXES_AS_INPUT[op]:
            return self.node(op, x, self.constant(np.array(axes)), **attributes)
        return self.node(op, x, axes=axes, **attributes)

    def finish(self, *outputs: str) -> bytes:
        model = onnx.load_model_from_string(self.build(*outputs, output_type=FLOAT))
        if any(n.domain == "ai.onnx.ml" for n in model.graph.node):
            model.opset_import.append(helper.make_opsetid("ai.onnx.ml", 1))
        data: bytes = model.SerializeToString()
        return data


@dataclass(frozen=True)
class Case:
    """``clean``: the ops of the graph after the float passes, transposes at its ends left out. None: not compared."""

    shape: Shape
    body: Body
    clean: str | None = None
    oldest: int = 11


def flattened_by_shape(n: Net, x: str) -> str:
    """TorchScript's view(x.size(0), -1)."""
    size = n.node("Gather", n.node("Shape", x), n.constant(np.array(0)), axis=0)
    batch = n.over("Unsqueeze", size, [0])
    return n.node("Reshape", x, n.node("Concat", batch, n.constant(np.array([-1])), axis=0))


def conv_bn_relu_pool_linear(n: Net) -> str:
    y = n.node("Relu", n.batch_norm(n.conv(n.x, 6, 3, 3, 3, bias=False, pads=[1, 1, 1, 1]), 6))
    y = n.node("MaxPool", y, kernel_shape=[2, 2], strides=[2, 2])
    return n.dense(n.node("Flatten", n.node("Dropout", y)), 6 * 4 * 4, 5)


def pool_then_relu(n: Net) -> str:
    y = n.node("Relu", n.node("MaxPool", n.conv(n.x, 6, 3, 3, 3), kernel_shape=[2, 2], strides=[2, 2]))
    return n.node("Softmax", n.dense(flattened_by_shape(n, y), 6 * 3 * 3, 4), axis=1)


def separable(n: Net) -> str:
    y = n.node("Clip", n.batch_norm(n.conv(n.x, 3, 1, 3, 3, group=3, pads=[1, 1, 1, 1]), 3), n.number(0), n.number(6))
    y = n.node("Relu", n.batch_norm(n.conv(y, 8, 3, 1, 1, bias=False), 8))
    return n.node("Flatten", n.node("GlobalAveragePool", y))


def residual(n: Net) -> str:
    x = n.node("Relu", n.conv(n.x, 4, 3, 3, 3, pads=[1, 1, 1, 1]))
    y = n.batch_norm(n.conv(x, 4, 4, 3, 3, pads=[1, 1, 1, 1]), 4)
    return n.over("ReduceMean", n.node("Relu", n.node("Add", y, x)), [2, 3], keepdims=0)


def residual_of_the_input(n: Net) -> str:
    return n.node("Relu", n.node("Add", n.x, n.conv(n.x, 3, 3, 3, 3, pads=[1, 1, 1, 1])))


def before_activation(n: Net) -> str:
    """Batch normalisation that no layer can take: before a ReLU, or before a padded convolution."""
    y = n.conv(n.node("Relu", n.batch_norm(n.x, 3)), 4, 3, 3, 3)
    return n.conv(n.batch_norm(n.node("Relu", y), 4), 2, 4, 3, 3, pads=[1, 1, 1, 1])


def inception(n: Net) -> str:
    a = n.node("Relu", n.conv(n.x, 2, 3, 1, 1))
    b = n.node("Relu", n.batch_norm(n.conv(n.x, 3, 3, 3, 3, pads=[1, 1, 1, 1]), 3))
    c = n.conv(n.node("MaxPool", n.x, kernel_shape=[3, 3], pads=[1, 1, 1, 1]), 2, 3, 1, 1)
    return n.conv(n.node("Concat", a, b, c, axis=1), 4, 7, 1, 1)


def one_dimensional(n: Net) -> str:
    y = n.node("Relu", n.batch_norm(n.conv(n.x, 6, 4, 5, strides=[2], pads=[2, 2]), 6))
    y = n.node("MaxPool", n.conv(y, 6, 1, 3, group=6, pads=[1, 1]), kernel_shape=[2], strides=[2])
    return n.dense(n.node("Flatten", n.node("Relu", y)), 6 * 4, 3)


def squeeze_and_excite(n: Net) -> str:
    y = n.conv(n.x, 4, 3, 3, 3)
    s = n.node("Relu", n.dense(n.over("ReduceMean", y, [2, 3], keepdims=0), 4, 2))
    s = n.node("Sigmoid", n.dense(s, 2, 4))
    s = n.node("Reshape", s, n.constant(np.array([1, 4, 1, 1])))
    s = n.node("Expand", s, n.constant(np.array([1, 4, 6, 6])))
    return n.conv(n.node("Mul", y, s), 2, 4, 1, 1)


def normalised_input(n: Net) -> str:
    y = n.node("Sub", n.node("Mul", n.x, n.number(1 / 127.5)), n.number(1))
    return n.conv(
        n.node("Div", n.node("Sub", y, n.weights(1, 3, 1, 1)), n.constant(np.full((3, 1, 1), 0.3, np.float32))),
        4,
        3,
        3,
        3,
    )


def written_out_activations(n: Net) -> str:
    """SiLU, hard swish and both forms of GELU, as older operator sets write them."""
    y = n.conv(n.x, 4, 3, 1, 1)
    y = n.conv(n.node("Mul", y, n.node("Sigmoid", y)), 4, 4, 1, 1)
    six = n.node("Clip", n.node("Add", y, n.number(3)), n.number(0), n.number(6))
    y = n.conv(n.node("Div", n.node("Mul", y, six), n.number(6)), 4, 4, 1, 1)
    e = n.node("Add", n.node("Erf", n.node("Div", y, n.number(np.sqrt(2)))), n.number(1))
    y = n.conv(n.node("Mul", n.node("Mul", y, e), n.number(0.5)), 4, 4, 1, 1, bias=False)
    cube = n.node("Mul", n.node("Pow", y, n.number(3)), n.number(0.044715))
    t = n.node("Tanh", n.node("Mul", n.node("Add", y, cube), n.number(np.sqrt(2 / np.pi))))
    return n.node("Mul", n.node("Mul", n.number(0.5), y), n.node("Add", n.number(1), t))


def scores(n: Net) -> str:
    """What skl2onnx makes of a StandardScaler and a binary MLPClassifier, labels aside."""
    n.nodes.append(
        helper.make_node(
            "Scaler", [n.x], ["scaled"], domain="ai.onnx.ml", offset=[1.0, 2, 3, 4, 5], scale=[0.5, 1, 2, 1, 3]
        )
    )
    y = n.node("Cast", "scaled", to=FLOAT)
    y = n.node("Relu", n.node("Add", n.node("MatMul", y, n.weights(5, 4)), n.weights(1, 4)))
    p = n.node("Sigmoid", n.node("Add", n.node("MatMul", y, n.weights(4, 1)), n.weights(1)))
    return n.node("Concat", n.node("Sub", n.number(1), p), p, axis=1)


def two_heads(n: Net) -> str:
    flat = n.node("Flatten", n.conv(n.x, 3, 3, 3, 3))
    first = n.dense(n.node("Relu", n.node("Mul", flat, n.weights(1, 48))), 48, 3)
    return n.node("Add", first, n.dense(n.node("Concat", flat, first, axis=1), 51, 3))


def padded(n: Net) -> str:
    pads = n.constant(np.array([0, 0, 1, 0, 0, 0, 2, 1]))
    y = n.conv(n.node("Mul", n.node("Pad", n.x, pads), n.number(2)), 4, 3, 3, 3)
    y = n.node("AveragePool", n.node("Pad", y, n.constant(np.array([0, 0, 1, 1, 0, 0, 1, 1]))), kernel_shape=[3, 3])
    return n.node("Pad", y, n.constant(np.array([0, 0, 1, 0, 0, 0, 0, 0])), n.number(0.5))


def tokens(n: Net) -> str:
    """A map flattened to a sequence, a dense layer on each element, their mean."""
    y = n.node("Reshape", n.conv(n.x, 4, 3, 3, 3), n.constant(np.array([0, 4, -1])))
    y = n.node("Add", n.node("MatMul", n.node("Transpose", y, perm=[0, 2, 1]), n.weights(4, 5)), n.weights(5))
    return n.over("ReduceMean", n.node("Relu", y), [1], keepdims=0)


def reductions(n: Net) -> str:
    y = n.conv(n.x, 4, 3, 1, 1)
    total = n.node(
        "Sum", n.over("ReduceMax", y, [2, 3]), n.over("ReduceSum", y, [2, 3]), n.over("ReduceMean", y, [-1, 2])
    )
    return n.over("Squeeze", n.node("Neg", total), [2, 3])


def bounds(n: Net) -> str:
    y = n.node("Max", n.number(-1.5), n.node("Min", n.x, n.number(2)))
    return n.node("Slice", y, *(n.constant(np.array(v)) for v in ([0, 0], [2**62, 3], [0, 1])))


def like(n: Net) -> str:
    return n.node("Add", n.node("CastLike", n.x, n.x), n.node("CastLike", n.constant(np.array([3], np.int64)), n.x))


def weight_norm(n: Net) -> str:
    """Weights that the file computes from constants."""
    v, g = n.weights(4, 6), n.weights(4, 1)
    norm = n.node("ReduceL2", v, axes=[1], keepdims=1)
    return n.node("Gemm", n.x, n.node("Mul", g, n.node("Div", v, norm)), transB=1)


def unary(op: str, **attributes: Any) -> Body:
    return lambda n: n.node(op, n.x, **attributes)


_MAP, _ROWS = (1, 3, 6, 6), (2, 6)
CASES: dict[str, Case] = {
    "conv-bn-relu-pool-linear": Case((2, 3, 8, 8), conv_bn_relu_pool_linear, "Conv2D MaxPool2D Reshape FullyConnected"),
    "pool then relu": Case((1, 3, 8, 8), pool_then_relu, "Conv2D MaxPool2D Reshape FullyConnected Softmax"),
    "separable": Case(_MAP, separable, "DepthwiseConv2D Conv2D AveragePool2D Reshape"),
    "residual": Case(_MAP, residual, "Conv2D Conv2D Add Mean Reshape"),
    "residual of the input": Case(_MAP, residual_of_the_input, "Conv2D Add"),
    "before activation": Case(_MAP, before_activation, "DepthwiseConv2D Conv2D DepthwiseConv2D Conv2D"),
    "inception": Case(_MAP, inception, "Conv2D Conv2D MaxPool2D Conv2D Concat Conv2D"),
    "one-dimensional": Case(
        (1, 4, 16), one_dimensional, "Reshape Conv2D DepthwiseConv2D MaxPool2D Reshape FullyConnected"
    ),
    "squeeze and excite": Case(
        (1, 3, 8, 8), squeeze_and_excite, "Conv2D Mean Reshape FullyConnected FullyConnected Curve Reshape Mul Conv2D"
    ),
    "normalised input": Case(_MAP, normalised_input, "Conv2D"),
    "written out activations": Case(
        _MAP, written_out_activations, "Conv2D Curve Conv2D Curve Conv2D Curve Conv2D Curve"
    ),
    "scores": Case((3, 5), scores, "FullyConnected FullyConnected Curve Add Concat"),
    "two heads": Case(_MAP, two_heads, None),
    "padded": Case(_MAP, padded, "Conv2D AveragePool2D Pad"),
    "tokens": Case(_MAP, tokens, "Conv2D Reshape FullyConnected Mean Reshape"),
    "reductions": Case(_MAP, reductions, None),
    "bounds": Case((2, 3), bounds, "Clamp"),
    "like": Case((2, 3), like, "Add", 15),
    "weight norm": Case(_ROWS, weight_norm, "FullyConnected"),
    "batch norm of rows": Case(_ROWS, lambda n: n.dense(n.batch_norm(n.x, 6), 6, 4), "FullyConnected"),
    "batch norm alone": Case((1, 3, 5), lambda n: n.batch_norm(n.x, 3), None),
    "expanded": Case((1, 3), lambda n: n.node("Expand", n.x, n.constant(np.array([2, 3]))), "Mul"),
    "one slope": Case(_ROWS, lambda n: n.node("PRelu", n.x, n.number(0.3)), "LeakyRelu"),
    "slopes": Case(_MAP, lambda n: n.node("PRelu", n.x, n.weights(3, 1, 1)), None),
    "softmax of a map": Case((2, 3, 2, 2), unary("Softmax", axis=1), None),
    "softmax by default": Case((2, 3, 4), unary("Softmax"), None),
    "softmax of middle": Case((2, 3, 4), unary("Softmax", axis=-2), None),
    "sigmoid": Case(_ROWS, unary("Sigmoid"), "Curve"),
    "tanh": Case(_ROWS, unary("Tanh"), "Curve"),
    "hard sigmoid": Case(_ROWS, unary("HardSigmoid"), "Curve"),
    "hard swish": Case(_ROWS, unary("HardSwish"), "Curve", 14),
    "elu": Case(_ROWS, unary("Elu", alpha=0.7), "Curve"),
    "selu": Case(_ROWS, unary("Selu"), "Curve"),
    "gelu": Case(_ROWS, unary("Gelu"), "Curve", 20),
    "gelu by tanh": Case(_ROWS, unary("Gelu", approximate="tanh"), "Curve", 20),
    "erf": Case(_ROWS, unary("Erf"), "Curve"),
    "exp": Case(_ROWS, unary("Exp"), "Curve"),
    "identity": Case(_ROWS, unary("Identity"), "Reshape"),
}


def build(name: str, opset: int) -> bytes:
    """The model of a case; the operator set is raised to the case's oldest."""
    case = CASES[name]
    net = Net(max(opset, case.oldest), case.shape, seed=len(name))
    if name == "weight norm" and opset >= 18:
        net.opset = 17
    return net.finish(case.body(net))


def inputs(shape: Shape, count: int) -> list[Array]:
    rng = np.random.default_rng(3)
    return [rng.normal(0, 2, shape).astype(np.float32) for _ in range(count)]
