# SPDX-License-Identifier: Apache-2.0
"""Functions of one float32."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import clip_params, float_elements, per_output
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Clamp, LeakyRelu


def clamp_params(node: Node) -> Mapping[str, ParamValue]:
    """a: the lower bound, b: the upper one."""
    assert isinstance(node.op, Clamp)
    bounds = clip_params(node.op.clamp)
    return {"count": node.output.type.elements, "a": bounds["act_min"], "b": bounds["act_max"]}


def leaky_relu_params(node: Node) -> Mapping[str, ParamValue]:
    """a: the factor below 0."""
    assert isinstance(node.op, LeakyRelu)
    return {"count": node.output.type.elements, "a": float(node.op.alpha), "b": 0.0}


KERNELS = (
    Kernel("smg_clamp_f32_scalar", "unary", "unary_f32", Clamp, per_output(15), clamp_params,
           requires=(float_elements,), inplace="x"),
    Kernel("smg_leaky_relu_f32_scalar", "unary", "unary_f32", LeakyRelu, per_output(13), leaky_relu_params,
           requires=(float_elements,), inplace="x"),
)  # fmt: skip
