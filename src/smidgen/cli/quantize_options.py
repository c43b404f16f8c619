# SPDX-License-Identifier: Apache-2.0
"""The options of smidgen quantize, in groups."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import wraps
from pathlib import Path
from typing import Any, TypeVar, cast, get_args

import click

from smidgen.errors import UsageError
from smidgen.precision.cost import MINIMIZED
from smidgen.precision.durations import parse_seconds
from smidgen.quantize import OBSERVERS, PRECISIONS, Precision, Recipe, Scheme
from smidgen.quantize.data import Affine
from smidgen.quantize.metrics import METRICS

F = TypeVar("F", bound=Callable[..., Any])  # Any: click decorators take every signature


@dataclass(frozen=True, slots=True)
class DataOptions:
    """Where samples come from, and what integers in them stand for."""

    data: Path
    evaluation: Path | None
    affine: Affine | None
    calibration_samples: int | None


@dataclass(frozen=True, slots=True)
class SearchOptions:
    """How the result is judged, and what is searched for."""

    metric: str | None
    max_drop: float | None
    minimize: str
    budget_seconds: float
    held_back: int | None
    measure_repairs: bool


def _with_options(f: F, command: Callable[..., object], options: Sequence[Callable[[Any], Any]]) -> F:
    for option in reversed(options):
        command = option(command)
    return cast(F, command)  # the decorated function takes what click gives it


def data_options(f: F) -> F:
    """--data and its like, given to the command as one ``data``."""

    @wraps(f)
    def command(
        *,
        samples: Path,
        evaluation: Path | None,
        input_scale: float | None,
        input_zero_point: float | None,
        calibration_samples: int | None,
        **others: object,
    ) -> object:
        if input_zero_point is not None and input_scale is None:
            raise UsageError("--input-zero-point needs --input-scale: real = scale * (q - zero point)")
        if input_scale is not None and not (math.isfinite(input_scale) and input_scale > 0):
            raise UsageError(f"--input-scale is a positive number, not {input_scale:g}")
        if input_zero_point is not None and not math.isfinite(input_zero_point):
            raise UsageError(f"--input-zero-point is a finite number, not {input_zero_point:g}")
        affine = None if input_scale is None else Affine(input_scale, input_zero_point or 0.0)
        return f(data=DataOptions(samples, evaluation, affine, calibration_samples), **others)

    path = click.Path(path_type=Path)
    options = (
        click.option(
            "--data", "samples", type=path, required=True, metavar="F", help=".npz (inputs, labels as y) or .npy."
        ),
        click.option(
            "--eval", "evaluation", type=path, metavar="F", help="Judge by these samples; default: a part of --data."
        ),
        click.option(
            "--calibration-samples",
            type=click.IntRange(min=1),
            metavar="N",
            help="Default: half of --data, at most 100.",
        ),
        click.option("--input-scale", type=float, metavar="S", help="Integers in the data stand for S * (q - Z)."),
        click.option("--input-zero-point", type=float, metavar="Z", help="Default: 0."),
    )
    return _with_options(f, command, options)


def recipe_options(f: F) -> F:
    """How to quantise, given to the command as one ``recipe``."""

    @wraps(f)
    def command(
        *,
        scheme: Scheme,
        precision: Precision,
        observer: str,
        no_equalize: bool,
        no_bias_correction: bool,
        no_adaptive_rounding: bool,
        no_weight_clipping: bool,
        tie_ranges: bool,
        group: int,
        seed: int,
        layer_precisions: tuple[str, ...],
        **others: object,
    ) -> object:
        recipe = Recipe(
            scheme=scheme,
            precision=precision,
            observer=observer,  # type: ignore[arg-type]  # one of click's choices
            equalize=not no_equalize,
            correct_bias=not no_bias_correction,
            adapt_rounding=not no_adaptive_rounding,
            clip_weights=not no_weight_clipping,
            tie_ranges=tie_ranges,
            group=group or None,
            seed=seed,
            precisions=layer_precisions_of(layer_precisions),
        )
        return f(recipe=recipe, **others)

    default = Recipe()
    choice = click.Choice
    options = (
        click.option(
            "--scheme", type=choice(list(get_args(Scheme))), default=default.scheme, show_default=True,
            help="affine: TFLite's; power-of-two: the legacy q7 convention.",
        ),
        click.option(
            "--precision", type=choice(list(PRECISIONS)), default=default.precision, show_default=True,
            help="Of every layer, before a search.",
        ),
        click.option(
            "--observer", type=choice(list(OBSERVERS)), default=default.observer, show_default=True,
            help="How ranges of activations are found.",
        ),
        click.option("--no-equalize", is_flag=True, help="Leave out cross-layer equalisation."),
        click.option("--no-bias-correction", is_flag=True, help="Leave out bias correction."),
        click.option("--no-adaptive-rounding", is_flag=True, help="Round weights to nearest."),
        click.option("--no-weight-clipping", is_flag=True, help="Keep the largest weight of each channel in range."),
        click.option("--tie-ranges", is_flag=True, help="One range for an addition's operands and its result."),
        click.option(
            "--group", type=click.IntRange(min=0), default=default.group, show_default=True, metavar="N",
            help="Weights of an int4 layer that share a factor, a multiple of 8; 0: none do.",
        ),
        click.option("--seed", type=click.IntRange(min=0), default=0, show_default=True, help="Of split and repairs."),
        click.option(
            "--layer", "layer_precisions", multiple=True, metavar="NAME=PRECISION",
            help="Fix the precision of a layer. Repeatable.",
        ),
    )  # fmt: skip
    return _with_options(f, command, options)


def layer_precisions_of(options: Sequence[str]) -> dict[str, Precision]:
    """--layer options as a mapping. UsageError for one that is not NAME=PRECISION."""
    result: dict[str, Precision] = {}
    for text in options:
        name, _, precision = text.rpartition("=")
        found = next((p for p in PRECISIONS if p == precision), None)
        if not name or found is None:
            raise UsageError(f"--layer takes NAME=PRECISION with one of {', '.join(PRECISIONS)}, got {text!r}")
        if result.get(name, found) != found:
            raise UsageError(f"--layer gives {name} two precisions: {result[name]} and {found}")
        result[name] = found
    return result


def search_options(f: F) -> F:
    """What judges, and what is searched, given to the command as one ``searching``."""

    @wraps(f)
    def command(
        *,
        metric: str | None,
        max_drop: float | None,
        minimize: str,
        budget: str,
        hold_back: int | None,
        measure_repairs: bool,
        **others: object,
    ) -> object:
        seconds = parse_seconds(budget, "--budget")
        return f(searching=SearchOptions(metric, max_drop, minimize, seconds, hold_back, measure_repairs), **others)

    names = ", ".join(m.name for m in METRICS)
    options = (
        click.option(
            "--metric", metavar="M", help=f"{names}, or path.py:function. Default: by the data's labels."
        ),
        click.option(
            "--max-drop", type=float, metavar="P", help="Search precisions that lose at most P points of the metric."
        ),
        click.option(
            "--minimize", type=click.Choice(list(MINIMIZED)), default="flash", show_default=True,
            help="What the search makes as small as it can.",
        ),
        click.option(
            "--budget", default="10m", show_default=True, metavar="T", help="Of the search: 90s, 10m or 1h."
        ),
        click.option(
            "--hold-back", type=click.IntRange(min=0), metavar="N",
            help="Samples that judge what a search chose, unseen by it. Default: a third of 600 or more.",
        ),
        click.option(
            "--measure-repairs", is_flag=True,
            help="Also quantise without each repair, and report what it is worth at the outputs.",
        ),
    )  # fmt: skip
    return _with_options(f, command, options)
