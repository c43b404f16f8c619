# SPDX-License-Identifier: Apache-2.0
"""The smidgen command: its group, and how errors leave it."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

import click

from smidgen.cli.common import console, print_json, wants_json
from smidgen.errors import InternalError, SmidgenError

_COMMANDS = ("compile", "run", "verify", "profile", "check", "targets", "ops", "zoo")

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
        module = __import__(f"smidgen.cli.{name}_command", fromlist=["command"])
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
    """Run the command line and exit: 0 only on success, 1 for errors, 2 for wrong usage, 130 when interrupted."""
    sys.exit(_run(list(sys.argv[1:] if arguments is None else arguments)))


def _run(arguments: list[str]) -> int:
    try:
        result = cli.main(arguments, standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except click.exceptions.Exit as e:
        return e.exit_code
    except click.ClickException as e:
        e.show()
        return _report(arguments, "UsageError", e.format_message(), 2)
    except (KeyboardInterrupt, click.Abort):
        return _report(arguments, "Interrupted", "interrupted; nothing half-written was left behind", 130, show=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except InternalError as e:
        text = f"{e}\nThis is a bug in smidgen: please report it with the model and the command."
        return _report(arguments, type(e).__name__, text, 70, show=True)
    except SmidgenError as e:
        return _report(arguments, type(e).__name__, str(e), 1, show=True)
    except (OSError, MemoryError) as e:
        return _report(arguments, type(e).__name__, f"{e or 'out of memory'}", 1, show=True)


def _report(arguments: list[str], kind: str, message: str, code: int, *, show: bool = False) -> int:
    if show:
        console.print(f"[bold red]error:[/] {_escaped(message)}", highlight=False, soft_wrap=True)
    if wants_json(arguments):
        print_json({"error": {"kind": kind, "message": message}})
    return code


def _escaped(text: str) -> str:
    return text.replace("[", "\\[")


if __name__ == "__main__":
    main()
