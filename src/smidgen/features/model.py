# SPDX-License-Identifier: Apache-2.0
"""The float32 computation in numpy: every operation and its order as in smg_features.c, so that all bits agree.

Arrays hold many frames side by side; an operation on them is that operation on each frame.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from smidgen.features.log_mel import LogMel
from smidgen.features.tables import LOG2, Floats, Tables, tables

_FRAMES = 256  # at a time: the arrays of a pass stay in a processor's cache
_HALF_ROOT = np.float32(0.70710678118654752)


class _Complex(NamedTuple):
    """Complex points kept apart, so that numpy's own complex product (another rounding) is never used."""

    re: Floats
    im: Floats

    def __add__(self, other: _Complex) -> _Complex:  # type: ignore[override]  # a sum, not a longer tuple
        return _Complex(self.re + other.re, self.im + other.im)

    def __sub__(self, other: _Complex) -> _Complex:
        return _Complex(self.re - other.re, self.im - other.im)

    def minus_i(self, other: _Complex) -> _Complex:
        """self - i other."""
        return _Complex(self.re + other.im, self.im - other.re)

    def plus_i(self, other: _Complex) -> _Complex:
        """self + i other."""
        return _Complex(self.re - other.im, self.im + other.re)

    def times(self, c: Floats, s: Floats) -> _Complex:
        return _Complex(self.re * c - self.im * s, self.re * s + self.im * c)

    def scaled(self, factor: np.float32) -> _Complex:
        return _Complex(self.re * factor, self.im * factor)


class Stream:
    """Features of a stream that arrives in pieces of any length. The first frame ends ``window`` samples into it, or,
    with ``padded``, ``hop`` samples: as if silence had come before, which is what a device sees."""

    def __init__(self, spec: LogMel, *, padded: bool = False) -> None:
        self._spec = spec
        self._tables = tables(spec)
        self._before = np.int64(0)
        self._emphasised = np.zeros(spec.window - spec.hop if padded else 0, np.float32)

    def push(self, samples: NDArray[np.int16]) -> NDArray[np.int8]:
        """The int8 features of the frames that ``samples`` complete: (frames, bands)."""
        t, spec = self._tables, self._spec
        x = np.concatenate(([self._before], samples.astype(np.int64)))
        new = (t.emphasis_one * x[1:] - t.emphasis_previous * x[:-1]).astype(np.float32)
        self._before = x[-1]
        signal = np.concatenate((self._emphasised, new))
        count = max(0, (len(signal) - spec.window) // spec.hop + 1)
        self._emphasised = signal[count * spec.hop :]
        if count == 0:
            return np.zeros((0, spec.bands), np.int8)
        frames = np.lib.stride_tricks.sliding_window_view(signal, spec.window)[:: spec.hop][:count]
        parts = [_frames(spec, t, frames[i : i + _FRAMES]) for i in range(0, count, _FRAMES)]
        return np.concatenate(parts)


def features(spec: LogMel, samples: NDArray[np.int16], *, padded: bool = False) -> NDArray[np.int8]:
    """``Stream`` on all of ``samples``."""
    return Stream(spec, padded=padded).push(samples)


def _frames(spec: LogMel, t: Tables, frames: Floats) -> NDArray[np.int8]:
    """(n, window) emphasised samples -> (n, bands)."""
    windowed = (frames * t.window).T
    z = _Complex(windowed[0::2], windowed[1::2])
    group = 1
    for twiddles in t.twiddles:
        z = _radix8_pass(z, twiddles, group)
        group *= 8
    power = _power(t, _last_pass(z, t.last_radix))
    return np.ascontiguousarray(_quantise(t, _mel(t, power)).T)


def _radix8_pass(z: _Complex, twiddles: Floats, group: int) -> _Complex:
    """Butterfly b takes points b + k half / 8 and leaves its results, turned, at 8 b + j."""
    half, n = z.re.shape
    turns = np.repeat(twiddles, group, axis=0)  # neighbouring butterflies share a twiddle
    y = list(_dft8(_split(z, 8)))
    for j in range(1, 8):
        y[j] = y[j].times(turns[:, j - 1, 0, None], turns[:, j - 1, 1, None])
    re = np.stack([v.re for v in y], axis=1).reshape(half, n)
    im = np.stack([v.im for v in y], axis=1).reshape(half, n)
    return _Complex(re, im)


def _split(z: _Complex, radix: int) -> list[_Complex]:
    re, im = np.split(z.re, radix), np.split(z.im, radix)
    return [_Complex(a, b) for a, b in zip(re, im, strict=True)]


def _dft8(x: list[_Complex]) -> tuple[_Complex, ...]:
    a0, a4, a2, a6 = x[0] + x[4], x[0] - x[4], x[2] + x[6], x[2] - x[6]
    a1, a5, a3, a7 = x[1] + x[5], x[1] - x[5], x[3] + x[7], x[3] - x[7]
    b0, b2, b1, b3 = a0 + a2, a0 - a2, a1 + a3, a1 - a3
    b4, b6 = a4.minus_i(a6), a4.plus_i(a6)
    u, v = a5 - a7, a5 + a7
    t = _Complex(u.re + v.im, u.im - v.re).scaled(_HALF_ROOT)
    w = _Complex(v.im - u.re, -u.im - v.re).scaled(_HALF_ROOT)
    return b0 + b1, b4 + t, b2.minus_i(b3), b6 + w, b0 - b1, b4 - t, b2.plus_i(b3), b6 - w


def _dft4(x: list[_Complex]) -> tuple[_Complex, ...]:
    a0, a2, a1, a3 = x[0] + x[2], x[0] - x[2], x[1] + x[3], x[1] - x[3]
    return a0 + a1, a2.minus_i(a3), a0 - a1, a2.plus_i(a3)


def _dft2(x: list[_Complex]) -> tuple[_Complex, ...]:
    return x[0] + x[1], x[0] - x[1]


def _last_pass(z: _Complex, radix: int) -> _Complex:
    """The pass without twiddles; the points come out in the order of frequency."""
    half = z.re.shape[0]
    y = {8: _dft8, 4: _dft4, 2: _dft2}[radix](_split(z, radix))
    order = frequencies(half, radix)
    re, im = np.empty_like(z.re), np.empty_like(z.im)
    for j, value in enumerate(y):
        re[order + j * (half // radix)] = value.re
        im[order + j * (half // radix)] = value.im
    return _Complex(re, im)


@functools.cache
def frequencies(half: int, last_radix: int) -> NDArray[np.int64]:
    """The lowest frequency that each butterfly of the last pass yields: its digits of base 8, turned round."""
    butterflies = np.arange(half // last_radix)
    result, weight, rest = np.zeros_like(butterflies), len(butterflies) // 8, butterflies
    while weight:
        result, rest, weight = result + rest % 8 * weight, rest // 8, weight // 8
    return result


def _power(t: Tables, z: _Complex) -> Floats:
    """The power spectrum of the real signal from the complex one; row k is bin k, 0 is left empty."""
    half = t.half
    k = np.arange(1, half // 2 + 1)
    a, b = _Complex(z.re[k], z.im[k]), _Complex(z.re[half - k], z.im[half - k])
    e = _Complex(a.re + b.re, a.im - b.im)
    f = _Complex(a.im + b.im, b.re - a.re)
    g = f.times(t.split[k, 0, None], t.split[k, 1, None])
    x, y = e + g, e - g
    power = np.zeros_like(z.re)
    power[half - k] = y.re * y.re + y.im * y.im
    power[k] = x.re * x.re + x.im * x.im
    return power


def _mel(t: Tables, power: Floats) -> Floats:
    """(bands, n) filter outputs. A bin's falling slope is 1 minus its rising one, so it costs one product."""
    n = power.shape[1]
    energies = np.empty((len(t.segment_bins) - 1, n), np.float32)
    rising = np.zeros(n, np.float32)
    k, w = t.first_bin, 0
    for segment, bins in enumerate(t.segment_bins):
        total, rise = np.zeros(n, np.float32), np.zeros(n, np.float32)
        for _ in range(bins):
            total = total + power[k]
            rise = rise + power[k] * t.weights[w]
            k, w = k + 1, w + 1
        if segment:
            energies[segment - 1] = rising + (total - rise)
        rising = rise
    return energies


def _quantise(t: Tables, energies: Floats) -> NDArray[np.int8]:
    bits = np.maximum(energies.view(np.int32), t.floor.view(np.int32))  # the order of floats >= 0 is that of their bits
    exponent = ((bits >> 23) - 127).astype(np.float32)
    x = ((bits & 0x7FFFFF) | 0x3F800000).view(np.float32) - np.float32(1.0)
    *most, last = (np.float32(c) for c in LOG2)
    series = np.full_like(x, last)
    for c in reversed(most):
        series = c + x * series
    steps = (exponent + x * series) * t.gain + t.bias
    steps = np.minimum(np.maximum(steps, np.float32(0.0)), t.top)
    result: NDArray[np.int8] = (steps + t.zero).astype(np.int8)
    return result
