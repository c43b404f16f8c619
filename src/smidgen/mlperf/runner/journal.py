# SPDX-License-Identifier: Apache-2.0
"""The files of a run in progress: a journal that survives an interruption, and a log that grows in order.

Beside the three official files lies ``<mode>.journal``: a line of JSON that says what is run (task, model, firmware and
data by digest), then one line for each entry, in the order they were measured. Everything else is made from it.
"""

from __future__ import annotations

import contextlib
import errno
import importlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from datetime import datetime
from pathlib import Path

from smidgen.errors import OutputError, UsageError
from smidgen.mlperf.formats.results_json import entry_object, entry_of
from smidgen.mlperf.formats.results_types import Entry

_SCHEMA = 1
_LATEST_S = 4e9  # of a time of day, in seconds since 1970
_SYNC_S = 1.0  # at most so much is lost if the machine stops; nothing if only the program does


@dataclass(frozen=True, slots=True)
class Subject:
    """What a run is of: two runs with equal subjects may be one run, resumed. Digests are SHA-256."""

    task: str
    mode: str
    provenance: str
    device: str
    profile: str
    model_id: str
    firmware: str
    data: str
    baud: int


@dataclass(frozen=True, slots=True)
class Done:
    """An entry of the journal: which input (its place), of which piece of its file, when."""

    index: int
    piece: int
    when: float
    entry: Entry


@contextlib.contextmanager
def disk(path: Path) -> Iterator[None]:
    """Turns what a disk has to say into one message."""
    try:
        yield
    except OSError as e:
        if e.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            raise OutputError(
                f"{path}: {e.strerror}: what was measured until now is kept. Make room, then --resume goes on from here"
            ) from e
        raise OutputError(f"{path}: cannot be written: {e.strerror or e}. Choose another folder with -o") from e


class Journal:
    """An open journal. ``done`` is what it held when it was opened."""

    def __init__(self, path: Path, subject: Subject, *, resume: bool) -> None:
        """UsageError if it is there and not to be resumed, or is of another run."""
        self.path = path
        self.done: tuple[Done, ...] = ()
        self._synced = time.monotonic()
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
        try:
            self._begin(subject, resume=resume)
        except BaseException:
            self._stream.close()
            raise

    def _begin(self, subject: Subject, *, resume: bool) -> None:
        """Take what is there, or begin with what the run is of. One run at a time has the file."""
        with disk(self.path):
            _lock(self._stream.fileno(), self.path)
            good, self.done = _read(self.path, subject, resume=resume)
            self._stream.truncate(len(good))  # a torn last line
            self._stream.seek(len(good))
        if not good:
            self._write({"schema": _SCHEMA, **asdict(subject)})

    def add(self, index: int, piece: int, entry: Entry) -> Done:
        """Keep an entry. OutputError if the disk is full; the journal then ends with the entry before."""
        done = Done(index, piece, time.time(), entry)
        self._write({"index": index, "piece": piece, "when": done.when, "entry": entry_object(entry)})
        return done

    def _write(self, item: Mapping[str, object]) -> None:
        line = f"{json.dumps(item)}\n".encode()
        with disk(self.path):
            at = self._stream.tell()
            try:
                if (self._stream.write(line) or 0) != len(line):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                if time.monotonic() - self._synced > _SYNC_S:
                    os.fsync(self._stream.fileno())
                    self._synced = time.monotonic()
            except OSError:
                with contextlib.suppress(OSError):
                    self._stream.truncate(at)
                raise

    def close(self) -> None:
        with contextlib.suppress(OSError):
            os.fsync(self._stream.fileno())
        self._stream.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *details: object) -> None:
        self.close()


def _lock(handle: int, path: Path) -> None:
    """Keep other runs away until the file is closed. UsageError if one has it. Without locks nothing is done."""
    try:
        fcntl = importlib.import_module("fcntl")  # not on Windows
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise UsageError(f"{path}: another run writes it. Wait for its end, or choose another folder with -o") from None
    except (ImportError, OSError):
        return


def _read(path: Path, subject: Subject, *, resume: bool) -> tuple[bytes, tuple[Done, ...]]:
    """The part of a journal that is whole, and what it says; empty for one without a first line."""
    held = path.read_bytes()
    good, done = b"", []
    for number, line in enumerate(held.splitlines(keepends=True)):
        try:
            item = json.loads(line)
        except (ValueError, RecursionError):
            break
        if not line.endswith(b"\n") or not isinstance(item, dict):
            break
        if number == 0:
            _same(path, subject, item, resume=resume)
        elif (found := _done(item)) is None:
            break
        else:
            done.append(found)
        good += line
    if b"\n" in held and not good:  # without one it is a first line that was torn
        raise UsageError(f"{path} is no journal of a run. Choose another folder with -o, or move the file away")
    return good, tuple(done)


def _same(path: Path, subject: Subject, item: Mapping[str, object], *, resume: bool) -> None:
    if not resume:
        raise UsageError(f"{path} holds an earlier run: --resume goes on with it, -o chooses another folder")
    for name in ("schema", *(f.name for f in fields(subject))):
        ours = _SCHEMA if name == "schema" else getattr(subject, name)
        if item.get(name) != ours:
            raise UsageError(
                f"{path} is of another run and cannot be resumed: its {name} is {item.get(name)!r}, now "
                f"it is {ours!r}. Choose another folder with -o"
            )


def _done(item: Mapping[str, object]) -> Done | None:
    index, piece, when, held = (item.get(n) for n in ("index", "piece", "when", "entry"))
    if not (isinstance(index, int) and isinstance(piece, int) and isinstance(when, float) and isinstance(held, dict)):
        return None
    if index < 0 or piece < 0 or not 0.0 <= when < _LATEST_S:
        return None
    entry = entry_of(held)
    return None if entry is None else Done(index, piece, when, entry)


class OrderedLog:
    """A log.txt that is written in the order of the inputs, whatever order they are measured in."""

    def __init__(self, path: Path, head: Iterable[str], lines: Callable[[Done, int], list[str]]) -> None:
        self.path = path
        self._lines = lines
        self._waiting: dict[int, Done] = {}
        self._next = 0
        with disk(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._stream = path.open("w", encoding="utf-8")
        try:
            self._put(head)
        except BaseException:
            self.close()
            raise

    def add(self, done: Iterable[Done]) -> None:
        """Entries, of which those are written that have no gap before them."""
        for d in done:
            self._waiting[d.index] = d
        out: list[str] = []
        while (d_next := self._waiting.pop(self._next, None)) is not None:
            self._next += 1
            out += self._lines(d_next, self._next)
        self._put(out)

    def _put(self, lines: Iterable[str]) -> None:
        with disk(self.path):
            self._stream.writelines(f"{line}\n" for line in lines)
            self._stream.flush()

    def end(self, tail: Iterable[str]) -> None:
        self._put(tail)
        with disk(self.path):
            os.fsync(self._stream.fileno())

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._stream.close()


def write_whole(path: Path, text: str | bytes) -> None:
    """Write a file beside its name, then rename: readers see a whole file or none."""
    with disk(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(text.encode() if isinstance(text, str) else text)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).chmod(0o644)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)


def when_of(done: Done) -> datetime:
    """Local time, as the official runner stamps its lines."""
    return datetime.fromtimestamp(done.when)
