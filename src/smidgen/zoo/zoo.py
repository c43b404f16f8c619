# SPDX-License-Identifier: Apache-2.0
"""Finding and fetching zoo models. Files: github.com/mlcommons/tiny (Apache-2.0), pinned by commit and SHA-256."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from smidgen.errors import OutputError, ToolError, UsageError
from smidgen.ir import Graph
from smidgen.zoo.topologies import SYNTHETIC

_COMMIT = "1afd2c9820f795965a6134facd0b4dfae41ef23f"
_BASE = "https://raw.githubusercontent.com/mlcommons/tiny"
SYNTHETIC_LABEL = "synthetic weights: latency and memory only"


@dataclass(frozen=True, slots=True)
class ZooModel:
    """A benchmark model: its name, task, the official file's path below benchmark/training and digest."""

    name: str
    task: str
    stem: str
    upstream: str
    sha256: str


ZOO: tuple[ZooModel, ...] = (
    ZooModel(
        "kws",
        "keyword spotting (DS-CNN)",
        "kws01",
        "keyword_spotting/trained_models/kws_ref_model.tflite",
        "aeea436800704fce17b17292e4412630ad856e9d777c044c64ef748a880bd0ae",
    ),
    ZooModel(
        "ic",
        "image classification (ResNet-8)",
        "ic01",
        "image_classification/trained_models/pretrainedResnet_quant.tflite",
        "3c002613d1b2475eb51dd78dfb85a546c8ae658dee71cf6ade43b022fe205415",
    ),
    ZooModel(
        "vww",
        "visual wake words (MobileNetV1 0.25)",
        "vww01",
        "visual_wake_words/trained_models/vww_96_int8.tflite",
        "597a384c8c2c8a1276f04702f25013b7838f2f814f1ca7c174d295b73e3d6b7b",
    ),
    ZooModel(
        "ad",
        "anomaly detection (autoencoder)",
        "ad01",
        "anomaly_detection/trained_models/ad01_int8.tflite",
        "87cf24194ef93d1d9b11a591d805526b98008e351655d29883c825c9c106ba24",
    ),
    ZooModel(
        "sww",
        "streaming wakeword (1-D separable convolutions)",
        "sww01",
        "streaming_wakeword/trained_models/str_ww_ref_model.tflite",
        "3af8550895ba7d5c584277102b5075c52dcfa63ba9d2b2240f37c4e6abd5dd2b",
    ),
)


@dataclass(frozen=True, slots=True)
class Found:
    """What a MODEL argument stands for: a file (``path``) or a graph built in code (``graph``), and how to call it."""

    name: str | None
    label: str
    path: Path | None
    graph: Graph | None

    @property
    def synthetic(self) -> bool:
        return self.graph is not None


def find_model(model: str, models_dir: Path | None = None, *, strict: bool = True) -> Found:
    """Resolve a path or a zoo name. A name is looked for in ``models_dir``, $SMIDGEN_ZOO and the pulled files, in this
    order; without a file it stands for the synthetic model, unless ``models_dir`` was given and ``strict``."""
    entry = next((m for m in ZOO if m.name == model), None)
    if entry is None or Path(model).is_file():
        path = Path(model)
        if not path.exists():
            names = ", ".join(m.name for m in ZOO)
            raise UsageError(f"no model {model!r}: neither a file nor a zoo name ({names}). Check the path")
        if not path.is_file():
            kind = "a folder" if path.is_dir() else "no regular file"
            raise UsageError(f"{model} is {kind}; MODEL is a .tflite or .onnx file, or a zoo name")
        return Found(None, path.name, path, None)
    for folder, asked_by in _folders(models_dir):
        for path in _candidates(entry, folder):
            if path.is_file():
                return Found(entry.name, path.name, path, None)
        if asked_by is not None and not folder.is_dir():
            raise UsageError(f"{asked_by} names {folder}, which is no folder. Check the path, or leave it out")
        if asked_by == "--models" and strict:
            names = ", ".join(dict.fromkeys(path.name for path in _candidates(entry, folder)))
            raise UsageError(f"{folder} has no file for {entry.name}: looked for {names}. Leave --models out for noise")
    return Found(entry.name, f"{entry.name} ({SYNTHETIC_LABEL})", None, SYNTHETIC[entry.name]())


def _folders(models_dir: Path | None) -> list[tuple[Path, str | None]]:
    """Where to look, and the option or variable that asked for it (None: our own place, which need not exist)."""
    named = os.environ.get("SMIDGEN_ZOO")
    places = [(models_dir, "--models"), (Path(named) if named else None, "SMIDGEN_ZOO"), (pull_folder(), None)]
    return [(folder, asked_by) for folder, asked_by in places if folder is not None]


def _candidates(entry: ZooModel, folder: Path) -> list[Path]:
    file, official = f"{entry.stem}_int8.tflite", Path(entry.upstream)
    return [folder / entry.stem / file, folder / file, folder / official.name, folder / official]


def pull_folder() -> Path:
    """Where ``pull`` puts files: smidgen/zoo in the user's data folder."""
    base = os.environ.get("XDG_DATA_HOME")
    return (Path(base) if base else Path.home() / ".local" / "share") / "smidgen" / "zoo"


def pull(progress: Callable[[ZooModel], None] = lambda _: None) -> list[Path]:
    """Download every official file, check its SHA-256 and keep it. Files already there and right are left alone."""
    paths = []
    for entry in ZOO:
        progress(entry)
        path = pull_folder() / f"{entry.stem}_int8.tflite"
        if not (path.is_file() and _digest(path.read_bytes()) == entry.sha256):
            _write(path, _download(entry))
        paths.append(path)
    return paths


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def _download(entry: ZooModel) -> bytes:
    url = f"{_BASE}/{_COMMIT}/benchmark/training/{entry.upstream}"
    try:
        with urllib.request.urlopen(url, timeout=60) as reply:
            data: bytes = reply.read(64 << 20)
    except (urllib.error.URLError, OSError) as e:
        raise ToolError(
            f"cannot download {entry.name} from {url}: {e}. Put the official files into a folder and name it with "
            f"--models or SMIDGEN_ZOO"
        ) from e
    if _digest(data) != entry.sha256:
        raise ToolError(f"{url} has SHA-256 {_digest(data)}, expected {entry.sha256}: not the official file")
    return data


def _write(path: Path, data: bytes) -> None:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=path.parent, delete=False) as part:
            try:
                part.write(data)
                part.close()
                os.replace(part.name, path)
            except BaseException:
                with contextlib.suppress(OSError):
                    os.unlink(part.name)
                raise
    except OSError as e:
        raise OutputError(f"cannot write {path}: {e.strerror}. Set XDG_DATA_HOME to a folder you can write") from e
