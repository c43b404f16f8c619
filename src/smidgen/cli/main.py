# SPDX-License-Identifier: Apache-2.0
"""The smidgen command: its group, and how errors leave it."""

from __future__ import annotations

import _thread
import contextlib
import errno
import io
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from pathlib import Path
from types import FrameType
from typing import TextIO

import click
from rich.text import Text

from smidgen.cli.common import Unwritable, console, print_json, wants_json
from smidgen.errors import InternalError, SmidgenError, UsageError

_COMMANDS = (
    "compile", "quantize", "run", "verify", "profile", "tune", "check", "energy",
    "bench", "board", "firmware", "results", "submit", "check-submission",
    "targets", "ops", "zoo",
)  # fmt: skip

_INTERRUPTED = "interrupted; nothing half-written was left behind"

_EPILOG = """\b
Examples:
  smidgen compile model.tflite -o build/model
  smidgen verify model.onnx --cases 100
  smidgen profile kws --target nucleo-l4r5zi
  smidgen check model.tflite --json
"""


class _Commands(click.Group):
    """Imports a command's module when it is used, so that --help and errors are quick."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in _COMMANDS:
            return None
        module = __import__(f"smidgen.cli.{name.replace('-', '_')}_command", fromlist=["command"])
        command: click.Command = module.command
        return command


@click.group(cls=_Commands, epilog=_EPILOG, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="smidgen")
def cli() -> None:
    """An AI compiler for microcontrollers.

    A quantised model (TFLite int8 or ONNX QDQ) goes in; a folder of plain C comes out, proven byte for byte on an
    emulated Cortex-M4 and costed before anyone owns the board. MODEL is a file or a zoo name (smidgen zoo).
    """


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit.

    0: success only. 1: an error. 2: wrong usage. 70: a bug of ours. 130: interrupted.
    """
    sys.stdout, sys.stderr = sys.stdout or _nowhere(), sys.stderr or _nowhere()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # names that the terminal's encoding lacks are shown escaped
            stream.reconfigure(errors="backslashreplace")
    signal.signal(signal.SIGINT, _on_interrupt)
    signal.signal(signal.SIGTERM, _on_interrupt)  # as CI cancels: clean up and say so
    sys.unraisablehook = _on_unraisable
    code = _run(list(sys.argv[1:] if arguments is None else arguments))
    _leaving.set()
    sys.exit(code)


def _nowhere() -> TextIO:
    """For a stream that the caller has closed."""
    return open(os.devnull, "w", encoding="utf-8")


_AGAIN_S = 0.01
_LOST_S = 2.0  # far longer than cleaning up takes
_interrupted = threading.Event()
_leaving = threading.Event()  # set once the result is known: a late interrupt changes nothing


def _on_interrupt(number: int, frame: FrameType | None) -> None:
    if not _interrupted.is_set():
        _interrupted.set()
        threading.Thread(target=_insist, daemon=True).start()
    if not _leaving.is_set():
        raise KeyboardInterrupt


def _insist() -> None:
    """Ask again while the interrupt seems lost: some C code that calls Python drops what is raised there."""
    while not _leaving.wait(_LOST_S):
        _thread.interrupt_main()


def _on_unraisable(info: sys.UnraisableHookArgs) -> None:
    """An interrupt inside a callback from C code (the emulator's) cannot leave it: ask again a little later."""
    if info.exc_type is KeyboardInterrupt:
        again = threading.Timer(_AGAIN_S, _thread.interrupt_main)
        again.daemon = True
        with contextlib.suppress(KeyboardInterrupt):  # another one: the first will be asked again
            again.start()
    else:
        sys.__unraisablehook__(info)


def _run(arguments: list[str]) -> int:
    """The exit code; nothing but it leaves this function."""
    try:
        code = _guarded(arguments)
        sys.stdout.flush()
        return code
    except OSError as e:  # stdout or stderr cannot be written: a closed pipe, a full disk
        _discard(sys.stdout)
        if e.errno != errno.EPIPE:
            with contextlib.suppress(OSError):
                sys.stderr.write(f"error: cannot write the results: {e.strerror or e}\n")
        return 1


def _guarded(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, standalone_mode=False)
        return result if isinstance(result, int) else 0
    except SystemExit as e:
        return e.code if isinstance(e.code, int) else int(e.code is not None)
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        e.show()
        return _report(arguments, "UsageError", e.format_message(), 2, show=False)
    except (KeyboardInterrupt, click.Abort):
        _leaving.set()
        return _report(arguments, "Interrupted", _INTERRUPTED, 130)
    except (BrokenPipeError, Unwritable):
        raise
    except Exception as e:
        return _failed(arguments, e)


def _failed(arguments: list[str], e: Exception) -> int:
    kind = type(e).__name__
    if _interrupted.is_set():  # whatever went wrong then is its consequence
        _leaving.set()
        return _report(arguments, "Interrupted", _INTERRUPTED, 130)
    if isinstance(e, UsageError):
        return _report(arguments, kind, str(e), 2)
    if isinstance(e, SmidgenError) and not isinstance(e, InternalError):
        return _report(arguments, kind, str(e), 1)
    if isinstance(e, OSError | MemoryError):
        return _report(arguments, kind, str(e) or "out of memory", 1)
    text = str(e) if isinstance(e, InternalError) else f"{kind}: {e} ({_place(e)})"
    return _report(arguments, kind, f"{text}\nThis is a bug in smidgen: please report it with model and command.", 70)


def _place(e: Exception) -> str:
    """Where an exception was raised, for bug reports."""
    frames = traceback.extract_tb(e.__traceback__)
    return " < ".join(f"{Path(f.filename).name}:{f.lineno}" for f in reversed(frames[-3:]))


def _report(arguments: list[str], kind: str, message: str, code: int, *, show: bool = True) -> int:
    if show:
        console.print(Text.assemble(("error: ", "bold red"), message), soft_wrap=True)
    if wants_json(arguments):
        print_json({"error": {"kind": kind, "message": message}})
    return code


def _discard(stream: TextIO) -> None:
    """Send what is still buffered nowhere, so that the interpreter's exit does not fail on it again."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


if __name__ == "__main__":
    main()
