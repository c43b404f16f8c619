# SPDX-License-Identifier: Apache-2.0
"""A folder as it lies on disk, read without trusting it: links are not followed, nothing but plain files is opened."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from smidgen.errors import UsageError

Kind = Literal["file", "folder", "link", "special", "unreadable"]

_DEEPEST = 60
_MOST_ENTRIES = 1_000_000
_LARGEST_BYTES = 256 * 1024 * 1024
"""Longest file read: the largest published one is 41 MB."""

_LONGEST_LINE = 2_048
"""What is kept of a log's line: no figure stands further right, and patterns crawl over longer ones."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in a folder; ``path`` is relative to the root, with slashes. ``problem`` says why it is unreadable."""

    path: str
    kind: Kind
    nbytes: int = 0
    children: Mapping[str, Entry] = field(default_factory=dict)
    problem: str = ""

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    def folder(self, name: str) -> Entry | None:
        """The folder ``name`` in this one."""
        child = self.children.get(name)
        return child if child is not None and child.kind == "folder" else None

    def file(self, name: str) -> Entry | None:
        """The plain file ``name`` in this one."""
        child = self.children.get(name)
        return child if child is not None and child.kind == "file" else None

    @property
    def folders(self) -> tuple[Entry, ...]:
        return tuple(c for c in self.children.values() if c.kind == "folder")

    @property
    def files(self) -> tuple[Entry, ...]:
        return tuple(c for c in self.children.values() if c.kind == "file")

    def walk(self) -> Iterator[Entry]:
        """This entry and all below it, parents first, by name."""
        waiting = [self]
        while waiting:
            entry = waiting.pop()
            yield entry
            waiting.extend(reversed(tuple(entry.children.values())))


class Unreadable(Exception):
    """A file or folder that cannot be read; the text says why."""


def scan(root: Path, wanted: str = "closed/ and open/") -> Entry:
    """Everything under ``root``. UsageError if it is no folder, saying that one which holds ``wanted`` is."""
    try:
        if not root.is_dir():
            raise UsageError(f"{root} is not a folder. Name the one that holds {wanted}")
    except ValueError as e:  # a NUL in the name
        raise UsageError(f"{root!r} is not the name of a folder: {e}. Name the one that holds {wanted}") from e
    return _folder(root, "", _Budget(), 0)


@dataclass(slots=True)
class _Budget:
    left: int = _MOST_ENTRIES


def _folder(root: Path, path: str, budget: _Budget, depth: int) -> Entry:
    if depth > _DEEPEST:
        return Entry(path, "unreadable", problem=f"more than {_DEEPEST} folders deep")
    try:
        with os.scandir(root / path) as found:
            names = sorted(found, key=lambda e: e.name)
    except OSError as e:
        return Entry(path, "unreadable", problem=e.strerror or str(e))
    children = {}
    for entry in names:
        budget.left -= 1
        if budget.left < 0:
            return Entry(path, "unreadable", problem=f"more than {_MOST_ENTRIES:,} files")
        where = f"{path}/{entry.name}" if path else entry.name
        children[entry.name] = _entry(root, where, entry, budget, depth)
    return Entry(path, "folder", children=children)


def _entry(root: Path, path: str, entry: os.DirEntry[str], budget: _Budget, depth: int) -> Entry:
    try:
        mode = entry.stat(follow_symlinks=False)
    except OSError as e:
        return Entry(path, "unreadable", problem=e.strerror or str(e))
    if stat.S_ISLNK(mode.st_mode):
        return Entry(path, "link")
    if stat.S_ISDIR(mode.st_mode):
        return _folder(root, path, budget, depth + 1)
    return Entry(path, "file" if stat.S_ISREG(mode.st_mode) else "special", mode.st_size)


def read_bytes(root: Path, entry: Entry) -> bytes:
    """The bytes of a plain file. Raises Unreadable."""
    if entry.nbytes > _LARGEST_BYTES:
        raise Unreadable(f"{entry.nbytes:,} bytes, more than the {_LARGEST_BYTES:,} that are read")
    try:
        handle = os.open(root / entry.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        with os.fdopen(handle, "rb") as stream:
            if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
                raise Unreadable("not a plain file")
            return stream.read(_LARGEST_BYTES)
    except OSError as e:
        raise Unreadable(e.strerror or str(e)) from e


def read_text(root: Path, entry: Entry) -> str:
    """A file's text: UTF-8 (with or without a mark), other bytes replaced. Raises Unreadable."""
    data = read_bytes(root, entry)
    encoding = "utf-16" if data[:2] in (b"\xff\xfe", b"\xfe\xff") else "utf-8-sig"
    return data.decode(encoding, "replace")


def read_json(root: Path, entry: Entry) -> object:
    """A file's JSON value. Raises Unreadable, with the line where it breaks off."""
    try:
        value: object = json.loads(read_text(root, entry))
        return value
    except json.JSONDecodeError as e:
        raise Unreadable(f"not JSON: {e.msg} (line {e.lineno})") from e
    except (RecursionError, ValueError) as e:
        raise Unreadable(f"not JSON that can be read: {type(e).__name__}") from e


_NOT_LINES = str.maketrans(dict.fromkeys("\r\x0b\x0c\x1c\x1d\x1e\x85\u2028\u2029", " "))


def read_log_text(root: Path, entry: Entry) -> str:
    """A log's text for the parsers: lines end at line feeds alone, as in an editor, and endless ones are cut."""
    lines = (line[:_LONGEST_LINE].rstrip("\r") for line in read_text(root, entry).split("\n"))
    return "\n".join(lines).translate(_NOT_LINES)
