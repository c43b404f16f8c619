# SPDX-License-Identifier: Apache-2.0
"""What to ask CMSIS-NN's own functions for the bytes of a buffer: a question is a kind and its numbers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from smidgen.ir import Node
from smidgen.kernels.conv2d import params as conv_params
from smidgen.kernels.depthwise import params as depthwise_params
from smidgen.kernels.pool import params as pool_params
from smidgen.targets.target import Core

PROGRAM = Path(__file__).parent / "sizes.inc.h"
Question = tuple[str, ...]
Sizes = Callable[[Question], int]
"""Answers a question with bytes."""

_KINDS = ("convolve_wrapper", "depthwise_conv_wrapper", "fully_connected", "avgpool")
_FUNCTIONS = tuple(f"arm_{kind}_s8_get_buffer_size{v}" for kind in _KINDS for v in ("", "_dsp", "_mve"))

FUNCTIONS = _FUNCTIONS
"""What the program of questions calls."""

_WINDOW = (
    "batch", "in_h", "in_w", "in_c", "out_c", "k_h", "k_w", "out_h", "out_w", "stride_h", "stride_w", "pad_t", "pad_l",
    "dilation_h", "dilation_w", "in_offset",
)  # fmt: skip


def variant(core: Core) -> str:
    """Which of its implementations the library compiles for a core: as arm_nn_math_types.h finds out."""
    return next((feature for feature in ("mve", "dsp") if feature in core.features), "plain")


UNFIT = {
    "plain": "defined(__ARM_FEATURE_DSP) || defined(__ARM_FEATURE_MVE)",
    "dsp": "defined(__ARM_FEATURE_MVE)",
    "mve": "defined(__ARM_FEATURE_DSP) && !defined(__ARM_FEATURE_MVE)",
}
"""When its code is another one than planned for. Plain C, as on a host, is planned for as well."""


def of_conv2d(node: Node, core: Core) -> Question:
    p = conv_params(node)
    return ("conv2d", variant(core), *(str(p[name]) for name in (*_WINDOW, "groups")))


def of_depthwise(node: Node, core: Core) -> Question:
    p = depthwise_params(node)
    return ("depthwise", variant(core), *(str(p[name]) for name in (*_WINDOW, "multiplier")))


def of_fully_connected(node: Node, core: Core) -> Question:
    out_c, in_c = node["w"].type.shape
    return ("fully_connected", variant(core), str(in_c), str(out_c))


def of_average_pool(node: Node, core: Core) -> Question:
    p = pool_params(node)
    return ("avgpool", variant(core), str(p["out_w"]), str(p["in_c"]))
