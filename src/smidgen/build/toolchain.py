# SPDX-License-Identifier: Apache-2.0
"""What a C toolchain for a target must offer, and how outside tools are found and run."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol

from smidgen.errors import BuildFailed, ToolNotFound
from smidgen.targets import Target

COMPILE_TIMEOUT_S = 300
WARNINGS = ("-Wall", "-Wextra", "-Werror", "-Wconversion")
FREESTANDING = (
    "-std=c11",
    "-g0",  # zig would add debug information, and with it paths of this machine
    "-ffreestanding",
    "-ffunction-sections",
    "-fdata-sections",
    "-fomit-frame-pointer",
    "-ffp-contract=off",  # a fused multiply-add would make float results depend on the compiler
    "-fno-asynchronous-unwind-tables",
    "-fno-unwind-tables",
)


class Toolchain(Protocol):
    """A C compiler driver with gcc's command line. All members may raise ToolNotFound."""

    @property
    def name(self) -> str: ...

    @property
    def libraries(self) -> tuple[str, ...]:
        """What to link behind the objects."""

    def version(self) -> str:
        """One line; part of every cache key and of the image's record."""

    def command(self) -> tuple[str, ...]:
        """The driver, as the start of an argument list."""

    def compile_flags(self, target: Target, optimize: str) -> tuple[str, ...]:
        """Everything but include folders, input and output."""

    def link_flags(self, target: Target) -> tuple[str, ...]:
        """Everything but the linker script, inputs and output."""

    def environment(self, work_dir: Path) -> Mapping[str, str]:
        """The variables of its processes; scratch files go to ``work_dir`` where the default place is not writable."""


def find_tool(name: str, *, package: str, variable: str, alternative: str) -> str:
    """The path of an executable: from the environment variable if that is set, otherwise from PATH.

    Raises ToolNotFound with the package that brings it, the variable that points at it and what can be used instead.
    """
    chosen = os.environ.get(variable)
    path = shutil.which(chosen or name)
    if path is None:
        where = f"{variable}={chosen} is not an executable" if chosen else f"{name} is not on PATH"
        raise ToolNotFound(f"{where}: install {package}, or set {variable} to its path, or use {alternative}")
    return path


def run_tool(
    command: Sequence[str],
    *,
    cwd: Path,
    what: str,
    environment: Mapping[str, str] | None = None,
    timeout_s: float = COMPILE_TIMEOUT_S,
) -> str:
    """Runs a tool and returns what it printed on stdout; BuildFailed carries everything it printed, and ``what``."""
    try:
        done = subprocess.run(
            list(command),
            cwd=cwd,
            env=None if environment is None else dict(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise BuildFailed(
            f"{what}: {command[0]} did not finish within {timeout_s:g} s; try again or look for a hang"
        ) from None
    except OSError as error:
        raise ToolNotFound(f"{what}: {command[0]} cannot be started: {error.strerror}") from None
    if done.returncode != 0:
        printed = "\n".join(t for t in (done.stdout.strip(), done.stderr.strip()) if t) or "(it printed nothing)"
        raise BuildFailed(f"{what}: {' '.join(command[:4])} ... ended with {done.returncode}:\n{printed}")
    return done.stdout
