# SPDX-License-Identifier: Apache-2.0
"""Cross-layer equalisation: rescales channels between layers so that one scale a tensor suits all of them.

Nagel et al., "Data-Free Quantization Through Weight Equalization and Bias Correction" (2019): dividing a channel by s
before, and multiplying by s after, a function with f(s x) = s f(x) changes nothing. There the ranges of per-tensor
weights are made equal; here weights have a scale a channel anyway, so it is the activations' ranges that gain, and s is
a power of each channel's range, the exponent chosen by a model of the noise that reaches the next layers.

Tensors that must be scaled alike (through ReLU, pooling, addition) form a class. Clamps with a finite bound, curves,
graph inputs and outputs, shared weights and unknown ops keep their class as it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from smidgen.ir import Array, Graph, Node, Value
from smidgen.ops import (
    Add,
    AveragePool2D,
    Clamp,
    Conv2D,
    DepthwiseConv2D,
    FullyConnected,
    LeakyRelu,
    MaxPool2D,
    Mean,
    Pad,
    Reshape,
)
from smidgen.quantize.plan import MOVERS, fused_clamp, is_weighted
from smidgen.quantize.recipe import Recipe

Floats = npt.NDArray[np.float64]
_EXPONENTS = tuple(i / 8 for i in range(1, 9))
_LEAST_SHARE = 1 / 32  # of the largest channel's range: quieter channels may have been quiet by chance
_HALF_TRUST = 20  # samples at which a channel's extremes count as much as its rms
_HOMOGENEOUS = (Add, AveragePool2D, Clamp, LeakyRelu, MaxPool2D, Mean, Pad, Reshape)
_STEPS: Mapping[str, float] = {"int4": 7.0, "int8": 127.0, "int16": 127.0, "float16": 127.0, "float": 127.0}


@dataclass(frozen=True, slots=True)
class Channels:
    """Of one tensor, by its last dimension: the extremes and the mean square."""

    least: Floats
    most: Floats
    square: Floats


def see_channels(parts: Sequence[Array]) -> Channels:
    """The statistics of each channel over all samples and positions."""
    flat = [p.reshape(-1, p.shape[-1]) for p in parts]
    count = sum(len(p) for p in flat)
    square = sum(np.einsum("nc,nc->c", p, p, dtype=np.float64) for p in flat) / count
    least = np.min([p.min(axis=0) for p in flat], axis=0).astype(np.float64)
    most = np.max([p.max(axis=0) for p in flat], axis=0).astype(np.float64)
    return Channels(least, most, np.asarray(square, np.float64))


@dataclass(slots=True)
class _Class:
    """Tensors scaled alike; ``size`` channels, index k % size of the last dimension."""

    tensors: list[Value] = field(default_factory=list)
    writers: list[Node] = field(default_factory=list)
    readers: list[Node] = field(default_factory=list)
    rounded: list[Value] = field(default_factory=list)  # those with a quantization of their own
    shares: dict[Value, float] = field(default_factory=dict)
    """Of each tensor's noise variance, what reaches the readers: pooling averages it."""
    fixed: bool = False
    size: int = 0


def equalized(
    graph: Graph, channels: Mapping[str, Channels], recipe: Recipe, samples: int
) -> tuple[Graph, dict[str, float]]:
    """The graph with channels rescaled, the same function; and the modelled gain in dB of each tensor's readers."""
    scales: dict[Node, dict[str, Floats]] = {}
    gains: dict[str, float] = {}
    for group in _classes(graph):
        gain, s = _choose(group, channels, recipe, samples)
        if gain == 0:
            continue
        gains.update(dict.fromkeys((v.name for v in group.tensors), gain))
        for node in group.writers:
            scales.setdefault(node, {})["out"] = s
        for node in group.readers:
            scales.setdefault(node, {})["in"] = s
    return graph.with_nodes(tuple(_scaled(n, scales[n]) if n in scales else n for n in graph.nodes)), gains


def _classes(graph: Graph) -> list[_Class]:
    """The classes that may be rescaled, in order of the graph."""
    finder = _Finder(graph)
    return [c for c in finder.classes() if not c.fixed and c.writers and c.readers and c.rounded]


class _Finder:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.parent: dict[Value, Value] = {}
        self.fixed: set[Value] = {*graph.inputs, *graph.outputs}
        uses: dict[Value, int] = {}
        for node in graph.nodes:
            for v in node.inputs:
                uses[v] = uses.get(v, 0) + (v.data is not None)
        self.shared = {v for v, n in uses.items() if n > 1}

    def root(self, v: Value) -> Value:
        while v in self.parent:
            v = self.parent[v]
        return v

    def classes(self) -> Iterable[_Class]:
        for node in self.graph.nodes:
            self._visit(node)
        found: dict[Value, _Class] = {}
        users = self.graph.users()
        for v in (*self.graph.inputs, *(o for n in self.graph.nodes for o in n.outputs)):
            group = found.setdefault(self.root(v), _Class())
            group.tensors.append(v)
            group.fixed |= v in self.fixed or not v.type.shape
            width = v.type.shape[-1] if v.type.shape else 1
            group.size = min(group.size or width, width)
        for node in self.graph.nodes:
            if not isinstance(node.op, MOVERS) and fused_clamp(node, users, self.graph.outputs) is None:
                found[self.root(node.output)].rounded.append(node.output)
            if is_weighted(node):
                found[self.root(node.output)].writers.append(node)
                found[self.root(node.inputs[0])].readers.append(node)
        for node in reversed(self.graph.nodes):
            self._share(found, node)
        for group in found.values():
            group.fixed |= any(v.type.shape[-1:] and v.type.shape[-1] % group.size for v in group.tensors)
        return found.values()

    def _share(self, found: Mapping[Value, _Class], node: Node) -> None:
        """What of its operands' noise a node passes on; nodes come in reverse order."""
        for v in node.inputs:
            if v.data is None:
                group, same = found[self.root(v)], self.root(v) is self.root(node.output)
                passed = group.shares.get(node.output, 0.0) / _averaged(node) if same else 1.0
                group.shares[v] = group.shares.get(v, 0.0) + passed

    def _visit(self, node: Node) -> None:
        computed = [v for v in node.inputs if v.data is None]
        clamp = getattr(node.op, "clamp", (-np.inf, np.inf))
        if not set(clamp) <= {-np.inf, 0.0, np.inf}:
            self.fixed.update(node.outputs)
        if is_weighted(node):
            if self.shared.intersection(node.inputs):
                self.fixed.update((*computed, *node.outputs))
        elif _is_homogeneous(node) and len(computed) == len(node.inputs):
            for v in computed:
                a, b = self.root(v), self.root(node.output)
                if a is not b:
                    self.parent[b] = a
        else:
            self.fixed.update((*computed, *node.outputs))


def _averaged(node: Node) -> int:
    """How many values each result is the mean of."""
    if isinstance(node.op, Mean):
        return node.op.count(node.types[0])
    return node.op.kernel[0] * node.op.kernel[1] if isinstance(node.op, AveragePool2D) else 1


def _is_homogeneous(node: Node) -> bool:
    """True where f(s x) = s f(x) for any positive s a channel of the last dimension."""
    op = node.op
    if not isinstance(op, _HOMOGENEOUS) or any(v.type.dtype != "float32" for v in node.inputs):
        return False
    rank = len(node.inputs[0].type.shape)
    if isinstance(op, Pad):
        return op.value == 0 and op.before[-1:] == (0,) and op.after[-1:] == (0,)
    if isinstance(op, Mean):
        return op.last < rank - 1
    if isinstance(op, Reshape):
        return rank > 0 and len(op.shape) > 0 and op.shape[-1] % node.inputs[0].type.shape[-1] == 0
    return all(v.type.shape == node.output.type.shape for v in node.inputs) or not isinstance(op, Add)


def _choose(group: _Class, channels: Mapping[str, Channels], recipe: Recipe, samples: int) -> tuple[float, Floats]:
    """(gain in dB, s) with the least modelled noise at the inputs of the layers that read the class."""
    tensors = [_folded(channels[v.name], group.size) for v in group.rounded]
    ranges = np.max([np.maximum(t.most, -t.least) for t in tensors], axis=0)
    top = float(ranges.max())
    if not (np.isfinite(top) and top > 0):
        return 0.0, np.ones(group.size)
    share = np.maximum(_typical(tensors, ranges, samples), _LEAST_SHARE)
    plain = best = _noise(group, tensors, channels, np.ones(group.size), recipe)
    chosen = np.ones(group.size)
    for exponent in _EXPONENTS:
        s = share**exponent
        noise = _noise(group, tensors, channels, s, recipe)
        if noise < best * (1 - 1e-3):  # only for a gain: the less is changed, the better
            best, chosen = noise, s
    return (float(10 * np.log10(plain / best)) if best > 0 else 0.0), chosen


def _typical(tensors: Sequence[Channels], ranges: Floats, samples: int) -> Floats:
    """The channels' sizes, the largest 1: between their extremes, which few samples say little of, and their rms."""
    trust = samples / (samples + _HALF_TRUST)
    rms = np.sqrt(np.mean([t.square for t in tensors], axis=0))
    size = ranges**trust * rms ** (1 - trust)
    result: Floats = size / max(float(size.max()), 1e-300)
    return result


def _folded(c: Channels, size: int) -> Channels:
    """Statistics of a flattened tensor by channel."""
    if len(c.least) == size:
        return c
    parts = (a.reshape(-1, size) for a in (c.least, c.most, c.square))
    least, most, square = parts
    return Channels(least.min(axis=0), most.max(axis=0), square.mean(axis=0))


def _noise(
    group: _Class, tensors: Sequence[Channels], channels: Mapping[str, Channels], s: Floats, recipe: Recipe
) -> float:
    gain = np.zeros(group.size)
    weights = 0.0
    for node in group.readers:
        w = _by_input(node, group.size)  # (outputs, repeats, size)
        gain += np.square(w).sum(axis=(0, 1))
        if not isinstance(node.op, DepthwiseConv2D):
            step = np.abs(w * s).max(axis=(1, 2)) / _STEPS[recipe.precision]
            square = _folded(channels[node.inputs[0].name], group.size).square
            weights += float(np.square(step).sum() / 12 * w.shape[1] * (square / s**2).sum())
    spans = [max(float((t.most / s).max()), 0.0) - min(float((t.least / s).min()), 0.0) for t in tensors]
    levels = 65535.0 if recipe.precision == "int16" else 255.0
    arriving = float((gain * s**2).sum())
    shares = [group.shares.get(v, 0.0) for v in group.rounded]
    noise = sum(a * span**2 for a, span in zip(shares, spans, strict=True)) / levels**2 / 12 * arriving
    if recipe.scheme == "power-of-two":
        noise += _writers_noise(group, channels, s, arriving)
    return noise + weights


def _writers_noise(group: _Class, channels: Mapping[str, Channels], s: Floats, arriving: float) -> float:
    """With one scale a tensor the weights before the class gain too."""
    total = 0.0
    for node in group.writers:
        w = np.abs(_by_output(node, node["w"].constant.astype(np.float64))).max(axis=1)
        step = float((w / _tiled(s, node.output)).max()) / 127
        total += step**2 / 12 * float(channels[node.inputs[0].name].square.mean()) * arriving
    return total


def _by_output(node: Node, w: Floats) -> Floats:
    if isinstance(node.op, DepthwiseConv2D):
        return w.reshape(-1, w.shape[2]).T
    return w.reshape(w.shape[0], -1)


def _by_input(node: Node, size: int) -> Floats:
    """Weights (outputs, repeats, channels of the class), zero where an output does not read a channel."""
    w = node["w"].constant.astype(np.float64)
    if isinstance(node.op, DepthwiseConv2D):
        multiplier = w.shape[2] // node.inputs[0].type.shape[3]
        power: Floats = np.square(w).sum(axis=(0, 1)).reshape(-1, multiplier).sum(axis=1)
        return np.sqrt(power).reshape(1, -1, size)
    if isinstance(node.op, Conv2D) and node.op.groups > 1:
        o, kh, kw, ic = w.shape
        wide = np.zeros((o, kh * kw, ic * node.op.groups))
        for c in range(o):
            at = c // (o // node.op.groups) * ic
            wide[c, :, at : at + ic] = w[c].reshape(-1, ic)
        return wide.reshape(o, -1, size)
    return w.reshape(w.shape[0], -1, size)


def _scaled(node: Node, scales: Mapping[str, Floats]) -> Node:
    """The layer with its weights for inputs s times smaller, its results t times smaller."""
    w = node["w"].constant.astype(np.float64)
    b = node.get("b")
    bias = None if b is None else b.constant.astype(np.float64)
    if "in" in scales:
        w = _times_inputs(node, w, _tiled(scales["in"], node.inputs[0]))
    if "out" in scales:
        t = _tiled(scales["out"], node.output)
        w = w / t if isinstance(node.op, DepthwiseConv2D) else w / t.reshape(-1, *[1] * (w.ndim - 1))
        bias = None if bias is None else bias / t
    inputs = [node.inputs[0], _constant(node["w"], w)]
    if b is not None and bias is not None:
        inputs.append(_constant(b, bias))
    return replace(node, inputs=tuple(inputs))


def _tiled(s: Floats, v: Value) -> Floats:
    """One number for each channel of a tensor of the class, which may be flattened."""
    return np.tile(s, v.type.shape[-1] // len(s))


def _times_inputs(node: Node, w: Floats, s: Floats) -> Floats:
    if isinstance(node.op, DepthwiseConv2D):
        return w * np.repeat(s, w.shape[2] // node.inputs[0].type.shape[3])
    if isinstance(node.op, FullyConnected):
        return w * s
    assert isinstance(node.op, Conv2D)
    o, groups = w.shape[0], node.op.groups
    per_group = np.repeat(s.reshape(groups, -1), o // groups, axis=0)  # (o, ic)
    return w * per_group[:, None, None, :]


def _constant(old: Value, data: Floats) -> Value:
    return Value(old.name, old.type, data.astype(np.float32))
