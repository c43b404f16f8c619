# SPDX-License-Identifier: Apache-2.0
"""Convolutions of few input channels: the bounds of paired weights, how images are cut, what is promised about them."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, verify
from smidgen.ir import Array, Graph, Node, TensorType
from smidgen.kernels import Kernel
from smidgen.kernels.conv2d_few_channels import KERNELS, STRIP_BYTES, lead
from smidgen.kernels.conv2d_few_channels.packing import pairs, pairs_fit
from smidgen.kernels.conv2d_few_channels.plan import (
    LOOP_BYTES,
    Plan,
    Shape,
    all_plans,
    fastest,
    loop_bytes,
    smallest,
)
from smidgen.kernels.fast_requantize import accumulator_bounds
from smidgen.profile import profile_image
from smidgen.schedule import make_schedule
from smidgen.sim import EmulatedMachine
from smidgen.targets import load_target
from smidgen.verify import random_inputs
from tests.kernels.host import build_instances, run
from tests.kernels.nodes import make, quant
from tests.kernels.test_emulated import GCC, named

FAST, SMALL = KERNELS
NEEDS_GCC = pytest.mark.skipif(GCC is None, reason="arm-none-eabi-gcc, the optional second compiler, is not installed")


def convolution(
    x: tuple[int, ...], w: Array, bias: list[int] | None = None, out_scale: float = 1.0, **attributes: Any
) -> Node:
    """Multipliers near 2^-8 over the filter's size, input zero point -128: the data are 0 .. 255."""
    channels = w.shape[0]
    op = ops.Conv2D(out_quant=quant(out_scale, 3), **attributes)
    scale = 2.0**-7 / np.sqrt(w[0].size)
    inputs: list[tuple[TensorType, Array | None]] = [
        (TensorType("int8", x, quant(0.3, -128)), None),
        (TensorType("int8", w.shape, quant(float(scale), 0)), w.copy()),
        (TensorType("int32", (channels,)), np.array(bias or [0] * channels, np.int32)),
    ]
    return make(op, inputs)


def weights(*shape: int, seed: int = 0) -> Array:
    return np.random.default_rng(seed).integers(-127, 128, shape).astype(np.int8)


def test_pairs_cover_all_channels() -> None:
    assert pairs(1) == [(0, 0)]
    assert pairs(2) == [(0, 1)]
    assert pairs(5) == [(0, 1), (2, 3), (3, 4)]


def test_weight_of_minus_128_borrows_from_nobody() -> None:
    w = weights(2, 3, 3, 1)
    w[1, 0, 0, 0], w[0, 0, 0, 0] = -128, 0
    assert pairs_fit(convolution((1, 5, 5, 1), w))
    w[0, 0, 0, 0] = -1
    assert not pairs_fit(convolution((1, 5, 5, 1), w))


@pytest.mark.parametrize("sign", [1, -1])
def test_second_channel_at_its_bound(sign: int, tmp_path: Path) -> None:
    """The largest accumulator that the predicate lets through comes out right; one more is refused."""
    w = np.full((2, 3, 3, 1), 127 * sign, np.int8)
    room = (1 << 22) - 1 - 9 * 127 * 255
    node = convolution((1, 3, 3, 1), w, [0, sign * room], 100.0)
    assert accumulator_bounds(node)[1] == (1 << 22) - 1
    assert not pairs_fit(convolution((1, 3, 3, 1), w, [0, sign * (room + 1)], 100.0))
    assert pairs_fit(convolution((1, 3, 3, 1), w, [sign * (room + 1), 0], 100.0))
    arrays = [np.full((1, 3, 3, 1), 127, np.int8), *(v.constant for v in node.inputs[1:])]
    library = build_instances(FAST, [node], tmp_path)
    (want,) = node.op.evaluate(node.types, arrays)
    assert 10 < abs(int(want.ravel()[1])) < 127
    np.testing.assert_array_equal(run(library, FAST, node, arrays), want)


@st.composite
def shapes(draw: st.DrawFn) -> Shape:
    k_h, k_w = draw(st.integers(1, 10)), draw(st.integers(1, 7))
    dilation = draw(st.sampled_from([(1, 1), (2, 1), (1, 2)]))
    stride = draw(st.tuples(st.integers(1, 4), st.integers(1, 4)))
    pad = draw(st.tuples(st.integers(0, 5), st.integers(0, 3)))
    h, w = draw(st.integers(1, 130)), draw(st.integers(1, 130))
    oh, ow = ((size + 2 * p - (k - 1) * d - 1) // s + 1
              for size, p, k, d, s in zip((h, w), pad, (k_h, k_w), dilation, stride, strict=True))  # fmt: skip
    return Shape(h, w, draw(st.integers(1, 8)), max(oh, 1), max(ow, 1), draw(st.integers(1, 40)), k_h, k_w, stride,
                 dilation, *pad, 4)  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes())
def test_plans_cover_every_row_once_within_their_limits(s: Shape) -> None:
    quick, small = fastest(s, STRIP_BYTES), smallest(s, STRIP_BYTES)
    assert (quick is None) == (small is None)
    if quick is None or small is None:
        return
    assert small.scratch_bytes <= quick.scratch_bytes
    assert quick.cycles() <= 1.004 * min(p.cycles() for p in all_plans(s, STRIP_BYTES))
    for plan in (quick, small):
        assert sum(plan.group_rows) == s.out_h
        assert max(plan.group_rows) == plan.most_rows <= plan.group_blocks * plan.rows
        assert plan.scratch_bytes <= STRIP_BYTES or plan.group_blocks == 1
        assert loop_bytes(plan.window, plan.rows) <= LOOP_BYTES
        assert plan.strip_rows >= (max(plan.group_rows) - 1) * s.stride[0] + (s.k_h - 1) * s.dilation[0] + 1


def _conflicts(plan: Plan, batch: int, above: int) -> bool:
    """Whether a group writes a byte of x that a later one reads, with x ``above`` bytes above y."""
    s = plan.shape
    row, out_row = s.in_w * s.in_c, s.out_w * s.out_c
    reads, writes, done = [], [], 0
    for image in range(batch):
        done = 0
        for rows in plan.group_rows:
            first = done * s.stride[0] - s.pad_t
            last = first + s.strip_rows(rows)
            inside = range(max(first, 0), min(last, s.in_h))
            reads.append(above + (image * s.in_h + inside.start) * row if len(inside) else None)
            done += rows
            writes.append((image * s.out_h + done) * out_row)
    return any(start is not None and start < written for i, written in enumerate(writes) for start in reads[i + 1 :])


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(shapes(), st.integers(1, 3))
def test_lead_is_the_least(s: Shape, batch: int) -> None:
    for plan in filter(None, (fastest(s, STRIP_BYTES), smallest(s, STRIP_BYTES))):
        node = convolution((batch, s.in_h, s.in_w, s.in_c), weights(1, 1, 1, s.in_c))
        least = lead(plan, node)
        assert not _conflicts(plan, batch, least)
        if s.pad_t < s.stride[0] and (s.out_h - 1) * s.stride[0] - s.pad_t < s.in_h:  # no group reads padding alone
            assert least == 0 or _conflicts(plan, batch, least - 1)


CORNERS = (  # x, w, stride, dilation, padding: one of each way through the assembly
    ((1, 9, 7, 3), (17, 3, 3, 3), (1, 1), (1, 1), (1, 1, 1, 1)),  # joined, two phases, a word two rows on
    ((2, 9, 8, 3), (17, 3, 3, 3), (2, 2), (1, 1), (0, 0, 1, 1)),  # joined, one phase
    ((1, 11, 9, 5), (17, 4, 1, 5), (1, 2), (1, 1), (1, 0, 2, 0)),  # joined, an even number of rows
    ((1, 14, 9, 3), (17, 3, 3, 3), (3, 2), (1, 1), (1, 1, 1, 1)),  # joined, no words shared
    ((1, 17, 9, 1), (17, 3, 3, 1), (4, 2), (1, 1), (1, 1, 1, 1)),  # joined, two remainders
    ((1, 13, 12, 1), (5, 3, 3, 1), (1, 1), (1, 1), (1, 1, 1, 1)),  # two phases, nothing to join
    ((1, 25, 10, 1), (6, 10, 4, 1), (2, 2), (1, 1), (4, 1, 5, 1)),  # chains of five, rows from half a word
    ((1, 12, 9, 4), (1, 5, 5, 4), (1, 1), (1, 1), (2, 2, 2, 2)),  # streamed, a single channel
    ((1, 15, 11, 3), (3, 7, 7, 3), (2, 2), (1, 1), (2, 2, 3, 3)),  # streamed, two chains
    ((1, 15, 6, 2), (2, 3, 3, 2), (1, 1), (2, 1), (2, 1, 2, 1)),  # dilated: a word two taps on
    ((1, 15, 6, 2), (2, 3, 2, 2), (1, 2), (3, 2), (3, 1, 3, 1)),  # dilated: no words shared
    ((1, 15, 6, 2), (2, 3, 3, 2), (2, 1), (2, 1), (2, 1, 2, 1)),  # dilated like the stride
    ((1, 5, 19, 1), (130, 2, 3, 1), (1, 1), (1, 1), (0, 1, 1, 1)),  # pixels too far apart for an offset
    ((1, 9, 70, 1), (60, 2, 3, 1), (1, 1), (1, 1), (0, 1, 1, 1)),  # rows of output, too
    ((1, 40, 9, 8), (2, 3, 3, 8), (1, 3), (1, 1), (1, 1, 1, 1)),  # columns of the strip, too
    ((1, 6, 70, 4), (2, 2, 2, 4), (2, 2), (1, 1), (0, 0, 0, 0)),  # long rows
    ((3, 1, 1, 1), (2, 3, 3, 1), (1, 1), (1, 1), (1, 1, 1, 1)),  # one pixel
    ((2, 6, 4, 1), (1, 1, 1, 1), (1, 2), (1, 1), (0, 0, 0, 0)),  # one weight
    ((1, 3, 4, 2), (2, 1, 1, 2), (1, 1), (1, 1), (0, 0, 0, 0)),  # one word of weights
    ((1, 60, 15, 4), (2, 2, 12, 4), (1, 1), (1, 1), (0, 0, 0, 0)),  # streamed: windows of more than 4 KB
)


def corners() -> list[Node]:
    nodes = []
    for i, (x, w, stride, dilation, padding) in enumerate(CORNERS):
        rounding = ("double", "even")[i % 2]
        node = convolution(x, weights(*w, seed=i), out_scale=1.37, stride=stride, dilation=dilation, padding=padding,
                           rounding=rounding, clamp=((-128, 127), (-90, 100), (3, 127))[i % 3])  # fmt: skip
        nodes.append(named(node, f"n{i}", FAST))
    return nodes


def test_corners_are_corners() -> None:
    """Every node is admitted, and together they take every way."""
    ways: set[tuple[object, ...]] = set()
    for kernel, node in product(KERNELS, corners()):
        assert kernel.rejects(node, load_target("nucleo-l4r5zi").core) is None, node.loc
        assert kernel.constants
        c = kernel.constants(node)
        ways.add(("joined", c["SMG_VERTICAL"], c["SMG_PHASES"], c["SMG_STRIDE_H"]))
        ways.add(("tail", c["SMG_TAIL_BLOCKS"] > 0, "streamed", not c["SMG_RESIDENT"]))
        ways.add(("groups", c["SMG_GROUP_BLOCKS"] < c["SMG_FULL_BLOCKS"]))
        ways |= {(name, c[name] > 255) for name in ("SMG_PIXEL_BYTES", "SMG_COLUMN_BYTES")}
        ways.add(("far", c["SMG_OUT_ROW_BYTES"] * (c["SMG_ROWS"] - 1) > 4095))
        ways.add(("streamed far", not c["SMG_RESIDENT"] and 4 * c["SMG_WORDS"] * c["SMG_PITCH"] > 4095))
    for phases, stride in ((2, 1), (1, 2), (1, 1), (1, 3), (1, 4)):
        assert ("joined", 1, phases, stride) in ways
    for tail in (True, False):
        assert {("tail", tail, "streamed", streamed) for streamed in (True, False)} <= ways
    for name in ("groups", "SMG_PIXEL_BYTES", "SMG_COLUMN_BYTES", "far", "streamed far"):
        assert {(name, True), (name, False)} <= ways


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
@pytest.mark.parametrize("toolchain", ["zig", pytest.param("gcc-arm", marks=NEEDS_GCC)])
def test_corners_on_the_core(kernel: Kernel, toolchain: str) -> None:
    nodes = corners()
    graph = Graph("corners", "tflm-int8.v1", tuple(n.inputs[0] for n in nodes), tuple(n.output for n in nodes),
                  tuple(nodes))  # fmt: skip
    schedule = make_schedule(graph, load_target("nucleo-l4r5zi"), {n.output.name: kernel.symbol for n in nodes})
    origin = Origin("corners", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    compiled = Compiled(graph, schedule, sources, origin, memory)
    found = verify(compiled, inputs=random_inputs(graph, 6), toolchain=toolchain)
    assert (found.first_divergence, found.mismatches, found.steps) == (None, 0, len(nodes))


LAYERS = {  # the first layers of three MLPerf Tiny models, and some that are none
    "keywords": ((1, 49, 10, 1), (64, 10, 4, 1), (2, 2), (4, 1, 5, 1)),
    "cifar": ((1, 32, 32, 3), (16, 3, 3, 3), (1, 1), (1, 1, 1, 1)),
    "visual": ((1, 96, 96, 3), (8, 3, 3, 3), (2, 2), (0, 0, 1, 1)),
    "digits": ((1, 28, 28, 1), (8, 5, 5, 1), (1, 1), (2, 2, 2, 2)),
    "wide": ((1, 40, 40, 3), (12, 7, 7, 3), (2, 2), (2, 2, 3, 3)),
}


@pytest.mark.slow
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
@pytest.mark.parametrize("layer", LAYERS)
def test_cost_and_size_are_what_is_built(kernel: Kernel, layer: str) -> None:
    """Cycles within 3 %; the code by its size in the object file, from above within 40 %."""
    x, w, stride, padding = LAYERS[layer]
    node = convolution(x, weights(*w), stride=stride, padding=padding)
    target = load_target("nucleo-l4r5zi")
    value = node.inputs[0]
    graph = Graph("layer", "tflm-int8.v1", (value,), node.outputs, (node,))
    schedule = make_schedule(graph, target, {node.output.name: kernel.symbol})
    origin = Origin("layer", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    image = Compiled(graph, schedule, sources, origin, memory).build()
    step = profile_image(EmulatedMachine(image), [bytes(value.type.nbytes)]).steps[0]
    copied = 0.8 * node.output.type.elements  # the output, into the caller's buffer
    predicted = kernel.cost(node, target.core)
    assert abs(predicted + copied - step.cycles.value) < 0.03 * predicted
    with image.elf_path.open("rb") as stream:
        table = ELFFile(stream).get_section_by_name(".symtab")
        built = sum(s["st_size"] for s in table.iter_symbols() if "few_channels" in s.name)
    assert kernel.footprint
    assert built <= kernel.footprint(node)[0] <= 1.4 * built
