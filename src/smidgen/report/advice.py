# SPDX-License-Identifier: Apache-2.0
"""What the figures of a quantised model suggest to do next."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

from smidgen.quantize.recipe import TensorRange
from smidgen.report.quantization import LayerReport, MetricReport, QuantizationReport, Sensitivity

_MUCH_CLIPPED = 0.01  # of a tensor's values
_WIDE_SPREAD = 16.0  # of channel ranges: the median channel keeps 4 of 8 bits
_POOR_DB = 15.0  # of one layer alone: its noise can be seen in any output
_FEW_SAMPLES = 32
_SHOWN = 3


def advice(report: QuantizationReport, unequalized: Mapping[str, str]) -> tuple[str, ...]:
    """Sentences, the most important first. ``unequalized``: layers that equalisation cannot help, and why."""
    parts = (_bound, _search, _guilty, _kept, _clipped, _poor, _data)
    found = [text for part in parts for text in part(report)]
    return (*found, *_spread(report, unequalized))


def number(value: float) -> str:
    """A figure of a metric, short."""
    if abs(value) >= 1e6:
        return f"{value:.3g}"
    return f"{value:.2f}" if abs(value) >= 0.1 or value == 0 else f"{value:.2g}"


def in_unit(value: float, metric: MetricReport) -> str:
    return f"{number(value)} {metric.unit}".rstrip()


def _bound(report: QuantizationReport) -> Iterator[str]:
    m, samples = report.metric, report.split.evaluation_samples
    if m.max_drop is None:
        if m.unit == "points" and m.drop > 1.0:
            yield (
                f"{m.title} falls by {in_unit(m.drop, m)}: --max-drop {max(m.drop / 2, 0.5):.1f} looks for the "
                f"cheapest precisions that keep a bound"
            )
        return
    if m.step is not None and m.step > max(m.max_drop, 1e-9):
        yield (
            f"one of {samples} samples is {in_unit(m.step, m)}, more than the bound of {in_unit(m.max_drop, m)}: only "
            f"equal results can keep it. Judge by more samples"
        )
    if m.met and m.confidence is not None and m.confidence.most > m.max_drop:
        yield (
            f"the bound is kept on these {samples} samples; on others the drop may reach "
            f"{in_unit(m.confidence.most, m)} (95 %). Judge by more samples to be surer"
        )


def _search(report: QuantizationReport) -> Iterator[str]:
    s = report.search
    if s is not None and not s.finished:
        yield (
            f"the search was cut off after {s.judged} trials: the same command goes on from there; --budget gives it "
            f"more than {s.budget_seconds:g} s"
        )


def guilty(report: QuantizationReport) -> tuple[tuple[LayerReport, Sensitivity], ...]:
    """The layers whose quantisation costs the outputs most: what they gain when only they are raised, most first."""
    raised = [
        (layer, s)
        for layer in report.layers
        for s in layer.sensitivity
        if s.precision in ("float", "int16") and s.precision != layer.precision
    ]
    best: dict[str, tuple[LayerReport, Sensitivity]] = {}
    for layer, s in raised:
        if layer.name not in best or s.sqnr_db > best[layer.name][1].sqnr_db:
            best[layer.name] = (layer, s)
    if best:
        return tuple(sorted(best.values(), key=lambda pair: (-pair[1].sqnr_db, pair[0].name)))
    return ()


def weakest(report: QuantizationReport) -> list[tuple[float, LayerReport]]:
    """Layers by the SQNR of their output with only them quantised, the least first."""
    known = [(x.own_sqnr_db, x) for x in report.layers if x.own_sqnr_db is not None]
    return sorted(known, key=lambda pair: (pair[0], pair[1].name))


def _guilty(report: QuantizationReport) -> Iterator[str]:
    if report.metric.met is not False:
        return
    found = guilty(report)
    for layer, s in found[:_SHOWN]:
        yield (
            f"layer {layer.name} ({layer.op}) costs most: with it alone in {s.precision} the outputs have "
            f"{s.sqnr_db:.1f} dB and the drop is {in_unit(s.drop, report.metric)}"
        )
    if not found:
        for db, layer in weakest(report)[:_SHOWN]:
            yield f"layer {layer.name} ({layer.op}) costs most: {db:.1f} dB with it alone quantised"


def _kept(report: QuantizationReport) -> Iterator[str]:
    """Which layers a search did not give the cheapest precision, and why."""
    if report.search is None or not report.metric.met:
        return
    counts = Counter(layer.precision for layer in report.layers)
    reference = report.search.reference
    for precision in ("int16", "float16", "float"):
        names = [layer.name for layer in report.layers if layer.precision == precision != reference]
        if names:
            yield (
                f"{len(names)} of {len(report.layers)} layers in {precision} ({_some(names)}): with all in "
                f"{reference} the bound was broken, and this gained most for what it costs"
            )
    if counts["int4"] and (wide := [x for x in report.layers if x.precision == "int8" and _has(x, "int4")]):
        worst = max(wide, key=lambda x: -min(s.sqnr_db for s in x.sensitivity if s.precision == "int4"))
        db = next(s.sqnr_db for s in worst.sensitivity if s.precision == "int4")
        yield (
            f"{_layers(len(wide))} int8 though four bits would be smaller ({_some([x.name for x in wide])}): more "
            f"in int4 broke the bound or did not pay; {worst.name} alone in int4 leaves {db:.1f} dB at the outputs"
        )


def _layers(count: int) -> str:
    return "1 layer stays" if count == 1 else f"{count} layers stay"


def _has(layer: LayerReport, precision: str) -> bool:
    return any(s.precision == precision for s in layer.sensitivity)


def _some(names: list[str]) -> str:
    rest = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return f"{', '.join(names[:_SHOWN])}{rest}"


def _clipped(report: QuantizationReport) -> Iterator[str]:
    much = sorted((t for t in report.tensors if _clips_much(t)), key=lambda t: -t.clipped_fraction)
    for t in much[:_SHOWN]:
        remedy = (
            "another scheme or int16 has more steps"
            if report.recipe.observer == "minmax"
            else "--observer minmax keeps them all, more data shows whether they are rare"
        )
        yield f"{t.name} clips {100 * t.clipped_fraction:.1f} % of its calibration values: {remedy}"


def _clips_much(t: TensorRange) -> bool:
    """More than a step away from what the integers can say: probabilities of 1 are less."""
    if t.clipped_fraction <= _MUCH_CLIPPED:
        return False
    bits = {"int16": 16}.get(t.dtype, 8)
    least, most = (t.scale * (q - t.zero_point) for q in (-(1 << bits - 1), (1 << bits - 1) - 1))
    return t.most > most + t.scale or t.least < least - t.scale


def _poor(report: QuantizationReport) -> Iterator[str]:
    if report.metric.met is False:
        return
    poor = [(db, layer) for db, layer in weakest(report) if db < _POOR_DB]
    for db, layer in poor[:_SHOWN]:
        dearer = {"int4": "int8", "int8": "int16", "int16": "float", "float16": "float"}.get(layer.precision)
        if dearer is not None:
            yield (
                f"layer {layer.name} ({layer.op}) has {db:.1f} dB in {layer.precision}: "
                f"--layer {layer.name}={dearer} raises it"
                + (", --scheme affine too" if report.recipe.scheme == "power-of-two" else "")
            )


def _data(report: QuantizationReport) -> Iterator[str]:
    count = report.split.calibration_samples
    if count < _FEW_SAMPLES:
        yield f"ranges come from {count} samples only: {_FEW_SAMPLES} or more, of every kind, make them surer"


def _spread(report: QuantizationReport, unequalized: Mapping[str, str]) -> Iterator[str]:
    wide = [x for x in report.layers if x.channel_spread > _WIDE_SPREAD and x.precision not in ("float16", "float")]
    for layer in sorted(wide, key=lambda x: -x.channel_spread)[:_SHOWN]:
        text = f"layer {layer.name}'s channel ranges differ {layer.channel_spread:.0f}x (largest to median)"
        if not report.recipe.equalize:
            yield f"{text}: leave --no-equalize out"
        elif layer.name in unequalized:
            yield f"{text}: equalisation could not help because {unequalized[layer.name]}"
