# SPDX-License-Identifier: Apache-2.0
"""How far the drop of a metric can be trusted: both models judge the same samples, so they are compared in pairs."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass

import numpy as np

from smidgen.errors import SmidgenError
from smidgen.quantize.metrics import Metric, Outputs, Truth

_NORMAL_95 = 1.959964  # two-sided
_RESAMPLES = 200
_SECONDS = 10.0  # for resampling, at most


@dataclass(frozen=True, slots=True)
class Confidence:
    """``least`` to ``most``: where the drop on more data of this kind is expected, 95 times of 100; in its unit.

    ``worsened``, ``improved``: samples that only one of the two models gets right; None for metrics that are no mean.
    """

    method: str
    least: float
    most: float
    worsened: int | None = None
    improved: int | None = None


def drop_confidence(metric: Metric, truth: Truth, outputs: Outputs, seed: int) -> Confidence | None:
    """None where no interval can be given: resampling takes too long or the metric fails on parts of the data."""
    if metric.hits is not None:
        before, after = metric.hits(truth.float_outputs, truth), metric.hits(outputs, truth)
        return paired(int((before & ~after).sum()), int((after & ~before).sum()), len(before), metric.per_unit)
    return _bootstrap(metric, truth, outputs, seed)


def paired(worsened: int, improved: int, count: int, per_unit: float = 100.0) -> Confidence:
    """Of a difference of paired proportions: the adjusted Wald interval of Bonett and Price (2012)."""
    n = count + 2
    worse, better = (worsened + 1) / n, (improved + 1) / n
    centre, spread = worse - better, _NORMAL_95 * math.sqrt((worse + better - (worse - better) ** 2) / n)
    least, most = max(centre - spread, -1.0), min(centre + spread, 1.0)
    return Confidence("paired, Bonett-Price", least * per_unit, most * per_unit, worsened, improved)


def _bootstrap(metric: Metric, truth: Truth, outputs: Outputs, seed: int) -> Confidence | None:
    """Percentiles of the drop over resampled data: recordings where there are any, else samples."""
    rng, drops = np.random.default_rng(seed), []
    files = truth.samples.files
    count = len(truth.samples)
    groups = [np.flatnonzero(files == f) for f in np.unique(files)] if files is not None else None
    until = time.monotonic() + _SECONDS
    for _ in range(_RESAMPLES):
        if groups is None:
            chosen = rng.integers(0, count, count)
        else:
            chosen = np.concatenate([groups[g] for g in rng.integers(0, len(groups), len(groups))])
        part, after = truth.take(chosen), tuple(o[chosen] for o in outputs)
        try:
            drops.append(metric.drop(metric.score(part.float_outputs, part), metric.score(after, part)))
        except SmidgenError:
            continue  # a resample without one of the classes
        if time.monotonic() > until:
            return None
    finite = [d for d in drops if math.isfinite(d)]
    if len(finite) < _RESAMPLES // 2:
        return None
    least, most = np.percentile(finite, [2.5, 97.5])
    return Confidence(f"paired bootstrap, {len(finite)} resamples", float(least), float(most))
