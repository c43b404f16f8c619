# SPDX-License-Identifier: Apache-2.0
"""Kernels that call CMSIS-NN, from a checkout the user names; only those who ask for them get them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial

import numpy as np

from smidgen.ir import Node, Op
from smidgen.kernels import add, conv2d, depthwise, fully_connected, mul, pool, softmax
from smidgen.kernels.cmsis_nn import sizes
from smidgen.kernels.cmsis_nn.checkout import Checkout
from smidgen.kernels.cmsis_nn.domain import (
    channel_multipliers,
    dense_bias,
    no_window_empty,
    one_pixel_inside,
    one_row_regular,
    plain_sum,
    shifts_fit,
    sizes_fit,
    twenty_bits_left,
)
from smidgen.kernels.common import accumulator_fits, constant_weights, double_rounding, int8_elements, same_shape
from smidgen.kernels.kernel import Kernel, Packed, ParamValue, Predicate, no_scratch
from smidgen.kernels.library import LibraryCode
from smidgen.ops import Add, AveragePool2D, Conv2D, DepthwiseConv2D, FullyConnected, MaxPool2D, Mul, Softmax
from smidgen.targets.target import Core

_INCLUDES = ("smg_cmsis_nn.inc.h",)
_ANY = (double_rounding, int8_elements, sizes_fit)
_WEIGHTED = (*_ANY, constant_weights, accumulator_fits, shifts_fit)
_POOLED = (int8_elements, sizes_fit, no_window_empty)

_CYCLES_PER_MAC: Mapping[str, float] = {"mve": 0.4, "dsp": 1.5, "plain": 6.0}
"""Estimated, for the report: nothing is chosen by it, for these kernels are taken wherever they can be."""


def kernels(checkout: Checkout, core: Core, answer: sizes.Sizes) -> tuple[Kernel, ...]:
    """The records for one core; ``answer`` asks the library's size functions."""

    def scratch(question: Callable[[Node, Core], sizes.Question]) -> Callable[[Node], int]:
        return lambda node: answer(question(node, core))

    def library(functions: tuple[str, ...]) -> LibraryCode:
        return replace(checkout.reached(functions), unfit=sizes.UNFIT[sizes.variant(core)])

    def record(
        name: str,
        contract: str,
        op: type[Op],
        functions: tuple[str, ...],
        params: Callable[[Node], Mapping[str, ParamValue]],
        requires: tuple[Predicate, ...],
        size: Callable[[Node, Core], sizes.Question] | None = None,
        pack: Callable[[Node], Mapping[str, Packed]] | None = None,
    ) -> Kernel:
        return Kernel(
            f"smg_{name}_s8_cmsis_nn", "cmsis_nn", contract, op, partial(_cost, variant=sizes.variant(core)), params,
            requires=requires, pack=pack, scratch=scratch(size) if size else no_scratch, includes=_INCLUDES,
            footprint=partial(_footprint, weighted=pack is not None), library=library(functions),
        )  # fmt: skip

    return (
        record("conv2d", "conv2d", Conv2D, ("arm_convolve_wrapper_s8",), conv2d.params,
               (*_WEIGHTED, one_pixel_inside, one_row_regular), sizes.of_conv2d, _bias),
        record("depthwise", "depthwise", DepthwiseConv2D, ("arm_depthwise_conv_wrapper_s8",), depthwise.params,
               _WEIGHTED, sizes.of_depthwise, _bias),
        record("fully_connected", "fully_connected", FullyConnected,
               ("arm_fully_connected_wrapper_s8", "arm_vector_sum_s8"), fully_connected.params,
               (*_WEIGHTED, channel_multipliers), sizes.of_fully_connected, _bias),
        record("avgpool", "pool", AveragePool2D, ("arm_avgpool_s8",), pool.params,
               (double_rounding, *_POOLED, pool.window_sum_fits), sizes.of_average_pool),
        record("maxpool", "pool", MaxPool2D, ("arm_max_pool_s8",), pool.params, _POOLED),
        record("softmax", "softmax", Softmax, ("arm_softmax_s8",), softmax.params,
               (*_ANY, softmax.classes_fit)),
        record("add", "add", Add, ("arm_elementwise_add_s8",), add.params,
               (*_ANY, same_shape, plain_sum, twenty_bits_left)),
        record("mul", "mul", Mul, ("arm_elementwise_mul_s8",), mul.params,
               (*_ANY, same_shape, mul.product_fits)),
    )  # fmt: skip


def _bias(node: Node) -> Mapping[str, Packed]:
    return {} if node.get("b") is not None else {"b": Packed(np.ascontiguousarray(dense_bias(node)))}


def _cost(node: Node, core: Core, variant: str) -> float:
    return node.macs * _CYCLES_PER_MAC[variant] + node.output.type.elements * 30 + 300


def _footprint(node: Node, weighted: bool) -> tuple[int, int]:
    """Code and stack bytes, guessed from above; a build measures them."""
    return (8192, 640) if weighted else (2048, 320)
