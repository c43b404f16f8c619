# SPDX-License-Identifier: Apache-2.0
"""The Winograd kernels' mathematics: matrices, bounds, packing, rescales, cuts into units, writing over the input."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.compiler import compile as compile_model
from smidgen.compiler import profile
from smidgen.ir import Array, Graph, Node, QuantParams, TensorType
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.kernels.fast_requantize import DOUBLE, fast_bias, rounding_mode
from smidgen.kernels.winograd import KERNELS, SMALL
from smidgen.kernels.winograd.geometry import Cut, Shape, lead_bytes, scratch_bytes, shape_of, whole_rows
from smidgen.kernels.winograd.requantize import affine_layer, channel_constants, scaled_requantize
from smidgen.kernels.winograd.transform import F2, F4, Scheme, packed_weights, pairs, transformed_weights
from smidgen.ops.accumulators import channel_weights, largest_sum, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from smidgen.targets import load_target
from tests.kernels.admitted import EVERY_FEATURE
from tests.kernels.nodes import make, quant
from tests.kernels.winograd_nodes import three_by_three

SCHEMES = pytest.mark.parametrize("scheme", [F4, F2], ids=["F4", "F2"])
SYMBOLS = {k.symbol: k for k in KERNELS}


def layer(shape: tuple[int, int, int, int], out_c: int, padding: tuple[int, int, int, int] = (1, 1, 1, 1),
          weight: int | None = None, scale: float = 2.0**-10, zero_point: int = 3) -> Node:  # fmt: skip
    """A 3x3 convolution, its weights random or all the same."""
    rng = np.random.default_rng(out_c)
    w = rng.integers(-127, 128, (out_c, 3, 3, shape[3])) if weight is None else np.full((out_c, 3, 3, shape[3]), weight)
    types = TensorType("int8", shape, quant(0.5, 7)), TensorType("int8", w.shape, QuantParams((scale,), (0,)))
    bias = rng.integers(-3000, 3000, out_c).astype(np.int32)
    op = ops.Conv2D(padding=padding, out_quant=quant(0.5, zero_point))
    inputs = [(types[0], None), (types[1], w.astype(np.int8)), (TensorType("int32", (out_c,)), bias)]
    return make(op, inputs)


def matrices(scheme: Scheme) -> tuple[Array, Array, Array]:
    return tuple(np.array(m, np.int64) for m in (scheme.weight_rows, scheme.input_rows, scheme.output_rows))  # type: ignore[return-value]  # three


def offset_of(scheme: Scheme) -> Array:
    offset = np.zeros((scheme.tile + 2,) * 2, np.int64)
    offset[scheme.offset_from :, scheme.offset_from :] = scheme.offset
    return offset


@SCHEMES
def test_a_tile_is_the_scaled_convolution(scheme: Scheme) -> None:
    g_rows, b_rows, a_rows = matrices(scheme)
    rng = np.random.default_rng(0)
    for _ in range(50):
        d, g = rng.integers(-128, 128, (scheme.tile + 2,) * 2), rng.integers(-128, 128, (3, 3))
        got = a_rows @ ((g_rows @ g @ g_rows.T) * (b_rows @ d @ b_rows.T)) @ a_rows.T
        want = [[(d[i : i + 3, k : k + 3] * g).sum() for k in range(scheme.tile)] for i in range(scheme.tile)]
        np.testing.assert_array_equal(got, (scheme.odd << scheme.scale_bits) * np.array(want))


@SCHEMES
def test_what_is_multiplied_fits_int16(scheme: Scheme) -> None:
    g_rows, b_rows, _ = matrices(scheme)
    both = np.kron(b_rows, b_rows)  # each position's factors of the tile's inputs
    low, high = -128 + scheme.raised, 127 + scheme.raised
    added = (b_rows @ offset_of(scheme) @ b_rows.T).ravel()
    least = np.where(both > 0, low * both, high * both).sum(axis=1) + added
    most = np.where(both > 0, high * both, low * both).sum(axis=1) + added
    assert most.max() < 1 << 15
    assert least.min() >= (0 if scheme.offset else -(1 << 15))  # two values in one integer: no borrow from the upper
    assert set(added) == {scheme.offset}
    reach = np.abs(np.kron(g_rows, g_rows)).sum(axis=1).max() * 128
    assert reach == {4: 18432, 2: 1152}[scheme.tile]
    assert np.abs(transformed_weights(np.full((1, 3, 3, 4), -128, np.int8), scheme)).max() <= reach


def test_sums_may_wrap_and_the_accumulator_is_still_exact() -> None:
    """64 channels whose products reach 3.0e10 at a position: taken modulo 2^32 throughout."""
    g_rows, b_rows, a_rows = matrices(F4)
    rng = np.random.default_rng(1)
    inverse, wrapped = pow(9, -1, 1 << 32), 0
    for position in range(36):
        x, w = (rng.choice([-128, 127], (64, n, n)) for n in (6, 3))
        x[:40] = np.where(np.kron(b_rows, b_rows)[position] > 0, 127, -128).reshape(6, 6)
        w[:40] = np.where(np.kron(g_rows, g_rows)[position] > 0, 127, -128).reshape(3, 3)
        v = b_rows @ (x + 128 + offset_of(F4)) @ b_rows.T
        m = ((g_rows @ w @ g_rows.T) * v).sum(axis=0)
        wrapped += int((np.abs(m) >= 1 << 31).sum())
        z = a_rows @ (m & 0xFFFFFFFF) @ a_rows.T
        raised = x + 128 + offset_of(F4)
        for i in range(4):
            for k in range(4):
                acc = int((x[:, i : i + 3, k : k + 3] * w).sum())
                folded = acc - int((raised[:, i : i + 3, k : k + 3] * w).sum())  # what the packed bias holds
                got = (int(z[i, k]) * inverse + 64 * folded) & 0xFFFFFFFF
                assert (got ^ 1 << 31) - (1 << 31) == 64 * acc
    assert wrapped > 36


def test_pairs_are_those_of_sxtb16() -> None:
    assert pairs(np.arange(8)).tolist() == [[0, 2], [1, 3], [4, 6], [5, 7]]
    w = np.arange(3 * 9 * 4).reshape(3, 3, 3, 4).astype(np.int8)
    packed = packed_weights(w, F2).view(np.int16).reshape(2, 16, 2, 2, 2)
    u = transformed_weights(w, F2)
    np.testing.assert_array_equal(packed[0, 5, 1, 0], u[0, 5, [1, 3]])
    np.testing.assert_array_equal(packed[1, 9, 0, 0], u[2, 9, [0, 2]])
    assert not packed[1, :, :, 1].any()  # the fourth channel, which is none


def rescaled(node: Node, sums: Array, bits: int) -> Array:
    """smg_requantize_scaled on exact integers, its bounds checked; sums of products (cases, out_c) of raw bytes."""
    mult, addend, shift, bias = channel_constants(node, bits, affine_layer(node, bits))
    x = (sums << bits) + bias
    assert ((np.abs(x) < 1 << 31) | (mult == 0)).all()
    layer = affine_layer(node, bits)
    high = ((x * mult + (1 << 31 if layer else 0)) >> 32) + addend
    assert (np.abs(high) < 1 << 31).all()
    if rounding_mode(node) == DOUBLE and layer is None:
        high = (high >> (bits - 1)) + (x >> 63)
    return np.clip(high >> shift, *int_bounds(node.op.clamp))


@SCHEMES
def test_rescales_are_the_definition(scheme: Scheme) -> None:
    """Near zero, at ties of both roundings, and over the whole reach."""
    seen = {"affine": 0, "not": 0}

    @settings(max_examples=120, deadline=None, derandomize=True, database=None, suppress_health_check=list(HealthCheck))
    @given(st.one_of(three_by_three(), three_by_three()))
    def check(case: tuple[Node, list[Array]]) -> None:
        node, _ = case
        bits = scheme.scale_bits
        assume(scaled_requantize(bits)(node))
        w = channel_weights(node)
        offset = node["x"].type.zero_point * w.sum(axis=1)
        low, high = (np.where(w > 0, a * w, b * w).sum(axis=1) for a, b in ((-128, 127), (127, -128)))
        rng = np.random.default_rng(int(high.sum()))
        near = offset - fast_bias(node) + np.arange(-400, 401)[:, None]
        spread = rng.integers(low, high + 1, (1500, len(w)))
        sums = np.clip(np.concatenate([near, spread, [low], [high]]), low, high)
        want = requantize(sums - offset + fitted_bias(node), *multipliers(node), node.op.rounding)
        want = np.clip(want + out_quant(node).zero_point[0], *int_bounds(node.op.clamp))
        np.testing.assert_array_equal(rescaled(node, sums, bits), want)
        seen["affine" if affine_layer(node, bits) else "not"] += 1

    check()
    assert min(seen.values()) >= 5, seen


def test_accumulators_too_large_for_the_scale_are_refused() -> None:
    node = layer((1, 4, 4, 116), 2, weight=-128, scale=2.0**-16)
    assert largest_sum(node).max() < 1 << 25
    assert scaled_requantize(6)(node)
    node = layer((1, 4, 4, 240), 2, weight=-128, scale=2.0**-16)
    assert (1 << 25) < largest_sum(node).max() < 1 << 29
    assert not scaled_requantize(6)(node)
    assert scaled_requantize(2)(node)
    reason = SYMBOLS["smg_conv2d_winograd4_s8_m4"].rejects(node, EVERY_FEATURE)
    assert reason is not None
    assert "Accumulators are below 2^25" in reason


@pytest.mark.parametrize(
    ("shape", "padding", "why"),
    [
        ((1, 8, 8, 6), (1, 1, 1, 1), "multiple of 4"),
        ((1, 8, 8, 256), (1, 1, 1, 1), "at most 252"),
        ((1, 8, 8, 4), (3, 1, 1, 1), "padding of at most 2"),
    ],
)
def test_other_shapes_are_refused(
    shape: tuple[int, int, int, int], padding: tuple[int, int, int, int], why: str
) -> None:
    for kernel in KERNELS:
        assert why in (kernel.rejects(layer(shape, 4, padding), EVERY_FEATURE) or "")


def test_units_leave_few_places_of_blocks_empty() -> None:
    def cut(out_h: int, out_w: int, in_c: int = 8) -> Cut:
        return whole_rows(Shape(1, out_h, out_w, in_c, out_h, out_w, 8, 1, 1, 4))

    assert cut(32, 32) == Cut(4, 1, 0)
    assert cut(8, 8) == Cut(4, 2, 0)  # two tiles a row: two rows a block
    assert cut(25, 4) == Cut(4, 4, 0)
    assert cut(3, 8) == Cut(4, 1, 0)
    assert cut(16, 12) == Cut(4, 4, 0)
    assert cut(32, 20, 64).band == 1  # V would take too much


@settings(max_examples=150, deadline=None, derandomize=True, database=None)
@given(st.data())
def test_the_lead_keeps_unread_input(data: st.DataObject) -> None:
    """Every band's writes, byte by byte, against what later bands read; 8 bytes less do harm, or the lead is 0."""
    sizes = [data.draw(st.integers(1, 14)) for _ in range(2)]
    t, left, b, r = (data.draw(st.integers(0, 2)) for _ in range(4))
    h, w = max(sizes[0], 3 - t - b), max(sizes[1], 3 - left - r)
    node = layer((data.draw(st.integers(1, 2)), h, w, 4 * data.draw(st.integers(1, 3))), data.draw(st.integers(1, 14)),
                 (t, left, b, r))  # fmt: skip
    shape = shape_of(node, 4)
    cut = whole_rows(shape)
    lead = lead_bytes(shape, cut)
    assert clean(shape, cut, lead)
    assert clean(shape, cut, lead + 24)
    assert lead == 0 or not clean(shape, cut, lead - 1)


def clean(shape: Shape, cut: Cut, lead: int) -> bool:
    """No byte of x is written before the last band that reads it has been transformed, if x starts ``lead`` above y."""
    read_row, write_row = shape.in_w * shape.in_c, shape.out_w * shape.out_c
    unread = np.zeros(shape.batch * shape.in_h * read_row, np.int64)
    steps = []
    for n in range(shape.batch):
        for row in range(0, shape.rows, cut.band):
            first, last = row * 4 - shape.pad_t, min(row + cut.band, shape.rows) * 4 - shape.pad_t + 2
            first, last = max(first, 0), min(last, shape.in_h)
            unread[(n * shape.in_h + first) * read_row : (n * shape.in_h + max(last, 0)) * read_row] = len(steps)
            done = min((row + cut.band) * 4, shape.out_h)
            steps.append(((n * shape.out_h + row * 4) * write_row, (n * shape.out_h + done) * write_row))
    for step, (start, end) in enumerate(steps):
        over = unread[max(start - lead, 0) : max(end - lead, 0)]
        if (over > step).any():
            return False
    return True


def test_small_units_need_little_scratch() -> None:
    """Two tensors of 16 KB, this scratch and 352 bytes of stack are 36 KB."""
    shape = shape_of(layer((1, 32, 32, 16), 16), 4)
    assert scratch_bytes(shape, SMALL) == 3728
    assert (
        2 * 16384 + 3728 + 40 + SYMBOLS["smg_conv2d_winograd4_small_s8_m4"].footprint(layer((1, 32, 32, 16), 16))[1]
        <= 36864
    )  # type: ignore[misc]  # set


@pytest.mark.slow
@pytest.mark.parametrize(
    "symbol", ["smg_conv2d_winograd4_s8_m4", "smg_conv2d_winograd4_round_s8_m4", "smg_conv2d_winograd2_s8_m4"]
)
def test_costs_are_those_of_the_cycle_model(symbol: str) -> None:
    """Within 3 %, whole tiles and others."""
    for shape, out_c in (((1, 16, 16, 32), 32), ((1, 8, 8, 64), 64), ((1, 13, 13, 24), 10)):
        node = replace(layer(shape, out_c), loc="layer")
        graph = Graph("one", "tflm-int8.v1", (node["x"],), (node.output,), (node,))
        (step,) = profile(compile_model(graph, kernels={"y": symbol}), memory_system=False).layers
        predicted = SYMBOLS[symbol].cost(node, load_target("nucleo-l4r5zi").core)
        copied = node.output.type.nbytes  # the network's output, counted with its last step: about a cycle a byte
        assert abs(predicted / (step.cycles - copied) - 1) < 0.03
