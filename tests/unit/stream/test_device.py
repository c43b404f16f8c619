# SPDX-License-Identifier: Apache-2.0
"""Streaming programs on the emulated core: state survives between steps, every step equals the reference."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smidgen.compiler import Compiled, profile, verify
from smidgen.compiler import compile as compile_model
from smidgen.errors import SimulationError
from smidgen.ir import QuantParams, TensorType
from smidgen.ops import Conv2D, FullyConnected, MaxPool2D, Mean, Reshape
from smidgen.sim import EmulatedMachine
from tests.op_graphs import Builder, int8_type, quant
from tests.shared import SHARED, needs_shared
from tests.stream_networks import StreamNetwork, draw_frames

pytestmark = pytest.mark.slow  # every case builds an image


def small() -> Compiled:
    b = Builder()
    x = b.input(int8_type(1, 9, 2, 4, scale=0.1, zero_point=-3))
    y = b.op(Conv2D(out_quant=quant(2.0, -7)), x, b.weights(8, 3, 1, 4))
    y = b.op(Reshape((1, 112)), y)
    return compile_model(
        b.graph(b.op(FullyConnected(out_quant=quant(40.0)), y, b.weights(3, 112, seed=2))), streaming=True
    )


@pytest.mark.parametrize("seed", [1, 2, 5, 8, 11, 14])
def test_random_networks(seed: int) -> None:
    network = StreamNetwork(seed)
    compiled = compile_model(network.graph(), streaming=True, time_axis=network.axis)
    result = verify(compiled, cases=6)
    assert (result.mismatches, result.first_divergence) == (0, None)
    assert compiled.stream is not None
    assert result.cases == compiled.stream.frames + 6


def test_float_networks() -> None:
    b = Builder()
    r = np.random.default_rng(1)
    x = b.input(TensorType("float32", (1, 8, 2, 3)))
    w = b.constant(TensorType("float32", (5, 3, 1, 3)), r.normal(size=(5, 3, 1, 3)))
    y = b.op(Mean(1, 2), b.op(MaxPool2D((2, 1)), b.op(Conv2D(), x, w)))
    result = verify(compile_model(b.graph(y), streaming=True), cases=6)
    assert (result.mismatches, result.first_divergence) == (0, None)
    assert len({y.tobytes() for (y,) in result.outputs}) > 8


def test_a_stream_of_the_users_own() -> None:
    compiled = small()
    frames = draw_frames((1, 1, 2, 4), 20, 3)
    result = verify(compiled, inputs=[[f] for f in frames])
    assert (result.cases, result.mismatches) == (20, 0)
    assert len({y.tobytes() for (y,) in result.outputs}) > 10


def test_state_is_kept_at_full_speed_too() -> None:
    compiled = small()
    frames = draw_frames((1, 1, 2, 4), 20, 3)
    want = verify(compiled, inputs=[[f] for f in frames]).outputs
    machine = EmulatedMachine(compiled.build())
    assert [machine.infer([f.tobytes()])[0] for f in frames] == [y.tobytes() for (y,) in want]


def with_text(compiled: Compiled, path: str, old: str, new: str) -> Compiled:
    text = compiled.sources.files[path]
    assert text.count(old) >= 1
    files = {**compiled.sources.files, path: text.replace(old, new, 1)}
    return replace(compiled, sources=replace(compiled.sources, files=files, digest=compiled.sources.digest + new))


def test_a_wrong_state_is_found() -> None:
    """A reset that does nothing, a window that does not move, and a layer that writes into the state."""
    compiled = small()
    reset = with_text(compiled, "smg_tiny.c", "    smg_tiny_rest(", "    if (0) smg_tiny_rest(")
    assert verify(reset, cases=2).mismatches
    still = with_text(compiled, "kernels/smg_slide_window.inc.h", "window + frame, kept", "window, kept")
    found = verify(still, cases=2).first_divergence
    assert found is not None
    assert found.name == "v0_window"
    assert compiled.schedule.state_bytes == 24 + 112
    stray = with_text(compiled, "kernels/smg_slide_window.inc.h", "x += frame;", "x += frame; y[40] = 1;")
    with pytest.raises(SimulationError, match=r"arena bytes outside|guard"):
        verify(stray, cases=2)


def test_states_count_as_ram() -> None:
    compiled = small()
    assert compiled.memory.state == 136
    assert compiled.memory.ram == compiled.memory.arena + compiled.memory.stack + 136
    header = compiled.sources.files["smg_tiny.h"]
    assert "#define SMG_TINY_STATE_BYTES 136" in header
    assert "#define SMG_TINY_WINDOW_FRAMES 9" in header
    assert "void smg_tiny_reset(void);" in header
    assert "void smg_tiny_step(const int8_t *frame, int8_t *scores);" in header


@needs_shared
def test_the_official_streaming_wakeword() -> None:
    """46,040 multiply-accumulates a frame instead of 826,368, in fewer than 78,000 cycles and 5 KB of RAM."""
    compiled = compile_model("sww", streaming=True, models_dir=SHARED / "zoo")
    assert compiled.stream is not None
    assert (compiled.stream.window.macs, compiled.graph.macs) == (826_368, 46_040)
    result = verify(compiled, cases=10)
    assert (result.cases, result.mismatches) == (40, 0)
    report = profile(compiled, memory_system=False)
    assert report.cycles < 78_000
    assert report.ram.total < 5_000


def test_scales_of_a_state_are_its_values() -> None:
    compiled = small()
    for state in compiled.graph.states:
        assert isinstance(state.before.type.quant, QuantParams)
        assert state.before.type == state.after.type
