# SPDX-License-Identifier: Apache-2.0
"""What each repair is worth to the whole network: its outputs' error with it and without it, measured."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from smidgen.ir import Array, Graph
from smidgen.quantize.calibrate import Progress, silent
from smidgen.quantize.evaluate import evaluate_batch
from smidgen.quantize.layer import decibels
from smidgen.quantize.quantizer import quantize
from smidgen.quantize.recipe import Recipe

_WITHOUT: Mapping[str, Mapping[str, object]] = {
    "equalize": {"equalize": False},
    "clip_weights": {"clip_weights": False},
    "correct_bias": {"correct_bias": False},
    "adapt_rounding": {"adapt_rounding": False},
    "clip_outliers": {"observer": "minmax"},
    "tie_ranges": {"tie_ranges": False},
}


def repair_effects(
    graph: Graph,
    calibration: Sequence[Array],
    recipe: Recipe | None = None,
    unseen: Sequence[Array] | None = None,
    progress: Progress = silent,
) -> dict[str, float]:
    """Gain in dB of the outputs' signal to noise ratio by each repair that the recipe has on, all others as they are.

    Measured with the integer graphs, on ``unseen`` samples (None: those of the calibration). A gain may be negative:
    repairs work layer by layer. Quantises the network once for each repair and once more.
    """
    recipe = recipe or Recipe()
    judged = calibration if unseen is None else unseen
    reference = evaluate_batch(graph, judged)
    on = [name for name, change in _WITHOUT.items() if replace(recipe, **change) != recipe]  # type: ignore[arg-type]

    def noise(chosen: Recipe) -> float:
        got = evaluate_batch(quantize(graph, calibration, chosen).graph, judged)
        pairs = zip(reference, got, strict=True)
        return sum(float(np.square(a.astype(np.float64) - b).sum()) for a, b in pairs)

    with_all = noise(recipe)
    gains = {}
    for i, name in enumerate(on):
        gains[name] = decibels(noise(replace(recipe, **_WITHOUT[name])), with_all)  # type: ignore[arg-type]
        progress("without each repair", i + 1, len(on))
    return gains
