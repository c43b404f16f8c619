# SPDX-License-Identifier: Apache-2.0
"""What a library's own functions answer: a program of the host is built with it and asked."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

from smidgen.build.host import host_identity
from smidgen.build.objects import cache_folder
from smidgen.build.toolchain import run_tool
from smidgen.build.zig import Zig, zig_environment
from smidgen.errors import BuildFailed
from smidgen.kernels.library import LibraryCode


def asking(library: LibraryCode, program: str) -> Callable[[tuple[str, ...]], int]:
    """A function that runs a C ``program`` of the host, linked with the library, with a question as its arguments.

    Each question is asked once. The program is built at the first one and kept in the user's cache folder. Raises
    BuildFailed, ToolNotFound.
    """
    answers: dict[tuple[str, ...], int] = {}
    built: list[Path] = []

    def answer(question: tuple[str, ...]) -> int:
        if question not in answers:
            if not built:
                built.append(_program(library, program))
            said = run_tool((str(built[0]), *question), cwd=Path.cwd(), what=f"asking {library.name} for buffer sizes")
            answers[question] = _bytes(said, library, question)
        return answers[question]

    return answer


def _bytes(said: str, library: LibraryCode, question: tuple[str, ...]) -> int:
    if not said.strip().isdigit():
        raise BuildFailed(f"{library.name} says a buffer of {said.strip()!r} bytes for {' '.join(question)}")
    return int(said)


_TEMPORARY: dict[str, tempfile.TemporaryDirectory[str]] = {}


def _program(library: LibraryCode, program: str) -> Path:
    """The program's file: the one in the cache, or built now."""
    key = hashlib.sha256("\0".join((host_identity(), library.digest, program)).encode()).hexdigest()
    cache = cache_folder()
    kept = cache / key[:2] / f"{key}.bin" if cache else None
    if kept is not None and kept.is_file():
        return kept
    if key not in _TEMPORARY:
        _TEMPORARY[key] = tempfile.TemporaryDirectory(prefix="smidgen-")
    folder = Path(_TEMPORARY[key].name)
    for path, text in {**library.texts(), "main.c": program}.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    made = folder / "program"
    plain = ("-U__ARM_FEATURE_DSP", "-U__ARM_FEATURE_MVE", "-std=c11", "-O1", "-w", "-fno-sanitize=undefined")
    run_tool(
        (*Zig().command(), *plain, f"-I{library.include}", "main.c", *library.sources, "-o", made.name),
        cwd=folder, what=f"building the size functions of {library.name}", environment=zig_environment(folder),
    )  # fmt: skip
    if kept is None:
        return made
    with contextlib.suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, suffix=".tmp")
        os.close(handle)
        shutil.copy(made, name)
        os.replace(name, kept)
        return kept
    return made
