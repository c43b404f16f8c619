# SPDX-License-Identifier: Apache-2.0
"""smidgen board: a virtual board on a serial line of this machine."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType

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
    target_option,
    toolchain_option,
)
from smidgen.compiler import compile as compile_model
from smidgen.mlperf.board import BoardSettings, Price, VirtualBoard, emulated, price_of, stand_in, untimed
from smidgen.mlperf.board.pty_line import PtyLine
from smidgen.mlperf.board.server import BoardServer
from smidgen.mlperf.firmware import MODES, firmware
from smidgen.mlperf.link import ENERGY_BAUD, PERFORMANCE_BAUD
from smidgen.mlperf.tasks import TASKS, task_of
from smidgen.mlperf.wakeword.files import read_wav
from smidgen.targets import Target, load_target


@click.command(
    "board",
    epilog="\b\nExamples:\n"
    "  smidgen board kws --link ./ttyKWS\n"
    "  smidgen board model.tflite --task ic --time real\n"
    "  smidgen board firmware.elf --target nucleo-l4r5zi --json",
)
@model_argument
@target_option
@click.option("--task", type=click.Choice(list(TASKS)), help="What the model is for [default: a zoo model's own].")
@click.option("--mode", type=click.Choice(MODES), default="performance", show_default=True, help="How time is told.")
@click.option(
    "--time",
    "pace",
    type=click.Choice(["modelled", "real"]),
    default="modelled",
    show_default=True,
    help="As fast as this machine can, or no faster than the board.",
)
@click.option("--link", type=click.Path(path_type=Path), metavar="PATH", help="Symbolic link to make to the port.")
@click.option("--baud", type=int, metavar="N", help="Rate of the line [default: the firmware's].")
@click.option("--audio", type=click.Path(path_type=Path), metavar="WAV", help="What the microphone hears: 16 kHz.")
@click.option("--no-memory-system", is_flag=True, help="Time without the flash's wait states and cache.")
@toolchain_option
@choosing_options
@models_option
@json_option
def command(
    model: str,
    target: str,
    task: str | None,
    mode: str,
    pace: str,
    link: Path | None,
    baud: int | None,
    audio: Path | None,
    no_memory_system: bool,
    toolchain: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> None:
    """Run MODEL as benchmark firmware on a virtual board behind a pseudo-terminal, until interrupted.

    Any program that opens a serial port can talk to it. MODEL may also be the ELF of a firmware for the virtual port.
    Time that the device tells is modelled time. SIGUSR1 presses the reset button.
    """
    board = load_target(target)
    sound = read_wav(audio).tobytes() if audio is not None else b""
    if model.endswith(".elf"):
        elf, rate = Path(model), ENERGY_BAUD if mode == "energy" else PERFORMANCE_BAUD
        price = Price(None) if board.core.counts == "model" else untimed(board)
    else:
        elf, rate, price = _built(model, board, task, mode, toolchain, choosing, models, as_json)
    if price.note:
        console.print(f"note: {price.note}")
    settings = BoardSettings(
        baud=baud if baud is not None else rate,
        memory_system=not no_memory_system,
        audio=sound,
        cost=price.cost,
    )
    with VirtualBoard(elf, stand_in(board), settings) as device, PtyLine(link) as line:
        server = BoardServer(device, line, real=pace == "real")
        with _Signals(server.press_reset):
            _tell(line, device, elf, pace, as_json)
            server.serve()


def _built(
    model: str,
    board: Target,
    task: str | None,
    mode: str,
    toolchain: str,
    choosing: Choosing,
    models: Path | None,
    as_json: bool,
) -> tuple[Path, int, Price]:
    """The image, the rate that it speaks, and what an inference of it takes."""
    wanted = task_of(model, task)
    with progress(f"building firmware of {model}", None, quiet=as_json):
        compiled = compile_model(model, board, models_dir=models, **choosing.arguments())
        price = price_of(compiled, toolchain)
        if not emulated(board):
            compiled = compile_model(model, stand_in(board), models_dir=models, **choosing.arguments())
        made = firmware(compiled, wanted, mode=mode)
        return made.build(toolchain), made.baud, price


def _tell(line: PtyLine, device: VirtualBoard, elf: Path, pace: str, as_json: bool) -> None:
    baud = device.settings.baud
    if as_json:
        print_json(
            {
                "port": line.path,
                "link": line.link,
                "target": device.target.name,
                "firmware": elf.name,
                "baud": baud,
                "time": pace,
            }
        )
        sys.stdout.flush()
        return
    name = f"{line.link} -> {line.path}" if line.link is not None else str(line.path)
    show(facts([("port", f"{name} ({baud} baud, 8N1)"), ("board", f"{device.target.title}, {pace} time")]))
    sys.stdout.flush()
    console.print("Ctrl-C ends it")


class _Signals:
    """While it serves, a hang-up ends the command as SIGTERM does, and SIGUSR1 presses reset."""

    def __init__(self, press_reset: Callable[[], None]) -> None:
        self._press_reset = press_reset
        self._before: list[tuple[int, object]] = []

    def __enter__(self) -> None:
        if threading.current_thread() is not threading.main_thread():
            return
        self._before = [(n, signal.getsignal(n)) for n in (signal.SIGHUP, signal.SIGUSR1)]
        signal.signal(signal.SIGHUP, signal.getsignal(signal.SIGTERM))
        signal.signal(signal.SIGUSR1, self._on_reset)

    def __exit__(self, *details: object) -> None:
        for number, handler in self._before:
            signal.signal(number, handler)  # type: ignore[arg-type]  # what getsignal gave

    def _on_reset(self, number: int, frame: FrameType | None) -> None:
        self._press_reset()
