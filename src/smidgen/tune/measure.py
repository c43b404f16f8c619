# SPDX-License-Identifier: Apache-2.0
"""Runs a model's candidate kernels on the emulated core: one candidate of every layer at a time, so in few programs."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from smidgen.build import Toolchain, build
from smidgen.codegen import Origin, emit
from smidgen.errors import DoesNotFit
from smidgen.ir import Graph, Node
from smidgen.kernels import Choice, Kernel
from smidgen.profile import profile_image
from smidgen.schedule import Candidate, Costs, Layer, schedule_with
from smidgen.sim import open_machine
from smidgen.targets import Target
from smidgen.tune.cache import Cache, Measurement
from smidgen.tune.keys import OPTIMIZE, environment_key, kernel_key
from smidgen.verify import random_inputs

HOPELESS = 4.0
"""A candidate predicted at more than so many times its layer's best is not measured: no setting would take it."""

_AMPLE = 1 << 24  # bytes of flash and of RAM while measuring: all kernels of a layer get their turn, fit or not


@dataclass(frozen=True, slots=True)
class Tuning:
    """What measuring found: by layer name and kernel symbol. ``runs`` is how many programs were built and run."""

    measured: dict[tuple[str, str], Measurement]
    runs: int
    reused: int  # looked up rather than run
    damaged: tuple[str, ...]  # files of the cache that were not believed and made anew


def measure(
    graph: Graph,
    layers: Sequence[Layer],
    target: Target,
    toolchain: Toolchain,
    cache: Cache,
    progress: Callable[[int, int], None] = lambda done, total: None,
) -> Tuning:
    """Measures every candidate that is not hopeless, from the cache where it is known.

    Each program's measurements are kept as soon as it has run, so an interruption loses one program at most. A
    candidate of equal layers is run once. ``progress`` is told the programs done and all there are.
    """
    environment = environment_key(target, toolchain)
    keys = {(v.name, c.kernel.symbol): kernel_key(environment, c.kernel, c.node) for v, c in worthwhile(layers)}
    known = {key: found for key in sorted(set(keys.values())) if (found := cache.get(key)) is not None}
    reused = sum(key in known for key in keys.values())
    programs = [p for p in plan_runs(layers, keys) if not all(key in known for key in p.keys.values())]
    progress(0, len(programs))
    for done, program in enumerate(programs, 1):
        try:
            measured = _run(graph, program.candidates, target, toolchain)
        except DoesNotFit:  # no larger memory can be simulated: these keep their predictions
            measured = []
        for layer, found in measured:
            key = program.keys.get(layer)
            if key is not None and key not in known:
                known[key] = found
                cache.put(key, found)
        progress(done, len(programs))
    return Tuning(
        {at: known[key] for at, key in keys.items() if key in known}, len(programs), reused, tuple(cache.damaged)
    )


def worthwhile(layers: Sequence[Layer]) -> list[tuple[Layer, Candidate]]:
    """Every layer's candidates but the hopeless."""
    return [(v, c) for v in layers for c in v.candidates if c.cycles <= HOPELESS * v.candidates[0].cycles]


@dataclass(frozen=True, slots=True)
class Run:
    """A program to measure: a candidate of every layer, and by layer name the keys that it is there to measure."""

    candidates: tuple[Candidate, ...]
    keys: dict[str, str]


def plan_runs(layers: Sequence[Layer], keys: Mapping[tuple[str, str], str]) -> list[Run]:
    """Programs that measure each key once: as few as the layer with the most keys of its own needs.

    Layers that have nothing left to measure take their first candidate. The same layers give the same programs whatever
    is known already: where code lies in flash changes its stalls a little.
    """
    todo: dict[str, list[Candidate]] = {layer.name: [] for layer in layers}
    claimed: set[str] = set()
    for layer, c in worthwhile(layers):
        key = keys[layer.name, c.kernel.symbol]
        if key not in claimed:
            claimed.add(key)
            todo[layer.name].append(c)
    runs = []
    for i in range(max(map(len, todo.values()), default=0)):
        turn = {name: row[i] for name, row in todo.items() if i < len(row)}
        candidates = tuple(turn.get(layer.name, layer.candidates[0]) for layer in layers)
        runs.append(Run(candidates, {name: keys[name, c.kernel.symbol] for name, c in turn.items()}))
    return runs


def _run(
    graph: Graph, program: Sequence[Candidate], target: Target, toolchain: Toolchain
) -> list[tuple[str, Measurement]]:
    """Builds and runs one program: the name and the measurement of each of its steps."""
    choices: dict[Node, Choice] = {c.node: Choice(c.kernel, c.cycles, ()) for c in program}
    ample = _with_ample_memory(target)
    schedule = schedule_with(graph, ample, choices)
    sources, _ = emit(schedule, Origin("tuning", "", ""))
    inputs = list(random_inputs(graph, 4))[3]
    with TemporaryDirectory(prefix="smidgen-tune-") as folder:
        image = build(sources, ample, toolchain, OPTIMIZE, work_dir=Path(folder))
        costs = profile_image(open_machine(image), [a.tobytes() for a in inputs], memory_system=True)
    found = []
    for step, cost in zip(schedule.steps, costs.steps, strict=True):
        stalls = 0 if cost.stalls is None else cost.stalls.value
        taken = cost.cycles or cost.instructions
        found.append((step.name, Measurement(cost.instructions.value, taken.value, max(stalls, 0))))
    return found


def _with_ample_memory(target: Target) -> Target:
    """The target's first two regions as large as the next one and its simulator leave room for."""
    regions = target.regions[:2]
    if target.core.simulator == "unicorn":
        bases = sorted({r.base for r in regions} | {1 << 32})
        room = {low: high - low for low, high in itertools.pairwise(bases)}
        regions = tuple(replace(r, size_bytes=max(r.size_bytes, min(room[r.base], _AMPLE))) for r in regions)
    return replace(target, regions=regions)


def costs_of(layers: Sequence[Layer], measured: Mapping[tuple[str, str], Measurement]) -> Costs:
    """Measured cycles on the board, stalls included.

    What was not measured keeps its prediction, times what the layer's measured kernels turned out above theirs, so that
    the two can be compared.
    """
    factors: dict[str, float] = {}
    for layer in layers:
        pairs = [(m, c) for c in layer.candidates if (m := measured.get((layer.name, c.kernel.symbol))) is not None]
        taken = [(m.cycles + m.stall_cycles) / c.cycles for m, c in pairs if c.cycles > 0]
        factors[layer.name] = max(taken, default=1.0)
    predicted = {(v.name, c.kernel.symbol): c.cycles for v in layers for c in v.candidates}

    def cost(kernel: Kernel, node: Node) -> float | None:
        at = (node.output.name, kernel.symbol)
        if at in measured:
            return float(measured[at].cycles + measured[at].stall_cycles)
        return predicted[at] * factors[at[0]] if at in predicted else None

    return cost
