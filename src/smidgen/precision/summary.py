# SPDX-License-Identifier: Apache-2.0
"""A session as a report: every figure that was found, and what follows from them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from smidgen.errors import SmidgenError
from smidgen.ir import Graph
from smidgen.precision.channels import channel_spreads, point, unequalized
from smidgen.precision.cost import Cost, cost_of, lower
from smidgen.precision.judge import sqnr_db
from smidgen.precision.levels import Level, group_of, precision_of, with_levels
from smidgen.precision.session import Session, Settings
from smidgen.quantize import Recipe, integerize, layers
from smidgen.quantize.metrics import doubts
from smidgen.quantize.split import Split
from smidgen.report.advice import advice
from smidgen.report.quantization import (
    SCHEMA,
    ConfidenceReport,
    CostReport,
    LayerReport,
    MetricReport,
    QuantizationReport,
    SearchReport,
    Sensitivity,
    SplitReport,
    UnseenReport,
)
from smidgen.targets import Target


@dataclass(frozen=True, slots=True)
class Names:
    """What the report calls things: the model's file, and the file it was written to."""

    source: str
    output: str


def summarize(graph: Graph, split: Split, settings: Settings, session: Session, names: Names) -> QuantizationReport:
    """The report; ``graph`` is the float model's."""
    recipe = with_levels(replace(settings.recipe, precisions={}), session.layers, session.chosen)
    notes = [
        *graph.notes,
        *split.calibration.notes,
        *(n for n in split.evaluation.notes if n not in split.calibration.notes),
    ]
    notes += split.notes
    notes += doubts(session.metric, session.float_score, split.evaluation)
    if session.state.damaged:
        notes.append("what an earlier run of the search had kept was damaged: everything was measured anew")
    report = QuantizationReport(
        schema=SCHEMA,
        model=graph.name,
        source=names.source,
        output=names.output,
        target=settings.target.name,
        optimize=settings.setting,
        recipe=recipe,
        split=_split(split),
        metric=_metric(split, settings, session),
        costs=_costs(graph, settings, session),
        layers=_layers(split, settings.recipe, session),
        tensors=session.quantized.tensors,
        repair_effects=session.repair_effects,
        search=_search(settings, session),
        notes=tuple(notes),
        advice=(),
    )
    return replace(report, advice=advice(report, unequalized(session.prepared)))


def _split(split: Split) -> SplitReport:
    return SplitReport(
        how=split.how,
        seed=split.seed,
        calibration_source=split.calibration.source,
        calibration_samples=len(split.calibration),
        evaluation_source=split.evaluation.source,
        evaluation_samples=len(split.evaluation),
    )


def _metric(split: Split, settings: Settings, session: Session) -> MetricReport:
    metric, judged, found = session.metric, session.judged, session.confidence
    assert judged.score is not None and judged.drop is not None and judged.noise is not None, "confirmed"  # noqa: PT018
    interval, seen = None, session.unseen
    if found is not None:
        interval = ConfidenceReport(found.method, found.least, found.most, found.worsened, found.improved)
    return MetricReport(
        name=metric.name,
        title=metric.title,
        unit=metric.unit,
        higher_is_better=metric.higher_is_better,
        per_unit=metric.per_unit,
        float_score=session.float_score,
        score=judged.score,
        drop=judged.drop,
        max_drop=settings.max_drop,
        met=session.met,
        step=metric.per_unit / len(split.evaluation) if metric.hits is not None else None,
        output_sqnr_db=sqnr_db(judged.noise),
        confidence=interval,
        unseen=None if seen is None else UnseenReport(seen.samples, seen.float_score, seen.score, seen.drop),
    )


def _costs(graph: Graph, settings: Settings, session: Session) -> tuple[CostReport, ...]:
    target = settings.target
    try:
        float_cost = _cost("float", cost_of(lower(integerize(graph)), target, settings.setting), target)
    except SmidgenError as e:  # too large for the board, or an op without a float kernel: the others still count
        float_cost = CostReport("float", missing=str(e).partition("\n")[0])
    plain, chosen = _cost("int8", session.plain, target), _cost("chosen", session.cost, target)
    return (float_cost, plain, chosen)


def _cost(name: str, cost: Cost, target: Target) -> CostReport:
    return CostReport(
        name=name,
        weights_bytes=cost.weights_bytes,
        constants_bytes=cost.constants_bytes,
        code_bytes=cost.code_bytes,
        flash_bytes=cost.flash_bytes,
        ram_bytes=cost.ram_bytes,
        cycles=round(cost.cycles),
        latency_ms=round(cost.cycles / target.clock_hz * 1e3, 6),
        energy_uj=None if cost.energy_uj is None else round(cost.energy_uj, 3),
    )


def _layers(split: Split, recipe: Recipe, session: Session) -> tuple[LayerReport, ...]:
    spreads = channel_spreads(session.prepared, split.calibration)
    errors = {layer.name: layer for layer in session.quantized.layers}
    chosen = dict(zip(session.layers, session.chosen, strict=True))
    result = []
    for node in layers(session.prepared):
        name = node.output.name
        error = errors.get(name)
        result.append(
            LayerReport(
                name=name,
                tensor=point(session.prepared, node).name,
                loc=node.loc,
                op=type(node.op).__name__,
                precision=precision_of(chosen[name]),
                group=group_of(chosen[name], node, recipe),
                weights=node["w"].type.elements,
                weight_sqnr_db=None if error is None else error.weight_sqnr_db,
                own_sqnr_db=None if error is None else error.own_sqnr_db,
                channel_spread=round(spreads.get(name, 1.0), 2),
                repairs={} if error is None else dict(error.repairs),
                sensitivity=_sensitivity(session, name),
            )
        )
    return tuple(result)


def _sensitivity(session: Session, name: str) -> tuple[Sensitivity, ...]:
    """What was measured with this layer alone in another precision, and with all as the recipe says."""
    if session.found is None or name not in session.layers:
        return ()
    index = session.layers.index(name)
    base = session.reference_judged
    measured: dict[Level, tuple[float, float]] = {}
    if base.noise is not None and base.drop is not None:
        measured[session.reference[index]] = (base.noise, base.drop)
    for (layer, precision), trial in session.found.singles.items():
        if layer == index:
            measured[precision] = (trial.noise, trial.drop)
    return tuple(Sensitivity(p, sqnr_db(noise), drop) for p, (noise, drop) in measured.items())


def _search(settings: Settings, session: Session) -> SearchReport | None:
    if session.found is None:
        return None
    return SearchReport(
        minimized=settings.minimize,
        reference=settings.recipe.precision,
        finished=session.found.finished,
        judged=session.found.measured,
        resumed=session.state.resumed,
        budget_seconds=settings.budget_seconds,
    )
