# SPDX-License-Identifier: Apache-2.0
"""smidgen firmware: a model to the C of a benchmark device."""

from __future__ import annotations

import shutil
from pathlib import Path

import click

from smidgen.cli.common import (
    Choosing,
    choosing_options,
    console,
    facts,
    json_option,
    model_argument,
    models_option,
    print_json,
    progress,
    show,
    toolchain_option,
)
from smidgen.codegen.folder import check_folder, write_file
from smidgen.compiler import DEFAULT_TARGET
from smidgen.compiler import compile as compile_model
from smidgen.mlperf.firmware import MODES, PORTS, Firmware, firmware
from smidgen.mlperf.tasks import TASKS, task_of


@click.command(
    "firmware",
    epilog="\b\nExamples:\n"
    "  smidgen firmware kws --port nucleo-l4r5zi -o build/kws-dut\n"
    "  smidgen firmware model.tflite --task ic --mode energy --build\n"
    "  smidgen firmware kws --port numaker-m467hj --toolchain gcc-arm --build --json",
)
@model_argument
@click.option("--task", type=click.Choice(list(TASKS)), help="What the model is for [default: a zoo model's own].")
@click.option("--port", type=click.Choice(list(PORTS)), default="virtual", show_default=True, help="Board's hardware.")
@click.option("--target", "-t", metavar="T", help="Board whose memories and clock are used [default: the port's].")
@click.option("--mode", type=click.Choice(MODES), default="performance", show_default=True, help="How time is told.")
@click.option("--vendor", default="smidgen", show_default=True, help="What the device's name command answers.")
@click.option(
    "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="Folder to make [default: <model>_dut]."
)
@click.option("--build", "builds", is_flag=True, help="Compile and link too; the ELF goes beside the folder.")
@click.option("--force", is_flag=True, help="Replace a folder that holds nothing but what smidgen made.")
@toolchain_option
@choosing_options
@models_option
@json_option
def command(
    model: str,
    task: str | None,
    port: str,
    target: str | None,
    mode: str,
    vendor: str,
    output: Path | None,
    builds: bool,
    force: bool,
    toolchain: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Make the firmware of an MLPerf Tiny device around MODEL: C sources, Makefile, linker script, README.

    Performance mode prints times and serves accuracy runs too; energy mode pulses a pin.
    """
    chosen = task_of(model, task)
    if output is not None:
        check_folder(output, force)
    with progress(f"compiling {model}", None, quiet=as_json):
        board = target or PORTS[port].board or DEFAULT_TARGET
        compiled = compile_model(model, board, **choosing.arguments(), models_dir=models)
        made = firmware(compiled, chosen, port=port, mode=mode, vendor=vendor)
    folder = output or Path(f"{compiled.graph.name}_dut")
    check_folder(folder, force)
    elf: Path | None = None
    if builds:
        with progress(f"building {made.name}", None, quiet=as_json):
            built = made.build(toolchain)
        elf = folder.parent / f"{made.name}.elf"
        _copy(built, elf)
    written = made.write(folder, replace=force)
    _tell(made, folder, written, elf, as_json)


def _copy(built: Path, elf: Path) -> None:
    """Put the image where it was asked for, whole or not at all."""
    with built.open("rb") as source:
        write_file(elf, lambda stream: shutil.copyfileobj(source, stream))


def _tell(made: Firmware, folder: Path, written: list[str], elf: Path | None, as_json: bool) -> None:
    if as_json:
        print_json(
            {
                "name": made.name,
                "task": made.task.name,
                "model_id": made.task.model_id,
                "target": made.target.name,
                "port": made.port.name,
                "mode": made.mode,
                "baud": made.baud,
                "folder": folder,
                "files": written,
                "digest": made.digest,
                "elf": elf,
                "notes": list(made.notes),
            }
        )
        return
    for note in made.notes:
        console.print(f"note: {note}")
    rows = [
        ("firmware", f"{made.name}: {made.task.model_id}, {made.task.title}"),
        ("board", f"{made.target.title}; port {made.port.name}: {made.port.wiring}"),
        ("line", f"{made.baud} baud, 8N1"),
        ("folder", f"{folder} ({len(written)} files; README.md says how to build and flash them)"),
    ]
    show(facts([*rows, *([("image", str(elf))] if elf is not None else [])]))
