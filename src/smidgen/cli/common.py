# SPDX-License-Identifier: Apache-2.0
"""What commands share: options, JSON output, progress, tables."""

from __future__ import annotations

import json
import math
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, fields, is_dataclass
from functools import wraps
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from smidgen.compiler import KERNEL_SETS
from smidgen.notices import listening
from smidgen.schedule import CODE, PLANNERS, SETTINGS, WEIGHTS, Weights, make_objective, make_planner

console = Console(stderr=True, markup=False, highlight=False)
"""Messages and progress: stderr, so that stdout holds results only. No markup: names of files may look like it."""

output = Console(markup=False, highlight=False)

_PIPED_WIDTH = 160

F = TypeVar("F", bound=Callable[..., Any])  # Any: click decorators take every signature


def model_argument(f: F) -> F:
    return click.argument("model", metavar="MODEL")(f)


def target_option(f: F) -> F:
    return click.option(
        "--target",
        "-t",
        default="nucleo-l4r5zi",
        show_default=True,
        metavar="T",
        help="Board (smidgen targets) or a .toml.",
    )(f)


def json_option(f: F) -> F:
    return click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout and nothing else.")(f)


def models_option(f: F) -> F:
    return click.option(
        "--models",
        type=click.Path(path_type=Path),
        metavar="DIR",
        help="Folder with the official zoo files (also $SMIDGEN_ZOO).",
    )(f)


def toolchain_option(f: F) -> F:
    return click.option(
        "--toolchain",
        type=click.Choice(["zig", "gcc-arm", "gcc-riscv"]),
        default="zig",
        show_default=True,
        help="C compiler.",
    )(f)


@dataclass(frozen=True, slots=True)
class Choosing:
    """What the options say about the choice of kernels, as keyword arguments of ``smidgen.compile``."""

    optimize: str
    max_ram: str | None
    max_flash: str | None
    tuned: bool | Path
    kernels: Mapping[str, str]
    weights: str = "flash"
    code: str = "flash"
    planner: str = "fast"
    planner_seconds: float = 60.0
    streaming: bool = False
    time_axis: int | None = None
    cmsis_nn: Path | None = None

    @property
    def used(self) -> bool:
        """True if any of the options was given."""
        return self != Choosing("speed", None, None, False, {})

    def arguments(self) -> dict[str, Any]:  # Any: keyword arguments of several types
        return {f.name: getattr(self, f.name) for f in fields(self)}


def choosing_options(f: F) -> F:
    """--optimize, --max-ram, --max-flash and --kernel, given to the command as one ``choosing``."""

    @wraps(f)
    def command(
        *,
        optimize: str,
        max_ram: str | None,
        max_flash: str | None,
        tuned: bool,
        tune_result: Path | None,
        kernels: tuple[str, ...],
        kernel_set: str,
        cmsis_nn: Path | None,
        weights: str,
        code: str,
        planner: str,
        planner_seconds: float,
        streaming: bool,
        time_axis: int | None,
        **others: object,
    ) -> object:
        make_objective(optimize, max_ram, max_flash)  # complain before any work
        make_planner(planner, planner_seconds)
        if tuned and tune_result is not None:
            raise click.UsageError("--tuned takes what smidgen tune kept, --tune-result a file: give one of them")
        costs = tune_result if tune_result is not None else tuned
        forced = forced_kernels(kernels) | ({"*": kernel_set} if kernel_set != "own" else {})
        if cmsis_nn is not None and kernel_set != "cmsis-nn":
            raise click.UsageError("--cmsis-nn goes with --kernels cmsis-nn")
        if time_axis is not None and not streaming:
            raise click.UsageError("--time-axis goes with --streaming")
        places = (weights, code, planner, planner_seconds, streaming, time_axis, cmsis_nn)
        return f(choosing=Choosing(optimize, max_ram, max_flash, costs, forced, *places), **others)

    options = (
        click.option(
            "--optimize",
            type=click.Choice(list(SETTINGS)),
            default="speed",
            show_default=True,
            help="What the choice of kernels is for.",
        ),
        click.option("--max-ram", metavar="BYTES", help="Limit of arena and stack: 65536, 64K or 1M."),
        click.option("--max-flash", metavar="BYTES", help="Limit of code and constants, likewise."),
        click.option("--tuned", is_flag=True, help="Choose by what smidgen tune measured, not by predictions."),
        click.option(
            "--tune-result",
            type=click.Path(path_type=Path),
            metavar="F",
            help="The same, by a file that smidgen tune -o saved.",
        ),
        click.option(
            "--kernel", "kernels", multiple=True, metavar="STEP=SYMBOL", help="Force a kernel for a step. Repeatable."
        ),
        click.option(
            "--kernels",
            "kernel_set",
            type=click.Choice(list(KERNEL_SETS)),
            default="own",
            show_default=True,
            help="Whose kernels: smidgen's own, or calls of CMSIS-NN wherever it is exact.",
        ),
        click.option(
            "--cmsis-nn",
            type=click.Path(path_type=Path),
            metavar="DIR",
            help="Checkout of CMSIS-NN [default: $CMSIS_NN_PATH].",
        ),
        click.option(
            "--weights",
            type=click.Choice(list(WEIGHTS)),
            default="flash",
            show_default=True,
            help="Where weights are read from: flash; staged: copied to the arena before the steps where that pays; "
            "sram: kept there.",
        ),
        click.option(
            "--code",
            type=click.Choice(list(CODE)),
            default="flash",
            show_default=True,
            help="Where kernels run: flash; sram: those whose hot loops exceed the flash's cache run from RAM.",
        ),
        click.option(
            "--planner",
            type=click.Choice(list(PLANNERS)),
            default="fast",
            show_default=True,
            help="How the arena is planned; exact needs OR-tools (pip install 'smidgen[exact]').",
        ),
        click.option(
            "--planner-seconds", type=float, default=60.0, show_default=True, help="Limit of the exact planner."
        ),
        click.option(
            "--streaming",
            is_flag=True,
            help="One step of a stream: a new frame in, the result of the window that ends with it out.",
        ),
        click.option(
            "--time-axis",
            type=int,
            metavar="N",
            help="With --streaming: the input's dimension of time [default: found].",
        ),
    )
    for option in reversed(options):
        command = option(command)
    return cast(F, command)  # the decorated function takes what click gives it


def choice_fact(optimize: str, max_ram_bytes: int | None, max_flash_bytes: int | None) -> str:
    """The setting and its limits in words."""
    limits = [f", {what} at most {n:,} bytes" for what, n in (("RAM", max_ram_bytes), ("flash", max_flash_bytes)) if n]
    return f"optimized for {optimize}{''.join(limits)}"


def weights_fact(weights: Weights, staged_bytes: Sequence[int], static_bytes: int) -> str:
    """Where weights are read from, in words, with what it takes; ``staged_bytes`` by step."""
    if weights == "staged":
        return f"staged: {sum(map(bool, staged_bytes))} of {len(staged_bytes)} steps copy theirs to the arena first"
    return f"{weights}: {WEIGHTS[weights]}" + (f", {static_bytes:,} bytes" if static_bytes else "")


def weights_kind(bits: Sequence[int | None]) -> str:
    """What weights there are, by the bits of each step's: "weights", "weights (4 bits in 5 layers, ...)"."""
    counts = Counter(b for b in bits if b is not None)
    if set(counts) <= {8}:
        return "weights"
    return f"weights ({', '.join(f'{b} bits in {n} layers' for b, n in sorted(counts.items()))})"


def forced_kernels(options: Sequence[str]) -> dict[str, str]:
    """--kernel options as a mapping. UsageError for one without '='."""
    pairs = [o.partition("=") for o in options]
    if bad := [o for o, (_, separator, symbol) in zip(options, pairs, strict=True) if not separator or not symbol]:
        raise click.UsageError(f"--kernel takes STEP=SYMBOL, got {bad[0]!r}")
    return {step: symbol for step, _, symbol in pairs}


class Unwritable(OSError):
    """Standard output cannot be written: a closed pipe, a full disk."""


@contextmanager
def _writing() -> Iterator[None]:
    try:
        yield
    except OSError as e:
        raise Unwritable(e.errno, e.strerror) from e


def wants_json(arguments: Sequence[str]) -> bool:
    return "--json" in arguments


def plain(value: object) -> Any:  # Any: JSON
    """A report as JSON types: dataclasses as objects, tuples as lists, paths and non-finite numbers as text."""
    if is_dataclass(value) and not isinstance(value, type):
        return {k: plain(v) for k, v in asdict(value).items()}
    if isinstance(value, dict):
        return {str(k): plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [plain(v) for v in value]
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # JSON has no word for it
    return str(value) if isinstance(value, Path) else value


def print_json(value: object) -> None:
    """One JSON object on stdout, whole or not at all."""
    text = json.dumps(plain(value), indent=1, allow_nan=False)
    with _writing():
        sys.stdout.write(f"{text}\n")
        sys.stdout.flush()


class Progressed(Protocol):
    """Moves a bar."""

    def __call__(self, done: int, total: int | None = None, text: str | None = None) -> None: ...


@contextmanager
def progress(text: str, total: int | None, *, quiet: bool) -> Iterator[Progressed]:
    """A bar (or a spinner without ``total``) on stderr, only on a terminal and not with --json to a pipe.

    It is told what is done, and the new total where that is only known later. Notices of the work go to stderr as well.
    """
    if quiet and not sys.stdout.isatty():
        yield lambda done, total=None, text=None: None
        return
    if not console.is_terminal:
        with listening(_notice):
            yield lambda done, total=None, text=None: None
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
    )
    shown = columns if total is not None else (*columns[:2], columns[-1])
    with listening(_notice), Progress(*shown, console=console, transient=True) as bar:
        task = bar.add_task(text, total=total)
        yield lambda done, total=None, text=None: bar.update(task, completed=done, total=total, description=text)


def _notice(text: str) -> None:
    console.print(text, style="dim")


def table(title: str, *columns: str, right: Sequence[str] = ()) -> Table:
    """An empty table; columns named in ``right`` are numbers."""
    t = Table(title=title, title_justify="left", title_style="bold", box=None, pad_edge=False, header_style="dim")
    for c in columns:
        t.add_column(c, justify="right" if c in right else "left", overflow="fold", no_wrap=c in right)
    return t


def show(*renderables: object) -> None:
    """Print results; wide enough for the tables when stdout is not a terminal."""
    target = output if output.is_terminal else Console(width=_PIPED_WIDTH, markup=False, highlight=False)
    with _writing():
        target.print(*renderables, soft_wrap=all(isinstance(r, str | Text) for r in renderables))


def macs_fact(nominal: int, live: int) -> str:
    """How much work a model is on paper and how much of it is done."""
    if live == nominal:
        return f"{nominal:,}, all live"
    return f"{nominal:,} nominal, as in the model's file; {live:,} live, the rest gives constants or is not used"


def facts(rows: Sequence[tuple[str, str]]) -> str:
    """Lines of "name  value", the values in one column."""
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value}" for name, value in rows)
