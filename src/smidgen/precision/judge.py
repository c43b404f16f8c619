# SPDX-License-Identifier: Apache-2.0
"""Quantises a model with given precisions and judges the integer graph that would be compiled."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Protocol

import numpy as np

from smidgen.errors import InternalError, InvalidInput
from smidgen.ir import Graph
from smidgen.precision.cost import Cost, cost_of, lower
from smidgen.precision.evaluate import outputs_of, true_outputs
from smidgen.precision.levels import Assignment
from smidgen.precision.search import OutOfBudget, Trial
from smidgen.precision.state import Judged, State, finite
from smidgen.quantize.calibrate import Progress as StageProgress
from smidgen.quantize.calibrate import silent
from smidgen.quantize.metrics import Metric, Outputs, Truth, decibels
from smidgen.quantize.recipe import Quantized
from smidgen.schedule import Setting
from smidgen.targets import Target


class Quantizer(Protocol):
    """The level of each layer to the quantised model; the same calibration and recipe every time."""

    @property
    def graph(self) -> Graph:
        """The float graph that is quantised: equalised, if the recipe says so."""
        ...

    def __call__(self, assignment: Assignment, *, fast: bool, progress: StageProgress = silent) -> Quantized:
        """``fast``: nearly what is written, for comparing many."""
        ...


@dataclass(frozen=True, slots=True)
class Task:
    """What a quantised model is judged by. ``score``: the float model's. ``setting``: how its kernels are chosen."""

    truth: Truth
    metric: Metric
    score: float
    target: Target
    setting: Setting


def make_task(graph_outputs: Outputs, truth: Truth, metric: Metric, target: Target, setting: Setting = "speed") -> Task:
    """InvalidInput where the metric says nothing of the float model itself."""
    score = metric.score(graph_outputs, truth)
    if math.isnan(score):
        raise InvalidInput(
            f"{metric.title} of the float model on {truth.samples.source} is not a number. Use other data to judge by"
        )
    return Task(truth, metric, score, target, setting)


def output_noise(outputs: Outputs, float_outputs: Outputs) -> float:
    """Power of the difference over the power of the float outputs, all outputs together; infinite where that is 0."""
    signal = sum(float((f.astype(np.float64) ** 2).sum()) for f in float_outputs)
    pairs = zip(outputs, float_outputs, strict=True)
    noise = sum(float(((o.astype(np.float64) - f) ** 2).sum()) for o, f in pairs)
    if noise == 0:
        return 0.0
    return noise / signal if signal > 0 else float("inf")


def sqnr_db(noise: float) -> float:
    return decibels(1.0, noise)


@dataclass(frozen=True, slots=True)
class Confirmed:
    """A model as it is written, its outputs, and its own figures."""

    quantized: Quantized
    outputs: Outputs
    judged: Judged
    cost: Cost


@dataclass
class Judge:
    """Judges assignments, each once; what was judged before comes from the state.

    ``deadline``: no measurement begins after it (time.monotonic). ``told``: called after each with their number.
    """

    quantizer: Quantizer
    task: Task
    state: State
    deadline: float = math.inf
    told: Callable[[int], None] = lambda measured: None
    _last: tuple[Assignment, Graph] | None = None
    measured: int = 0

    def cost(self, a: Assignment) -> Cost:
        """Of the model made fast. OutOfBudget if it would begin after the deadline."""
        known = self.state.get(a)
        if known is None or known.cost is None:
            self._require_time()
            cost = self._cost_of(lower(self._fast(a)))
            self.state.put(a, Judged(cost) if known is None else replace(known, cost=cost))
            return cost
        return known.cost

    def sense(self, a: Assignment) -> Trial:
        """Of the model made fast. OutOfBudget if it would begin after the deadline."""
        known = self.state.get(a)
        if known is None or known.score is None:
            self._require_time()
            known = self._judged(
                None if known is None else known.cost, outputs_of(self._fast(a), self.task.truth.samples)
            )
            self.state.put(a, known)
        return self._told(known)

    def measure(self, a: Assignment) -> Trial:
        """Of the model as it is written, bit for bit as compiled. OutOfBudget likewise."""
        known = self.state.get(a, final=True)
        if known is None:
            cost = self.cost(a)
            self._require_time()
            known = self._judged(cost, self.make(a)[1])
            self.state.put(a, known, final=True)
        return self._told(known)

    def make(self, a: Assignment, progress: StageProgress = silent) -> tuple[Quantized, Outputs]:
        """The model as it is written, and its outputs."""
        quantized = self.quantizer(a, fast=False, progress=progress)
        return quantized, true_outputs(quantized.graph, self.task.truth.samples, partial(progress, "judge"))

    def confirm(self, a: Assignment, progress: StageProgress) -> Confirmed:
        """Made once more, with its own cost."""
        quantized, outputs = self.make(a, progress)
        cost = self._cost_of(lower(quantized.graph))
        return Confirmed(quantized, outputs, self._judged(cost, outputs), cost)

    def final_cost(self, a: Assignment) -> Cost:
        """Of the model as it would be written."""
        return self._cost_of(lower(self.quantizer(a, fast=False).graph))

    def _judged(self, cost: Cost | None, outputs: Outputs) -> Judged:
        task = self.task
        score = task.metric.score(outputs, task.truth)
        drop = finite(task.metric.drop(task.score, score))
        return Judged(cost, finite(score), drop, finite(output_noise(outputs, task.truth.float_outputs)))

    def _told(self, judged: Judged) -> Trial:
        self.measured += 1
        self.told(self.measured)
        if judged.drop is None or judged.noise is None:
            raise InternalError("an assignment was judged without a result")
        return Trial(judged.drop, judged.noise)

    def _cost_of(self, lowered: Graph) -> Cost:
        return cost_of(lowered, self.task.target, self.task.setting)

    def _fast(self, a: Assignment) -> Graph:
        """Cost and measurement follow each other: the last one is kept."""
        if self._last is None or self._last[0] != a:
            self._last = (a, self.quantizer(a, fast=True).graph)
        return self._last[1]

    def _require_time(self) -> None:
        if time.monotonic() > self.deadline:
            raise OutOfBudget
