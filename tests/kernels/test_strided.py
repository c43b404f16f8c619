# SPDX-License-Identifier: Apache-2.0
"""Packing, bounds, overlap, costs and code bytes of the families conv2d_direct and conv2d_stride2."""

from __future__ import annotations

import dataclasses
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile
from hypothesis import given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.build import Zig
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.codegen import Origin, emit
from smidgen.compiler import Compiled, profile
from smidgen.ir import Array, Graph, Node, QuantParams, TensorType, Value
from smidgen.kernels import Kernel, conv2d_direct, conv2d_stride2, function_file, function_name, source_path
from smidgen.kernels.conv2d_stride2.tiles_3x3 import tiles_across, transformed
from smidgen.kernels.forward import forward_lead
from smidgen.kernels.kernel import ROOT
from smidgen.kernels.pixel_block import lanes, pack_pairs, paired, pixel_words, raw_pairs_fit, words
from smidgen.schedule import make_schedule
from smidgen.targets import load_target
from tests.kernels.admitted import draw_nodes
from tests.kernels.host import build_instances
from tests.kernels.layout import close
from tests.kernels.nodes import make
from tests.kernels.overlap import run_overlapped

KERNELS = (*conv2d_direct.KERNELS, *conv2d_stride2.KERNELS)
BY_SYMBOL = {k.symbol: k for k in KERNELS}


def convolution(
    shape: tuple[int, int, int], filters: Array, stride: int = 1, bias: Sequence[int] | None = None, scale: int = -16
) -> Node:
    """A convolution with SAME padding as TFLite has it, multiplied by 2^scale."""
    out_c, kh, kw, _ = filters.shape
    x = TensorType("int8", (1, *shape), QuantParams((0.5,), (-128,)))
    w = TensorType("int8", filters.shape, QuantParams((2.0**scale,) * out_c, (0,) * out_c, 0))
    short = [max((-(-n // stride) - 1) * stride + k - n, 0) for n, k in zip(shape[:2], (kh, kw), strict=True)]
    (t, left), (b, r) = ([n // 2 for n in short], [n - n // 2 for n in short])
    op = ops.Conv2D(stride=(stride, stride), padding=(t, left, b, r), out_quant=QuantParams((0.5,), (3,)))
    inputs: list[tuple[TensorType, Array | None]] = [(x, None), (w, filters)]
    if bias is not None:
        inputs.append((TensorType("int32", (out_c,)), np.array(bias, np.int32)))
    return make(op, inputs)


def random_filters(out_c: int, k: int, in_c: int) -> Array:
    return np.random.default_rng(out_c).integers(-90, 91, (out_c, k, k, in_c)).astype(np.int8)


@pytest.mark.parametrize(
    ("channels", "order"),
    [(1, [0, 9]), (2, [0, 1]), (3, [0, 2, 1, 9]), (4, [0, 2, 1, 3]), (7, [0, 2, 1, 3, 4, 6, 5, 9])],
)
def test_lanes_are_in_the_order_of_two_sxtb16(channels: int, order: list[int]) -> None:
    values = np.append(np.arange(channels) + 10, np.zeros(10 - channels, np.int64))
    found = lanes(values[:channels])
    assert found.shape == (pixel_words(channels), 2)
    assert found.ravel().tolist() == [values[i] for i in order]


def test_words_hold_the_first_value_low() -> None:
    assert words(np.array([[-1, 2], [-32768, 32767]])).tolist() == [0x2FFFF, 0x7FFF8000]


@pytest.mark.parametrize(("channels", "pairs"), [(2, [[0, 1]]), (5, [[0, 1], [2, 3], [3, 4]])])
def test_an_odd_channel_is_paired_with_the_one_before(channels: int, pairs: list[list[int]]) -> None:
    assert paired(channels).tolist() == pairs


def test_two_weights_in_one_lane_give_both_sums() -> None:
    """At the ends of the bounds: what the kernels compute modulo 2^32 is the doubled accumulators."""
    rng = np.random.default_rng(1)
    w = np.where(rng.random((2, 1, 1, 258)) < 0.5, -127, 127).astype(np.int8)
    node = convolution((4, 4, 258), w, bias=[5, -6])
    assert raw_pairs_fit(node)
    packed = pack_pairs(node, lanes(w[:, 0, 0]), wide=False)["b"].data
    assert packed is not None
    stream = packed.ravel()[8:].copy().view("<i2").astype(np.int64)
    for x in (np.where(w[1, 0, 0] > 0, 127, -128), np.where(w[1, 0, 0] > 0, -128, 127), rng.integers(-128, 128, 258)):
        ordered = lanes(x).ravel().astype(np.int64)
        even = int(packed[0, 0]) + int((ordered * stream.astype(np.int8)).sum())
        raw = int(packed[0, 1]) + int((ordered * stream).sum())
        odd = ((raw - even + (1 << 31)) % (1 << 32) - (1 << 31)) >> 7
        want = np.add([5, -6], ((x.astype(np.int64) + 128) * w[:, 0, 0].astype(np.int64)).sum(axis=1))
        assert [2 * even, odd] == (2 * want).tolist()


@pytest.mark.parametrize(("over", "fits"), [(-1, True), (0, False)])
def test_odd_sums_stay_below_23_bits(over: int, fits: bool) -> None:
    w = np.full((2, 1, 1, 256), 127, np.int8)
    bias = (1 << 23) - 127 * 255 * 256 + over
    assert raw_pairs_fit(convolution((4, 4, 256), w, bias=[1 << 22, bias], scale=-17)) is fits


@pytest.mark.parametrize(("even", "odd", "fits"), [(-1, -128, False), (0, -128, True), (-128, -127, True)])
def test_a_pair_of_weights_fits_16_bits(even: int, odd: int, fits: bool) -> None:
    w = np.array([even, odd], np.int8).reshape(2, 1, 1, 1).repeat(4, axis=3)
    node = convolution((4, 4, 4), w)
    assert raw_pairs_fit(node) is fits
    if fits:
        pack_pairs(node, lanes(w[:, 0, 0]), wide=False)


def test_transformed_filters_fit_their_lanes() -> None:
    """The largest is the middle block: twice the sum of four weights."""
    blocks = transformed(np.full((1, 3, 3, 4), -128, np.int8), 2)
    assert blocks.shape == (1, 25, 2, 2)
    assert blocks.min() == -2 * 4 * 128
    assert (blocks[0, 24] == -2 * 4 * 128).all()


@pytest.mark.parametrize(("out", "across"), [((16, 16), 4), ((12, 12), 2), ((7, 7), 2), ((2, 8), 4), ((8, 2), 1)])
def test_tiles_lie_as_few_groups_need(out: tuple[int, int], across: int) -> None:
    node = convolution((2 * out[0], 2 * out[1], 4), random_filters(2, 3, 4), stride=2)
    assert tiles_across(node) == across


@given(st.lists(st.tuples(st.integers(0, 60), st.integers(1, 20)), min_size=1, max_size=8))
@settings(max_examples=200, deadline=None, derandomize=True, database=None)
def test_lead_is_the_least_that_keeps_what_is_read_later(drawn: list[tuple[int, int]]) -> None:
    steps = [(read, sum(n for _, n in drawn[: i + 1])) for i, (read, _) in enumerate(drawn)]

    def safe(lead: int) -> bool:
        return all(written <= lead + read for i, (_, written) in enumerate(steps) for read, _ in steps[i + 1 :])

    lead = forward_lead(steps)
    assert safe(lead)
    assert lead == 0 or not safe(lead - 1)


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
def test_one_byte_less_spoils_outputs(kernel: Kernel, tmp_path: Path) -> None:
    """So the promised lead is no larger than it must be, and overlap.py sees what it should."""
    node = convolution((20, 20, 4), random_filters(32, 1 if "1x1" in kernel.symbol else 3, 4), stride=2, scale=-9)
    assert kernel.overlap is not None
    assert not [p for p in kernel.requires if not p(node)]
    lead, library = kernel.overlap(node)["y"], build_instances(kernel, [node], tmp_path)
    arrays = [np.random.default_rng(0).integers(-128, 128, (1, 20, 20, 4)).astype(np.int8), node["w"].constant]
    (want,) = node.op.evaluate(node.types, arrays)
    sizes = {"y": want.nbytes, "scratch": kernel.scratch(node), "x": arrays[0].nbytes}
    assert lead > 0
    least, less = (close(sizes, {"y": n}, ("y",)) for n in (lead, lead - 1))
    assert (run_overlapped(library, kernel, node, arrays, least) == want).all()
    assert (run_overlapped(library, kernel, node, arrays, less) != want).any()


SHAPES = [
    ("smg_conv2d_direct_s8_m4", (8, 8, 16), (16, 3, 16), 1),
    ("smg_conv2d_direct_wide_s8_m4", (9, 10, 8), (8, 3, 8), 2),
    ("smg_conv2d_direct_small_s8_m4", (8, 8, 16), (16, 3, 16), 1),
    ("smg_conv2d_3x3_stride2_s8_m4", (16, 16, 32), (16, 3, 32), 2),
    ("smg_conv2d_3x3_stride2_paired_s8_m4", (16, 16, 32), (16, 3, 32), 2),
    ("smg_conv2d_3x3_stride2_grouped_s8_m4", (16, 16, 32), (16, 3, 32), 2),
    ("smg_conv2d_3x3_stride2_grouped_s8_m4", (32, 32, 16), (32, 3, 16), 2),
    ("smg_conv2d_1x1_strided_s8_m4", (16, 16, 32), (32, 1, 32), 2),
    ("smg_conv2d_1x1_strided_wide_s8_m4", (16, 16, 16), (32, 1, 16), 2),
    ("smg_conv2d_1x1_strided_small_s8_m4", (16, 16, 32), (32, 1, 32), 2),
]


@pytest.mark.parametrize(("symbol", "shape", "filters", "stride"), SHAPES)
def test_cost_is_what_the_emulator_counts(
    symbol: str, shape: tuple[int, int, int], filters: tuple[int, int, int], stride: int
) -> None:
    node = convolution(shape, random_filters(*filters), stride)
    node = dataclasses.replace(node, inputs=tuple(dataclasses.replace(v, name=f"n{v.name}") for v in node.inputs))
    last = make(ops.MaxPool2D(kernel=(1, 1)), [(node.output.type, None)])
    pool = Node(last.op, (node.output,), (Value("z", last.output.type),), "pool")  # copies of the output are not ours
    graph = Graph("cost", "tflm-int8.v1", (node.inputs[0],), (pool.output,), (node, pool))
    target = load_target("nucleo-l4r5zi")
    schedule = make_schedule(graph, target, {node.output.name: symbol})
    origin = Origin("a layer", "0" * 64, "test")
    counted = profile(Compiled(graph, schedule, *reversed_pair(emit(schedule, origin), origin)), memory_system=False)
    predicted = BY_SYMBOL[symbol].cost(node, target.core)
    assert predicted == pytest.approx(counted.layers[0].cycles, rel=0.03)


def reversed_pair(emitted: tuple[Any, Any], origin: Origin) -> tuple[Any, Origin, Any]:
    """Sources, origin, memory in the order of Compiled's fields."""
    sources, memory = emitted
    return sources, origin, memory


@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
def test_code_bytes_are_estimated_from_above(kernel: Kernel) -> None:
    nodes = {function_name(kernel, node): node for node, _ in draw_nodes(kernel, 4)}
    for node, code in zip(nodes.values(), code_bytes(kernel, list(nodes.values())), strict=True):
        assert kernel.footprint is not None
        assert code <= kernel.footprint(node)[0] <= 1.25 * code, function_name(kernel, node)


def code_bytes(kernel: Kernel, nodes: list[Node]) -> list[int]:
    """Read-only bytes of each instance's object file."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        folder_of = source_path(kernel).parent
        for path in [*(ROOT / "include").glob("*.h"), *folder_of.glob("*.h")]:
            (root / path.name).write_bytes(path.read_bytes())
        files = [function_file(kernel, node) for node in nodes]
        for name, text in files:
            (root / name).write_text(text)
        zig = Zig()
        flags = zig.compile_flags(load_target("generic-cortex-m4"), "-O3")
        jobs = [CompileJob(name, root / f"{name[:-2]}.o") for name, _ in files]
        compile_all(Compiler(zig.version(), zig.command(), flags, zig.environment(root)), root, jobs, (".",))
        return [_read_only_bytes(job.output) for job in jobs]


def _read_only_bytes(path: Path) -> int:
    wanted, mask = SH_FLAGS.SHF_ALLOC, SH_FLAGS.SHF_ALLOC | SH_FLAGS.SHF_WRITE
    with path.open("rb") as stream:
        return sum(s["sh_size"] for s in ELFFile(stream).iter_sections() if s["sh_flags"] & mask == wanted)
