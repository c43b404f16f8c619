# SPDX-License-Identifier: Apache-2.0
"""smidgen quantize: a float model to an integer one, judged on data it was not calibrated with."""

from __future__ import annotations

import json
import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import click
from click.core import ParameterSource
from rich.text import Text

from smidgen.cli.common import console, json_option, plain, print_json, show, target_option
from smidgen.cli.plot import new_figure, save_bars
from smidgen.cli.quantize_options import DataOptions, SearchOptions, data_options, recipe_options, search_options
from smidgen.cli.quantize_text import bars, cost_table, effects_line, layer_table, repair_table, tensor_table, verdict
from smidgen.cli.stages import stages
from smidgen.codegen.folder import write_file
from smidgen.compiler import DEFAULT_TARGET, load_float
from smidgen.errors import OutputError, UsageError
from smidgen.exporters import to_onnx
from smidgen.ir import Graph
from smidgen.precision.cost import check_minimized
from smidgen.precision.session import Session, Settings, check_layers, run_session
from smidgen.precision.state import code_digest
from smidgen.precision.summary import Names, summarize
from smidgen.quantize import Recipe
from smidgen.quantize.data import load_samples
from smidgen.quantize.split import Split, given_split, hold_back, split_samples
from smidgen.quantize.user_metric import find_metric, metric_words
from smidgen.report.advice import guilty, in_unit, weakest
from smidgen.report.quantization import QuantizationReport
from smidgen.targets import load_target

_EXAMPLES = """\b
Examples:
  smidgen quantize model.onnx --data samples.npz
  smidgen quantize model.tflite --data samples.npz --max-drop 0.5 --minimize flash
  smidgen quantize model.onnx --data calib.npy --eval test.npz --metric auc -o small.onnx
  smidgen quantize model.onnx --data images.npz --input-scale 0.00392157 --metric score.py:accuracy
  smidgen quantize model.onnx --data samples.npz --layer conv_3=int16 --report report.json --plot error.svg
"""


@dataclass(frozen=True, slots=True)
class _Files:
    """Where results go."""

    model: Path
    data: tuple[Path, ...]
    output: Path
    report: Path | None
    plot: Path | None

    @property
    def attempt(self) -> Path:
        """For what was asked for but does not keep the bound."""
        return self.output.with_name(f"{self.output.stem}.best-attempt.onnx")


@click.command("quantize", epilog=_EXAMPLES)
@click.argument("model", metavar="MODEL", type=click.Path(path_type=Path))
@data_options
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="F", help="Default: MODEL's name + _int8.onnx."
)
@recipe_options
@search_options
@target_option
@click.option("--report", type=click.Path(path_type=Path), metavar="F", help="Save the report as JSON.")
@click.option("--plot", type=click.Path(path_type=Path), metavar="F", help="Error per layer as bars, .svg or .png.")
@json_option
def command(
    model: Path,
    data: DataOptions,
    output: Path | None,
    recipe: Recipe,
    searching: SearchOptions,
    target: str,
    report: Path | None,
    plot: Path | None,
    as_json: bool,
) -> None:
    """Quantise the float32 MODEL (.onnx or .tflite) with recorded inputs, and judge the result on others.

    Writes a standard ONNX file with QuantizeLinear and DequantizeLinear, which compiles directly and which ONNX Runtime
    runs. With --max-drop, the precision of each layer (int4, int8, int16, float16, float) is searched for the least
    --minimize that keeps the metric within so many points of the float model's; exit code 1 if nothing does, and then
    the best attempt is saved beside -o. An interrupted search goes on where it stopped when the command is given again.
    """
    read = (data.data, *([] if data.evaluation is None else [data.evaluation]))
    files = _Files(model, read, output or Path(f"{_stem(model)}_int8.onnx"), report, plot)
    _check_files(files)
    board = load_target(target)
    metric = find_metric(searching.metric) if searching.metric is not None else None
    settings = Settings(
        target=board,
        recipe=recipe,
        metric=metric,
        max_drop=searching.max_drop,
        minimize=check_minimized(searching.minimize, board),
        budget_seconds=searching.budget_seconds,
        measure_repairs=searching.measure_repairs,
        words=(code_digest(), *metric_words(searching.metric)),
    )
    if searching.max_drop is None and (idle := _without_search()):
        console.print(f"note: nothing is searched without --max-drop, so {idle} has no effect", soft_wrap=True)
    graph = load_float(model)
    check_layers(graph, recipe)
    split = _split(graph, data, recipe.seed)
    if searching.max_drop is not None:
        split = hold_back(split, searching.held_back)
    with stages(quiet=as_json) as progress, _resumable(searching.max_drop is not None):
        session = run_session(graph, split, settings, progress)
    _finish(files, graph, split, settings, session, as_json)


def _without_search() -> str:
    """The options of a search that were given on the command line."""
    given = click.get_current_context().get_parameter_source
    names = ("minimize", "budget", "hold_back")
    return ", ".join(f"--{n.replace('_', '-')}" for n in names if given(n) is ParameterSource.COMMANDLINE)


def _stem(model: Path) -> str:
    for ending in ("_fp32", "_float32", "_float"):
        if model.stem.endswith(ending):
            return model.stem.removesuffix(ending)
    return model.stem


def _check_files(files: _Files) -> None:
    """Complain before any work."""
    if files.output.suffix != ".onnx":
        raise UsageError(f"-o takes the name of an .onnx file, not {files.output.name!r}")
    written = [f for f in (files.output, files.attempt, files.report, files.plot) if f is not None]
    read = {f.resolve(): what for what, fs in (("data", files.data), ("the model", (files.model,))) for f in fs}
    for file in written:
        if file.is_dir():
            raise OutputError(f"{file} is a folder. Choose the name of a file")
        _check_place(file)
        if what := read.get(file.resolve()):
            raise UsageError(f"{file} is {what} itself, which is never replaced. Choose another name")
    if len({f.resolve() for f in written}) != len(written):
        raise UsageError("-o, --report and --plot need different files")
    if files.plot is not None:
        new_figure(files.plot)


def _check_place(file: Path) -> None:
    """OutputError if the folder that is to hold the file cannot be written, or cannot be made."""
    there = next(p for p in file.absolute().parents if p.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        raise OutputError(f"cannot write {file}: {there} is no folder that can be written to. Choose another place")


def _split(graph: Graph, data: DataOptions, seed: int) -> Split:
    samples = load_samples(graph, data.data, data.affine)
    if data.evaluation is None:
        return split_samples(samples, data.calibration_samples, seed)
    return given_split(samples, load_samples(graph, data.evaluation, data.affine), data.calibration_samples, seed)


@contextmanager
def _resumable(searching: bool) -> Iterator[None]:
    try:
        yield
    except KeyboardInterrupt:
        if searching:
            console.print("note: what was measured is kept; the same command goes on from there")
        raise


def _finish(files: _Files, graph: Graph, split: Split, settings: Settings, session: Session, as_json: bool) -> None:
    """Write, show, and leave with 1 where the bound is not kept."""
    failed = session.met is False
    target = files.attempt if failed else files.output
    model = to_onnx(session.quantized.qdq)
    report = summarize(graph, split, settings, session, Names(files.model.name, str(target)))
    _write(target, model)
    if files.report is not None:
        _write(files.report, f"{json.dumps(plain(report), indent=1, allow_nan=False)}\n".encode())
    if files.plot is not None:
        _plot(files.plot, report)
    if as_json:
        print_json(report)
    else:
        _show(report, compile_words(report, settings))
    if failed:
        console.print(Text.assemble(("error: ", "bold red"), _failure(report, files)), soft_wrap=True)
        raise SystemExit(1)


def _write(path: Path, data: bytes) -> None:
    def fill(stream: object) -> None:
        stream.write(data)  # type: ignore[attr-defined]  # a binary file

    write_file(path, fill)


def _failure(report: QuantizationReport, files: _Files) -> str:
    m = report.metric
    assert m.max_drop is not None, "only called where a bound was given"
    names = [f"{layer.name} ({s.sqnr_db:.1f} dB with it alone in {s.precision})" for layer, s in guilty(report)[:3]]
    if not names:
        names = [f"{layer.name} ({db:.1f} dB with it alone quantised)" for db, layer in weakest(report)[:3]]
    cut = "" if report.search is None or report.search.finished else " in the time given (--budget)"
    return (
        f"no precisions keep {m.title} within {in_unit(m.max_drop, m)} of the float model's{cut}: the best attempt "
        f"drops {in_unit(m.drop, m)} and is saved as {report.output}; {files.output} is not written. Costing most: "
        f"{', '.join(names) or 'unknown'}. Raise --max-drop, or give more data"
    )


def compile_words(report: QuantizationReport, settings: Settings) -> str:
    """How to compile what was judged with the kernels that its costs are of."""
    words = ["smidgen", "compile", report.output]
    if report.optimize != "speed":
        words += ["--optimize", report.optimize]
    if settings.target.name != DEFAULT_TARGET:
        words += ["--target", report.target]
    why = "" if report.optimize == "speed" else f" (the costs above are of kernels chosen for {report.optimize})"
    return f"{shlex.join(words)}{why}"


def _show(report: QuantizationReport, command: str) -> None:
    if report.layers:
        show(layer_table(report))
    if chart := bars(report):
        show(chart)
    if report.tensors:
        show(tensor_table(report))
    repairs = repair_table(report.layers)
    if repairs is not None:
        show(repairs)
    if report.repair_effects is not None:
        show(effects_line(report.repair_effects))
    show(cost_table(report))
    missing = [f"no cost of {c.name}: {c.missing}" for c in report.costs if c.missing is not None]
    show(verdict(report))
    show(f"compile with: {command}")
    for kind, sentences in (("note", (*report.notes, *missing)), ("advice", report.advice)):
        for text in sentences:
            show(f"{kind}: {text}")


def _plot(path: Path, report: QuantizationReport) -> None:
    """Noise of each layer, alone and in the quantised network."""
    tensors = {t.name: t for t in report.tensors}
    groups = []
    for layer in report.layers:
        pairs = []
        if layer.own_sqnr_db is not None:
            pairs.append(("only this layer quantised", max(-layer.own_sqnr_db, -100.0)))
        if layer.tensor in tensors:
            pairs.append(("in the quantised network", max(-tensors[layer.tensor].sqnr_db, -100.0)))
        groups.append((layer.name, pairs))
    save_bars(path, f"{report.source}: error per layer", "noise over signal, dB (less is better)", groups)
