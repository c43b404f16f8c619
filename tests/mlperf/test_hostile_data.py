# SPDX-License-Identifier: Apache-2.0
"""Label files and archives that nobody should have made: each ends in one message that says what is wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smidgen.errors import InvalidInput
from smidgen.mlperf.runner.datasets import load_data_set
from smidgen.mlperf.tasks import TASKS

_KWS = TASKS["kws"]


@pytest.mark.parametrize(
    ("labels", "says"),
    [
        (b"f\x000.bin,12,0\n", "not the name of a file in the folder"),
        (b"f\x1b[31m.bin,12,0\n", "not the name of a file in the folder"),
        (b"f0.bin,12," + b"9" * 5000, "line 1: 'f0.bin,12,9{1,80}' is not 'file,classes,label'"),
        ("f0.bin,12,\N{ARABIC-INDIC DIGIT THREE}\n".encode(), "is not 'file,classes,label'"),
        (b"f" * 200_000 + b",12,0\n", "cannot be read as a label file: field larger than"),
        ("f0.bin,12,0\n".encode("utf-16"), "cannot be read as a label file"),
    ],
)
def test_label_files(tmp_path: Path, labels: bytes, says: str) -> None:
    (tmp_path / "y_labels.csv").write_bytes(labels)
    with pytest.raises(InvalidInput, match=says):
        load_data_set(_KWS, tmp_path)


_X, _Y = np.zeros((6, 490), np.int8), np.zeros(6, np.int64)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"x": np.int8(3), "y": np.int64(1)}, "one entry for each input"),
        ({"x": _X[:0], "y": _Y[:0]}, "one entry for each input"),
        ({"x": _X, "y": _Y[:5]}, r"their shapes are x \(6, 490\), y \(5,\)"),
        ({"x": _X}, r"needs arrays x \(inputs\) and y \(labels\), has x"),
        ({"x": _X, "y": _Y, "name": np.array(["a"] * 5)}, "one entry for each input"),
        ({"x": _X, "y": _Y, "name": np.array("a")}, "one entry for each input"),
        ({"x": _X, "y": _Y, "name": np.array(["a"] * 6)}, "each once"),
        ({"x": _X, "y": _Y, "name": np.array([*"abcde", "f\n"])}, "control characters"),
        ({"x": _X, "y": _Y + np.nan}, "whole numbers from 0 to 11"),
        ({"x": np.array([None] * 6, object), "y": _Y}, "Object arrays cannot be loaded"),
    ],
)
def test_arrays(tmp_path: Path, arrays: dict[str, Any], says: str) -> None:
    np.savez(tmp_path / "kws.npz", **arrays)
    with pytest.raises(InvalidInput, match=says):
        load_data_set(_KWS, tmp_path / "kws.npz")


@pytest.mark.parametrize("kind", ["cut", "damaged", "npy", "folder", "garbage", "empty"])
def test_archives(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "kws.npz"
    np.savez(path, x=_X, y=_Y)
    data = path.read_bytes()
    path.unlink()
    if kind == "folder":
        path.mkdir()
    elif kind == "npy":
        with path.open("wb") as stream:
            np.save(stream, _X)
    elif kind == "garbage":
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("x.npy", b"\x93NUMPY\x01\x00\x10\x00{garbage")
            archive.writestr("y.npy", b"")
    else:
        damaged = data[:300] + bytes(b ^ 255 for b in data[300:310]) + data[310:]
        path.write_bytes({"cut": data[:200], "damaged": damaged, "empty": b""}[kind])
    with pytest.raises(InvalidInput, match=r"kws\.npz: cannot be read as \.npz"):
        load_data_set(_KWS, path)
