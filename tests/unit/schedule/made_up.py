# SPDX-License-Identifier: Apache-2.0
"""Networks of made-up kernels: any sizes, overlaps, scratch and branches."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

from hypothesis import strategies as st

from smidgen.ir import Graph, Node, TensorType, Value
from smidgen.kernels import Choice
from smidgen.kernels.kernel import Kernel
from smidgen.ops import Add, Reshape
from smidgen.schedule import Step
from tests.graphs import Q


@dataclass(frozen=True)
class Layer:
    """A step before it is one: leads by buffer, whether in place, bytes of scratch."""

    node: Node
    leads: Mapping[str, int]
    inplace: str | None = None
    scratch: int = 0

    @property
    def choice(self) -> Choice:
        kernel = Kernel(
            "made_up",
            "none",
            "none",
            Add,
            lambda node, core: 0.0,
            scratch=lambda node: self.scratch,
            inplace=self.inplace,
            overlap=(lambda node: self.leads) if self.leads else None,
        )
        return Choice(kernel, 0.0, ())

    def step(self, index: int) -> Step:
        return Step(index, self.node, self.choice, f"{self.node.output.name}__scratch" if self.scratch else None)


def value(name: str, nbytes: int) -> Value:
    return Value(name, TensorType("int8", (nbytes,), Q))


@st.composite
def networks(draw: st.DrawFn) -> tuple[Graph, list[Layer]]:
    """Mostly chains, with views, second operands and any values as outputs."""
    sizes = st.integers(1, 60)
    values = [value(f"x{i}", draw(sizes)) for i in range(draw(st.integers(1, 2)))]
    inputs, layers, nodes = tuple(values), list[Layer](), list[Node]()
    for i in range(draw(st.integers(1, 9))):
        x = values[-1] if draw(st.integers(0, 4)) else draw(st.sampled_from(values))
        if draw(st.integers(0, 4)) == 0:
            y = value(f"v{i}", x.type.nbytes)
            nodes.append(Node(Reshape((x.type.nbytes,)), (x,), (y,), ""))
        else:
            y = value(f"y{i}", draw(sizes))
            more = [draw(st.sampled_from(values))] if draw(st.integers(0, 3)) == 0 else []
            keys = draw(st.sampled_from([(), ("y",), ("scratch",), ("y", "scratch")]))
            leads = {k: draw(st.integers(0, 70)) for k in keys}
            able = [k for k, v in zip("ab", (x, *more), strict=False) if y.type.nbytes <= v.type.nbytes]
            inplace = draw(st.sampled_from([None, *able]))
            node = Node(Add(out_quant=Q), (x, *more), (y,), "")
            layers.append(Layer(node, leads, inplace, draw(st.integers(0, 50))))
            nodes.append(node)
        values.append(y)
    outputs = draw(st.lists(st.sampled_from(values), min_size=1, max_size=3))
    return Graph("net", "tflm-int8.v1", inputs, tuple(outputs), tuple(nodes)), layers


def branchy(seed: int, count: int) -> tuple[Graph, list[Layer]]:
    """A network of ``count`` layers with branches that join again, as searched-for architectures have them.

    Sizes from 64 bytes to 16 KB; some layers overlap or work in place, a third has scratch.
    """
    rng = random.Random(seed)
    x = value("x", rng.choice((1024, 3072, 9216)))
    layers: list[Layer] = []
    open_ends = [x]  # read by nobody yet
    for i in range(count):
        a = open_ends.pop(rng.randrange(len(open_ends)))
        operands = [a]
        if open_ends and (rng.random() < 0.45 or len(open_ends) > 5):
            operands.append(open_ends.pop(rng.randrange(len(open_ends))))
        elif layers and rng.random() < 0.15:
            operands.append(layers[rng.randrange(max(0, i - 8), i)].node.output)  # a skip connection
        y = value(f"y{i}", rng.choice((a.type.nbytes, rng.randint(64, 2000), rng.randint(1000, 16000))))
        kind = rng.random()
        leads = {"y": rng.choice((0, 64, y.type.nbytes // 2))} if kind < 0.3 else {}
        inplace = "a" if 0.3 < kind < 0.5 and y.type.nbytes == a.type.nbytes else None
        scratch = rng.randint(16, 3000) if rng.random() < 0.33 else 0
        layers.append(Layer(Node(Add(out_quant=Q), tuple(operands), (y,), ""), leads, inplace, scratch))
        open_ends += [y] * (1 if rng.random() < 0.6 or len(open_ends) > 4 else 2)
    used = {v for layer in layers for v in layer.node.inputs}
    outputs = tuple(layer.node.output for layer in layers if layer.node.output not in used)
    return Graph("net", "tflm-int8.v1", (x,), outputs, tuple(layer.node for layer in layers)), layers
