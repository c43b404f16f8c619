# SPDX-License-Identifier: Apache-2.0
"""Signals that features are tried on."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.int16]


def clipped(x: NDArray[np.float64]) -> Samples:
    return np.clip(np.round(x), -32768, 32767).astype(np.int16)


def tone(amplitude: float, cycles_per_sample: float, n: int) -> Samples:
    return clipped(amplitude * np.cos(2 * np.pi * cycles_per_sample * np.arange(n)))


def sounds(n: int = 4096) -> dict[str, Samples]:
    """Noise of all levels, tones on and between bins, silence, clipping, steps, impulses."""
    rng = np.random.default_rng(5)
    found = {f"noise {s:g}": clipped(rng.normal(0, s, n)) for s in (0.5, 1, 4, 16, 64, 256, 1024, 4096, 16384, 65536)}
    found |= {
        f"tone {a:g} at {k:g}": tone(a, k / 1024, n)
        for a in (3, 100, 3000, 32767, 80000)
        for k in (1, 2, 3, 5.5, 17, 40.25, 128, 200, 300.75, 448, 500, 511, 512)
    }
    found["two tones"] = clipped(32000 * np.cos(np.arange(n) * 0.05) + 8 * np.cos(np.arange(n) * 2.5))
    found["silence"] = np.zeros(n, np.int16)
    found["lowest"], found["highest"] = np.full(n, -32768, np.int16), np.full(n, 32767, np.int16)
    found["one"] = np.ones(n, np.int16)
    found["step"] = np.where(np.arange(n) < n // 2, -32768, 32767).astype(np.int16)
    found["impulse"] = np.where(np.arange(n) == n // 2, 32767, 0).astype(np.int16)
    found["alternating"] = np.where(np.arange(n) % 2, -32768, 32767).astype(np.int16)
    found["square"] = np.where(np.arange(n) // 37 % 2, -32768, 32767).astype(np.int16)
    return found
