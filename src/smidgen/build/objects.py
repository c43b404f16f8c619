# SPDX-License-Identifier: Apache-2.0
"""Compiles C files to objects in parallel, and keeps objects by the content that made them."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from smidgen.build.miscompile import KEEP_LABELS, check_object, suspicious
from smidgen.build.toolchain import run_tool

JOBS = 2
_INCLUDE = re.compile(rb'^[ \t]*#[ \t]*include[ \t]*["<]([^">]+)[">]', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class CompileJob:
    """One C (or assembly) file below ``root`` and the object it becomes."""

    source: str  # relative to the root, so that no path of this machine gets into the object
    output: Path
    flags: tuple[str, ...] = ()  # behind the compiler's own


@dataclass(frozen=True, slots=True)
class Compiler:
    """A driver with all its flags. ``identity`` names tool and version; ``check_addresses``: see miscompile.py."""

    identity: str
    command: tuple[str, ...]
    flags: tuple[str, ...]
    environment: Mapping[str, str]
    check_addresses: bool = False


def cache_folder() -> Path | None:
    """Where objects are kept between builds: smidgen/objects in the user's cache folder. None if it cannot be used."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(base) / "smidgen" / "objects"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def compile_all(compiler: Compiler, root: Path, jobs: Sequence[CompileJob], includes: Sequence[str]) -> None:
    """Compiles every job; BuildFailed of the first that fails, in the order given."""
    headers = {path.relative_to(root).as_posix(): path.read_bytes() for path in sorted(root.rglob("*.h"))}
    cache = cache_folder()

    def one(job: CompileJob) -> None:
        _compile(compiler, root, job, includes, _reached(root, job, headers), cache)

    with ThreadPoolExecutor(JOBS) as pool:
        for finished in [pool.submit(one, job) for job in jobs]:
            finished.result()


def _reached(root: Path, job: CompileJob, headers: Mapping[str, bytes]) -> bytes:
    """A digest of the headers a source can include: by file name, wherever they lie, so never too few."""
    todo, found = [(root / job.source).read_bytes()], set[str]()
    while todo:
        names = {name.rsplit(b"/", 1)[-1].decode(errors="replace") for name in _INCLUDE.findall(todo.pop())}
        new = {h for h in headers if h.rsplit("/", 1)[-1] in names} - found
        found |= new
        todo += [headers[h] for h in sorted(new)]
    digest = hashlib.sha256()
    for header in sorted(found):
        digest.update(f"{header}\0{len(headers[header])}\0".encode() + headers[header])
    return digest.digest()


def _compile(
    compiler: Compiler, root: Path, job: CompileJob, includes: Sequence[str], headers: bytes, cache: Path | None
) -> None:
    text = (root / job.source).read_bytes()
    checked = ("checked",) if compiler.check_addresses else ()
    parts = (compiler.identity, *compiler.flags, *checked, *includes, *job.flags, job.source)
    key = hashlib.sha256("\0".join(parts).encode() + b"\0" + headers + text).hexdigest()
    kept = cache / key[:2] / f"{key}.o" if cache else None
    if kept is not None:
        with contextlib.suppress(OSError):
            shutil.copyfile(kept, job.output)
            return
    include_flags = [f"-I{folder}" for folder in includes]
    command = (*compiler.command, *compiler.flags, *job.flags, *include_flags, "-c", job.source, "-o", str(job.output))
    run_tool(command, cwd=root, what=f"compiling {job.source}", environment=compiler.environment)
    if compiler.check_addresses and suspicious(job.output):
        labelled = job.output.with_suffix(".labelled.o")
        again = (*command[:-1], str(labelled), *KEEP_LABELS)
        run_tool(again, cwd=root, what=f"compiling {job.source}", environment=compiler.environment)
        check_object(labelled, job.source)
    if kept is not None:
        _keep(job.output, kept)


def _keep(made: Path, kept: Path) -> None:
    """Copies beside the final name, then renames: readers in other processes see a whole object or none."""
    with contextlib.suppress(OSError):
        kept.parent.mkdir(exist_ok=True)
        handle, name = tempfile.mkstemp(dir=kept.parent, suffix=".tmp")
        os.close(handle)
        try:
            shutil.copyfile(made, name)
            os.replace(name, kept)
        finally:
            Path(name).unlink(missing_ok=True)
