# SPDX-License-Identifier: Apache-2.0
"""A step of a stream gives what the whole-window network gives for the window that ends with it, byte for byte."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smidgen.compiler import compile as compile_model
from smidgen.errors import UnsupportedModel, UsageError
from smidgen.ir import Array, Graph, QuantParams, TensorType, Value, evaluate, evaluate_all, format_graph, next_states
from smidgen.ops import (
    Add,
    AveragePool2D,
    Concat,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    MaxPool2D,
    Mean,
    Mul,
    Pad,
    Reshape,
    SlideWindow,
    Transpose,
    reach,
)
from smidgen.transforms import INTEGER, Stream, run_pipeline, stream
from tests.op_graphs import Builder, int8_type, quant
from tests.stream_networks import StreamNetwork, draw_frames

_X = int8_type(1, 9, 1, 4, scale=0.1, zero_point=-3)
_OUT = quant(2.0, -7)


def lowered(graph: Graph) -> Graph:
    return run_pipeline(INTEGER, graph)


def outputs_of(found: Stream, frames: list[Array]) -> list[list[Array]]:
    """The step graph's outputs for a stream, its state carried from step to step."""
    states, outputs = None, []
    for frame in frames:
        values = evaluate_all(found.step, [frame], states)
        states = next_states(found.step, values)
        outputs.append([v.data if v.data is not None else values[v] for v in found.step.outputs])
    return outputs


def check(found: Stream, frames: list[Array]) -> int:
    """Compares every step from the reset on; returns how many different results there were."""
    seen = set()
    for window, got in zip(found.windows(frames), outputs_of(found, frames), strict=True):
        for a, b in zip(got, evaluate(found.window, [window]), strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)
        seen.add(b"".join(a.tobytes() for a in got))
    return len(seen)


def conv(b: Builder, x: Value, frames: int, count: int = 4, axis: int = 1, **attributes: object) -> Value:
    kernel = (frames, 1) if axis == 1 else (1, frames)
    w = b.weights(count, *kernel, x.type.shape[3], seed=len(b.nodes))
    return b.op(replace(Conv2D(out_quant=_OUT), **attributes), x, w)  # type: ignore[arg-type]  # any attribute


@pytest.mark.parametrize("seed", range(60))
def test_random_networks(seed: int) -> None:
    network = StreamNetwork(seed)
    graph = lowered(network.graph())
    found = stream(graph, network.axis)
    shape = found.step.inputs[0].type.shape
    assert shape[network.axis] == 1
    check(found, draw_frames(shape, 2 * found.frames + 3, seed))
    assert found.step.macs <= found.window.macs


def test_random_networks_are_no_trivial_ones() -> None:
    """Of the networks above most give many results, have states, and save work."""
    varied, kept, saved = 0, 0, 0
    for seed in range(0, 60, 3):
        network = StreamNetwork(seed)
        found = stream(lowered(network.graph()), network.axis)
        varied += check(found, draw_frames(found.step.inputs[0].type.shape, 20, seed)) > 5
        kept += len(found.step.states) > 1
        saved += found.step.macs < found.window.macs / 2
    assert varied >= 12, varied
    assert kept >= 10, kept
    assert saved >= 10, saved


def _chain() -> tuple[Builder, Value]:
    b = Builder()
    return b, conv(b, conv(b, b.input(_X), 3), 2, dilation=(2, 1))


def test_states_hold_what_layers_look_back_on() -> None:
    b, y = _chain()
    found = stream(lowered(b.graph(y)))
    assert (found.axis, found.frames) == (1, 9)
    assert [s.before.type.shape for s in found.step.states] == [(1, 3, 1, 4), (1, 3, 1, 4), (1, 5, 1, 4)]
    assert found.step.macs == 4 * 4 * (3 + 2)
    assert found.window.macs == 4 * 4 * (3 * 7 + 2 * 5)
    assert reach(found.step) == 9
    text = format_graph(found.step)
    assert "state  v0_past: int8[1,3,1,4]" in text
    assert "keep   v0_window as v0_past" in text


def test_a_reset_is_an_endless_run_of_zero_frames() -> None:
    b, y = _chain()
    found = stream(lowered(b.graph(y)))
    zeros = [found.reset_frame] * 25
    assert (found.reset_frame == -3).all()
    states = None
    for frame in zeros:
        values = evaluate_all(found.step, [frame], states)
        states = next_states(found.step, values)
        for state, now in zip(found.step.states, states, strict=True):
            np.testing.assert_array_equal(state.reset, now)


def test_the_first_frames_count() -> None:
    """Without exception: the result of the first step is that of a window of zero frames and one new frame."""
    b, y = _chain()
    found = stream(lowered(b.graph(y)))
    frames = draw_frames((1, 1, 1, 4), 3, 5)
    window = np.concatenate([*[found.reset_frame] * 8, frames[0]], axis=1)
    np.testing.assert_array_equal(outputs_of(found, frames[:1])[0][0], evaluate(found.window, [window])[0])


def test_a_window_is_shared_by_layers_that_look_back_as_far() -> None:
    b = Builder()
    x = b.input(_X)
    y = b.op(Add(out_quant=_OUT), conv(b, x, 3), conv(b, x, 3))
    z = b.op(Add(out_quant=_OUT), y, conv(b, x, 2, dilation=(2, 1)))
    found = stream(lowered(b.graph(b.op(Mean(1, 2, out_quant=_OUT), z))))
    assert [s.before.type.shape[1] for s in found.step.states] == [3, 7]
    assert check(found, draw_frames((1, 1, 1, 4), 30, 1)) > 5


def test_branches_of_other_delay_meet_through_a_delay_line() -> None:
    """A filter that passes its oldest frame on is a delay; what it is added to looks as far back another way."""
    b = Builder()
    x = b.input(_X)
    taps = np.zeros((5, 1, 4), np.int8)
    taps[2] = 100  # the middle frame: what cropping both ends of x leaves
    delay = b.constant(TensorType("int8", taps.shape, QuantParams((0.01,), (0,))), taps)
    skip = b.op(DepthwiseConv2D(out_quant=_X.quant), x, delay)
    y = b.op(Add(out_quant=_OUT), conv(b, conv(b, x, 3), 3), skip)
    found = stream(lowered(b.graph(y)))
    assert check(found, draw_frames((1, 1, 1, 4), 30, 2)) > 5


def test_time_across() -> None:
    b = Builder()
    x = b.input(int8_type(1, 6, 12, 3, scale=0.1))
    y = conv(b, x, 4, axis=2, padding=(1, 0, 1, 0), stride=(2, 1))
    found = stream(lowered(b.graph(y)), 2)
    assert found.step.inputs[0].type.shape == (1, 6, 1, 3)
    assert check(found, draw_frames((1, 6, 1, 3), 30, 2)) > 5


def test_the_time_axis_is_found() -> None:
    b = Builder()
    y = conv(b, b.input(int8_type(1, 12, 6, 3, scale=0.1)), 4, axis=2, stride=(2, 1))
    assert stream(lowered(b.graph(y))).axis == 2
    b = Builder()
    y = conv(b, b.input(int8_type(1, 12, 12, 3, scale=0.1)), 4)
    assert stream(lowered(b.graph(y))).axis == 1, "the first that has a streaming form"


def test_a_flat_input_shows_its_time() -> None:
    b = Builder()
    x = b.op(Reshape((1, 9, 1, 4)), b.input(int8_type(1, 36, scale=0.1, zero_point=-3)))
    found = stream(lowered(b.graph(conv(b, x, 3))))
    assert found.step.inputs[0].type.shape == (1, 1, 1, 4)


def test_time_moves_with_transposes_and_reshapes() -> None:
    b = Builder()
    x = b.op(Transpose((0, 2, 1, 3)), conv(b, b.input(int8_type(1, 9, 3, 4, scale=0.1)), 2))
    y = b.op(Reshape((1, 3, 8, 4, 1)), x)
    z = conv(b, b.op(Reshape((1, 3, 8, 4)), y), 3, axis=2)
    found = stream(lowered(b.graph(z)), 1)
    assert check(found, draw_frames((1, 1, 3, 4), 25, 3)) > 5
    assert max(s.before.type.shape[2] for s in found.step.states) == 6


def test_what_mixes_all_frames_sees_the_window() -> None:
    """A gate by the mean over the window: from there on the window is recomputed, and still exact."""
    b = Builder()
    x = conv(b, b.input(_X), 2)
    y = b.op(Mul(out_quant=_OUT), x, b.op(Mean(1, 2, out_quant=_OUT), x))
    found = stream(lowered(b.graph(conv(b, y, 3))))
    assert check(found, draw_frames((1, 1, 1, 4), 30, 2)) > 5
    assert found.step.macs == 4 * 4 * (2 + 3 * 6)


def test_float_networks_stream_too() -> None:
    b = Builder()
    r = np.random.default_rng(1)
    x = b.input(TensorType("float32", (1, 8, 2, 3)))
    w = b.constant(TensorType("float32", (5, 3, 1, 3)), r.normal(size=(5, 3, 1, 3)))
    y = b.op(MaxPool2D((2, 1)), b.op(Conv2D(), x, w))
    y = b.op(Reshape((1, 5)), b.op(Mean(1, 2), y))
    dense = b.constant(TensorType("float32", (3, 5)), r.normal(size=(3, 5)))
    found = stream(lowered(b.graph(b.op(FullyConnected(), y, dense))))
    assert (found.reset_frame == 0).all()
    frames = [r.normal(size=(1, 1, 2, 3)).astype(np.float32) for _ in range(20)]
    assert check(found, frames) == 20


@pytest.mark.parametrize(
    ("op", "reason"),
    [
        (Conv2D(padding=(1, 0, 1, 0), out_quant=_OUT), r"Conv2D at test:op 1 Conv2D: it pads the time axis \(1 before"),
        (Conv2D(stride=(2, 1), out_quant=_OUT), "its stride along the time axis is 2"),
        (AveragePool2D((3, 1), (3, 1), out_quant=_OUT), "AveragePool2D at .*op 1.*its stride along the time axis is 3"),
        (Pad((0, 1, 0, 0), (0, 0, 0, 0), -7), "it pads the time axis"),
    ],
    ids=["padded", "strided", "pooled", "pad"],
)  # fmt: skip
def test_what_has_no_streaming_form_is_refused_by_name(op: Conv2D, reason: str) -> None:
    b = Builder()
    x = conv(b, b.input(_X), 2)
    y = b.op(op, x, *([b.weights(4, 3, 1, 4)] if isinstance(op, Conv2D) else []))
    with pytest.raises(UnsupportedModel, match=reason) as caught:
        stream(b.graph(y))
    assert caught.value.findings[0].node.startswith("test:op 1")


def test_the_last_layer_may_stride_and_pad() -> None:
    """One output in time is one result a window, however its layer steps."""
    b = Builder()
    y = conv(b, conv(b, b.input(_X), 2), 7, stride=(5, 1), padding=(1, 0, 0, 0))
    found = stream(lowered(b.graph(y)))
    assert check(found, draw_frames((1, 1, 1, 4), 30, 2)) > 5


def test_inputs_without_time() -> None:
    b = Builder()
    y = b.op(FullyConnected(out_quant=_OUT), b.input(int8_type(1, 12)), b.weights(3, 12))
    with pytest.raises(UnsupportedModel, match=r"has no time axis: its input is \[1, 12\]"):
        stream(b.graph(y))
    with pytest.raises(UsageError, match="dimension 3 is no time axis"):
        stream(b.graph(y), 3)
    b = Builder()
    y = b.op(Add(out_quant=_OUT), b.input(_X), b.input(_X))
    with pytest.raises(UnsupportedModel, match="one input, tiny has 2"):
        stream(b.graph(y))
    with pytest.raises(UsageError, match="goes with streaming"):
        compile_model(b.graph(y), time_axis=1)


def test_a_slide_takes_frames_of_its_window() -> None:
    b = Builder()
    window, frame = b.input(_X), b.input(int8_type(1, 1, 1, 4, scale=0.1, zero_point=-3))
    assert b.op(SlideWindow(1), window, frame).type == _X
    for wrong in (SlideWindow(0), SlideWindow(4)):
        with pytest.raises(Exception, match="dimension"):
            wrong.infer([window.type, frame.type])


def test_frames_joined_along_time_are_a_window() -> None:
    b = Builder()
    x = conv(b, b.input(_X), 2)
    found = stream(lowered(b.graph(conv(b, b.op(Concat(1), x, conv(b, x, 1)), 16))))
    assert check(found, draw_frames((1, 1, 1, 4), 30, 2)) > 5


def test_the_arena_has_no_room_for_states() -> None:
    """Only a frame of each layer at once: input and output of the convolution, of 8 bytes each."""
    b, y = _chain()
    compiled = compile_model(b.graph(y), streaming=True, kernels=dict.fromkeys(("v2", "v4"), "smg_conv2d_s8_scalar"))
    plan = compiled.schedule.plan
    assert plan.nbytes == plan.bound_bytes == 8
    assert not {p.buffer.name for p in plan.placements} & {v.name for v in compiled.schedule.state_slots}
