# SPDX-License-Identifier: Apache-2.0
"""Depthwise, addition and pooling for cores without SIMD: their proofs hold, costs and sizes are as promised."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, profile
from smidgen.ir import Graph, Node, QuantParams, TensorType
from smidgen.kernels import Kernel
from smidgen.kernels.affine_requantize import channel_steps
from smidgen.kernels.depthwise_portable import linear as module
from smidgen.kernels.depthwise_portable.linear import linear
from smidgen.kernels.registry import all_kernels
from smidgen.kernels.small_portable import add
from smidgen.ops import Add
from smidgen.ops.accumulators import channel_weights
from smidgen.ops.arithmetic import int_bounds
from smidgen.schedule import make_schedule
from smidgen.targets import load_target
from tests.kernels.admitted import core_of, draw_nodes
from tests.kernels.nodes import make
from tests.kernels.test_depthwise import layer, sums, wanted

FAMILIES = ("depthwise_portable", "small_portable")
KERNELS = {k.symbol: k for k in all_kernels() if k.family in FAMILIES}
THREE, KXK, VALID, ADD = (
    KERNELS[f"smg_{name}_s8_portable"] for name in ("depthwise_3x3", "depthwise_kxk", "depthwise_valid", "add_linear")
)
SPREADS = [(-9.0, -7.0), (-12.0, -6.0), (-16.0, -8.0), (-21.0, -8.0), (-12.0, -3.0)]


def modelled(node: Node, total: np.ndarray) -> np.ndarray:
    """What the kernels compute from the layer's constants, on exact integers with their bounds checked."""
    found = linear(node)
    assert found is not None
    w = channel_weights(node).T
    np.testing.assert_array_equal(found.weights, np.where(found.factor == 0, 0, w))
    raw = total + node["x"].type.zero_point * w.sum(axis=0)  # of raw input bytes
    value = raw * found.factor
    if found.signed is not None:
        value = value + found.signed[:, 0]
        assert (np.abs(value) < 1 << 31).all()
        value = value + np.where(value < 0, found.signed[:, 1], 0)
    value = value + found.bias
    assert (np.abs(value) < 1 << 31).all()
    assert found.mult.max() < 1 << 31
    if found.short:
        assert (found.mult % (1 << 16) == 0).all()
    return np.clip((value * found.mult >> 32) >> found.shift, *int_bounds(node.op.clamp))


def reachable(node: Node) -> np.ndarray:
    """Sums of products (cases, c) that some input has: the proof is about those alone."""
    steps, zeros = channel_steps(node), node["x"].type.zero_point * channel_weights(node).sum(axis=1)
    lowest, highest = (np.array(ends) - zeros for ends in ([s.lowest for s in steps], [s.highest for s in steps]))
    return np.clip(np.concatenate([sums(node), lowest[None], highest[None]]), lowest, highest)


def test_one_multiplication_equals_the_definition() -> None:
    seen = Counter[str]()
    drawn = [node for node, _ in draw_nodes(KXK, 60)]
    like = [
        layer((4, 4, 40), exponents=e, rounding=r, relu=relu)
        for e in SPREADS
        for r in ("double", "even")
        for relu in (True, False)
    ]
    for node in drawn + like:
        found = linear(node)
        if found is None:
            continue
        total = reachable(node)
        np.testing.assert_array_equal(modelled(node, total), wanted(node, total), str(node.types))
        seen[f"short {found.short}"] += 1
        seen[f"signed {found.signed is not None}"] += 1
    assert seen["short True"] >= 5, seen
    assert min(seen["signed True"], seen["signed False"]) >= 10, seen


@pytest.mark.parametrize("relu", [True, False])
def test_other_constants_are_refused(relu: bool) -> None:
    node = layer((4, 4, 8), relu=relu)
    found = linear(node)
    assert found is not None
    assert (found.signed is None) == relu
    steps, w = channel_steps(node), channel_weights(node)
    true = None if relu else module.fitted_bias(node) - node["x"].type.zero_point * w.sum(axis=1)
    for c in range(8):
        asked = module._Wanted(steps[c], int(np.abs(w[c]).sum()) * 128, None if true is None else int(true[c]))
        factor, mult = int(found.factor[c]), int(found.mult[c])
        assert module._fitted(asked, factor, mult, found.shift) is not None
        assert module._fitted(asked, factor, mult + (mult >> 6), found.shift) is None
        assert module._fitted(asked, factor, mult - (mult >> 6), found.shift) is None
        assert module._fitted(asked, 1 << 20, mult, found.shift) is None  # sums overflow


@pytest.mark.parametrize(
    ("kernel", "node", "reason"),
    [
        (THREE, layer((9, 9, 8), (5, 5)), "Filters are 3x3 without dilation"),
        (THREE, layer((9, 9, 8), padding=(2, 1, 1, 1)), "Padding is at most 1 on each side"),
        (THREE, layer((9, 9, 8), stride=3), "Strides are 1, or both are 2"),
        (KXK, layer((70, 70, 2), (66, 66), padding=(0, 0, 0, 0)),
         "Windows reach over at most 64 inputs one way, dilation included"),
        (VALID, layer((9, 9, 8)), "Windows lie inside the input"),
        (THREE, layer((9, 9, 8), exponents=(2.0, 3.0)),
         "One multiplication and one shift requantise every channel exactly"),
    ],
)  # fmt: skip
def test_refusals(kernel: Kernel, node: Node, reason: str) -> None:
    assert kernel.rejects(node, core_of(kernel)) == f"needs: {reason}"


def test_cores_with_simd_keep_their_kernels() -> None:
    node, m4 = layer((9, 9, 8)), load_target("nucleo-l4r5zi").core
    assert THREE.rejects(node, m4) == f"core {m4.name} has dsp, and better kernels with it"


def addition(a_scale: float, b_scale: float, scale: float, relu: bool) -> Node:
    a, b = (TensorType("int8", (4, 37), QuantParams((s,), (z,))) for s, z in ((a_scale, -7), (b_scale, 11)))
    clamp = (-128.0, np.inf) if relu else (-np.inf, np.inf)
    out = QuantParams((scale,), (-128 if relu else 5,))
    return make(Add(clamp=clamp, out_quant=out), [(a, None), (b, None)])


@pytest.mark.parametrize("relu", [True, False])
def test_addition_is_one_linear_form(relu: bool) -> None:
    rng = np.random.default_rng(5)
    found = 0
    for _ in range(12):
        a_scale, b_scale, scale = (float(np.float32(2.0 ** rng.uniform(-4, -1))) for _ in range(3))
        node = addition(a_scale, b_scale, scale, relu)
        form = add.linear_form(node)
        if form is None:
            continue
        found += 1
        v = np.arange(-128, 128, dtype=np.int64)
        value = (form.a_mult * v)[:, None] + (form.b_mult * v)[None, :] + form.addend
        assert np.abs(value).max() < 1 << 31
        got = np.clip(value >> form.shift, *int_bounds(node.op.clamp))
        types = tuple(replace(t, shape=(1 << 16,)) for t in node.types[:2])
        (want,) = node.op.evaluate(types, [np.repeat(v, 256).astype(np.int8), np.tile(v, 256).astype(np.int8)])
        np.testing.assert_array_equal(got.reshape(-1), want)
    assert found >= 4


def test_averages_divide_exactly() -> None:
    """The reciprocal of smg_avgpool_s8_portable at every multiple of the count, and one below."""
    for count in (*range(1, 200), 255, 256, 257, 1023, 1024, 2049, 3999, 4000):
        reciprocal = ((1 << 31) - 1) // count + 1
        quotients = np.arange(1, 130, dtype=np.uint64)
        for n in (quotients * np.uint64(count), quotients * np.uint64(count) - np.uint64(1)):
            assert (2 * n < 1 << 32).all()
            np.testing.assert_array_equal((2 * n * np.uint64(reciprocal)) >> np.uint64(32), n // np.uint64(count))


SHAPES: list[tuple[Kernel, Node]] = [
    (THREE, layer((25, 5, 64))),
    (THREE, layer((6, 6, 30))),
    (THREE, layer((24, 24, 8), relu=False)),
    (THREE, layer((24, 24, 8), stride=2, padding=(0, 0, 1, 1))),
    (KXK, layer((14, 14, 8), (5, 5), padding=(2, 2, 2, 2))),
    (KXK, layer((9, 12, 8), (3, 3), stride=3)),
    (VALID, layer((28, 1, 64), (5, 1), padding=(0, 0, 0, 0), relu=False)),
    (VALID, layer((15, 1, 64), (15, 1), padding=(0, 0, 0, 0), relu=False)),
    (ADD, addition(0.1, 0.27, 0.13, True)),
]


def built(kernel: Kernel, node: Node) -> tuple[int, int]:
    """Instructions, and code bytes of the function's object."""
    graph = Graph("one", "tflm-int8.v1", node.inputs, node.outputs, (node,))
    graph = replace(graph, inputs=tuple(v for v in node.inputs if v.data is None))
    schedule = make_schedule(graph, load_target("rv32imc"), {node.output.name: kernel.symbol})
    origin = Origin("test", "0" * 64, "test")
    sources, memory = emit(schedule, origin)
    compiled = Compiled(graph, schedule, sources, origin, memory)
    report = profile(compiled, memory_system=False)
    return report.layers[0].instructions, compiled.build().sizes.kernel_code_bytes


@pytest.mark.slow
@pytest.mark.parametrize(("kernel", "node"), SHAPES, ids=[str(i) for i in range(len(SHAPES))])
def test_costs_and_sizes_are_as_promised(kernel: Kernel, node: Node) -> None:
    core = load_target("rv32imc").core
    instructions, code = built(kernel, node)
    copied = 1.5 * node.output.type.nbytes  # the last step is charged with copying the output
    assert kernel.footprint
    assert kernel.cost(node, core) == pytest.approx(instructions - copied, rel=0.17)  # counts a long product twice
    assert code <= kernel.footprint(node)[0] <= 1.8 * code
