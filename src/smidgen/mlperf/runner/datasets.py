# SPDX-License-Identifier: Apache-2.0
"""The data sets: files that devices are fed, with their labels, checked before a run begins.

A data set is a folder in the official layout (y_labels.csv with lines ``file,classes,label``, AD also ``,2560,512``,
and the files it names), or a .npz with arrays x (inputs), y (labels) and, optionally, name.
"""

from __future__ import annotations

import csv
import hashlib
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import InvalidInput
from smidgen.mlperf.tasks import Task

LABELS = "y_labels.csv"
ALTERNATIVE_LABELS = "y_labels_alt.csv"
"""Of AD: 72 of the 248 files; accepted since round v1.2."""

Array = NDArray[np.generic]

_CLASSES_OF_AD = 2
_NUMBER = re.compile("[0-9]{1,9}")
_LONGEST = 80  # of a line, in messages


@dataclass(frozen=True, slots=True)
class Sample:
    """One file of a data set."""

    file: str
    classes: int
    label: int


@dataclass(frozen=True, slots=True)
class DataSet:
    """Labelled files in the order they are run; ``read`` gives a file's bytes. ``notes`` are for the user."""

    task: Task
    source: str
    samples: tuple[Sample, ...]
    read: Callable[[int], bytes]
    synthetic: bool = False
    notes: tuple[str, ...] = ()

    def pieces(self, index: int) -> tuple[bytes, ...]:
        """What the device is fed of file ``index``, in order: all of it, or its windows (AD)."""
        data, window = self.read(index), self.task.window
        if window is None:
            return (data,)
        starts = range(0, len(data) - window.nbytes + 1, window.stride_bytes)
        return tuple(data[s : s + window.nbytes] for s in starts)

    def digest(self, count: int) -> str:
        """SHA-256 over the names, labels and bytes of the first ``count`` files."""
        total = hashlib.sha256()
        for i, s in enumerate(self.samples[:count]):
            total.update(f"{s.file},{s.classes},{s.label}\n".encode())
            total.update(self.read(i))
        return total.hexdigest()


def folder_name(task: Task) -> str:
    """Where a task's files lie; ic2 runs on those of ic."""
    return "ic01" if task.model_id == "ic02" else task.model_id


def load_data_set(task: Task, data: Path, labels: str = LABELS) -> DataSet:
    """The data set of ``task`` in ``data``: the folder that holds kws01, ic01, ..., the task's own, or a .npz.

    InvalidInput if it is not there, incomplete, or not what the task's devices expect.
    """
    name = folder_name(task)
    if data.suffix == ".npz":
        return _from_npz(task, data)
    folder = data / name if (data / name).is_dir() else data
    archive = folder / f"{name}.npz"
    if (folder / labels).is_file():
        samples = read_labels(task, folder / labels)
        if archive.is_file() and not (folder / samples[0].file).exists():
            return _agreeing(_from_npz(task, archive), samples, folder / labels)
        return _from_files(task, folder, samples)
    if archive.is_file():
        return _from_npz(task, archive)
    raise InvalidInput(
        f"{data}: no data set of {task.name}: neither {name}/{labels} nor {labels} is there. --data names the folder "
        f"that holds {name} (as datasets/ of github.com/eembc/energyrunner, with the files added) or {name} itself"
    )


def read_labels(task: Task, path: Path) -> tuple[Sample, ...]:
    """The lines of a label file, checked against the task. InvalidInput names the line."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as e:
        raise InvalidInput(f"{path}: cannot be read as a label file: {e}") from e
    samples: list[Sample] = []
    seen: set[str] = set()
    for number, row in enumerate(_rows(text, path), 1):
        if not (fields := [field.strip() for field in row]) or fields == [""]:
            continue
        sample = _sample(task, fields, f"{path}, line {number}")
        if sample.file in seen:
            raise InvalidInput(f"{path}, line {number}: {sample.file} is there twice")
        seen.add(sample.file)
        samples.append(sample)
    if not samples:
        raise InvalidInput(f"{path}: no labels; it should hold lines like 'file.bin,{task.outputs},0'")
    return tuple(samples)


def _rows(text: str, path: Path) -> Iterator[list[str]]:
    try:
        yield from csv.reader(text.splitlines())
    except csv.Error as e:
        raise InvalidInput(f"{path}: cannot be read as a label file: {e}") from e


def _sample(task: Task, fields: list[str], where: str) -> Sample:
    classes_wanted = max(task.outputs, _CLASSES_OF_AD)
    if len(fields) < 3 or not all(_NUMBER.fullmatch(f) for f in fields[1:]):
        raise InvalidInput(f"{where}: {','.join(fields)[:_LONGEST]!r} is not 'file,classes,label'")
    classes, label = int(fields[1]), int(fields[2])
    if classes != classes_wanted:
        raise InvalidInput(f"{where}: {classes} classes, but {task.name} has {classes_wanted}: another task's labels?")
    if label >= classes:
        raise InvalidInput(f"{where}: label {label} is out of range, classes are 0 to {classes - 1}")
    window = task.window
    if window and len(fields) >= 5 and (int(fields[3]), int(fields[4])) != (window.nbytes, window.stride_bytes):
        raise InvalidInput(
            f"{where}: windows of {fields[3]} bytes every {fields[4]}, but {task.name} devices take "
            f"{window.nbytes} every {window.stride_bytes}"
        )
    if Path(fields[0]).name != fields[0] or not fields[0].isprintable():
        raise InvalidInput(f"{where}: {fields[0]!r} is not the name of a file in the folder")
    return Sample(fields[0], classes, label)


def _notes(task: Task, count: int) -> tuple[str, ...]:
    if count == task.files:
        return ()
    return (f"{count} files, the official set has {task.files}: a submission needs all of them",)


def _from_files(task: Task, folder: Path, samples: tuple[Sample, ...]) -> DataSet:
    for s in samples:
        path = folder / s.file
        try:
            nbytes = path.stat().st_size
        except OSError as e:
            raise InvalidInput(f"{path}: named in {LABELS}, but {(e.strerror or 'missing').lower()}") from e
        if nbytes != task.file_bytes:
            kind = "truncated" if nbytes < task.file_bytes else "too long"
            raise InvalidInput(f"{path}: {nbytes} bytes, files of {task.name} have {task.file_bytes}: {kind}")

    def read(index: int) -> bytes:
        path = folder / samples[index].file
        try:
            data = path.read_bytes()
        except OSError as e:
            raise InvalidInput(f"{path}: cannot be read: {e.strerror}") from e
        if len(data) != task.file_bytes:
            raise InvalidInput(f"{path}: {len(data)} bytes, files of {task.name} have {task.file_bytes}: it changed")
        return data

    return DataSet(task, str(folder), samples, read, notes=_notes(task, len(samples)))


def _arrays(path: Path) -> dict[str, Array]:
    """The arrays x, y and name of an archive, those of them that it holds."""
    try:
        with path.open("rb") as stream:
            archive = np.load(stream, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                raise ValueError("it holds a single array")
            with archive:
                return {name: np.asarray(archive[name]) for name in archive.files if name in ("x", "y", "name")}
    except OSError as e:
        raise InvalidInput(f"{path}: cannot be read as .npz: {e.strerror or e}") from e
    except (ValueError, EOFError, KeyError, TypeError, zipfile.BadZipFile, zlib.error, MemoryError) as e:
        raise InvalidInput(f"{path}: cannot be read as .npz: {e or 'it does not fit into memory'}") from e


def _from_npz(task: Task, path: Path) -> DataSet:
    held = _arrays(path)
    if "x" not in held or "y" not in held:
        raise InvalidInput(f"{path}: needs arrays x (inputs) and y (labels), has {', '.join(held) or 'neither'}")
    if not held["x"].ndim or not len(held["x"]) or any(a.shape[:1] != held["x"].shape[:1] for a in held.values()):
        shapes = ", ".join(f"{name} {a.shape}" for name, a in held.items())
        raise InvalidInput(f"{path}: its arrays need one entry for each input; their shapes are {shapes}")
    inputs = np.ascontiguousarray(held["x"])
    nbytes = inputs[0].nbytes
    if nbytes != task.file_bytes:
        raise InvalidInput(f"{path}: inputs of {nbytes} bytes ({inputs.dtype}), {task.name} has {task.file_bytes}")
    classes = max(task.outputs, _CLASSES_OF_AD)
    names = [str(n) for n in held["name"]] if "name" in held else [f"input_{i:06}.bin" for i in range(len(inputs))]
    if len(set(names)) != len(names) or not all(n and n.isprintable() for n in names):
        raise InvalidInput(f"{path}: name must hold a name for each input, each once and without control characters")
    labels = held["y"]
    if labels.ndim != 1 or labels.dtype.kind not in "iu" or labels.min() < 0 or labels.max() >= classes:
        raise InvalidInput(f"{path}: y must hold whole numbers from 0 to {classes - 1}")
    samples = tuple(Sample(n, classes, int(y)) for n, y in zip(names, labels, strict=True))
    return DataSet(task, str(path), samples, lambda i: inputs[i].tobytes(), notes=_notes(task, len(samples)))


def _agreeing(data: DataSet, samples: tuple[Sample, ...], path: Path) -> DataSet:
    """``data`` if the label file beside it says the same."""
    for ours, theirs in zip(data.samples, samples, strict=False):
        if ours != theirs:
            raise InvalidInput(
                f"{path}: labels do not match {data.source}: {theirs.file} is {theirs.label} there, "
                f"{ours.file} is {ours.label} here"
            )
    if len(data.samples) != len(samples):
        raise InvalidInput(f"{path}: {len(samples)} labels, but {data.source} holds {len(data.samples)} inputs")
    return data


def random_data_set(task: Task, count: int, seed: int = 0) -> DataSet:
    """Seeded random inputs, for timing where no data is at hand. Labels are all 0: there is nothing to be right about.

    Kernels take the same time whatever the input, so latencies are as with real data.
    """
    samples = tuple(Sample(f"random_{i:06}.bin", max(task.outputs, _CLASSES_OF_AD), 0) for i in range(count))

    def read(index: int) -> bytes:
        source = np.random.default_rng((seed, index))
        if task.format == "float32":
            return source.normal(-25.0, 10.0, task.file_bytes // 4).astype("<f4").tobytes()  # about as log-mel data
        return source.integers(0, 256, task.file_bytes, np.uint8).tobytes()

    note = "seeded random inputs, not the data set: good for timing, not for a submission (--data DIR)"
    return DataSet(task, f"random, seed {seed}", samples, read, synthetic=True, notes=(note,))
