# SPDX-License-Identifier: Apache-2.0
"""The schedule of a model: steps with their kernels, and an address for every value."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from difflib import get_close_matches

from smidgen.errors import NoKernel, UsageError
from smidgen.ir import Graph, Value
from smidgen.kernels import select
from smidgen.kernels.registry import all_kernels
from smidgen.schedule.first_fit import place
from smidgen.schedule.lifetimes import Step, lifetimes_of
from smidgen.schedule.plan import Plan
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class Slot:
    """Where a value lives: bytes ``offset`` .. of the arena."""

    offset: int
    nbytes: int


@dataclass(frozen=True)
class Schedule:
    """What code generation prints. ``tensor_bytes`` is the arena's size without scratch, for the report."""

    graph: Graph
    target: Target
    steps: tuple[Step, ...]
    plan: Plan
    slots: Mapping[Value, Slot]
    tensor_bytes: int = field(default=0)

    @property
    def scratch_bytes(self) -> int:
        """What scratch adds to the arena."""
        return self.plan.nbytes - self.tensor_bytes

    @property
    def modelled_cycles(self) -> float:
        """The kernels' own cost formulas, summed: zero wait states, a guess before anything is built."""
        return sum(s.choice.cycles for s in self.steps)


def make_schedule(graph: Graph, target: Target, force: Mapping[str, str] | None = None) -> Schedule:
    """Choose a kernel for every node and plan the arena. ``force`` maps step names to kernel symbols.

    ``graph`` is in lowered form. Raises NoKernel, UsageError for a forced name that does not exist.
    """
    forced = dict(force or {})
    kernels = all_kernels()
    _check_symbols(forced.values(), [k.symbol for k in kernels])
    steps: list[Step] = []
    failures: list[NoKernel] = []
    for node in graph.nodes:
        if node.op.view:
            continue
        try:
            choice = select(node, target.core, kernels, force=forced.pop(node.output.name, None))
        except NoKernel as e:
            failures.append(e)
            continue
        needs = choice.kernel.scratch(node)
        steps.append(Step(len(steps), node, choice, f"{node.output.name}__scratch" if needs else None))
    if failures:
        raise NoKernel("\n".join(map(str, failures)), [f for e in failures for f in e.findings])
    if forced:
        names = ", ".join(s.name for s in steps)
        raise UsageError(f"no step is called {', '.join(sorted(forced))}. The steps are: {names}")
    return _planned(graph, target, tuple(steps))


def _check_symbols(asked: Iterable[str], symbols: Sequence[str]) -> None:
    """UsageError for a name that no kernel has."""
    for symbol in asked:
        if symbol not in symbols:
            near = get_close_matches(symbol, symbols) or sorted(symbols)
            raise UsageError(f"no kernel {symbol!r}. Did you mean {', '.join(near)}? smidgen ops lists all")


def _planned(graph: Graph, target: Target, steps: tuple[Step, ...]) -> Schedule:
    lives = lifetimes_of(graph, steps)
    plan = place(lives.buffers, lives.overlaps)
    offsets = plan.offsets()
    slots = {v: Slot(offsets[root.name], v.type.nbytes) for v, root in lives.roots.items()}
    tensor_bytes = place(lives.tensors, lives.tensor_overlaps).nbytes
    return Schedule(graph, target, steps, plan, slots, min(tensor_bytes, plan.nbytes))
