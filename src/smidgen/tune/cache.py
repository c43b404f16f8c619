# SPDX-License-Identifier: Apache-2.0
"""Measurements on disk: one small file each, written whole or not at all, and never believed without its checksum."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path

SCHEMA = 1
"""Of a measurement's file; a file of another one is measured anew."""


@dataclass(frozen=True, slots=True)
class Measurement:
    """One kernel at one node: instructions counted, cycles and the stalls of the board's memory modelled from them."""

    instructions: int
    cycles: int
    stall_cycles: int


@dataclass
class Cache:
    """A folder of measurements by key. ``damaged`` names the files that could not be believed; they are replaced.

    ``folder`` None: nothing is kept, and every look-up misses.
    """

    folder: Path | None
    damaged: list[str] = field(default_factory=list)

    def get(self, key: str) -> Measurement | None:
        """The measurement under ``key``; None if there is none, or none that can be believed."""
        if self.folder is None:
            return None
        path = self._path(self.folder, key)
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            return None
        except (OSError, UnicodeDecodeError):
            text = ""
        found = _parse(text, key)
        if found is None and path.name not in self.damaged:
            self.damaged.append(path.name)
        return found

    def put(self, key: str, measurement: Measurement) -> None:
        """Keeps a measurement; where the folder cannot be written, nothing happens."""
        if self.folder is not None:
            path = self._path(self.folder, key)
            write_atomically(path, _text(key, measurement))

    @staticmethod
    def _path(folder: Path, key: str) -> Path:
        return folder / key[:2] / f"{key}.json"


def user_cache() -> Path | None:
    """smidgen/tune in the user's cache folder; None if it cannot be written."""
    try:
        base = os.environ.get("XDG_CACHE_HOME") or str(Path.home() / ".cache")
        folder = Path(base) / "smidgen" / "tune"
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, RuntimeError):
        return None
    return folder if os.access(folder, os.W_OK | os.X_OK) else None


def write_atomically(path: Path, text: str) -> None:
    """Writes beside the final name, then renames: readers see a whole file or none. An OSError is swallowed."""
    with contextlib.suppress(OSError):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as stream:
                stream.write(text)
            os.replace(name, path)
        finally:
            Path(name).unlink(missing_ok=True)


def checksum(fields: object) -> str:
    """SHA-256 over a JSON value, independent of the order of keys."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()).hexdigest()


def _text(key: str, m: Measurement) -> str:
    fields = {"schema": SCHEMA, "key": key, **asdict(m)}
    return json.dumps({**fields, "sha256": checksum(fields)}, indent=1) + "\n"


def _parse(text: str, key: str) -> Measurement | None:
    try:
        fields = json.loads(text)
        if not isinstance(fields, dict) or fields.pop("sha256", None) != checksum(fields):
            return None
        if (fields.pop("schema", None), fields.pop("key", None)) != (SCHEMA, key):
            return None
        if not all(isinstance(v, int) and v >= 0 for v in fields.values()):
            return None
        return Measurement(**fields)
    except (ValueError, TypeError, RecursionError):
        return None
