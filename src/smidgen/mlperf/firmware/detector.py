# SPDX-License-Identifier: Apache-2.0
"""The wakeword detector in numpy: what a device would answer to a recording, much faster."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import UnsupportedModel
from smidgen.features import WAKEWORD, LogMel, features
from smidgen.ir import Graph
from smidgen.quantize.evaluate import evaluate_batch

THRESHOLD = 115
"""A detection is a score of class 0 above this (DETECT_THRESHOLD of the reference firmware)."""

_WINDOWS = 2_048  # a batch


@dataclass(frozen=True, slots=True)
class Detector:
    """A network's input window and what features it takes."""

    graph: Graph
    features: LogMel
    frames: int


def detector(graph: Graph) -> Detector:
    """The detector around a network with int8 input (1, frames, 1, bands). UnsupportedModel for any other."""
    one = len(graph.inputs) == 1 and len(graph.outputs) == 1
    kind = graph.inputs[0].type if one else None
    if kind is None or kind.dtype != "int8" or kind.quant is None or len(kind.shape) != 4 or kind.shape[2] != 1:
        raise UnsupportedModel(
            f"{graph.name} is no wakeword network: it takes one int8 input of shape (1, frames, 1, bands), as "
            "str_ww_ref_model.tflite does"
        )
    if kind.quant.axis is not None or graph.outputs[0].type.dtype != "int8":
        raise UnsupportedModel(f"{graph.name}: a wakeword network has one scale at its input and int8 scores")
    scale, zero = float(kind.quant.scale[0]), int(kind.quant.zero_point[0])
    spec = replace(WAKEWORD, bands=kind.shape[3], scale=scale, zero_point=zero)
    return Detector(graph, spec, kind.shape[1])


def scores(
    found: Detector, samples: NDArray[np.int16], progress: Callable[[int, int], None] = lambda done, total: None
) -> NDArray[np.int8]:
    """(frames, classes) as the device computes them: frame i ends with sample (i + 1) hop, with silence before the
    first and, as in the reference firmware, features of 0 before the first frame."""
    spec = found.features
    rows = features(spec, samples, padded=True)
    before = np.zeros((found.frames - 1, spec.bands), np.int8)
    windows = np.lib.stride_tricks.sliding_window_view(np.concatenate((before, rows)), found.frames, axis=0)
    windows = windows.transpose(0, 2, 1)[:, :, None, :]
    parts = []
    for start in range(0, len(windows), _WINDOWS):
        batch = np.ascontiguousarray(windows[start : start + _WINDOWS])
        parts.append(evaluate_batch(found.graph, [batch], stored=True)[0].reshape(len(batch), -1))
        progress(start + len(batch), len(windows))
    classes = found.graph.outputs[0].type.elements
    return np.concatenate(parts).astype(np.int8) if parts else np.zeros((0, classes), np.int8)


def detections_ms(found: Detector, frame_scores: NDArray[np.int8], threshold: int = THRESHOLD) -> list[int]:
    """When the device would pulse: at its first frame, and at every one whose class 0 is above ``threshold``."""
    frame_ms = 1e3 * found.features.frame_seconds
    hits = np.flatnonzero(frame_scores[:, 0] > threshold)
    return [round(i * frame_ms) for i in sorted({0, *hits.tolist()} if len(frame_scores) else ())]
