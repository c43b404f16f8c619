# SPDX-License-Identifier: Apache-2.0
"""smidgen bench: MLPerf Tiny on a device, real or virtual."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from smidgen.cli.bench_rig import Rig, check_rig, rig_opener, rig_options, wakeword_rig
from smidgen.cli.common import (
    console,
    json_option,
    models_option,
    print_json,
    progress,
    show,
    table,
    target_option,
    toolchain_option,
)
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.energy.windows import WINDOWS
from smidgen.errors import DeviceError, UsageError
from smidgen.mlperf.board import Price, emulated, price_of, require_time, stand_in
from smidgen.mlperf.firmware import firmware, long_command_bytes
from smidgen.mlperf.formats.results_types import Layout, Mode
from smidgen.mlperf.link import ENERGY_BAUD, PERFORMANCE_BAUD
from smidgen.mlperf.runner.bench import Outcome, Provenance, Run, run
from smidgen.mlperf.runner.datasets import ALTERNATIVE_LABELS, LABELS, DataSet, load_data_set, random_data_set
from smidgen.mlperf.runner.measure import Order
from smidgen.mlperf.runner.serial_link import SerialOpener, find_port
from smidgen.mlperf.runner.virtual import BoardOpener
from smidgen.mlperf.runner.workers import Opener
from smidgen.mlperf.tasks import CLASSIC, TASKS, Task
from smidgen.mlperf.wakeword.bench import bench_wakeword
from smidgen.targets import Target, load_target

_MODES: tuple[Mode, ...] = ("performance", "accuracy", "energy")
_WARMUPS = {"ad": 10, "ic": 5, "ic2": 5, "kws": 10, "vww": 5}  # as the official scripts
_MOST_INFERENCES = 1_000_000
"""Of a window. Devices take up to 2^31 - 1, which no one lives to see the end of."""


@dataclass(frozen=True, slots=True)
class _Options:
    """What the command line says."""

    port: str | None
    target: str
    model: str | None
    data: Path | None
    labels: str
    output: Path
    resume: bool
    jobs: int
    baud: int | None
    warmups: int | None
    iterations: int | None
    layout: Layout
    verify: bool
    toolchain: str
    models: Path | None
    quiet: bool
    rig: Rig

    @property
    def real(self) -> bool:
        """A device of silicon, not a virtual board."""
        return self.port is not None or self.rig.io_manager is not None


@click.command(
    "bench",
    epilog="\b\nExamples:\n"
    "  smidgen bench kws --data datasets --mode all\n"
    "  smidgen bench all --target nucleo-l4r5zi --mode performance\n"
    "  smidgen bench ic --port auto --data datasets -o sessions/ic\n"
    "  smidgen bench ic --port /dev/ttyACM0 --data datasets -o sessions/ic --resume\n"
    "  smidgen bench ic --mode energy --io-manager /dev/ttyACM1 --monitor lpm01a --monitor-port /dev/ttyACM0 "
    "--voltage 1.8 --data datasets\n"
    "  smidgen bench sww --port /dev/ttyACM0 --interface /dev/ttyACM1 --data datasets",
)
@click.argument("task", type=click.Choice([*TASKS, "all"]), metavar="[ad|ic|ic2|kws|vww|sww|all]")
@click.option(
    "--port", metavar="PORT", help="Serial port, or auto to look for a device [default: none, a virtual board]."
)
@target_option
@click.option("--model", metavar="FILE", help="The model of a virtual board [default: the zoo's model of the task].")
@click.option(
    "--mode",
    type=click.Choice([*_MODES, "all"]),
    default="performance",
    show_default=True,
    help="What is measured.",
)
@click.option("--data", type=click.Path(path_type=Path), metavar="DIR", help="Folder that holds kws01, ic01, ...")
@click.option(
    "--labels",
    default=LABELS,
    show_default=True,
    metavar="NAME",
    help=f"Label file there (ad: also {ALTERNATIVE_LABELS}).",
)
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder to make [default: sessions/<time>]."
)
@click.option("--resume", is_flag=True, help="Go on with what an interruption left in the folder of -o.")
@click.option("--jobs", type=click.IntRange(1), metavar="N", help="Virtual boards at a time [default: all cores].")
@click.option("--baud", type=click.IntRange(1), metavar="N", help="[default: 115200, energy 9600]")
@click.option(
    "--warmups",
    type=click.IntRange(0, _MOST_INFERENCES),
    metavar="W",
    help="Inferences before a window [default: 5 or 10].",
)
@click.option(
    "--iterations",
    type=click.IntRange(1, _MOST_INFERENCES),
    metavar="N",
    help="Inferences a window [default: over 10 s of them].",
)
@click.option(
    "--layout",
    type=click.Choice(["mlc", "eembc"]),
    default="mlc",
    show_default=True,
    help="Files as the Python runner writes them, or as EnergyRunner (not for energy).",
)
@rig_options
@click.option("--verify", is_flag=True, help="Read back every input and result: slower, finds bytes that changed.")
@toolchain_option
@models_option
@json_option
def command(
    task: str,
    port: str | None,
    target: str,
    model: str | None,
    mode: str,
    data: Path | None,
    labels: str,
    output: Path | None,
    resume: bool,
    jobs: int | None,
    baud: int | None,
    warmups: int | None,
    iterations: int | None,
    layout: Layout,
    verify: bool,
    toolchain: str,
    models: Path | None,
    as_json: bool,
    **of_rig: Any,  # Any: click's
) -> None:
    """Run the MLPerf Tiny benchmark on a device at a serial port, or on a virtual board.

    Writes log.txt, results.txt and results.json as the official runner does, in a folder for each benchmark and mode.
    A run that was interrupted goes on with --resume. Exit code 1 if accuracy misses its target.
    """
    tasks = [TASKS[t] for t in (CLASSIC if task == "all" else (task,))]
    modes = _MODES if mode == "all" else tuple(m for m in _MODES if m == mode)
    rig = Rig(**of_rig)
    if rig.interface and task != "sww":
        raise UsageError("--interface is for sww: the interface board plays its audio")
    _check(task, rig.io_manager if port is None else port, model, output, resume)
    check_rig(rig, port, mode, baud)
    if layout == "eembc" and mode == "energy":
        raise UsageError("energy has no EnergyRunner layout here: its trace is one recording. Leave --layout away")
    folder = output or Path("sessions") / f"{datetime.now():%Y%m%d_%H%M%S}"
    options = _Options(
        port, target, model, data, labels, folder, resume, jobs or os.cpu_count() or 1, baud, warmups, iterations,
        layout, verify, toolchain, models, as_json, rig,
    )  # fmt: skip
    outcomes: list[Outcome] = []
    try:
        for t in tasks:
            for m in modes:
                outcomes += _one(t, m, options, asked=mode != "all")
    except (KeyboardInterrupt, DeviceError):
        if any(folder.glob("*/*.journal")):
            console.print(f"note: what was measured is in {folder}: the same command with -o {folder} --resume goes on")
        raise
    finally:
        if outcomes and not as_json:
            _tell(outcomes)
    if as_json:
        print_json({"folder": folder, "results": [_plain(o) for o in outcomes]})
    if any(o.met is False for o in outcomes):
        raise click.exceptions.Exit(1)


def _check(task: str, port: str | None, model: str | None, output: Path | None, resume: bool) -> None:
    if port == "":
        raise UsageError(
            "--port is empty: name a serial port, or auto to look for one; leave it out for a virtual board"
        )
    if model and (task == "all" or port):
        raise UsageError("--model is for one task on a virtual board; a real device holds its own")
    if port and task == "all":
        raise UsageError("a device holds one model: name its task instead of all")
    if resume and output is None:
        raise UsageError("--resume needs -o, the folder of the run that was interrupted")


def _one(task: Task, mode: Mode, options: _Options, *, asked: bool) -> list[Outcome]:
    """The outcome of one benchmark in one mode; none where ``--mode all`` asks for what is not to be had."""
    if task.metric == "wakeword":
        return [_wakeword(task, mode, options)] if asked or _streams(mode, options) else []
    if options.real and mode == "energy" and not asked:
        console.print(f"note: {task.name} energy: needs other firmware and an instrument (--mode energy): passed over")
        return []
    if options.layout == "eembc" and mode == "energy" and not asked:
        console.print(f"note: {task.name} energy: not in the layout of EnergyRunner: passed over")
        return []
    if not (options.real or asked or mode == "accuracy" or _timed(options)):
        console.print(f"note: {task.name} {mode}: {options.target} counts instructions, no time: passed over")
        return []
    data = _data(task, mode, options)
    opener, provenance, baud, digest = _device(task, mode, options)
    if isinstance(opener, BoardOpener) and opener.energy and opener.target.energy is None and not asked:
        console.print(f"note: {task.name} energy: none is known of {opener.target.name}: passed over")
        return []
    order = Order(
        task, mode, options.iterations, _WARMUPS[task.name] if options.warmups is None else options.warmups,
        options.verify,
    )  # fmt: skip
    what = Run(
        order, data, opener, options.output / task.name / mode, provenance, baud, digest,
        1 if options.real else options.jobs, options.resume, options.layout,
    )  # fmt: skip
    if not data.synthetic:  # else the outcome's notes say so
        for note in data.notes:
            console.print(f"note: {task.name}: {note}")
    with progress(f"{task.name} {mode}", 1, quiet=options.quiet) as bar:
        return [run(what, lambda done, total: bar(done, total), lambda text: console.print(f"note: {text}"))]


def _timed(options: _Options) -> bool:
    return load_target(options.target).core.counts != "instructions"


def _streams(mode: Mode, options: _Options) -> bool:
    """Whether ``--mode all`` has a run of this mode for a stream of audio."""
    if not options.real and not emulated(load_target(options.target)):
        return False
    modelled = not options.real and load_target(options.target).energy is not None
    return mode == "performance" or (mode == "energy" and modelled)


def _wakeword(task: Task, mode: Mode, options: _Options) -> Outcome:
    """A stream of audio has a run of its own."""
    if options.data is None:
        raise UsageError(f"{task.name} needs its recordings: --data DIR, a folder with sww_long_test.json")
    if options.real:
        return wakeword_rig(task, mode, options.output / task.name / mode, options.data, options.port, options.rig,
                            options.baud, quiet=options.quiet)  # fmt: skip
    model, target = options.model or task.name, options.target
    require_time(load_target(target), mode)
    if not emulated(load_target(target)):
        raise UsageError(
            f"{task.name} runs in time with its audio, on an emulated core: {target} has a simulator that hears none. "
            f"smidgen profile {task.name} --streaming --target {target} counts a frame"
        )
    with progress(f"{task.name} {mode}", 1, quiet=options.quiet) as bar:
        return bench_wakeword(
            compile_model(model, target, models_dir=options.models, streaming=True),
            task,
            mode,
            options.output / task.name / mode,
            options.data,
            options.toolchain,
            lambda done, total: bar(int(done), max(1, int(total))),
        )


def _data(task: Task, mode: Mode, options: _Options) -> DataSet:
    if options.data is not None:
        return load_data_set(task, options.data, options.labels)
    if mode == "accuracy" or options.real:
        raise UsageError(
            f"{mode} of {task.name} needs its data set: --data DIR, the folder that holds {task.model_id} "
            "(github.com/eembc/energyrunner, datasets/)"
        )
    return random_data_set(task, WINDOWS)


def _device(task: Task, mode: Mode, options: _Options) -> tuple[Opener, Provenance, int, str]:
    """How the device is reached, what kind of figures it gives, the line's rate, and a digest of its firmware."""
    default = ENERGY_BAUD if mode == "energy" else PERFORMANCE_BAUD
    baud = options.baud or default
    if options.real and mode == "energy":
        return rig_opener(options.rig, options.port, baud), "measured", baud, ""
    if options.port:
        port = find_port(baud) if options.port == "auto" else options.port
        return SerialOpener(port, baud), "measured", baud, ""
    if mode != "accuracy":
        require_time(load_target(options.target), mode)
    with progress(f"building the firmware of {task.name}", None, quiet=options.quiet):
        kind = "energy" if mode == "energy" else "performance"
        price, compiled = _priced(task, options)
        made = firmware(compiled, task, mode=kind, command_bytes=long_command_bytes(task))
        elf = made.build(options.toolchain)
    for note in (*made.notes, *filter(None, [price.note])):
        console.print(f"note: {task.name}: {note}")
    baud = options.baud or made.baud
    opener = BoardOpener(elf, made.target, baud, mode == "energy", made.command_bytes, price.cost)
    return opener, "modelled", baud, made.digest


def _priced(task: Task, options: _Options) -> tuple[Price, Compiled]:
    """What an inference takes on the target, and the program that the virtual board runs."""
    compiled = _compiled(task, options, load_target(options.target))
    price, board = price_of(compiled, options.toolchain), stand_in(compiled.target)
    return price, compiled if board is compiled.target else _compiled(task, options, board)


def _compiled(task: Task, options: _Options, target: Target) -> Compiled:
    """The task's network; UsageError for one whose results no score of the task is defined for."""
    compiled = compile_model(options.model or task.name, target, models_dir=options.models)
    scores = [y.type.elements for y in compiled.graph.outputs]
    if task.metric == "top1" and len(scores) == 1 and scores != [task.outputs]:
        raise UsageError(
            f"{options.model}: the model gives {scores[0]} scores, {task.name} ({task.title}) has {task.outputs} "
            "classes: is this another task's model?"
        )
    return compiled


def _plain(o: Outcome) -> dict[str, object]:
    return {name: getattr(o, name) for name in o.__dataclass_fields__}


def _tell(outcomes: Sequence[Outcome]) -> None:
    columns = ("latency ms", "inf/s", "uJ/inf", "accuracy", "target")
    t = table("MLPerf Tiny", "benchmark", "mode", *columns, "verdict", "figures are", right=columns)
    for o in outcomes:
        t.add_row(
            o.task,
            o.mode,
            _number(o.latency_ms, 3),
            _number(o.median_throughput, 3),
            _number(o.energy_uj, 1),
            _accuracy(o),
            "" if o.target is None else f"{o.target:g}",
            ", ".join(_verdicts(o)),
            o.provenance if o.mode != "accuracy" else "counted",
        )
    show(t)
    for o in outcomes:
        for note in o.notes:
            console.print(f"note: {o.task} {o.mode}: {note}")
    if not all(o.valid for o in outcomes):
        show("no submission: not valid as one, for the reasons in the notes")
    show(f"files: {outcomes[0].folder.parent.parent}")


def _verdicts(o: Outcome) -> list[str]:
    """About the quality target, and whether the rules of the benchmark are met."""
    return ([] if o.met is None else ["met" if o.met else "missed"]) + ([] if o.valid else ["no submission"])


def _number(value: float | None, digits: int) -> str:
    return "" if value is None else f"{value:,.{digits}f}"


def _accuracy(o: Outcome) -> str:
    if o.top1 is None or o.auc is None:
        return ""
    return f"AUC {o.auc}" if TASKS[o.task].metric == "auc" else f"{o.top1} %"
