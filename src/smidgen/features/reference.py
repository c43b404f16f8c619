# SPDX-License-Identifier: Apache-2.0
"""The definition in float64, written for reading; everything else is judged by it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smidgen.features.log_mel import LogMel

_FRAMES = 1024  # at a time, to bound memory


def reference_levels(spec: LogMel, samples: NDArray[np.int16]) -> NDArray[np.float64]:
    """Features before quantisation, 0 to 1: (frames, bands). Frame i is samples[i * hop : i * hop + window]."""
    x = samples.astype(np.float64) / 32768.0
    emphasised = x - spec.pre_emphasis * np.concatenate(([0.0], x[:-1]))
    if len(x) < spec.window:
        return np.zeros((0, spec.bands))
    frames = np.lib.stride_tricks.sliding_window_view(emphasised, spec.window)[:: spec.hop]
    window, filters = spec.coefficients(), spec.filters()
    parts = []
    for start in range(0, len(frames), _FRAMES):
        spectrum = np.fft.rfft(frames[start : start + _FRAMES] * window)
        power = (spectrum.real**2 + spectrum.imag**2) / spec.window
        decibels = 10.0 * np.log10(np.maximum(power @ filters, spec.floor))
        parts.append(np.clip((decibels + spec.offset_db) / spec.range_db, 0.0, 1.0))
    return np.concatenate(parts)


def reference(spec: LogMel, samples: NDArray[np.int16]) -> NDArray[np.int8]:
    """The int8 features of the frames that lie wholly in ``samples``: (frames, bands)."""
    steps = np.trunc(reference_levels(spec, samples) / spec.scale + spec.zero_point)
    return np.clip(steps, -128, 127).astype(np.int8)
