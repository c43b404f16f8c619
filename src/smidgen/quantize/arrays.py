# SPDX-License-Identifier: Apache-2.0
"""Arrays of .npy and .npz files, whatever state the files are in."""

from __future__ import annotations

import zipfile
from collections.abc import Container
from pathlib import Path

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir import Array

_LARGEST_FILE_BYTES = 1 << 30


def read_arrays(path: Path, what: str = "inputs", skip: Container[str] = ()) -> dict[str, Array]:
    """Every array of a file by name ("" in a .npy), text included, but those in ``skip``.

    InvalidInput for what cannot be read; ``what`` says in it what the file was wanted for.
    """
    try:
        if not path.is_file():
            raise InvalidInput(f"{what} {path}: {'not a file' if path.exists() else 'no such file'}. Check the path")
        if path.stat().st_size > _LARGEST_FILE_BYTES:
            raise InvalidInput(f"{path.name} is larger than {_LARGEST_FILE_BYTES} bytes; split it")
        if zipfile.is_zipfile(path):
            _require_small_members(path)
        with path.open("rb") as stream:  # our own: numpy forgets to close it on errors
            loaded = np.load(stream, allow_pickle=False)
            if isinstance(loaded, np.ndarray):
                return {"": loaded}
            with loaded:
                return {k: loaded[k] for k in loaded.files if k not in skip}
    except InvalidInput:
        raise
    except OSError as e:
        raise InvalidInput(f"cannot read {what} {path}: {e.strerror or e}. Check the path") from e
    except Exception as e:  # numpy raises many kinds for damaged archives (zipfile, struct, ValueError, EOFError)
        why = str(e).rstrip(".") or type(e).__name__
        if "pickle" in why:  # numpy advises to load it all the same, which runs whatever code is in it
            why = "it starts like none of them, or holds Python objects, which are never loaded"
        raise InvalidInput(
            f"{path.name} is not a readable .npy or .npz file of numbers: {why}. "
            f"Make one with numpy.save or numpy.savez"
        ) from e


def _require_small_members(path: Path) -> None:
    """A small archive can unpack to a huge one."""
    with zipfile.ZipFile(path) as archive:
        if sum(m.file_size for m in archive.infolist()) > _LARGEST_FILE_BYTES:
            raise InvalidInput(f"{path.name} unpacks to more than {_LARGEST_FILE_BYTES} bytes; split it")
