# SPDX-License-Identifier: Apache-2.0
"""Model files to graphs, by content, not by suffix; nothing is optimised here."""

from __future__ import annotations

import re
from pathlib import Path

from smidgen.errors import MalformedModel
from smidgen.ir import Graph

_LARGEST_BYTES = 256 << 20  # far above any microcontroller's flash


def load_bytes(data: bytes, name: str, source: str) -> Graph:
    """The graph of a TFLite or ONNX model. ``source`` is how messages call the file.

    Raises MalformedModel or UnsupportedModel.
    """
    if not data:
        raise MalformedModel(f"{source} is empty (0 bytes). Is the download or the export complete?")
    if data[4:8] == b"TFL3":
        from smidgen.frontends.tflite.reader import read_tflite

        return read_tflite(data, name, source)
    from smidgen.frontends.onnx.reader import read_onnx

    try:
        return read_onnx(data, name, source)
    except MalformedModel as e:
        if not source.lower().endswith(".tflite"):
            raise
        raise MalformedModel(
            f"{source} is not a TFLite model: bytes 4 to 7 are {data[4:8]!r}, not b'TFL3'. Is the download or the "
            f"export complete, and is it really a model?"
        ) from e


def load(path: Path, name: str | None = None) -> Graph:
    """The graph of a model file; its name is ``name`` or made from the file's stem."""
    source = path.name
    try:
        size = path.stat().st_size
        if size > _LARGEST_BYTES:
            raise MalformedModel(f"{source} has {size} bytes; smidgen reads models up to {_LARGEST_BYTES} bytes")
        data = path.read_bytes()
    except OSError as e:
        raise MalformedModel(f"cannot read model {path}: {e.strerror}. Check the path and its permissions") from e
    return load_bytes(data, identifier(name or path.stem), source)


def identifier(text: str) -> str:
    """``text`` as a lower-case C identifier of at most 48 characters."""
    clean = re.sub(r"[^a-z0-9_]+", "_", text.lower()).strip("_")[:48]
    return clean if clean and not clean[0].isdigit() else f"m_{clean}".rstrip("_")
