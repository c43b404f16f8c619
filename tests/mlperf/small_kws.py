# SPDX-License-Identifier: Apache-2.0
"""A model of the kws task's shapes that runs in a fraction of a millisecond, and a folder of inputs for it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from tests.tflite_builder import Operator, Options, build, int8, int32

CLASSES = 12


def model(classes: int = CLASSES) -> bytes:
    """A dense layer and softmax."""
    r = np.random.default_rng(1)
    tensors = [
        int8((1, 49, 10, 1), 0.584703, 83),
        int32(np.array([1, 490])),
        int8((1, 490), 0.584703, 83),
        int8((classes, 490), 0.02, 0, r.integers(-127, 128, (classes, 490)).astype(np.int8)),
        int8((1, classes), 2.0),
        int8((1, classes), 1 / 256, -128),
    ]
    operators = [
        Operator("RESHAPE", (0, 1), (2,), Options("ReshapeOptions", {"NewShape": (1, 490)})),
        Operator("FULLY_CONNECTED", (2, 3), (4,), Options("FullyConnectedOptions", {})),
        Operator("SOFTMAX", (4,), (5,), Options("SoftmaxOptions", {"Beta": 1.0})),
    ]
    return build(tensors, operators, [0], [5])


def data_folder(folder: Path, count: int = CLASSES) -> Path:
    """The folder that holds kws01, with every class in turn."""
    kws = folder / "kws01"
    kws.mkdir(parents=True)
    r = np.random.default_rng(2)
    for i in range(count):
        (kws / f"f{i}.bin").write_bytes(r.integers(0, 256, 490).astype(np.uint8).tobytes())
    (kws / "y_labels.csv").write_text("".join(f"f{i}.bin, {CLASSES}, {i % CLASSES}\n" for i in range(count)))
    return folder
