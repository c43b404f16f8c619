# SPDX-License-Identifier: Apache-2.0
"""Functions of one float32."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.float32 import clip_params, float_elements, per_output
from smidgen.kernels.kernel import Kernel, ParamValue, Predicate
from smidgen.ops import Clamp, Curve, LeakyRelu
from smidgen.ops.curve import FUNCTIONS, Function


def clamp_params(node: Node) -> Mapping[str, ParamValue]:
    """a: the lower bound, b: the upper one."""
    assert isinstance(node.op, Clamp)
    bounds = clip_params(node.op.clamp)
    return {"count": node.output.type.elements, "a": bounds["act_min"], "b": bounds["act_max"]}


def leaky_relu_params(node: Node) -> Mapping[str, ParamValue]:
    """a: the factor below 0."""
    assert isinstance(node.op, LeakyRelu)
    return {"count": node.output.type.elements, "a": float(node.op.alpha), "b": 0.0}


def curve_params(node: Node) -> Mapping[str, ParamValue]:
    """a and b as the function means them; ELU's factor 0 means none."""
    op = node.op
    assert isinstance(op, Curve)
    b = 1.0 if op.function == "elu" and op.beta == 0 else float(op.beta)
    return {"count": node.output.type.elements, "a": float(op.alpha), "b": b}


_CYCLES: Mapping[Function, float] = {
    "sigmoid": 80, "tanh": 75, "hard_sigmoid": 20, "hard_swish": 22, "elu": 60, "silu": 82, "gelu": 95,
    "gelu_tanh": 90, "erf": 90, "exp": 55,
}  # fmt: skip


def _is(function: Function) -> Predicate:
    def predicate(node: Node) -> bool:
        return isinstance(node.op, Curve) and node.op.function == function

    predicate.__doc__ = f"The function is {function}"
    return predicate


def _curve(function: Function) -> Kernel:
    includes = () if function == "exp" else ("smg_curves.inc.h",)
    return Kernel(f"smg_{function}_f32_scalar", "unary", "unary_f32", Curve, per_output(_CYCLES[function]),
                  curve_params, requires=(float_elements, _is(function)), inplace="x", includes=includes)  # fmt: skip


KERNELS = (
    Kernel("smg_clamp_f32_scalar", "unary", "unary_f32", Clamp, per_output(15), clamp_params,
           requires=(float_elements,), inplace="x"),
    Kernel("smg_leaky_relu_f32_scalar", "unary", "unary_f32", LeakyRelu, per_output(13), leaky_relu_params,
           requires=(float_elements,), inplace="x"),
    *(_curve(function) for function in FUNCTIONS),
)  # fmt: skip
