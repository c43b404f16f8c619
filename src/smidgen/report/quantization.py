# SPDX-License-Identifier: Apache-2.0
"""What quantising a model did: data, metric, costs, layers, search. docs/quantization.md documents every field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.quantize.recipe import Recipe, TensorRange

SCHEMA = 1


@dataclass(frozen=True, slots=True)
class SplitReport:
    """How the data was divided: ``calibration_samples`` found the ranges, ``evaluation_samples`` others judged."""

    how: str
    seed: int
    calibration_source: str
    calibration_samples: int
    evaluation_source: str
    evaluation_samples: int


@dataclass(frozen=True, slots=True)
class ConfidenceReport:
    """``least`` to ``most``: the drop's 95 % interval. ``worsened``, ``improved``: samples only one model has right."""

    method: str
    least: float
    most: float
    worsened: int | None
    improved: int | None


@dataclass(frozen=True, slots=True)
class UnseenReport:
    """The same metric on samples that were held back from the search."""

    samples: int
    float_score: float
    score: float
    drop: float


@dataclass(frozen=True, slots=True)
class MetricReport:
    """``drop``: how much worse than float, in ``unit``; ``max_drop`` None: no bound was asked for.

    ``step``: what one sample makes of the drop, of metrics that count samples.
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool
    per_unit: float
    float_score: float
    score: float
    drop: float
    max_drop: float | None
    met: bool | None
    step: float | None
    output_sqnr_db: float
    confidence: ConfidenceReport | None
    unseen: UnseenReport | None = None


@dataclass(frozen=True, slots=True)
class CostReport:
    """One program's cost. ``missing`` says why there are no figures (all None then)."""

    name: str
    weights_bytes: int | None = None
    constants_bytes: int | None = None
    code_bytes: int | None = None
    flash_bytes: int | None = None
    ram_bytes: int | None = None
    cycles: int | None = None
    latency_ms: float | None = None
    energy_uj: float | None = None
    missing: str | None = None


@dataclass(frozen=True, slots=True)
class Sensitivity:
    """The network with only this layer in ``precision``: SQNR of the outputs, and the metric's drop."""

    precision: str
    sqnr_db: float
    drop: float


@dataclass(frozen=True, slots=True)
class LayerReport:
    """One layer with weights; ``channel_spread``: of its output's channels, the largest range over the median one.

    ``tensor``: the activation that it writes, behind a clamp of its own. ``group``: weights that share a factor.
    ``weight_sqnr_db``, ``own_sqnr_db`` (with only it quantised): None where it is not.
    """

    name: str
    tensor: str
    loc: str
    op: str
    precision: str
    weights: int
    weight_sqnr_db: float | None
    own_sqnr_db: float | None
    channel_spread: float
    repairs: Mapping[str, float]
    sensitivity: tuple[Sensitivity, ...]
    group: int | None = None


@dataclass(frozen=True, slots=True)
class SearchReport:
    """``reference``: the precision of every layer that sensitivities are measured in."""

    minimized: str
    reference: str
    finished: bool
    judged: int
    resumed: int
    budget_seconds: float


@dataclass(frozen=True, slots=True)
class QuantizationReport:
    """Everything; ``schema`` changes when a field changes its meaning. ``optimize``: how the kernels of ``costs`` are
    chosen, as ``compile --optimize`` says."""

    schema: int
    model: str
    source: str
    output: str
    target: str
    optimize: str
    recipe: Recipe
    split: SplitReport
    metric: MetricReport
    costs: tuple[CostReport, ...]
    layers: tuple[LayerReport, ...]
    tensors: tuple[TensorRange, ...]
    repair_effects: Mapping[str, float] | None
    search: SearchReport | None
    notes: tuple[str, ...]
    advice: tuple[str, ...]
