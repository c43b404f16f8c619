# SPDX-License-Identifier: Apache-2.0
"""Predicates, parameters and costs that the float32 kernels of several families share."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels.common import pad_last
from smidgen.kernels.float32_cost import by_columns
from smidgen.kernels.kernel import Packed, ParamValue
from smidgen.ops import Conv2D, DepthwiseConv2D
from smidgen.targets.target import Core

_WITHOUT_FPU = 25.0  # a sum or product of compiler-rt against one instruction; estimated, no such target yet


def float_elements(node: Node) -> bool:
    """Inputs and output are float32"""
    return all(v.type.dtype == "float32" for v in (*node.inputs, *node.outputs))


def whole_weights(node: Node) -> bool:
    """Weights are kept as float32"""
    return node["w"].type.storage is None


def constant_parameters(node: Node) -> bool:
    """Weights and bias are constants"""
    return all(v.data is not None for v in node.inputs[1:])


def clip_params(clamp: tuple[float, float]) -> dict[str, ParamValue]:
    """act_min and act_max, as float32 values."""
    with np.errstate(over="ignore"):
        lo, hi = (float(np.float32(bound)) for bound in clamp)
    return {"act_min": lo, "act_max": hi}


def window_params(node: Node) -> dict[str, ParamValue]:
    """The fields that both convolutions' structs share."""
    op = node.op
    assert isinstance(op, Conv2D | DepthwiseConv2D)
    (n, ih, iw, ic), (_, oh, ow, oc) = node["x"].type.shape, node.output.type.shape
    kh, kw = node["w"].type.shape[1:3] if isinstance(op, Conv2D) else node["w"].type.shape[:2]
    return {
        "batch": n, "in_h": ih, "in_w": iw, "in_c": ic, "out_h": oh, "out_w": ow, "out_c": oc, "k_h": kh, "k_w": kw,
        "stride_h": op.stride[0], "stride_w": op.stride[1],
        "dilation_h": op.dilation[0], "dilation_w": op.dilation[1],
        "pad_t": op.padding[0], "pad_l": op.padding[1], "by_columns": int(by_columns(node)), **clip_params(op.clamp),
    }  # fmt: skip


def packed_bias(node: Node, multiple: int = 1) -> Packed:
    """The bias, or zeros, with zeros until a multiple divides it; -0 becomes 0."""
    bias, channels = node.get("b"), node.output.type.shape[-1]
    b = np.zeros(channels, np.float32) if bias is None else bias.constant + np.float32(0)
    return Packed(pad_last(b, multiple))


def pack_quads(node: Node) -> Mapping[str, Packed]:
    """Weights as ``quads``; flash grows by up to 3 channels."""
    return {"w": Packed(quads(node["w"].constant)), "b": packed_bias(node, 4)}


def quads(w: Array) -> Array:
    """Weights (out_c, k) as (out_c / 4, k, 4), with zeros past the last channel."""
    padded = pad_last(w.reshape(w.shape[0], -1).T, 4)
    return np.ascontiguousarray(padded.reshape(padded.shape[0], -1, 4).transpose(1, 0, 2))


def slowed(cycles: float, core: Core) -> float:
    """Cycles of float arithmetic on a core with or without a floating-point unit."""
    return cycles if "fpu" in core.features else cycles * _WITHOUT_FPU


def per_output(cycles: float) -> Callable[[Node, Core], float]:
    """A cost of so many cycles an output."""
    return lambda node, core: slowed(node.output.type.elements * cycles, core)


def per_mac(cycles: float, output_cycles: float) -> Callable[[Node, Core], float]:
    """A cost of so many cycles a multiply-accumulate, and others an output."""
    return lambda node, core: slowed(node.macs * cycles + node.output.type.elements * output_cycles, core)
