# SPDX-License-Identifier: Apache-2.0
"""The microphone of the virtual board: frames that come in modelled time, whether the core is ready or not."""

from __future__ import annotations

from smidgen.mlperf.board.clock import Clock

SAMPLES_PER_SECOND = 16_000
FRAME_SAMPLES = 512
FRAME_BYTES = 2 * FRAME_SAMPLES
QUEUE_FRAMES = 4
"""Frames that may wait, 128 ms; when one more is complete the oldest is lost."""


class AudioStream:
    """State: where in the samples the core is. Without samples the stream ends at once. A rest of less than a frame is
    not played."""

    def __init__(self, clock: Clock, samples: bytes = b"") -> None:
        """``samples`` are 16-bit, little-endian, one channel."""
        self._clock = clock
        self._samples = samples
        self._frames = len(samples) // FRAME_BYTES
        self._period = clock.hertz * FRAME_SAMPLES // SAMPLES_PER_SECOND
        self._started_at = 0
        self._running = False
        self._next = 0  # frame to be read
        self._word = 0  # bytes read of it
        self.lost_frames = 0

    def control(self, value: int) -> None:
        self._running = bool(value & 1)
        if self._running:
            self._started_at = self._clock.cycles
            self._next = self._word = self.lost_frames = 0

    def _complete(self) -> int:
        """How many frames have been captured since the start."""
        if not self._running:
            return self._next
        return min(self._frames, (self._clock.cycles - self._started_at) // self._period)

    def _drop(self) -> None:
        late = self._complete() - self._next - QUEUE_FRAMES
        if late > 0:
            self._next += late
            self._word = 0
            self.lost_frames += late

    @property
    def frame_waits(self) -> bool:
        self._drop()
        return self._complete() > self._next

    @property
    def ended(self) -> bool:
        return not self._running or self._next >= self._frames

    def wait(self) -> None:
        """Lets time pass until a frame waits, or the stream has ended."""
        if not self.ended and not self.frame_waits:
            self._clock.reach(self._started_at + (self._next + 1) * self._period)

    def word(self) -> int:
        """The next two samples of the waiting frame; 0 if none waits."""
        if not self.frame_waits:
            return 0
        at = self._next * FRAME_BYTES + self._word
        self._word += 4
        if self._word == FRAME_BYTES:
            self._next += 1
            self._word = 0
        return int.from_bytes(self._samples[at : at + 4], "little")

    def frame(self) -> bytes:
        """The whole waiting frame; nothing if none waits."""
        if not self.frame_waits:
            return b""
        at = self._next * FRAME_BYTES
        self._next += 1
        self._word = 0
        return self._samples[at : at + FRAME_BYTES]
