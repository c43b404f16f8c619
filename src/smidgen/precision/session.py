# SPDX-License-Identifier: Apache-2.0
"""Quantising one model from data to verdict: calibrate, judge, search the precisions where a bound was asked for."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from functools import partial

from smidgen.errors import UsageError
from smidgen.ir import Graph
from smidgen.precision.cost import OPTIMIZE, UNITS, Cost, Minimized
from smidgen.precision.evaluate import outputs_of, true_outputs
from smidgen.precision.judge import Judge, Quantizer, make_task
from smidgen.precision.levels import Assignment, Level, levels_of, with_levels
from smidgen.precision.search import Found, Problem, Trial, keeps, search
from smidgen.precision.state import Judged, State, digest_of, open_state, state_path, target_words
from smidgen.quantize import Calibration, Quantized, Recipe, allows_int4, apply, calibrate, layers, repair_effects
from smidgen.quantize.calibrate import require_finite, silent
from smidgen.quantize.confidence import Confidence, drop_confidence
from smidgen.quantize.metrics import Metric, Truth, default_metric
from smidgen.quantize.split import Split
from smidgen.schedule import Setting
from smidgen.targets import Target

Progress = Callable[[str, int, int], None]
"""Told the stage, what is done and all there is (0: not known); behind ": " in a stage are particulars that change."""


@dataclass(frozen=True, slots=True)
class Settings:
    """``metric`` None: by the data. ``max_drop`` None: quantise as the recipe says, search nothing.

    ``words``: what else the measurements depend on, such as the user's metric file and the version of smidgen.
    ``measure_repairs``: quantise without each repair too.
    """

    target: Target
    recipe: Recipe = field(default_factory=Recipe)
    metric: Metric | None = None
    max_drop: float | None = None
    minimize: Minimized = "flash"
    budget_seconds: float = 600.0
    words: tuple[str, ...] = ()
    resume: bool = True
    measure_repairs: bool = False

    def __post_init__(self) -> None:
        """UsageError for a bound or a budget that is none."""
        if self.max_drop is not None and not (math.isfinite(self.max_drop) and self.max_drop >= 0):
            raise UsageError(f"max_drop, --max-drop is a number from 0 on, not {self.max_drop:g}")
        if not self.budget_seconds > 0:
            raise UsageError(f"budget_seconds is more than 0, not {self.budget_seconds:g}")

    @property
    def setting(self) -> Setting:
        """How kernels are chosen where programs are compared: for what is searched, else as compile does by default."""
        return "speed" if self.max_drop is None else OPTIMIZE[self.minimize]


@dataclass(frozen=True, slots=True)
class Unseen:
    """How many samples the search did not see, and what the metric says of the two models on them."""

    samples: int
    float_score: float
    score: float
    drop: float


@dataclass(frozen=True, slots=True)
class Session:
    """What came of it. ``prepared``: the float graph as it is quantised, equalised perhaps.

    ``reference``: every layer as the recipe says; ``plain``: the cost with every layer in int8. ``met`` None: no bound
    was asked for. ``found`` None: nothing was searched. ``unseen`` None: nothing was held back from the search.
    ``repair_effects``: what each repair is worth at the outputs, in dB; None: not measured.
    """

    quantized: Quantized
    prepared: Graph
    layers: tuple[str, ...]
    chosen: Assignment
    judged: Judged
    cost: Cost
    reference: Assignment
    reference_judged: Judged
    plain: Cost
    metric: Metric
    float_score: float
    confidence: Confidence | None
    unseen: Unseen | None
    met: bool | None
    found: Found | None
    state: State
    repair_effects: Mapping[str, float] | None
    seconds: float


@dataclass(frozen=True, slots=True)
class _Calibrated:
    calibration: Calibration

    @property
    def graph(self) -> Graph:
        return self.calibration.graph

    def __call__(self, assignment: Assignment, *, fast: bool, progress: Progress = silent) -> Quantized:
        names = [n.output.name for n in layers(self.graph)]
        recipe = with_levels(self.calibration.recipe, names, assignment)
        return apply(self.calibration, recipe.precisions, progress, groups=recipe.groups, fast=fast)


def make_quantizer(graph: Graph, split: Split, recipe: Recipe, progress: Progress) -> Quantizer:
    """Calibrates once; what it returns quantises with given precisions, those of other ops as the recipe has them."""
    return _Calibrated(calibrate(graph, split.calibration.inputs, recipe, progress))


def check_layers(graph: Graph, recipe: Recipe) -> None:
    """UsageError for a precision given to a layer that there is none of, or that cannot have it."""
    known = {n.output.name: n for n in layers(graph)}
    for name, precision in recipe.precisions.items():
        if name not in known:
            names = ", ".join(known)
            raise UsageError(f"{graph.name} has no layer {name!r} with weights; there are {names or 'none'}")
        if precision == "int4" and not allows_int4(known[name]):
            op = type(known[name].op).__name__
            raise UsageError(
                f"layer {name!r} ({op}) cannot have int4 weights: only fully connected layers and convolutions of one "
                f"group can. Give it int8, int16, float16 or float"
            )


def options_of(graph: Graph, recipe: Recipe) -> tuple[tuple[Level, ...], ...]:
    """The levels each layer may have: one where the user gave its precision, else all that its op allows."""
    result: list[tuple[Level, ...]] = []
    for node in layers(graph):
        fixed = recipe.precisions.get(node.output.name)
        result.append((fixed,) if fixed is not None else levels_of(node, recipe))
    return tuple(result)


def reference_of(graph: Graph, recipe: Recipe) -> Assignment:
    """The recipe's precision of every layer; int8 where it is int4 and the layer cannot."""
    given = [recipe.precisions.get(n.output.name, recipe.precision) for n in layers(graph)]
    return tuple("int8" if p == "int4" and not allows_int4(n) else p for p, n in zip(given, layers(graph), strict=True))


def run_session(
    graph: Graph,
    split: Split,
    settings: Settings,
    progress: Progress,
    make: Callable[[Graph, Split, Recipe, Progress], Quantizer] = make_quantizer,
) -> Session:
    """Quantises ``graph`` (clean float form), judges it on ``split.evaluation``, and searches where a bound is given.

    Raises InvalidInput for data or metrics that do not fit, UsageError for precisions that no layer can have.
    """
    began = time.monotonic()
    check_layers(graph, settings.recipe)
    require_finite(graph)
    float_outputs = outputs_of(graph, split.evaluation, partial(progress, "float model"))
    truth = Truth(split.evaluation, float_outputs)
    metric = settings.metric or default_metric(split.evaluation, float_outputs)
    task = make_task(float_outputs, truth, metric, settings.target, settings.setting)
    _check_bound(graph, settings, metric, task.score)
    quantizer = make(graph, split, settings.recipe, progress)
    names = tuple(n.output.name for n in layers(graph))
    judge = Judge(quantizer, task, _state(graph, split, settings, metric))
    reference = reference_of(graph, settings.recipe)
    base = judge.confirm(reference, progress)
    met, found, chosen, confirmed = None, None, reference, base
    if settings.max_drop is not None:
        judge.state.put(reference, base.judged, final=True)  # whatever the budget
        found = _search(judge, graph, settings, reference, progress)
        met, chosen = found.met, found.best
        confirmed = base if chosen == reference else judge.confirm(chosen, progress)
    confidence = drop_confidence(metric, truth, confirmed.outputs, settings.recipe.seed)
    plain: Assignment = tuple("int8" for _ in names)
    known = {reference: base, chosen: confirmed}.get(plain)
    return Session(
        quantized=confirmed.quantized,
        prepared=quantizer.graph,
        layers=names,
        chosen=chosen,
        judged=confirmed.judged,
        cost=confirmed.cost,
        reference=reference,
        reference_judged=base.judged,
        plain=judge.final_cost(plain) if known is None else known.cost,
        metric=metric,
        float_score=task.score,
        confidence=confidence,
        unseen=_unseen(graph, split, metric, confirmed.quantized),
        met=met,
        found=found,
        state=judge.state,
        repair_effects=_repair_effects(graph, split, settings, dict(zip(names, chosen, strict=True)), progress),
        seconds=time.monotonic() - began,
    )


def _check_bound(graph: Graph, settings: Settings, metric: Metric, float_score: float) -> None:
    """UsageError for a bound that nothing could keep, or that only the float model itself would."""
    if settings.max_drop is None:
        return
    if math.isinf(float_score):
        raise UsageError(
            f"{metric.title} of the float model is {float_score:g}: no drop from that has a size, so none can be "
            f"bounded. Judge by another metric, or sqnr and the like by labels that are values"
        )
    options = options_of(graph, settings.recipe)
    if options and all(o == ("float",) for o in options):
        raise UsageError(
            "--layer keeps every layer in float, which leaves a search nothing to quantise. Leave some out"
        )


def _repair_effects(
    graph: Graph, split: Split, settings: Settings, chosen: Mapping[str, Level], progress: Progress
) -> Mapping[str, float] | None:
    """Of the precisions chosen, on the samples that judge."""
    if not settings.measure_repairs:
        return None
    recipe = with_levels(replace(settings.recipe, precisions={}), tuple(chosen), tuple(chosen.values()))
    return repair_effects(graph, split.calibration.inputs, recipe, split.evaluation.inputs, progress)


def _unseen(graph: Graph, split: Split, metric: Metric, quantized: Quantized) -> Unseen | None:
    if split.held_back is None:
        return None
    truth = Truth(split.held_back, outputs_of(graph, split.held_back))
    before = metric.score(truth.float_outputs, truth)
    after = metric.score(true_outputs(quantized.graph, split.held_back), truth)
    return Unseen(len(split.held_back), before, after, metric.drop(before, after))


@dataclass
class _Watched:
    """Measures for a search and tells how it goes: how many were judged, the least cost, the time there is."""

    judge: Judge
    settings: Settings
    limit: float
    progress: Progress
    began: float = field(default_factory=time.monotonic)
    best: float | None = None

    def measure(self, a: Assignment) -> Trial:
        trial = self.judge.measure(a)
        if keeps(trial.drop, self.limit):
            cost = self.judge.cost(a).of(self.settings.minimize)
            self.best = cost if self.best is None else min(self.best, cost)
            self.tell(self.judge.measured)
        return trial

    def tell(self, measured: int) -> None:
        budget, spent = self.settings.budget_seconds, time.monotonic() - self.began
        what = self.settings.minimize
        found = "none keeps the bound yet" if self.best is None else f"least {what} {self.best:,.0f} {UNITS[what]}"
        left = max(round(budget - spent), 0)
        text = f"search: {measured} looked at, {found}, at most {left // 60}:{left % 60:02} left"
        self.progress(text, min(round(spent), round(budget)), max(round(budget), 1))


def _search(judge: Judge, graph: Graph, settings: Settings, reference: Assignment, progress: Progress) -> Found:
    assert settings.max_drop is not None, "only called with a bound"
    what = settings.minimize
    judge.cost(reference)
    judge.deadline = time.monotonic() + settings.budget_seconds
    watched = _Watched(judge, settings, settings.max_drop, progress)
    judge.told = watched.tell
    return search(
        Problem(
            base=reference,
            options=options_of(graph, settings.recipe),
            limit=settings.max_drop,
            measure=watched.measure,
            cost=lambda a: judge.cost(a).of(what),
            sense=judge.sense,
        )
    )


def _state(graph: Graph, split: Split, settings: Settings, metric: Metric) -> State:
    if settings.max_drop is None:
        return State(None, "")
    arrays = [
        *split.calibration.inputs,
        *split.evaluation.inputs,
        split.evaluation.labels,
        split.evaluation.files,
    ]
    words = (repr(settings.recipe), metric.name, settings.setting, *target_words(settings.target), *settings.words)
    digest = digest_of(graph, arrays, words)
    return open_state(state_path(digest) if settings.resume else None, digest)
