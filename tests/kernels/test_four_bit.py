# SPDX-License-Identifier: Apache-2.0
"""Layers with weights in four bits: which kernels take them, what these need, and whole networks of them."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from smidgen.cli.common import weights_kind
from smidgen.compiler import Compiled, profile, verify
from smidgen.compiler import compile as compile_model
from smidgen.ir import FourBit, Graph, Node, Rounding
from smidgen.kernels import Kernel, function_name
from smidgen.kernels.blocked import FOUR_BIT as BLOCKED
from smidgen.kernels.four_bit import KERNELS as ANY_SHAPE
from smidgen.kernels.four_bit import dense
from smidgen.kernels.four_bit.storage import is_general
from smidgen.kernels.pointwise import FOUR_BIT as POINTWISE
from smidgen.kernels.registry import all_kernels
from smidgen.ops import Conv2D, DepthwiseConv2D, FullyConnected
from smidgen.report import ProfileReport
from smidgen.schedule import constant_bytes
from smidgen.zoo.topologies import SYNTHETIC
from tests.four_bit_graphs import in_four_bits
from tests.kernels.admitted import EVERY_FEATURE, draw_nodes
from tests.kernels.test_pointwise import layer
from tests.kernels.test_strided import code_bytes

KERNELS = (*ANY_SHAPE, *POINTWISE, *BLOCKED)
SYMBOLS = {k.symbol: k for k in KERNELS}
QUICK = (("ad", None), ("kws", 32))


def four_bit_layer(
    pixels: int, in_c: int, out_c: int, group: int | None = None, *, rounding: Rounding = "even"
) -> Node:
    """A 1x1 convolution, its weights rounded to four-bit products."""
    node = layer(pixels, in_c, out_c, rounding=rounding)
    graph = Graph("one", "onnx-qdq.v1", node.inputs[:1], node.outputs, (node,))
    return in_four_bits(graph, group).nodes[0]


def test_four_bits_and_eight_have_kernels_of_their_own() -> None:
    """On every node that some kernel of either kind admits."""
    plain, kept = layer(8, 32, 8), four_bit_layer(8, 32, 8)
    taken = [{k.symbol for k in all_kernels() if k.op is Conv2D and k.rejects(n, EVERY_FEATURE) is None}
             for n in (plain, kept)]  # fmt: skip
    assert taken[0]
    assert taken[1] == {s for s, k in SYMBOLS.items() if k.op is Conv2D and "_s16" not in s and not k.unless}


def test_reasons() -> None:
    kernel = SYMBOLS["smg_conv2d_four_bit_s8_m4"]
    assert kernel.rejects(layer(8, 32, 8), EVERY_FEATURE) == (
        "needs: Weights and bias are constants, the weights kept in four bits"
    )
    plain = next(k for k in all_kernels() if k.symbol == "smg_conv2d_1x1_8k_s8_m4")
    assert "kept in eight bits" in (plain.rejects(four_bit_layer(8, 32, 8), EVERY_FEATURE) or "")


@pytest.mark.parametrize("op", [Conv2D, FullyConnected])
def test_every_core_has_one(op: type) -> None:
    assert [k.symbol for k in KERNELS if k.op is op and not k.isa and "_s8_" in k.symbol]


def test_chunks_divide_groups() -> None:
    for group in (8, 24, 32, 504, 512, 1000, 1016, 4096):
        node = four_bit_layer(1, 16, 2, group)
        found = dense.chunk(node)
        assert found % 8 == 0
        assert group % found == 0
        assert 0 < found <= 504
    assert dense.chunk(four_bit_layer(1, 16, 2)) == 504


def test_multipliers_from_a_half_on_are_general() -> None:
    node = four_bit_layer(4, 16, 4)
    w = node["w"]
    assert w.type.quant is not None
    large = replace(w.type.quant, scale=tuple(s * 64 for s in w.type.quant.scale))
    inputs = (node.inputs[0], replace(w, type=replace(w.type, quant=large)))
    assert [is_general(n) for n in (node, replace(node, inputs=inputs))] == [False, True]


@pytest.mark.slow
@pytest.mark.parametrize("kernel", [*ANY_SHAPE, *POINTWISE], ids=lambda k: k.symbol)
def test_code_bytes_are_estimated_from_above(kernel: Kernel) -> None:
    nodes = {function_name(kernel, node): node for node, _ in draw_nodes(kernel, 4)}
    for node, code in zip(nodes.values(), code_bytes(kernel, list(nodes.values())), strict=True):
        assert kernel.footprint is not None
        assert code <= kernel.footprint(node)[0] <= 1.55 * code, function_name(kernel, node)


def compiled_pair(name: str, group: int | None, **options: str) -> tuple[Compiled, Compiled]:
    """A network in four bits, and the same values in eight."""
    graph = SYNTHETIC[name]()
    kept, plain = (in_four_bits(graph, group, stored=stored) for stored in (True, False))
    return compile_model(kept, check_fit=False, **options), compile_model(plain, check_fit=False, **options)


def check_storage(compiled: Compiled) -> None:
    """Every layer that may is kept in four bits by a kernel that unpacks, and takes about half the flash."""
    for step in compiled.schedule.steps:
        able = isinstance(step.node.op, Conv2D | FullyConnected)
        assert ("four_bit" in step.choice.kernel.symbol) == able, step.name
        if able:
            w = step.node["w"].type
            found = constant_bytes(step.choice.kernel, step.node)
            assert found.weights == w.stored_nbytes <= 0.57 * w.nbytes + w.shape[0]
            channels, values = -(-w.shape[0] // 8) * 8, -(-w.elements // w.shape[0] // 8) * 8  # as blocks count them
            assert found.weights + found.growth <= 24 * channels + 0.57 * channels * values + 64


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "group"),
    [
        pytest.param(n, g, marks=() if (n, g) in QUICK else pytest.mark.full)
        for n in sorted(SYNTHETIC)
        for g in (None, 32)
    ],
)
def test_networks(name: str, group: int | None) -> None:
    kept, plain = compiled_pair(name, group)
    check_storage(kept)
    found = verify(kept, cases=1)
    assert (found.first_divergence, found.mismatches) == (None, 0)
    assert kept.memory.weights < plain.memory.weights


@pytest.mark.slow
@pytest.mark.parametrize("setting", ["ram", "size", "balanced"])
def test_settings(setting: str) -> None:
    name = min(SYNTHETIC, key=lambda n: SYNTHETIC[n]().macs)
    kept, _ = compiled_pair(name, 16, optimize=setting)
    check_storage(kept)
    assert verify(kept, cases=1).mismatches == 0


@pytest.mark.slow
@pytest.mark.parametrize(("target", "group"), [("rv32imc", 32), ("generic-cortex-m0plus", None)])
def test_networks_on_cores_without_simd(target: str, group: int | None) -> None:
    """Byte for byte, in kernels for such cores, of half the flash, whose code is no larger than promised."""
    name = next(n for n in sorted(SYNTHETIC) if "kws" in n)
    kept, plain = compiled_pair(name, group, target=target)
    assert verify(kept, cases=1).mismatches == 0
    assert kept.memory.weights < 0.75 * plain.memory.weights
    sizes = {s.name: s.nbytes for s in kept.build().sizes.symbols}
    core, found = kept.schedule.target.core, 0
    for step in kept.schedule.steps:
        kernel = step.choice.kernel
        if isinstance(step.node.op, Conv2D | FullyConnected):
            assert kernel in BLOCKED, step.name
            assert sizes[function_name(kernel, step.node)] <= kernel.footprint(step.node)[0]  # type: ignore[misc]
            found += 1
    report = profile(kept, memory_system=False)
    for step, r in zip(kept.schedule.steps, report.layers, strict=True):
        if step.choice.kernel in BLOCKED and r.instructions > 20_000:
            assert 0.8 < step.choice.kernel.cost(step.node, core) / (r.cycles or r.instructions) < 1.25, step.name
    assert found >= 6
    assert report.ram.stack <= kept.memory.stack


def modelled_over_counted(compiled: Compiled, report: ProfileReport) -> dict[str, float]:
    """By layer, of those that are not over in no time."""
    core = compiled.schedule.target.core
    return {
        s.name: s.choice.kernel.cost(s.node, core) / r.cycles
        for s, r in zip(compiled.schedule.steps, report.layers, strict=True)
        if "four_bit" in r.kernel and r.cycles > 20_000
    }


@pytest.mark.slow
@pytest.mark.parametrize(("group", "least"), [(None, 4), (32, 4)])
def test_costs_and_reports(group: int | None, least: int) -> None:
    name = next(n for n in sorted(SYNTHETIC) if "kws" in n)
    kept, _ = compiled_pair(name, group)
    report = profile(kept)
    ratios = modelled_over_counted(kept, report)
    assert len(ratios) >= least
    assert all(0.9 < r < 1.06 for r in ratios.values()), ratios
    bits = [r.weight_bits for r in report.layers]
    wanted = [4 if isinstance(s.node.op, Conv2D | FullyConnected) else 8 if isinstance(s.node.op, DepthwiseConv2D)
              else None for s in kept.schedule.steps]  # fmt: skip
    assert bits == wanted
    assert weights_kind(bits).startswith("weights (4 bits in ")
    assert report.ram.stack <= kept.memory.stack


def test_kinds_of_weights() -> None:
    assert weights_kind([8, None, 8]) == "weights"
    assert weights_kind([4, 8, None, 4, 32]) == "weights (4 bits in 2 layers, 8 bits in 1 layers, 32 bits in 1 layers)"


def test_weights_are_halved() -> None:
    node = four_bit_layer(64, 128, 128, 32)
    for symbol in ("smg_conv2d_four_bit_s8_m4", "smg_conv2d_1x1_four_bit_8k_s8_m4", "smg_conv2d_four_bit_s8_scalar"):
        stream = [p.data for p in SYMBOLS[symbol].packed(node).values() if p.data is not None]
        assert sum(a.nbytes for a in stream) <= 128 * 128 * (1 / 2 + 1 / 32) + 16 * 128
    assert math.isclose(node["w"].type.stored_nbytes, 128 * 66)
    assert node["w"].type.storage == FourBit(32)
    assert np.abs(node["w"].constant).max() > 8
