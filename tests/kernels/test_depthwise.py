# SPDX-License-Identifier: Apache-2.0
"""Depthwise kernels for one shape: one shift for all channels is exact, and costs and sizes are as promised."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, profile
from smidgen.ir import Graph, Node, QuantParams, Rounding, TensorType
from smidgen.kernels import Kernel
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.kernels.depthwise import uniform
from smidgen.kernels.depthwise.three import fast_pairs, low_pairs, rows_overlap
from smidgen.kernels.depthwise.window import window
from smidgen.kernels.registry import all_kernels
from smidgen.ops import DepthwiseConv2D
from smidgen.ops.accumulators import channel_weights, largest_sum, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from smidgen.schedule import make_schedule
from smidgen.targets import load_target
from tests.kernels.admitted import EVERY_FEATURE, draw_nodes
from tests.kernels.nodes import make

Four = tuple[int, int, int, int]
KERNELS = {k.symbol: k for k in all_kernels() if k.family == "depthwise" and k.constants}


def layer(
    size: tuple[int, int, int],
    kernel: tuple[int, int] = (3, 3),
    stride: int = 1,
    padding: Four = (1, 1, 1, 1),
    rounding: Rounding = "double",
    exponents: tuple[float, float] = (-9.0, -7.0),
    relu: bool = True,
) -> Node:
    """A layer like those of published models; exponents: of two of the multipliers, between which the others lie."""
    rng = np.random.default_rng(sum(size))
    c = size[2]
    scales = tuple(float(np.float32(2.0**e)) for e in np.linspace(*exponents, c))
    x = TensorType("int8", (1, *size), QuantParams((0.5,), (-128,)))
    w_type = TensorType("int8", (*kernel, c), QuantParams(scales, (0,) * c, 2))
    w = rng.integers(-127, 128, (*kernel, c)).astype(np.int8)
    bias = rng.integers(-3000, 3000, c).astype(np.int32)
    clamp = (-128.0, np.inf) if relu else (-np.inf, np.inf)
    out = QuantParams((0.5,), (-128 if relu else -3,))
    op = DepthwiseConv2D(stride=(stride, stride), padding=padding, clamp=clamp, out_quant=out, rounding=rounding)
    return make(op, [(x, None), (w_type, w), (TensorType("int32", (c,)), bias)])


def sums(node: Node) -> np.ndarray:
    """Sums of products (cases, c): all round every change of the output, ends and random ones."""
    reach = largest_sum(node)
    rng = np.random.default_rng(int(reach.sum()))
    (mult, shift), zero_point = multipliers(node), out_quant(node).zero_point[0]
    levels = np.arange(-128, 129)[:, None] - zero_point - 0.5
    changes = levels * 2.0 ** (31 - shift.astype(float)) / np.maximum(mult, 1) - fitted_bias(node)
    steps = np.arange(-2, 3)[:, None, None]
    near = (np.clip(changes, -reach, reach).astype(np.int64) + steps).reshape(-1, len(reach))
    spread = rng.integers(-reach, reach + 1, (400, len(reach)))
    return np.clip(np.concatenate([near, spread]), -reach, reach)


def modelled(node: Node, total: np.ndarray) -> np.ndarray:
    """What the kernels compute from packed weights and columns, on exact integers with their bounds checked."""
    found = uniform.scaled(node)
    mode, (lo, hi) = found.constants(node)["SMG_ROUNDING_MODE"], int_bounds(node.op.clamp)
    bias, mult, addend, shift = found.columns.astype(np.int64).T
    w = channel_weights(node).T
    largest = np.abs(w).max(axis=0, initial=0)
    factor = np.where(largest > 0, np.abs(found.weights).max(axis=0, initial=0) // np.maximum(largest, 1), 0)
    np.testing.assert_array_equal(found.weights, w * factor)  # one factor a channel; 0 where the output is constant
    assert found.weights.min(initial=0) >= -(1 << 15)
    assert found.weights.max(initial=0) < 1 << 15
    folded = node["x"].type.zero_point * w.sum(axis=0) * factor
    acc = total * factor + (((bias + folded) + (1 << 31)) % (1 << 32) - (1 << 31))
    assert (np.abs(acc) < 1 << 31).all()
    high = ((acc * mult + (0 if mode == 2 else 1 << 31)) >> 32) + addend + (acc >> 63 if mode == 0 else 0)
    assert (np.abs(high) < 1 << 31).all()
    return np.clip(high >> shift, lo, hi)


def wanted(node: Node, total: np.ndarray) -> np.ndarray:
    op = node.op
    y = requantize(total + fitted_bias(node), *multipliers(node), op.rounding) + out_quant(node).zero_point[0]
    return np.clip(y, *int_bounds(op.clamp))


def test_scaled_channels_equal_the_definition() -> None:
    seen = Counter[str]()
    drawn = [node for node, _ in draw_nodes(KERNELS["smg_depthwise_kxk_s8_m4"], 150)]
    spreads = [(-9.0, -7.0), (-12.0, -6.0), (-16.0, -8.0), (-21.0, -8.0), (-20.0, -3.0)]
    like = [layer((4, 4, 40), exponents=e, rounding=r) for e in spreads for r in ("double", "even")]
    for node in drawn + like:
        if not KERNELS["smg_depthwise_kxk_s8_m4"].requires[-1](node):
            continue
        total = sums(node)
        np.testing.assert_array_equal(modelled(node, total), wanted(node, total), str(node.types))
        seen[f"shift {uniform.scaled(node).shift}"] += 1
        seen[f"mode {uniform.scaled(node).mode}"] += 1
    assert seen["shift 0"] >= 10
    assert seen["shift 10"] >= 10
    assert min(seen["mode 0"], seen["mode 2"]) >= 10, seen


def test_a_shorter_multiplier_is_proved_or_refused() -> None:
    node = layer((4, 4, 40), exponents=(-16.0, -8.0))
    right = -multipliers(node)[1]
    assert right.max() > 10
    found = uniform.scaled(node)
    assert found.shift == 10  # that of the other channels
    shorter = found.columns[right > 10, 1]
    assert shorter.max() < 1 << 30
    c = int(np.argmax(right))
    (bias, mult, addend, shift), precision = uniform._approximated(node, c, 10, 7) or pytest.fail("not proved")
    assert (precision, shift) == (7, 10)

    def by(multiplier: int) -> bool:
        folded = bias - (int(uniform.requantize_columns(node)[c, 0]) << 8)
        return uniform._same_steps(node, c, lambda acc: ((((acc << 8) + folded) * multiplier >> 32) + addend) >> shift)

    assert by(mult)
    assert not by(mult + (mult >> 6))
    assert not by(mult - (mult >> 6))


@pytest.mark.parametrize(
    ("node", "symbol", "reason"),
    [
        (layer((9, 9, 8), stride=2), "3x3s1", "Strides are 1"),
        (layer((9, 9, 8)), "3x3s2", "Strides are 2"),
        (layer((9, 9, 8), (5, 5)), "3x3s1", "Filters are 3x3 without dilation"),
        (layer((9, 9, 8), padding=(2, 1, 1, 1)), "3x3s1", "Padding is at most 1 on each side"),
        (layer((3, 501, 4)), "3x3s1",
         "Rows have at most 500 columns and less than 64 KB, pixels at most 1000 channels"),
        (layer((6, 6, 8)), "3x3s1_low", "Thin strips need less scratch than the kernel of thick ones"),
        (layer((9, 9, 8), (1, 1), padding=(1, 0, 0, 0)), "kxk",
         "Padding makes the output no higher and no wider than the input and is less than the window"),
        (layer((9, 9, 8)), "direct", "Windows lie inside the input"),
        (layer((9, 9, 3), padding=(0, 0, 0, 0)), "direct",
         "Windows have at most 32 taps and less than 64 KB from first to last, and there are at least four channels"),
    ],
)  # fmt: skip
def test_refusals(node: Node, symbol: str, reason: str) -> None:
    assert KERNELS[f"smg_depthwise_{symbol}_s8_m4"].rejects(node, EVERY_FEATURE) == f"needs: {reason}"


def test_strips_fit_their_scratch() -> None:
    wide = layer((48, 48, 8))
    assert (fast_pairs(wide), low_pairs(wide)) == (4, 1)
    assert KERNELS["smg_depthwise_3x3s1_s8_m4"].scratch(wide) == 4000
    assert KERNELS["smg_depthwise_3x3s1_low_s8_m4"].scratch(wide) == 1600
    assert KERNELS["smg_depthwise_3x3s1_s8_m4"].scratch(layer((6, 6, 3))) == 3 * 4 * 8 * 4


def test_two_rows_of_outputs_lead() -> None:
    assert rows_overlap(layer((48, 48, 16), stride=2, padding=(0, 0, 1, 1))) == {"y": (2 * 24 - 1) * 16}
    assert rows_overlap(layer((3, 3, 5), stride=2, padding=(0, 0, 0, 0))) == {"y": 0}


def test_one_row_is_turned() -> None:
    w = window(layer((1, 28, 8), (1, 5), padding=(0, 2, 0, 1)))
    assert (w.ih, w.iw, w.kh, w.kw, w.oh, w.ow, w.top, w.left) == (28, 1, 5, 1, 27, 1, 2, 0)


SHAPES = {
    "3x3s1": [layer((25, 5, 64)), layer((6, 6, 106)), layer((24, 24, 8), relu=False)],
    "3x3s1_low": [layer((24, 24, 8))],
    "3x3s2": [layer((24, 24, 8), stride=2, padding=(0, 0, 1, 1)), layer((15, 15, 9), stride=2)],
    "3x3s2_rows": [layer((24, 24, 8), stride=2, padding=(0, 0, 1, 1))],
    "kxk": [
        layer((28, 1, 128), (5, 1), padding=(0, 0, 0, 0), relu=False),
        layer((14, 14, 8), (5, 5), padding=(2, 2, 2, 2)),
    ],
    "direct": [layer((15, 1, 128), (15, 1), padding=(0, 0, 0, 0), relu=False)],
}


def built(kernel: Kernel, node: Node) -> tuple[int, int]:
    """Modelled cycles, and code bytes of the function's object."""
    graph = Graph("one", "tflm-int8.v1", node.inputs[:1], node.outputs, (node,))
    schedule = make_schedule(graph, load_target("nucleo-l4r5zi"), {node.output.name: kernel.symbol})
    origin = Origin("test", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    compiled = Compiled(graph, schedule, sources, origin, memory)
    report = profile(compiled, memory_system=False)
    sizes = compiled.build().sizes
    return report.layers[0].cycles, sizes.kernel_code_bytes


@pytest.mark.slow
@pytest.mark.parametrize("symbol", sorted(SHAPES))
def test_costs_and_sizes_are_as_promised(symbol: str) -> None:
    kernel = KERNELS[f"smg_depthwise_{symbol}_s8_m4"]
    core = load_target("nucleo-l4r5zi").core
    for node in SHAPES[symbol]:
        cycles, code = built(kernel, node)
        copied = 0.8 * node.output.type.nbytes  # the last step is charged with copying the output
        assert kernel.cost(node, core) == pytest.approx(cycles - copied, rel=0.03)
        assert kernel.footprint
        assert code <= kernel.footprint(node)[0] <= 1.35 * code
