# SPDX-License-Identifier: Apache-2.0
"""int8 addition of equal shapes on CORE-V as one linear form per element (add/linear.py), in products of 32 bits."""

from __future__ import annotations

from collections.abc import Mapping

from smidgen.ir import Node
from smidgen.kernels.add.linear import constants as linear_constants
from smidgen.kernels.add.linear import linear_form
from smidgen.kernels.add.linear import params as linear_params
from smidgen.kernels.common import int8_elements, same_shape
from smidgen.kernels.kernel import Kernel, ParamValue
from smidgen.ops import Add
from smidgen.targets.target import Core


def has_plain_form(node: Node) -> bool:
    """One linear form in products of 32 bits gives the rounded sum for all pairs of bytes"""
    return linear_form(node, 0) is not None


def constants(node: Node) -> Mapping[str, int]:
    return linear_constants(node, 0)


def params(node: Node) -> Mapping[str, ParamValue]:
    return linear_params(node, 0)


def cost(node: Node, core: Core) -> float:
    load, multiply, alu, store = (core.cycles[name] for name in ("load", "multiply", "alu", "store"))
    limits = constants(node)
    clamps = 1 + (limits["SMG_ACT_MIN"] > -128) + (limits["SMG_ACT_MAX"] < 127)
    each = 2 * load + 2 * multiply + (1 + clamps) * alu
    return node.output.type.elements * (each + (2 * alu + store) / 4) + 60


def footprint(node: Node) -> tuple[int, int]:
    """Code and stack bytes of an instance, from above."""
    return 400, 64


KERNELS = (
    Kernel(
        "smg_add_linear_s8_corev", "corev", "add_linear", Add, cost, params, frozenset({"xcv"}),
        (int8_elements, same_shape, has_plain_form), inplace="a", constants=constants, footprint=footprint,
    ),
)  # fmt: skip
