# SPDX-License-Identifier: Apache-2.0
"""Somebody else's library that kernels call: where it lies, which of its files they reach, and a digest of those."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from smidgen.errors import UsageError

LIBRARY_FLAGS = ("-fhosted", "-w")
"""For a library's sources where there is a C library, behind ours: it counts on memcpy of four bytes being a load; its
warnings are not ours. Our own images have no C library, but a string.h of ours that gives the same (runtime/hosted)."""


@dataclass(frozen=True)
class LibraryCode:
    """Files of one library, relative to ``root``. ``variable`` names what a build system finds the root by."""

    name: str
    version: str
    variable: str
    root: Path
    include: str  # the folder that is searched for headers
    headers: tuple[str, ...]
    sources: tuple[str, ...]
    unfit: str = "0"  # the preprocessor's condition under which its code needs other buffers than were planned

    def texts(self) -> Mapping[str, str]:
        """Every file by its path. UsageError if one cannot be read."""
        found: dict[str, str] = {}
        for path in (*self.headers, *self.sources):
            try:
                found[path] = (self.root / path).read_text(encoding="utf-8", errors="replace")
            except OSError as error:
                raise UsageError(f"{self.root / path}: cannot be read: {error.strerror}; {self.remedy}") from None
        return found

    @property
    def remedy(self) -> str:
        """What to do about a library that is not as it should be."""
        return f"set {self.variable} to a current checkout of {self.name}"

    @property
    def title(self) -> str:
        """Name, version and digest, for reports."""
        return f"{self.name} {self.version}, SHA-256 of the files used {self.digest}"

    @cached_property
    def digest(self) -> str:
        """SHA-256 of the files."""
        digest = hashlib.sha256()
        for path, text in sorted(self.texts().items()):
            digest.update(f"{path}\0{len(text)}\0{text}".encode())
        return digest.hexdigest()


def merged(parts: Iterable[LibraryCode]) -> LibraryCode | None:
    """All the files of the parts, which are of one library. None of none."""
    codes = list(parts)
    if not codes:
        return None
    first = codes[0]
    assert all((c.name, c.root, c.version) == (first.name, first.root, first.version) for c in codes)
    headers, sources = ({p for c in codes for p in getattr(c, kind)} for kind in ("headers", "sources"))
    return LibraryCode(
        first.name, first.version, first.variable, first.root, first.include,
        tuple(sorted(headers)), tuple(sorted(sources)), first.unfit,
    )  # fmt: skip
