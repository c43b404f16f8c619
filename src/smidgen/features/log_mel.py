# SPDX-License-Identifier: Apache-2.0
"""What log-mel features are: every number that decides their values."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from smidgen.errors import UsageError

Window = Literal["hamming", "hann", "rectangular"]
SIZES = (256, 512, 1024, 2048)
_COSINES: dict[Window, tuple[float, float]] = {"hamming": (0.54, 0.46), "hann": (0.5, 0.5), "rectangular": (1.0, 0.0)}


@dataclass(frozen=True, slots=True)
class LogMel:
    """A frame of ``window`` samples, every ``hop`` samples, becomes ``bands`` int8 values.

    x / 32768; x[n] - pre_emphasis * x[n - 1], over the whole stream, 0 before its first sample; window; power of the
    real FFT divided by ``window``; ``bands`` triangular filters between ``low_hz`` and ``high_hz`` evenly spaced in
    mel (HTK's: 1127 ln(1 + f / 700)), bin 0 left out; 10 log10(max(e, floor)); (dB + offset_db) / range_db clipped to
    [0, 1]; trunc(f / scale + zero_point), saturated to int8. The window is symmetric, its first and last coefficient
    equal, or ``periodic``: one longer, and the last left out.
    """

    sample_rate: int = 16_000
    window: int = 1024
    hop: int = 512
    bands: int = 40
    low_hz: float = 0.0
    high_hz: float = 8_000.0
    pre_emphasis: float = 0.96875
    shape: Window = "hamming"
    periodic: bool = False
    floor: float = 1e-30
    offset_db: float = 52.0
    range_db: float = 64.0
    scale: float = 0.0037010
    zero_point: int = -128

    def __post_init__(self) -> None:
        for wrong, what in self._faults():
            if wrong:
                raise UsageError(f"features: {what}")

    def _faults(self) -> tuple[tuple[bool, str], ...]:
        """Each condition that must not hold, and the message if it does. Written so that a NaN is a fault."""
        return (
            (self.window not in SIZES, f"window is {self.window}; use one of {', '.join(map(str, SIZES))}"),
            (not 1 <= self.hop <= self.window, f"hop is {self.hop}; use 1 to {self.window}, the window"),
            (not 1 <= self.bands <= 255, f"{self.bands} mel bands; use 1 to 255"),
            (not 1 <= self.sample_rate <= 10**6, f"sample_rate is {self.sample_rate}; use 1 to 1000000 Hz"),
            (
                not 0 <= self.low_hz < self.high_hz <= self.sample_rate / 2,
                f"mel bands from {self.low_hz:g} to {self.high_hz:g} Hz; use 0 <= low < high <= "
                f"{self.sample_rate / 2:g}, half the sample rate",
            ),
            (not 0 <= self.pre_emphasis <= 1, f"pre_emphasis is {self.pre_emphasis:g}; use 0 to 1"),
            (self.shape not in _COSINES, f"window shape {self.shape!r}; use one of {', '.join(_COSINES)}"),
            (not 1e-37 <= self.floor <= 1e30, f"floor is {self.floor:g}; use 1e-37 to 1e30, a normal float32"),
            (not math.isfinite(self.offset_db), f"offset_db is {self.offset_db:g}; use a finite number"),
            (not 1e-3 <= self.range_db <= 1e6, f"range_db is {self.range_db:g}; use 0.001 to 1000000"),
            (not 1e-6 <= self.scale <= 1e6, f"scale is {self.scale:g}; use 0.000001 to 1000000"),
            (not -128 <= self.zero_point <= 127, f"zero_point is {self.zero_point}; use -128 to 127"),
        )

    @property
    def frame_seconds(self) -> float:
        return self.hop / self.sample_rate

    def coefficients(self) -> NDArray[np.float64]:
        """The window, (window,)."""
        mean, swing = _COSINES[self.shape]
        period = self.window if self.periodic else self.window - 1
        return np.array([mean - swing * math.cos(2 * math.pi * n / period) for n in range(self.window)])

    def edges_mel(self) -> NDArray[np.float64]:
        """Where the triangles begin, peak and end: (bands + 2,), in mel."""
        return np.linspace(_mel(self.low_hz), _mel(self.high_hz), self.bands + 2)

    def bins_mel(self) -> NDArray[np.float64]:
        """The centre of each bin of the spectrum, (window / 2 + 1,), in mel."""
        return np.array([_mel(k * self.sample_rate / self.window) for k in range(self.window // 2 + 1)])

    def filters(self) -> NDArray[np.float64]:
        """(window / 2 + 1, bands): what tf.signal.linear_to_mel_weight_matrix documents."""
        edges, bins = self.edges_mel(), self.bins_mel()[:, None]
        low, centre, high = edges[:-2], edges[1:-1], edges[2:]
        weights = np.maximum(0.0, np.minimum((bins - low) / (centre - low), (high - bins) / (high - centre)))
        weights[0] = 0.0
        return weights


def _mel(hertz: float) -> float:
    return 1127.0 * math.log1p(hertz / 700.0)


WAKEWORD = LogMel()
"""MLPerf Tiny's streaming wakeword: get_lfbe_func of benchmark/training/streaming_wakeword/get_dataset.py in
mlcommons/tiny, and the input of its int8 network."""
