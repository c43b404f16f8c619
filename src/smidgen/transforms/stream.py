# SPDX-License-Identifier: Apache-2.0
"""Turns a network over a window of time into one step of a stream: one new frame in, the window's result out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from smidgen.errors import Finding, UnsupportedModel, UsageError
from smidgen.ir import Array, Graph, Node, State, TensorType, Value, evaluate_all, verify
from smidgen.ir.names import Names
from smidgen.ops import Crop, Reshape, SlideWindow
from smidgen.transforms.stream_axes import Need, Refused, need_of


@dataclass(frozen=True, slots=True)
class Stream:
    """``step`` is one step, with states; ``window`` the network over ``frames`` frames along its input's ``axis``.

    After a reset and any frames since, a step's outputs equal the window network's outputs for the last ``frames``
    frames, byte for byte, where every frame before the reset counts as ``reset_frame``.
    """

    step: Graph
    window: Graph
    axis: int
    frames: int
    reset_frame: Array

    @property
    def state_bytes(self) -> int:
        return sum(s.before.type.nbytes for s in self.step.states)

    def windows(self, frames: Sequence[Array]) -> list[Array]:
        """The input of the window network at each step of a stream of frames that follows a reset."""
        past = [self.reset_frame] * (self.frames - 1)
        stream = np.concatenate([*past, *frames], axis=self.axis)
        steps = range(len(frames))
        return [np.ascontiguousarray(stream.take(range(t, t + self.frames), axis=self.axis)) for t in steps]


def stream(graph: Graph, axis: int | None = None) -> Stream:
    """The streaming form of a lowered graph: [window] -> y becomes [frame, states] -> y, states.

    ``axis`` is the input's dimension of time; None: the first one, neither batch nor channels, for which every layer
    has a streaming form. Raises UnsupportedModel with the layers that have none, UsageError for an axis that the input
    does not have.
    """
    window = _without_input_reshape(graph)
    shape = window.inputs[0].type.shape
    if axis is not None and (not 0 <= axis < len(shape) or shape[axis] < 2):
        raise UsageError(f"the input of {graph.name} is {list(shape)}: dimension {axis} is no time axis")
    candidates = [a for a in range(1, len(shape) - 1) if shape[a] > 1] if axis is None else [axis]
    refused: dict[int, Finding] = {}
    for candidate in candidates:
        try:
            return _Rewrite(window, candidate).stream()
        except _LayerRefused as e:
            refused[candidate] = Finding(type(e.node.op).__name__, e.node.loc, e.reason, _REMEDY)
    if not refused:
        raise UnsupportedModel(f"{graph.name} has no time axis: its input is {list(shape)}")
    reasons = "; ".join(f"with time in dimension {a}, {f.op} at {f.node}: {f.reason}" for a, f in refused.items())
    raise UnsupportedModel(f"{graph.name} has no streaming form: {reasons}. {_REMEDY}", tuple(refused.values()))


_REMEDY = "Train it with stride 1 and 'valid' padding along time, or compile it without streaming"


class _LayerRefused(Exception):
    def __init__(self, node: Node, reason: str) -> None:
        super().__init__(reason)
        self.node, self.reason = node, reason


def _without_input_reshape(graph: Graph) -> Graph:
    """The graph with a flat input's first reshape left out: the same bytes, of a shape that shows the time axis."""
    if len(graph.inputs) != 1:
        raise UnsupportedModel(f"streaming takes networks of one input, {graph.name} has {len(graph.inputs)}")
    (x,) = graph.inputs
    readers = graph.users().get(x, [])
    if len(readers) != 1 or not isinstance(readers[0].op, Reshape) or x in graph.outputs:
        return graph
    y = readers[0].output
    nodes = tuple(n for n in graph.nodes if n is not readers[0])
    return _without_input_reshape(replace(graph, inputs=(y,), nodes=nodes))


class _Rewrite:
    """One attempt, with time in one dimension of the input. ``axes`` has each value's dimension of time while it has
    more than one frame; ``frames`` the value of the step that stands for a value of the window network."""

    def __init__(self, window: Graph, axis: int) -> None:
        self.window, self.axis = window, axis
        (x,) = window.inputs
        self.axes = {x: axis}
        self.names = Names(v.name for v in window.values())
        self.frames = {x: Value(self.names.fresh("frame"), _resized(x.type, axis, 1))}
        self.nodes: list[Node] = []
        self.states: list[State] = []
        self.windows: dict[tuple[Value, int], Value] = {}
        self.reset = _zero_frame(x.type, axis)
        self.resting = evaluate_all(window, [np.repeat(self.reset, x.type.shape[axis], axis)])

    def stream(self) -> Stream:
        """Raises _LayerRefused."""
        for node in self.window.nodes:
            self._add(node)
        x, graph = self.window.inputs[0], self.window
        late = [v for v in graph.outputs if v in self.axes]
        if late:  # one output a window: all its frames
            self.frames.update((v, self._window(v, v.type.shape[self.axes[v]])) for v in late)
        step = replace(
            graph,
            inputs=(self.frames[x],),
            outputs=tuple(self.frames.get(v, v) for v in graph.outputs),
            nodes=tuple(self.nodes),
            imported_macs=None,
            states=tuple(self.states),
            input_names=(),
            output_names=(),
        )
        verify(step, "lowered")
        return Stream(step, graph, self.axis, x.type.shape[self.axis], self.reset)

    def _add(self, node: Node) -> None:
        """The node's form in the step, after the windows that it looks at."""
        try:
            timed = any(v in self.axes for v in node.inputs)
            need = need_of(node, self.axes) if timed else Need(node.op, (0,) * len(node.inputs), None)
        except Refused as e:
            raise _LayerRefused(node, str(e)) from None
        inputs = tuple(
            self._window(v, n) if n else self.frames.get(v, v) for v, n in zip(node.inputs, need.frames, strict=True)
        )
        y = node.output
        if need.axis is not None and y.type.shape[need.axis] > 1:
            self.axes[y] = need.axis
        if isinstance(need.op, Crop) and need.frames == (1,) and inputs[0].type.shape[need.op.axis] == 1:
            self.frames[y] = inputs[0]  # the newest frame itself
            return
        (t,) = need.op.infer([v.type for v in inputs])
        made = Value(y.name, t)
        macs = need.op.macs([v.type for v in inputs])
        nominal = node.nominal_macs * macs // node.macs if node.macs else None
        self.nodes.append(Node(need.op, inputs, (made,), node.loc, nominal))
        self.frames[y] = made

    def _window(self, v: Value, frames: int) -> Value:
        """The newest ``frames`` frames of a value; its newest alone is what the step computes anyway."""
        if frames == 1:
            return self.frames[v]
        if (v, frames) not in self.windows:
            axis, t = self.axes[v], _resized(v.type, self.axes[v], frames)
            rest = np.ascontiguousarray(self.resting[v].take(range(frames), axis=axis))
            before, after = (Value(self.names.fresh(f"{v.name}_{what}"), t) for what in ("past", "window"))
            loc = f"the last {frames} frames of {v.name}"
            self.nodes.append(Node(SlideWindow(axis), (before, self.frames[v]), (after,), loc))
            self.states.append(State(before, after, rest))
            self.windows[v, frames] = after
        return self.windows[v, frames]


def _resized(t: TensorType, axis: int, frames: int) -> TensorType:
    return replace(t, shape=(*t.shape[:axis], frames, *t.shape[axis + 1 :]))


def _zero_frame(t: TensorType, axis: int) -> Array:
    """The frame of real zeros: what the stream is taken to have been before a reset."""
    value = t.zero_point if t.quant is not None else 0
    return np.full(_resized(t, axis, 1).shape, value, t.dtype)
