# SPDX-License-Identifier: Apache-2.0
"""For each kernel, random nodes that it has a fair chance to admit."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from typing import Any

from hypothesis import HealthCheck, Phase, assume, given, settings
from hypothesis import strategies as st

from smidgen import ops
from smidgen.ir import Array, Node, Rounding
from smidgen.kernels import Kernel
from smidgen.kernels.common import even_rounding
from smidgen.kernels.registry import all_kernels
from smidgen.targets import Core, load_target
from smidgen.targets.isa import SHIMS, close
from tests.kernels import corev_nodes, float_nodes, int16_nodes, nodes, rvv_nodes, strided, winograd_nodes

Case = tuple[Node, list[Array]]
Property = tuple[str, object]
POOL = 40  # nodes drawn for a kernel with constants, to choose from
_STRIDED: dict[str, tuple[tuple[str, Callable[[], st.SearchStrategy[Any]]], ...]] = {
    "conv2d_direct": (("", strided.direct),),
    "winograd": (("small", lambda: winograd_nodes.three_by_three(True)), ("", winograd_nodes.three_by_three)),
    "winograd_portable": (
        ("stride2", lambda: winograd_nodes.any_channels(2)),
        ("", lambda: winograd_nodes.any_channels(1)),
    ),
    "fully_connected": (("1x1_rows", nodes.pointwise), ("s8_m4", nodes.dense)),
    "pointwise": (("", nodes.pointwise),),
    "blocked": (("1x1", nodes.pointwise), ("fully_connected", nodes.dense)),
    "corev": (
        ("3x3", corev_nodes.three_by_three),
        ("fully_connected_rows", corev_nodes.many_rows),
        ("fully_connected", nodes.dense),
        ("1x1", nodes.pointwise),
        ("depthwise", corev_nodes.depthwise),
    ),
    "mve": (
        ("fully_connected", nodes.dense),
        ("3x3", lambda: _of_strides(("3x3s1", "3x3s2"))),
        ("conv2d", lambda: _windows()),
    ),
    "rvv": rvv_nodes.OF_SYMBOLS,
    "conv2d_stride2": (("3x3", strided.stride2_3x3), ("1x1", strided.pointwise)),
}
"""Family to the nodes of its kernels, by part of their symbols."""
EVERY_FEATURE = replace(load_target("nucleo-l4r5zi").core, features=frozenset({"dsp", "fpu"}))
_IN_PLAIN_C = close(("fpu", "thumb2", "rv32m", "rv32c"))
"""Features that a kernel's C does not show, or that a host has in its own way."""
_PLAIN: dict[type, Callable[[Rounding], st.SearchStrategy[Any]]] = {
    ops.FullyConnected: nodes.fully_connected,
    ops.Mul: nodes.mul,
    ops.Softmax: nodes.softmax,
    ops.Lookup: nodes.lookup,
    ops.Pad: nodes.pad,
    ops.Transpose: nodes.transpose,
    ops.Concat: nodes.concat,
    ops.Crop: nodes.crop,
    ops.SlideWindow: nodes.slide_window,
    ops.Quantize: nodes.quantize,
    ops.Dequantize: nodes.dequantize,
}


def core_of(kernel: Kernel) -> Core:
    """A core with the features that the kernel needs, and no others."""
    return replace(EVERY_FEATURE, features=close(kernel.isa))


def runs_on_host(kernel: Kernel) -> bool:
    """Its C compiles for any machine: what it needs of a core has a portable body."""
    return kernel.isa <= _IN_PLAIN_C | SHIMS.keys()


def strategy(kernel: Kernel) -> st.SearchStrategy[tuple[Node, list[Array]]]:
    """Nodes with data for every operand; ``Kernel.rejects`` has the last word."""
    if "four_bit" in kernel.symbol:
        return nodes.four_bit(_four_bit_shapes(kernel))
    if "_s16" in kernel.symbol:
        return int16_nodes.of(kernel.symbol, kernel.op)
    if "_half_f32_" in kernel.symbol:
        return float_nodes.in_half_precision(float_nodes.strategy(kernel))
    if "_f32_" in kernel.symbol:
        return float_nodes.strategy(kernel)
    for part, drawn in _STRIDED.get(kernel.family, ()):
        if part in kernel.symbol:
            return drawn()
    if kernel.constants is not None:  # the rounding is one of the constants
        return st.one_of(_of_rounding(kernel, "double"), _of_rounding(kernel, "even"))
    return _of_rounding(kernel, "even" if "rne" in kernel.symbol else "double")


def _of_strides(styles: Sequence[str]) -> st.SearchStrategy[Case]:
    """Depthwise layers of these styles and either rounding."""
    both: tuple[Rounding, ...] = ("double", "even")
    return st.one_of(*(nodes.depthwise(r, style) for style in styles for r in both))


def _windows() -> st.SearchStrategy[Case]:
    """Convolutions of one group of every kind that some kernel was written for."""
    both: tuple[Rounding, ...] = ("double", "even")
    drawn = (f(r) for r in both for f in (lambda r: nodes.conv2d(r, "one group"), nodes.conv2d_few_channels))
    return st.one_of(*drawn, nodes.pointwise(), strided.pointwise(), strided.stride2_3x3(), strided.direct())


def _four_bit_shapes(kernel: Kernel) -> st.SearchStrategy[Case]:
    """Layers of shapes that a kernel for four-bit weights admits, with eight bits yet."""
    if "_s16" in kernel.symbol:
        return int16_nodes.of(kernel.symbol, kernel.op)
    both: tuple[Rounding, ...] = ("double", "even")
    if kernel.op is ops.FullyConnected:
        return st.one_of(nodes.dense(), *(nodes.fully_connected(r) for r in both))
    if "1x1" in kernel.symbol:
        return nodes.pointwise()
    windows = [nodes.conv2d(r, "any" if "scalar" in kernel.symbol else "one group") for r in both]
    return st.one_of(*windows, nodes.pointwise(), strided.direct())


def _of_rounding(kernel: Kernel, rounding: Rounding) -> st.SearchStrategy[tuple[Node, list[Array]]]:
    any_shape = "scalar" in kernel.symbol
    if kernel.family == "conv2d_few_channels":
        return nodes.conv2d_few_channels(rounding)
    if kernel.op is ops.Conv2D:
        return nodes.conv2d(rounding, "1x1" if "1x1" in kernel.symbol else "any" if any_shape else "one group")
    if kernel.op is ops.DepthwiseConv2D:
        styles = {
            "3x3_s8_portable": "3x3s", "3x3s1": "3x3s1", "3x3s2": "3x3s2", "3x3": "3x3", "kxk": "kxk", "direct": "kxk",
            "valid": "kxk", "scalar": "any",
        }  # fmt: skip
        return nodes.depthwise(rounding, next((s for name, s in styles.items() if name in kernel.symbol), "one"))
    if kernel.op is ops.Add:
        return nodes.add(rounding, "any" if any_shape else "same")
    if kernel.op is ops.Mean:
        return nodes.mean(rounding, "any")
    if kernel.op in (ops.MaxPool2D, ops.AveragePool2D):
        return nodes.pool(kernel.op, rounding)
    return _PLAIN[kernel.op](rounding)


def draw_nodes(kernel: Kernel, count: int) -> list[Case]:
    """``count`` nodes that the kernel admits, always the same ones, with their data; fewer if too few are found.

    Of a kernel with constants, whose every node costs a compilation, the ones that differ most from each other.
    """
    if kernel.constants is None:
        return list(_drawn(kernel.symbol, count))
    cases = _drawn(kernel.symbol, max(POOL, count))
    roundings = 1 if even_rounding in kernel.requires else 2
    if len({getattr(node.op, "rounding", None) for node, _ in cases}) < roundings:  # what is drawn depends on chance
        cases = _drawn(kernel.symbol, 4 * max(POOL, count))
    return _unlike(kernel, cases, count)


@cache
def _drawn(symbol: str, count: int) -> tuple[Case, ...]:
    kernel = next(k for k in all_kernels() if k.symbol == symbol)
    found: list[Case] = []

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(strategy(kernel))
    def collect(case: Case) -> None:
        assume(kernel.rejects(case[0], core_of(kernel)) is None)
        found.append(case)

    collect()
    return tuple(found[:count])


def _unlike(kernel: Kernel, cases: Sequence[Case], count: int) -> list[Case]:
    """The roundings in turn; each time the case with the most properties that none before it has, rare ones first."""
    properties = [_properties(kernel, node) for node, _ in cases]
    often = Counter(p for found in properties for p in found)
    seen = Counter[Property]()
    left, taken = list(range(len(cases))), list[Case]()

    def worth(i: int) -> tuple[int, float, int]:
        turn = -sum(seen[p] for p in properties[i] if p[0] == "rounding")
        return turn, sum(1 / often[p] / 4 ** seen[p] for p in properties[i]), -i

    while left and len(taken) < count:
        best = max(left, key=worth)
        left.remove(best)
        seen.update(properties[best])
        taken.append(cases[best])
    return taken


def _properties(kernel: Kernel, node: Node) -> set[Property]:
    """What may make a difference to a kernel: its constants, and shapes, roundings and zero points at their ends."""
    found: set[Property] = set(kernel.constants(node).items() if kernel.constants else ())
    if ("SMG_SUM_BITS", 64) in found:  # rare and telling: never to be left out
        found |= {("wide sums", i) for i in range(20)}
    for at, t in enumerate(node.types):
        found |= {(f"dimension {at} {i}", "one" if d == 1 else d % 4) for i, d in enumerate(t.shape)}
        if t.quant is not None:
            zero_point = t.quant.zero_point[0]
            found |= {(f"zero point {at}", zero_point if zero_point in (-128, 127) else 0)}
            found |= {(f"scales {at}", len(t.quant.scale) == 1)}
    for name in ("rounding", "padding", "stride", "dilation", "signs"):
        value = getattr(node.op, name, None)
        found |= {(name, value)} if value is not None else set()
    padding = getattr(node.op, "padding", (0, 0, 0, 0))
    found |= {("asymmetric", padding[:2] != padding[2:]), ("padded", any(padding))}
    return found
