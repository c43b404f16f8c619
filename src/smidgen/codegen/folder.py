# SPDX-License-Identifier: Apache-2.0
"""Writes a folder all at once: either everything is there, or nothing has changed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import BinaryIO

from smidgen.errors import OutputError

_MARK = ".smidgen"
"""A file in every folder we write, with the paths of the others: it allows replacing just those later."""


def write_folder(folder: Path, files: Mapping[str, str], *, replace: bool = False) -> list[str]:
    """Write ``files`` (relative path -> text) into ``folder``, made new; returns their paths, sorted.

    An existing folder has to be empty, or one we made and ``replace`` set. Raises OutputError, and then nothing is
    half-written.
    """
    try:
        check_folder(folder, replace)
        marked = {**files, _MARK: "".join(f"{path}\n" for path in sorted(files))}
        with _parents(folder):
            _write(folder, {path: text.encode("utf-8", "backslashreplace") for path, text in marked.items()})
    except OSError as e:
        raise _unwritable(folder, e) from e
    return sorted(files)


def put_folder(folder: Path, files: Mapping[str, bytes]) -> None:
    """Put a folder with exactly ``files`` in the place of ``folder``, whatever that held: the caller has looked.

    Raises OutputError, and then nothing has changed.
    """
    try:
        with _parents(folder):
            _write(folder, files)
    except OSError as e:
        raise _unwritable(folder, e) from e


def _unwritable(folder: Path, e: OSError) -> OutputError:
    where = e.filename or folder
    return OutputError(f"cannot write {folder}: {e.strerror} ({where}). Choose another folder with -o")


def _write(folder: Path, files: Mapping[str, bytes]) -> None:
    staging = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
    try:
        for path, data in files.items():
            (staging / path).parent.mkdir(parents=True, exist_ok=True)
            (staging / path).write_bytes(data)
        staging.chmod(0o777 & ~_umask())
        _swap(staging, folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


@contextlib.contextmanager
def _parents(path: Path) -> Iterator[None]:
    """Make the folders that lead to ``path``, and remove them again if what follows fails."""
    made = [p for p in path.parents if not p.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        for folder in made:
            with contextlib.suppress(OSError):
                folder.rmdir()
        raise


def check_folder(folder: Path, replace: bool) -> None:
    """OutputError unless ``folder`` is new, empty, or made by us and to be replaced."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise OutputError(f"{folder} exists and is not a folder. Choose another one with -o")
    if folder.absolute() == Path.cwd():
        raise OutputError(f"{folder} is the current folder, which cannot be replaced. Name a folder in it with -o")
    if not folder.exists() or not any(folder.iterdir()):
        return
    if not (folder / _MARK).is_file():
        raise OutputError(
            f"{folder} is not empty and was not made by smidgen: it is left alone. Choose another with -o"
        )
    if not replace:
        raise OutputError(f"{folder} holds an earlier compilation. Use --force to replace it, or -o for another folder")
    ours = {*(folder / _MARK).read_text(encoding="utf-8", errors="replace").splitlines(), _MARK}
    found = (p for p in sorted(folder.rglob("*")) if not p.is_dir() or p.is_symlink())
    others = [p.relative_to(folder).as_posix() for p in found if p.relative_to(folder).as_posix() not in ours]
    if others:
        shown = ", ".join(others[:3]) + (f" and {len(others) - 3} more" if len(others) > 3 else "")
        raise OutputError(
            f"{folder} holds what smidgen did not make: {shown}. Move it away, or use -o for another folder"
        )


def _swap(staging: Path, folder: Path) -> None:
    """Put the new folder in the place of the old one, which is kept until the new one stands there."""
    if not folder.exists():
        os.rename(staging, folder)
        return
    old = Path(tempfile.mkdtemp(prefix=f".{folder.name}.old.", dir=folder.parent))
    try:
        os.rename(folder, old / "was")
        try:
            os.rename(staging, folder)
        except BaseException:
            os.rename(old / "was", folder)
            raise
    finally:
        shutil.rmtree(old, ignore_errors=True)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def write_file(path: Path, write: Callable[[BinaryIO], None]) -> None:
    """Let ``write`` fill a new file that replaces ``path`` at the end; OutputError, and nothing changed, otherwise."""
    try:
        if path.exists() and not path.is_file():
            raise OutputError(f"{path} is a folder or a device, not a file. Choose another place")
        with _parents(path):
            handle, part = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)
            try:
                with os.fdopen(handle, "wb") as stream:
                    write(stream)
                os.chmod(part, 0o666 & ~_umask())
                os.replace(part, path)
            except BaseException:
                os.unlink(part)
                raise
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror}. Choose another place") from e
