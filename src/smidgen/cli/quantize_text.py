# SPDX-License-Identifier: Apache-2.0
"""A quantisation report as text: tables, bars and sentences."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from rich.table import Table

from smidgen.cli.common import facts, table
from smidgen.quantize import PRECISIONS
from smidgen.report.advice import in_unit, number
from smidgen.report.quantization import CostReport, LayerReport, MetricReport, QuantizationReport

_BAR = 30
_WORST_DB, _BEST_DB = 0.0, 60.0  # what the bars show


def layer_table(report: QuantizationReport) -> Table:
    """Each layer with weights: error, range of its output, sensitivity."""
    columns = ["layer", "op", "precision", "weights", "range", "scale", "clipped", "SQNR", "alone", "weights' SQNR"]
    tried = list(dict.fromkeys(s.precision for layer in report.layers for s in layer.sensitivity))
    others = [p for p in tried if report.search is not None and p != report.search.reference]
    columns += [f"in {p}" for p in others]
    t = table("Layers (dB; 'alone': only it quantised)", *columns, right=columns[3:])
    tensors = {x.name: x for x in report.tensors}
    for layer in report.layers:
        x = tensors.get(layer.tensor)
        seen = ("", "", "", "") if x is None else (
            f"{x.least:.3g}..{x.most:.3g}", f"{x.scale:.3g}", f"{100 * x.clipped_fraction:.2f} %", _db(x.sqnr_db)
        )  # fmt: skip
        alone = {s.precision: s for s in layer.sensitivity}
        tries = [f"{_db(alone[p].sqnr_db)} ({number(alone[p].drop)})" if p in alone else "" for p in others]
        t.add_row(
            layer.name, layer.op, _precision(layer), f"{layer.weights:,}", *seen, _db(layer.own_sqnr_db),
            _db(layer.weight_sqnr_db), *tries,
        )  # fmt: skip
    return t


def _precision(layer: LayerReport) -> str:
    return layer.precision if layer.group is None else f"{layer.precision}/{layer.group}"


def tensor_table(report: QuantizationReport) -> Table:
    """Every quantised activation."""
    columns = ("tensor", "type", "range", "scale", "zero point", "clipped", "SQNR")
    t = table("Activations", *columns, right=columns[2:])
    for x in report.tensors:
        shares = f"{100 * x.clipped_fraction:.2f} %"
        t.add_row(
            x.name, x.dtype, f"{x.least:.4g}..{x.most:.4g}", f"{x.scale:.4g}", str(x.zero_point), shares, _db(x.sqnr_db)
        )
    return t


def _db(value: float | None) -> str:
    if value is None:
        return "-"
    return "exact" if math.isinf(value) and value > 0 else f"{value:.1f}"


def bars(report: QuantizationReport) -> str:
    """Noise of each layer alone, as bars: the longer, the worse."""
    known = [(x.name, x.own_sqnr_db) for x in report.layers if x.own_sqnr_db is not None]
    if not known:
        return ""
    width = max(len(name) for name, _ in known)
    lines = [f"Error per layer (noise of the layer alone; {_BEST_DB:g} dB or better to {_WORST_DB:g} dB)"]
    lines += [f"{name:{width}}  {_bar(db):{_BAR}}  {_db(db)} dB" for name, db in known]
    return "\n".join(lines)


def _bar(db: float) -> str:
    share = 1 - (min(max(db, _WORST_DB), _BEST_DB) - _WORST_DB) / (_BEST_DB - _WORST_DB)
    return "█" * max(round(share * _BAR), 1 if share > 0 else 0)


def repair_table(layers: Sequence[LayerReport]) -> Table | None:
    """What each repair gained, in dB of the layer's output; None where none was made."""
    names = list(dict.fromkeys(name for layer in layers for name in layer.repairs))
    if not names:
        return None
    t = table("Repairs (gain in dB of the layer's output)", "layer", *names, right=names)
    for layer in layers:
        t.add_row(layer.name, *(f"{layer.repairs[n]:+.2f}" if n in layer.repairs else "" for n in names))
    return t


def effects_line(effects: Mapping[str, float]) -> str:
    """What each repair is worth to the whole network."""
    gains = ", ".join(f"{name} {gain:+.2f}" for name, gain in effects.items())
    return f"measured at the outputs, with each repair against without it, dB: {gains or 'no repair is on'}"


def cost_table(report: QuantizationReport) -> Table:
    """float, plain int8 and the chosen one side by side."""
    columns = ("model", "weights", "constants", "code", "flash", "RAM", "cycles", "ms", "µJ")
    t = table(
        f"Cost on {report.target}, --optimize {report.optimize} (modelled)",
        *columns,
        right=columns[1:],
    )
    for c in report.costs:
        t.add_row(c.name, *_cost_cells(c))
    return t


def _cost_cells(c: CostReport) -> list[str]:
    if c.missing is not None:
        return ["-"] * 8
    whole = (c.weights_bytes, c.constants_bytes, c.code_bytes, c.flash_bytes, c.ram_bytes, c.cycles)
    return [
        *(f"{v:,}" for v in whole if v is not None),
        f"{c.latency_ms:,.2f}",
        "-" if c.energy_uj is None else f"{c.energy_uj:,.0f}",
    ]


def verdict(report: QuantizationReport) -> str:
    """Data, metric and search in words."""
    s, m = report.split, report.metric
    rows = [
        ("model", f"{report.source} -> {report.output}"),
        (
            "data",
            f"{s.calibration_samples} samples of {s.calibration_source} calibrate, {s.evaluation_samples} of "
            f"{s.evaluation_source} judge; divided {s.how}, seed {s.seed}",
        ),
        (m.title, f"float {_score(m, m.float_score)}, quantised {_score(m, m.score)}: {_drop(m)}"),
    ]
    if m.confidence is not None:
        c = m.confidence
        flips = "" if c.worsened is None else f"{c.worsened} samples got worse, {c.improved} better; "
        rows.append(
            ("confidence", f"{flips}on other data of this kind the drop is {number(c.least)} to "
             f"{in_unit(c.most, m)}, 95 % ({c.method})")
        )  # fmt: skip
    if m.unseen is not None:
        u = m.unseen
        rows.append(
            ("unseen", f"{u.samples} samples the search did not see: float {_score(m, u.float_score)}, quantised "
             f"{_score(m, u.score)}: {_change(m, u.drop)}")
        )  # fmt: skip
    rows.append(("outputs", f"{_db(m.output_sqnr_db)} dB SQNR against the float model's"))
    if report.search is not None:
        rows.append(("search", _searched(report)))
    return facts(rows)


def _score(m: MetricReport, value: float) -> str:
    return f"{value * m.per_unit:.2f}" if m.per_unit != 1 else f"{value:.6g}"


def _drop(m: MetricReport) -> str:
    text = _change(m, m.drop)
    if m.max_drop is None:
        return text
    return f"{text}; at most {in_unit(m.max_drop, m)} asked for: {'kept' if m.met else 'NOT kept'}"


def _change(m: MetricReport, drop: float) -> str:
    if drop == 0:
        return "no drop"
    return f"a drop of {in_unit(drop, m)}" if drop > 0 else f"{in_unit(-drop, m)} better"


def _searched(report: QuantizationReport) -> str:
    assert report.search is not None, "only called with one"
    s = report.search
    counts = {p: sum(x.precision == p for x in report.layers) for p in PRECISIONS}
    mixture = ", ".join(f"{n} {p}" for p, n in counts.items() if n)
    kept = f", {s.resumed} of them known from an earlier run" if s.resumed else ""
    end = "" if s.finished else f"; cut off by --budget ({s.budget_seconds:g} s)"
    return f"least {s.minimized}: {mixture}; {s.judged} assignments judged{kept}{end}"
