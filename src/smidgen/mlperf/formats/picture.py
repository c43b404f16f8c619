# SPDX-License-Identifier: Apache-2.0
"""A picture of an energy trace, as the official runner leaves one beside its results: samples blue, edges red."""

from __future__ import annotations

import struct
import zlib

import numpy as np
from numpy.typing import NDArray

from smidgen.mlperf.formats.results_types import Power

_WIDTH, _HEIGHT, _MARGIN = 800, 400, 20
_WHITE, _BLUE, _RED, _GREY = range(4)
_PALETTE = bytes((255, 255, 255, 31, 80, 180, 200, 30, 30, 160, 160, 160))


def trace_picture(power: Power) -> bytes:
    """A PNG. From 0 to the largest sample; a column shows least to most of the samples that fall into it."""
    pixels = np.full((_HEIGHT, _WIDTH), _WHITE, np.uint8)
    inner = pixels[_MARGIN:-_MARGIN, _MARGIN:-_MARGIN]
    rows, columns = inner.shape
    inner[-1, :] = inner[:, 0] = _GREY
    samples = np.array(power.samples_j, np.float64)
    count = max(1, len(samples))
    top = float(samples.max(initial=0.0)) or 1.0
    for column in range(columns):
        low = min(column * count // columns, count - 1)
        part = samples[low : max((column + 1) * count // columns, low + 1)]
        if len(part):
            ends = (rows - 1) * (1 - np.array((part.max(), part.min())) / top)
            inner[int(ends[0]) : int(ends[1]) + 1, column] = _BLUE
    for _, index in power.events:
        inner[:, min(columns - 1, index * columns // count)] = _RED
    return _png(pixels)


def _png(pixels: NDArray[np.uint8]) -> bytes:
    """8-bit indices into the palette, every line unfiltered."""
    height, width = pixels.shape
    lines = np.concatenate((np.zeros((height, 1), np.uint8), pixels), axis=1).tobytes()
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    chunks = ((b"IHDR", header), (b"PLTE", _PALETTE), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
