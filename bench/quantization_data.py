# SPDX-License-Identifier: Apache-2.0
"""The samples that bench/quantization.py calibrates on and those it judges by, never the same; always the same ones.

KWS: 100 of the 500 official samples, the others judge (and have labels). SWW: the 45 official calibration samples; the
official ten seconds of sound judge, frame by frame. AD: the windows of the first half of the one official spectrogram,
those of the second half judge; no frame is in both. IC and VWW: square windows of the colour pictures inside
scikit-image and scikit-learn, made small; the pictures that judge are others than those that calibrate.
"""

from __future__ import annotations

import importlib.util
import wave
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from smidgen.errors import ToolNotFound, UsageError
from smidgen.ir import Array

CALIBRATION, JUDGED = 100, 200  # pictures; the others have as many samples as there are
_KWS_SCALE, _KWS_ZERO = np.float32(0.5847029), 83  # of the samples' bytes (SOURCES.md beside the models)
_SWW_ROWS = 30
_AD_FRAMES, _AD_BANDS, _AD_WINDOW = 200, 128, 5
_PICTURES = {  # package: folder of its files with three colours
    "skimage": (
        "data",
        "astronaut.png chelsea.png coffee.png hubble_deep_field.jpg ihc.png motorcycle_left.png retina.jpg rocket.jpg",
    ),
    "sklearn": ("datasets/images", "china.jpg flower.jpg"),
}
_FOR_JUDGING = ("chelsea", "china", "hubble_deep_field", "motorcycle_left", "rocket")


@dataclass(frozen=True, slots=True)
class Samples:
    """Inputs of the float model (n, ...), float32; ``labels`` of the judged ones where there are any."""

    calibration: Array
    judged: Array
    labels: Array | None = None


def _file(folder: Path, name: str) -> Path:
    path = folder / name
    if not path.is_file():
        raise UsageError(f"{path} is absent; --shared is the folder that has datasets/ with kws01, sww01 and ad01")
    return path


def kws(datasets: Path) -> Samples:
    with np.load(_file(datasets, "kws01/kws01.npz")) as file:
        x, y = file["x"], file["y"]
    real = (x.astype(np.float32) - _KWS_ZERO) * _KWS_SCALE
    order = np.random.default_rng(0).permutation(len(real))
    return Samples(real[order[:CALIBRATION]], real[order[CALIBRATION:]], y[order[CALIBRATION:]].astype(np.int64))


def sww(datasets: Path) -> Samples:
    with np.load(_file(datasets, "sww01/calibration_samples.npz")) as file:
        calibration = file["specs"].astype(np.float32)
    with wave.open(str(_file(datasets, "sww01/short_wav_easy10s.wav"))) as file:
        pcm = np.frombuffer(file.readframes(file.getnframes()), "<i2").reshape(-1, file.getnchannels())[:, 0]
    rows = log_mel(pcm.astype(np.float64) / 32768)
    judged = np.stack([rows[i : i + _SWW_ROWS] for i in range(len(rows) - _SWW_ROWS + 1)])
    return Samples(calibration, judged[:, :, None, :])


def log_mel(sound: Array) -> Array:
    """The wake word's features of sound in [-1, 1): (frames, 40), float32, 0 to 1.

    MLPerf Tiny's front end: pre-emphasis, 1,024 samples by Hamming's window every 512, power spectrum, 40 mel filters
    up to 8 kHz, decibels from -52 to 12.
    """
    emphasized = sound - 0.96875 * np.concatenate([[0.0], sound[:-1]])
    frames = np.lib.stride_tricks.sliding_window_view(emphasized, 1024)[::512] * np.hamming(1025)[:-1]
    power = np.abs(np.fft.rfft(frames, 1024)) ** 2 / 1024
    decibels = 10 * np.log10(np.maximum(power @ _mel_filters(40, 513, 8000.0), 1e-30))
    features: Array = np.clip((decibels + 52) / 64, 0, 1).astype(np.float32)
    return features


def _mel_filters(filters: int, bins: int, highest: float) -> Array:
    """(bins, filters): triangles of equal width on the mel scale (HTK's: 1127 ln(1 + f / 700)), nothing at 0 Hz."""
    mel = 1127.0 * np.log1p(np.linspace(0, highest, bins) / 700.0)[:, None]
    edges = np.linspace(0, mel[-1, 0], filters + 2)
    low, middle, high = edges[:-2], edges[1:-1], edges[2:]
    weights: Array = np.maximum(0, np.minimum((mel - low) / (middle - low), (high - mel) / (high - middle)))
    weights[0] = 0
    return weights


def ad(datasets: Path) -> Samples:
    path = _file(datasets, "ad01/normal_id_01_00000000_hist_librosa.bin")
    frames = np.fromfile(path, "<f4").reshape(_AD_FRAMES, _AD_BANDS)
    count = _AD_FRAMES - _AD_WINDOW + 1
    windows = np.stack([frames[i : i + _AD_WINDOW].ravel() for i in range(count)])
    half = count // 2
    return Samples(windows[:half], windows[half + _AD_WINDOW - 1 :])


def ic(_: Path) -> Samples:
    """CIFAR-10's format: 32 x 32, 0 to 255."""
    return Samples(_windows(32, CALIBRATION, judged=False), _windows(32, JUDGED, judged=True))


def vww(_: Path) -> Samples:
    """96 x 96, 0 to 1."""
    scale = np.float32(1 / 255)
    return Samples(_windows(96, CALIBRATION, judged=False) * scale, _windows(96, JUDGED, judged=True) * scale)


def _windows(side: int, count: int, *, judged: bool) -> Array:
    """Squares from a quarter of the picture's shorter side to all of it, at random places, (count, side, side, 3)."""
    try:
        from PIL import Image
    except ImportError as e:
        raise _missing("pillow") from e
    paths = [p for p in _picture_paths() if (p.stem in _FOR_JUDGING) == judged]
    random, windows = np.random.default_rng(1 + judged), []
    for i in range(count):
        with Image.open(paths[i % len(paths)]) as file:
            picture = file.convert("RGB")
        edge = int(random.uniform(0.25, 1.0) * min(picture.size))
        left, top = (int(random.integers(0, length - edge + 1)) for length in picture.size)
        small = picture.resize((side, side), Image.Resampling.BOX, (left, top, left + edge, top + edge))
        windows.append(np.asarray(small, np.float32))
    return np.stack(windows)


def _picture_paths() -> list[Path]:
    paths = []
    for package, (folder, names) in _PICTURES.items():
        spec = importlib.util.find_spec(package)  # found, not imported: only the files inside are wanted
        if spec is None or spec.origin is None:
            raise _missing("scikit-image" if package == "skimage" else "scikit-learn")
        paths += [Path(spec.origin).parent / folder / name for name in names.split()]
    return paths


def _missing(package: str) -> ToolNotFound:
    return ToolNotFound(
        f"{package} is not installed; the pictures for IC and VWW come with scikit-image and scikit-learn: "
        "pip install scikit-image scikit-learn"
    )


SAMPLES: Mapping[str, Callable[[Path], Samples]] = {"kws": kws, "ic": ic, "vww": vww, "ad": ad, "sww": sww}
