# SPDX-License-Identifier: Apache-2.0
"""Somebody else's library in a build: its files beside the generated ones, and the flags for them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smidgen.kernels.library import LibraryCode

FOLDER = "library"
_HOSTED = "runtime/hosted"


def library_files(library: LibraryCode, runtime: Path) -> Mapping[str, str]:
    """What a build needs of it, by the paths it gets there."""
    header = (runtime / "hosted" / "string.h").read_text(encoding="utf-8")
    return {f"{_HOSTED}/string.h": header, **{f"{FOLDER}/{path}": text for path, text in library.texts().items()}}


def library_includes(library: LibraryCode) -> tuple[str, ...]:
    """Flags for its sources and for kernels that call it: headers in which nothing is warned of."""
    return ("-isystem", f"{FOLDER}/{library.include}", "-isystem", _HOSTED)
