# SPDX-License-Identifier: Apache-2.0
"""Quantising a float model from Python: what the command line does, with arrays instead of files."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from smidgen.codegen.folder import write_file
from smidgen.compiler import DEFAULT_TARGET, load_float
from smidgen.errors import InvalidInput, UsageError
from smidgen.exporters import to_onnx
from smidgen.ir import Array, Graph
from smidgen.precision.cost import Minimized, check_minimized
from smidgen.precision.session import Session, Settings, run_session
from smidgen.precision.summary import Names, summarize
from smidgen.quantize import Recipe
from smidgen.quantize.calibrate import Progress, silent
from smidgen.quantize.data import Samples, load_samples, make_samples
from smidgen.quantize.split import given_split, hold_back, split_samples
from smidgen.quantize.user_metric import find_metric
from smidgen.report.quantization import QuantizationReport
from smidgen.targets import Target, load_target

Data = str | Path | Array | Mapping[str, Array]
"""A .npy or .npz file, the samples of a model with one input, or arrays by name (labels as ``y``)."""


@dataclass(frozen=True)
class QuantizedModel:
    """A float model quantised and judged. ``graph`` compiles as it is; ``save`` writes it as QDQ ONNX.

    ``met``: whether the bound was kept; None if there was none.
    """

    session: Session
    report: QuantizationReport

    @property
    def graph(self) -> Graph:
        return self.session.quantized.graph

    @property
    def met(self) -> bool | None:
        return self.session.met

    @cached_property
    def onnx(self) -> bytes:
        """The standard ONNX file."""
        return to_onnx(self.session.quantized.qdq)

    def save(self, path: str | Path) -> None:
        """Write the ONNX file; OutputError if that fails, and then nothing is left under the name."""
        content = self.onnx
        write_file(Path(path), lambda stream: _write(stream, content))


def _write(stream: object, content: bytes) -> None:
    stream.write(content)  # type: ignore[attr-defined]  # a binary file


def quantize(
    model: str | Path | Graph,
    data: Data,
    *,
    evaluation: Data | None = None,
    recipe: Recipe | None = None,
    metric: str | None = None,
    max_drop: float | None = None,
    minimize: Minimized = "flash",
    target: str | Target = DEFAULT_TARGET,
    budget_seconds: float = 600.0,
    calibration_samples: int | None = None,
    held_back: int | None = None,
    measure_repairs: bool = False,
    progress: Progress = silent,
) -> QuantizedModel:
    """Quantise a float32 model with recorded inputs, and judge it on others.

    ``data`` calibrates and judges (divided by the recipe's seed), or only calibrates where ``evaluation`` is given.
    ``metric`` is as for --metric (docs/quantization.md); None: by the labels. ``max_drop`` searches the precision of
    each layer for the least ``minimize``; check ``met``. ``held_back`` samples (None: a third of 600 or more) are kept
    from the search, to judge what it chose. ``measure_repairs`` also quantises without each repair
    (``report.repair_effects``). ``progress`` is told the stage, what is done and all there is.
    Raises InvalidInput for data that do not fit, UsageError, ModelError.
    """
    graph = load_float(model)
    board = target if isinstance(target, Target) else load_target(target)
    chosen = Recipe() if recipe is None else recipe
    if not isinstance(chosen, Recipe):
        raise UsageError(f"recipe is a smidgen.Recipe, not a {type(chosen).__name__}")
    settings = Settings(
        target=board,
        recipe=chosen,
        metric=None if metric is None else find_metric(metric),
        max_drop=max_drop,
        minimize=check_minimized(minimize, board),
        budget_seconds=budget_seconds,
        resume=False,
        measure_repairs=measure_repairs,
    )
    samples = _samples(graph, data)
    if evaluation is None:
        split = split_samples(samples, calibration_samples, chosen.seed)
    else:
        split = given_split(samples, _samples(graph, evaluation), calibration_samples, chosen.seed)
    if max_drop is not None:
        split = hold_back(split, held_back)
    session = run_session(graph, split, settings, progress)
    source = graph.name if isinstance(model, Graph) else Path(model).name
    return QuantizedModel(session, summarize(graph, split, settings, session, Names(source, "")))


def _samples(graph: Graph, data: Data) -> Samples:
    if isinstance(data, str | Path):
        return load_samples(graph, Path(data))
    if isinstance(data, np.ndarray):
        if len(graph.inputs) != 1:
            raise InvalidInput(f"{graph.name} has {len(graph.inputs)} inputs: give a dictionary of arrays by name")
        return make_samples(graph, {graph.inputs[0].name: data}, "data")
    if not isinstance(data, Mapping):
        raise UsageError(f"data is a file name, an array or a dictionary of arrays, not a {type(data).__name__}")
    return make_samples(graph, {k: np.asarray(a) for k, a in data.items()}, "data")
