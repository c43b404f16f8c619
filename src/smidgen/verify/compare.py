# SPDX-License-Identifier: Apache-2.0
"""Runs an image and the reference on the same inputs and compares every step's output, byte for byte.

Of a float32 NaN only that it is one is compared: which one an operation makes differs from core to core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Array, Graph, Value, evaluate_all, next_states
from smidgen.profile import check_alignment
from smidgen.schedule import Schedule
from smidgen.sim import Machine


@dataclass(frozen=True, slots=True)
class Divergence:
    """The first byte-level difference: in which case, at which step, which element, what was expected and got."""

    case: int
    step: int
    name: str
    source: str
    kernel: str
    element: int
    expected: float
    got: float
    differing_elements: int


@dataclass(frozen=True, slots=True)
class Verification:
    """``mismatches`` counts cases with any difference in any step or output; 0 is the proof."""

    cases: int
    mismatches: int
    steps: int
    compared_bytes: int
    first_divergence: Divergence | None
    outputs: tuple[tuple[Array, ...], ...]


def verify_image(
    machine: Machine,
    schedule: Schedule,
    cases: Iterable[Sequence[Array]],
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare every case's every step. The first case also proves that no step writes outside its own buffers, and that
    no instruction makes an access that the emulator allows unaligned but a real core faults on.

    ``progress`` is told the number of cases done. Raises SimulationError if the core faults.
    """
    done, bad, compared = 0, 0, 0
    first: Divergence | None = None
    outputs: list[tuple[Array, ...]] = []
    for inputs in cases:
        if done == 0:
            check_alignment(machine, [_bytes(a) for a in inputs])
        check = _Case(schedule, evaluate_all(schedule.graph, inputs), done)
        raw = machine.infer_traced([_bytes(a) for a in inputs], check.step, check_arena=done == 0)
        check.outputs(schedule.graph, raw)
        first = first or check.divergence
        bad += check.divergence is not None
        compared += check.compared
        outputs.append(tuple(_array(v, b) for v, b in zip(schedule.graph.outputs, raw, strict=True)))
        done += 1
        progress(done)
    return Verification(done, bad, len(schedule.steps), compared, first, tuple(outputs))


def verify_stream(
    machine: Machine,
    schedule: Schedule,
    frames: Sequence[Array],
    window_outputs: Iterable[Sequence[Array]],
    progress: Callable[[int], None] = lambda _: None,
) -> Verification:
    """Compare a stream's every step, from a reset on: each kernel's output with the step graph's, evaluated with its
    own state, and the results with ``window_outputs``, what the whole-window network gives at each step.

    The first step also proves what the first case of ``verify_image`` does.
    """
    graph = schedule.graph
    check_alignment(machine, [_bytes(frames[0])])
    trace, states = machine.trace(), [s.reset for s in graph.states]
    bad, compared = 0, 0
    first: Divergence | None = None
    outputs: list[tuple[Array, ...]] = []
    for done, (frame, wanted) in enumerate(zip(frames, window_outputs, strict=True)):
        values = evaluate_all(graph, [frame], states)
        states = next_states(graph, values)
        check = _Case(schedule, values | dict(zip(graph.outputs, wanted, strict=True)), done)
        raw = trace.infer([_bytes(frame)], check.step, check_arena=done == 0)
        check.outputs(graph, raw)
        first = first or check.divergence
        bad += check.divergence is not None
        compared += check.compared
        outputs.append(tuple(_array(v, b) for v, b in zip(graph.outputs, raw, strict=True)))
        progress(done + 1)
    return Verification(len(outputs), bad, len(schedule.steps), compared, first, tuple(outputs))


class _Case:
    """The comparison of one inference."""

    def __init__(self, schedule: Schedule, expected: dict[Value, Array], case: int) -> None:
        self.schedule, self.expected, self.case = schedule, expected, case
        self.divergence: Divergence | None = None
        self.compared = 0

    def step(self, index: int, raw: Sequence[bytes]) -> None:
        step = self.schedule.steps[index]
        for v, b in zip(step.node.outputs, raw, strict=True):
            self._compare(v, b, index, step.node.loc, step.choice.kernel.symbol)

    def outputs(self, graph: Graph, raw: Sequence[bytes]) -> None:
        for v, b in zip(graph.outputs, raw, strict=True):
            self._compare(v, b, len(self.schedule.steps), "the copy to the caller's output", "run function")

    def _compare(self, v: Value, raw: bytes, step: int, source: str, kernel: str) -> None:
        self.compared += len(raw)
        want = v.data if v.data is not None else self.expected[v]
        if self.divergence is not None or raw == _bytes(want):
            return
        got, want = _one_nan(_array(v, raw)), _one_nan(want)
        if got.tobytes() == _bytes(want):
            return
        differs = np.flatnonzero((got.view(np.uint8) != np.ascontiguousarray(want).view(np.uint8)).ravel())
        element = int(differs[0]) // want.itemsize if differs.size else 0
        self.divergence = Divergence(
            self.case,
            step,
            v.name,
            source,
            kernel,
            element,
            float(want.ravel()[element]),
            float(got.ravel()[element]),
            len(np.unique(differs // want.itemsize)),
        )


def _one_nan(a: Array) -> Array:
    """The array with the same bits for every NaN."""
    return np.where(np.isnan(a), np.float32(np.nan), a) if a.dtype == np.float32 else a


def _bytes(a: Array) -> bytes:
    return np.ascontiguousarray(a).tobytes()


def _array(v: Value, raw: bytes) -> Array:
    return np.frombuffer(raw, v.type.dtype).reshape(v.type.shape)
