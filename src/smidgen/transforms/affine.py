# SPDX-License-Identifier: Apache-2.0
"""x * scale + shift with constants along the last dimension, and layers that take it into their weights and biases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Node, TensorType, Value
from smidgen.ir.names import Names
from smidgen.ops import Add, Conv2D, DepthwiseConv2D, FullyConnected, Mul

Reals = npt.NDArray[np.float64]
LAYERS = (Conv2D, DepthwiseConv2D, FullyConnected)

_FLOAT32_MAX = float(np.finfo(np.float32).max)
LARGEST_SHIFT = 64.0
"""Where a shift is larger, (x + c) * s and x * s + c * s differ: standardised data lose digits of float32 that the
subtraction of their mean keeps. Beyond it the order of the file is kept."""


@dataclass(frozen=True, slots=True)
class Affine:
    """base * scale + shift; both are (1) or (channels), channels the base's last dimension."""

    base: Value
    scale: Reals
    shift: Reals
    loc: str

    @property
    def finite(self) -> bool:
        """True if float32 can hold both."""
        return all(bool(np.all(np.abs(v) <= _FLOAT32_MAX)) for v in (self.scale, self.shift))


def affine_of(node: Node) -> Affine | None:
    """A float sum or product of a tensor and a constant along the last dimension, its clamp left aside."""
    if not isinstance(node.op, Add | Mul) or node.output.type.dtype != "float32":
        return None
    constants = [v for v in node.inputs if v.data is not None]
    tensors = [i for i, v in enumerate(node.inputs) if v.data is None]
    if len(constants) != 1 or node.inputs[tensors[0]].type.shape != node.output.type.shape:
        return None
    x, numbers = node.inputs[tensors[0]], _along_last(constants[0], node.output.type.shape)
    if numbers is None:
        return None
    if isinstance(node.op, Mul):
        return Affine(x, numbers, np.zeros(1), node.loc)
    signs = node.op.signs
    return Affine(x, np.full(1, float(signs[tensors[0]])), signs[1 - tensors[0]] * numbers, node.loc)


def _along_last(constant: Value, shape: tuple[int, ...]) -> Reals | None:
    """The numbers of a constant that is one, or has one for each index of the last dimension."""
    t = constant.type
    if t.elements != 1 and (t.elements != shape[-1] or t.shape[-1:] != shape[-1:]):
        return None
    numbers: Reals = constant.constant.reshape(-1).astype(np.float64)
    return numbers


def then(first: Affine, second: Affine) -> Affine:
    """``second`` of what ``first`` gives."""
    shift = first.shift * second.scale + second.shift
    return Affine(first.base, first.scale * second.scale, shift, f"{first.loc} + {second.loc}")


def is_foldable(node: Node) -> bool:
    """True for a float layer whose weights and bias are plain constants."""
    return isinstance(node.op, LAYERS) and all(
        v.data is not None and v.type.dtype == "float32" for v in node.inputs[1:]
    )


def before_layer(layer: Node, affine: Affine, names: Names) -> Node | None:
    """The layer of ``affine``'s result as a layer of its base; None where padding or float32 stands in the way."""
    padded = not isinstance(layer.op, FullyConnected) and any(getattr(layer.op, "padding", ()))
    shifted = bool(np.any(affine.shift))
    if shifted and (padded or np.abs(affine.shift).max() > LARGEST_SHIFT):
        return None
    channels = layer.inputs[0].type.shape[-1]
    scale, shift = (np.broadcast_to(v, (channels,)) for v in (affine.scale, affine.shift))
    w = layer.inputs[1].constant.astype(np.float64)
    source = _sources(layer)
    scaled = w * scale[source]
    added = (w * shift[source]).reshape(w.shape).sum(axis=_summed(layer))
    return _with(layer, (affine.base,), scaled, added if shifted else None, np.ones(1), layer.outputs[0], names)


def after_layer(layer: Node, affine: Affine, output: Value, names: Names) -> Node | None:
    """One layer that gives ``affine`` of the layer's result, as ``output``; None where float32 cannot hold it."""
    w = layer.inputs[1].constant.astype(np.float64)
    axis = 2 if isinstance(layer.op, DepthwiseConv2D) else 0
    scale = np.broadcast_to(affine.scale, (w.shape[axis],))
    shape = [1] * w.ndim
    shape[axis] = -1
    shift = np.broadcast_to(affine.shift, scale.shape) if np.any(affine.shift) else None
    merged = replace(layer, loc=f"{layer.loc} + {affine.loc}")
    return _with(merged, (layer.inputs[0],), w * scale.reshape(shape), shift, scale, output, names)


def _sources(layer: Node) -> Array:
    """The input channel that each weight multiplies, to broadcast over the weights."""
    op, w = layer.op, layer.inputs[1].type
    if isinstance(op, DepthwiseConv2D):
        return np.arange(w.shape[2]) // op.multiplier(layer.types)
    each = np.arange(w.shape[-1])
    if isinstance(op, Conv2D) and op.groups > 1:
        group = np.arange(w.shape[0]) // (w.shape[0] // op.groups)
        return group[:, None, None, None] * w.shape[-1] + each
    return each


def _summed(layer: Node) -> tuple[int, ...]:
    """The dimensions of the weights that one result sums over."""
    if isinstance(layer.op, DepthwiseConv2D):
        return (0, 1)
    return (1,) if isinstance(layer.op, FullyConnected) else (1, 2, 3)


def _with(
    layer: Node, data: tuple[Value], w: Reals, added: Reals | None, scale: Reals, output: Value, names: Names
) -> Node | None:
    """The layer with these weights, and its bias times ``scale`` plus ``added``."""
    bias = layer.get("b")
    constants = [_real(layer.inputs[1], w, names)]
    if bias is not None or added is not None:
        old = np.zeros(output.type.shape[-1]) if bias is None else bias.constant.astype(np.float64)
        total = old * scale + (0.0 if added is None else added)
        constants.append(_real(bias or layer.inputs[1], total, names))
    if any(c is None for c in constants):
        return None
    return replace(layer, inputs=(*data, *(c for c in constants if c is not None)), outputs=(output,))


def _real(like: Value, data: Reals, names: Names) -> Value | None:
    """A float32 constant named after another; None where float32 cannot hold it."""
    with np.errstate(over="ignore"):
        real = np.array(data, np.float32)
    if not np.all(np.isfinite(real)):
        return None
    return Value(names.fresh(like.name), TensorType("float32", real.shape), real)
