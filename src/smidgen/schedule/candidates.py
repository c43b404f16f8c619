# SPDX-License-Identifier: Apache-2.0
"""The kernels that could compute each step, and what each of them would cost in cycles, RAM and flash."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cached_property

from smidgen.errors import NoKernel, UsageError
from smidgen.ir import Graph, Node, Value
from smidgen.kernels import Kernel, admissible, footprint, function_name
from smidgen.kernels.flash_use import expected_stalls
from smidgen.kernels.registry import all_kernels
from smidgen.schedule.constants import ConstantBytes, constant_bytes
from smidgen.schedule.plan import aligned
from smidgen.targets import Target

Costs = Callable[[Kernel, Node], float | None]
"""Cycles of a kernel at a node where they are known better than by the kernel's formula, None where they are not."""


def no_costs(kernel: Kernel, node: Node) -> float | None:
    return None


@dataclass(frozen=True)
class Candidate:
    """One kernel for one step. ``step_bytes`` is what the arena has to hold while it runs, scratch included.

    ``stall_cycles``, those that the board's flash is expected to add, are among ``cycles``; 0 if those are measured.
    """

    kernel: Kernel
    node: Node
    cycles: float
    step_bytes: int
    stall_cycles: float = 0.0

    @cached_property
    def constants(self) -> ConstantBytes:
        """Packed only when somebody asks for flash: it takes time."""
        return constant_bytes(self.kernel, self.node)

    @cached_property
    def constant_bytes(self) -> int:
        return self.constants.total

    @cached_property
    def memory(self) -> tuple[object, ...]:
        """All that a plan of the arena depends on: programs whose steps agree in it have the same plan."""
        overlap = self.kernel.overlap(self.node) if self.kernel.overlap is not None else {}
        return (self.kernel.scratch(self.node), self.kernel.inplace, tuple(sorted(overlap.items())))

    @cached_property
    def function(self) -> str:
        """Steps with the same function share its code."""
        return function_name(self.kernel, self.node)

    @cached_property
    def _footprint(self) -> tuple[int, int]:
        return footprint.of(self.kernel, self.node)

    @property
    def code_bytes(self) -> int:
        return self._footprint[0]

    @property
    def stack_bytes(self) -> int:
        return self._footprint[1]


@dataclass(frozen=True, slots=True)
class Layer:
    """A node that needs a kernel, its candidates with the fewest cycles first, and why the other kernels cannot.

    ``alive``: the name and bytes of each value in memory meanwhile, in-place kernels left out of account.
    """

    node: Node
    candidates: tuple[Candidate, ...]
    rejected: tuple[tuple[str, str], ...]
    alive: tuple[tuple[str, int], ...]

    @property
    def name(self) -> str:
        return self.node.output.name


def layers(
    graph: Graph,
    target: Target,
    force: Mapping[str, str] | None = None,
    costs: Costs = no_costs,
    preferred: Sequence[Kernel] = (),
) -> tuple[Layer, ...]:
    """Every step of ``graph``, in its order, with its candidates; ``force`` maps step names to kernel symbols.

    Where a kernel of ``preferred`` can compute a step, only those are its candidates.

    Raises NoKernel for all steps that have none, UsageError for a forced name that does not exist.
    """
    forced = dict(force or {})
    kernels = (*preferred, *all_kernels())
    _check_symbols(forced.values(), [k.symbol for k in kernels])
    alive = _Alive(graph)
    found: list[Layer] = []
    failures: list[NoKernel] = []
    for node in graph.nodes:
        if node.op.view:
            continue
        try:
            able, rejected = admissible(node, target.core, kernels, force=forced.pop(node.output.name, None))
        except NoKernel as e:
            failures.append(e)
            continue
        able, rejected = _preferring(preferred, able, rejected)
        priced = [_candidate(k, node, cycles, alive.step_bytes(k, node), costs, target) for cycles, k in able]
        candidates = tuple(sorted(priced, key=lambda c: (c.cycles, c.kernel.symbol)))
        found.append(Layer(node, candidates, rejected, tuple((v.name, v.type.nbytes) for v in alive.values(node))))
    if failures:
        raise NoKernel("\n".join(map(str, failures)), [f for e in failures for f in e.findings])
    if forced:
        names = ", ".join(layer.name for layer in found)
        raise UsageError(f"no step is called {', '.join(sorted(forced))}. The steps are: {names}")
    return tuple(found)


_Able = tuple[tuple[float, Kernel], ...]
_Rejected = tuple[tuple[str, str], ...]


def _preferring(preferred: Sequence[Kernel], able: _Able, rejected: _Rejected) -> tuple[_Able, _Rejected]:
    """The kernels that somebody asked for, if one of them is able; the others are rejected."""
    asked = tuple((cycles, k) for cycles, k in able if any(k is p for p in preferred))
    if not asked:
        return able, rejected
    library = asked[0][1].library
    reason = f"kernels of {library.name if library else 'another set'} were asked for"
    return asked, (*rejected, *((k.symbol, reason) for _, k in able if (_, k) not in asked))


def _candidate(kernel: Kernel, node: Node, cycles: float, step_bytes: int, costs: Costs, target: Target) -> Candidate:
    measured = costs(kernel, node)
    if measured:
        return Candidate(kernel, node, measured, step_bytes)
    of_flash = stalls(kernel, node, target)
    return Candidate(kernel, node, cycles + of_flash, step_bytes, of_flash)


def stalls(kernel: Kernel, node: Node, target: Target) -> float:
    """Stall cycles expected of the board's flash, beyond those of reading the constants once as every kernel does."""
    return expected_stalls(kernel.flash_use(node), target) if kernel.flash_use is not None else 0.0


def _check_symbols(asked: Iterable[str], symbols: Sequence[str]) -> None:
    """UsageError for a name that no kernel has."""
    for symbol in asked:
        if symbol not in symbols:
            near = get_close_matches(symbol, symbols) or sorted(symbols)
            raise UsageError(f"no kernel {symbol!r}. Did you mean {', '.join(near)}? smidgen ops lists all")


class _Alive:
    """Which values hold their bytes at each node, before anything is placed."""

    def __init__(self, graph: Graph) -> None:
        self._kept = set(graph.state_values)
        self._roots: dict[Value, Value] = {v: v for v in (*graph.inputs, *self._kept)}
        self._first: dict[Value, int] = dict.fromkeys(graph.inputs, -1)
        self._last: dict[Value, int] = {}
        self._steps = {node: i for i, node in enumerate(graph.nodes)}
        for i, node in enumerate(graph.nodes):
            self._add(i, node)
        self._last.update((self._roots[v], len(graph.nodes)) for v in graph.outputs if v.data is None)

    def _add(self, step: int, node: Node) -> None:
        inputs = [v for v in node.inputs if v.data is None]
        for y in node.outputs:
            self._roots[y] = self._roots[inputs[0]] if node.op.view and inputs else y
            self._first.setdefault(self._roots[y], step)
        if not node.op.view:
            self._last.update((self._roots[v], step) for v in inputs)

    def values(self, node: Node) -> list[Value]:
        """The values that hold bytes of the arena while ``node`` is computed, its inputs and outputs among them."""
        step = self._steps[node]
        alive = [v for v, first in self._first.items() if first <= step <= self._last.get(v, first)]
        return [v for v in alive if v not in self._kept]

    def step_bytes(self, kernel: Kernel, node: Node) -> int:
        """Bytes that no placement can do without while ``kernel`` computes ``node``."""
        total = sum(aligned(v.type.nbytes) for v in self.values(node)) + aligned(kernel.scratch(node))
        return total - max(self._savings(kernel, node), default=0)

    def _savings(self, kernel: Kernel, node: Node) -> list[int]:
        """What sharing bytes with a dying operand can save."""
        y, savings = node.output, []
        x = node[kernel.inplace] if kernel.inplace is not None else None
        if x is not None and self._dies(x, node) and y.type.nbytes <= x.type.nbytes:
            savings.append(aligned(y.type.nbytes))
        x = node.inputs[0] if node.inputs else None
        if kernel.overlap is not None and x is not None and self._dies(x, node):
            lower = {"y": aligned(y.type.nbytes), "scratch": aligned(kernel.scratch(node))}
            above = aligned(x.type.nbytes)
            for key, lead in kernel.overlap(node).items():
                below = lower[key]
                savings.append(below + above - max(below, min(aligned(lead), below) + above))
        return savings

    def _dies(self, x: Value, node: Node) -> bool:
        """True if ``node`` alone reads ``x``'s bytes from here on, and once."""
        if x.data is not None or self._roots[x] in self._kept:
            return False
        root = self._roots[x]
        readers = [v for v in node.inputs if v.data is None and self._roots[v] is root]
        return len(readers) == 1 and self._last.get(root) == self._steps[node]
