# SPDX-License-Identifier: Apache-2.0
"""What the kernels for int16 activations share: when they are meant, and the widths of their instances."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from smidgen.ir import Node, TensorType
from smidgen.kernels.common import Int32s, constant_weights, even_rounding, interleave, pad_last
from smidgen.kernels.kernel import Packed
from smidgen.ops import Add, AveragePool2D, Mean, Mul
from smidgen.ops.accumulators import ACCUMULATOR_LIMIT, channel_weights, multipliers, worst_case
from smidgen.ops.arithmetic import RANGES, WIDE_SHIFT
from smidgen.targets.target import Core


def int16_elements(node: Node) -> bool:
    """Activations are int8 or int16, not all of them int8"""
    dtypes = {t.dtype for t in activations(node)}
    return "int16" in dtypes and dtypes <= {"int8", "int16"}


def int16_throughout(node: Node) -> bool:
    """Input and output are int16"""
    return {t.dtype for t in activations(node)} == {"int16"}


def activations(node: Node) -> tuple[TensorType, ...]:
    """The operands that are no weights or tables, and the result."""
    count = len(node.inputs) if isinstance(node.op, Add | Mul) else 1
    return (*node.types[:count], node.output.type)


def bits(t: TensorType) -> int:
    return 8 * np.dtype(t.dtype).itemsize


def widths(node: Node) -> Mapping[str, int]:
    """The macros of smg_elements.h for an op without sums."""
    operands = [bits(t) for t in activations(node)[:-1]]
    names = ("SMG_IN_BITS",) if len(operands) == 1 else ("SMG_A_BITS", "SMG_B_BITS")
    return {**dict(zip(names, operands, strict=True)), "SMG_OUT_BITS": bits(node.output.type)}


def layer_widths(node: Node) -> Mapping[str, int]:
    """The same for a layer with weights, whose sums have 64 bits unless 32 provably suffice."""
    return {**widths(node), "SMG_SUM_BITS": 32 if _sums_fit(node) else 64}


def _sums_fit(node: Node) -> bool:
    return bool(worst_case(node).max() < ACCUMULATOR_LIMIT)


def sums_fit(node: Node) -> bool:
    """Sums provably fit 32 bits, or multipliers are at most 2**13"""
    return _sums_fit(node) or int(multipliers(node)[1].max()) <= WIDE_SHIFT


def pooled_widths(node: Node) -> Mapping[str, int]:
    """The same for a mean or an average pool."""
    return {**widths(node), "SMG_SUM_BITS": 32 if _largest_pooled(node) < ACCUMULATOR_LIMIT else 64}


def _largest_pooled(node: Node) -> int:
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean | AveragePool2D)
    least, most = RANGES[x.dtype]
    elements = op.count(x) if isinstance(op, Mean) else op.kernel[0] * op.kernel[1]
    return elements * max(most - x.zero_point, x.zero_point - least)


def pooled_sum_fits(node: Node) -> bool:
    """Sums fit 32 bits, or the multiplier is at most 2**13"""
    op, x = node.op, node["x"].type
    assert isinstance(op, Mean | AveragePool2D)
    shift = op.multiplier(x)[1] if isinstance(op, Mean) else int(op.count_multipliers(x, [1])[1][0])
    return _largest_pooled(node) < ACCUMULATOR_LIMIT or shift <= WIDE_SHIFT


def block_widths(node: Node) -> Mapping[str, int]:
    """As ``layer_widths``, for kernels that shift sums left before they multiply: those have to fit 32 bits, too.

    SMG_OUTPUT says how sums become outputs (smg_products16.h).
    """
    if not shifted_sums_fit(node):
        return {**widths(node), "SMG_SUM_BITS": 64, "SMG_OUTPUT": 2}
    return {**widths(node), "SMG_SUM_BITS": 32, "SMG_OUTPUT": int(multipliers(node)[1].max() <= -2)}


def shifted_sums_fit(node: Node) -> bool:
    """Sums, shifted left where a multiplier is at least one half, provably fit 32 bits"""
    left = np.maximum(multipliers(node)[1].astype(np.int64) + 1, 0)
    return bool((worst_case(node) << left).max() < ACCUMULATOR_LIMIT)


def sums_fit_or_multipliers_moderate(node: Node) -> bool:
    """Sums, shifted left where a multiplier is at least one half, fit 32 bits, or multipliers are at most 2**13"""
    return shifted_sums_fit(node) or int(multipliers(node)[1].max()) <= WIDE_SHIFT


def channel_words(node: Node, *, folded: bool = True) -> Int32s:
    """smg_channel of each output channel (out_c, 6), as smg_products16.h takes it.

    ``folded``: the bias holds the zero point's part, for kernels that multiply raw bytes and pad with the zero point.
    Sums are shifted left only where the multiplier is at least one half, so that larger ones fit than where doubling
    comes first (common.packed_channels).
    """
    w, bias = channel_weights(node), node.get("b")
    mult, shift = (np.broadcast_to(a.astype(np.int64), len(w)) for a in multipliers(node))
    zero_point = node["x"].type.zero_point if folded else 0
    b = (0 if bias is None else bias.constant.astype(np.int64)) - zero_point * w.sum(axis=1)
    left, right = np.maximum(shift + 1, 0), np.maximum(-shift - 1, 0)
    columns = [b, mult, left, right, (1 << right) >> 1, (right == 0) * (1 << 31)]
    packed: Int32s = np.stack(columns, axis=1).astype(np.uint32).view(np.int32)
    return packed


def pack_groups(node: Node, count: int) -> Mapping[str, Packed]:
    """Weights interleaved by ``count`` channels, each group of four inputs as 0, 2, 1, 3; and as many smg_channel."""
    w = node["w"].constant
    groups = interleave(w.reshape(w.shape[0], -1), count)[..., [0, 2, 1, 3]]
    words = np.ascontiguousarray(pad_last(channel_words(node).T, count).T)
    return {"w": Packed(np.ascontiguousarray(groups)), "b": Packed(words)}


Sizes = Mapping[tuple[int, ...], tuple[int, int]]
"""Code and stack bytes, measured with zig cc -O3 for cortex-m4f, by bits of input, output and sums."""


def scalar_cost(node: Node, core: Core, *, mac: float, output: float) -> float:
    """Cycles of a layer's plain kernel, by its multiply-accumulates and outputs."""
    return node.macs * mac + node.output.type.elements * output


def scalar_footprint(node: Node, *, sizes: Sizes) -> tuple[int, int]:
    """Code and stack bytes of a layer's plain kernel."""
    return measured(node, layer_widths(node), sizes)


def measured(node: Node, constants: Mapping[str, int], sizes: Sizes) -> tuple[int, int]:
    """The sizes of an instance with these constants; those of the largest one where it was not measured."""
    key = tuple(v for name, v in constants.items() if name.endswith("_BITS"))
    return sizes.get(key) or (max(code for code, _ in sizes.values()), max(stack for _, stack in sizes.values()))


LAYER = (even_rounding, int16_elements, constant_weights)
"""What every layer with weights requires."""
