# SPDX-License-Identifier: Apache-2.0
"""The serial port of the virtual board: what waits in either direction, and the time that characters take.

8N1, so a character takes ten bit times. Half-duplex, as the protocol is: a character arrives one character time after
the one before it, and after everything sent before it has left; the host itself takes no time. Sending goes through a
buffer, as with an interrupt or DMA behind it: the core waits only when that is full.
"""

from __future__ import annotations

from collections import deque

from smidgen.mlperf.board.clock import Clock

BITS_PER_CHARACTER = 10
SEND_BUFFER_BYTES = 256
"""Of the device; the longest stretch a benchmark firmware says between two timestamps is far shorter."""

UNREAD_BYTES = 1 << 16
"""The core stands still while more than this has been sent and not taken."""


class Uart:
    """State: both queues, and until when the line is busy either way (cycles)."""

    def __init__(self, clock: Clock, baud: int) -> None:
        self._clock = clock
        self._character = -(-BITS_PER_CHARACTER * clock.hertz // baud)
        self._received = bytearray()
        self._taken = 0  # of _received
        self._sent: deque[tuple[int, bytes]] = deque()
        self.unread_bytes = 0
        self._arrived_at = 0
        self._sent_at = 0

    def feed(self, data: bytes) -> None:
        """The host has written."""
        if self._taken:
            del self._received[: self._taken]
            self._taken = 0
        self._received += data

    def idle(self) -> None:
        """Nothing has come until now."""
        self._arrived_at = max(self._arrived_at, self._clock.cycles)

    @property
    def waiting_bytes(self) -> int:
        """What has been fed and not been read by the core."""
        return len(self._received) - self._taken

    @property
    def full(self) -> bool:
        return self.unread_bytes > UNREAD_BYTES

    def receive(self, most: int = 1, match: int | None = None) -> bytes:
        """What has arrived, ``most`` bytes of it, up to and with the first that is ``match``. Takes its time."""
        end = min(self._taken + most, len(self._received))
        if match is not None:
            found = self._received.find(match, self._taken, end)
            end = found + 1 if found >= 0 else end
        data = bytes(self._received[self._taken : end])
        self._taken = end
        if data:
            self._arrived_at = max(self._arrived_at, self._sent_at) + len(data) * self._character
            self._clock.reach(self._arrived_at)
        return data

    def send(self, data: bytes) -> None:
        """The core sends. It waits until all but the last ``SEND_BUFFER_BYTES`` have left."""
        self._sent_at = max(self._sent_at, self._clock.cycles) + len(data) * self._character
        self._clock.reach(self._sent_at - SEND_BUFFER_BYTES * self._character)
        self._sent.append((self._sent_at, data))
        self.unread_bytes += len(data)

    def take(self, until: int | None = None) -> bytes:
        """What the host can read: all, or what had been sent ``until`` then (cycles)."""
        taken = []
        while self._sent and (until is None or self._sent[0][0] <= until):
            taken.append(self._sent.popleft()[1])
        data = b"".join(taken)
        self.unread_bytes -= len(data)
        return data

    @property
    def next_at(self) -> int | None:
        """When the oldest byte not taken had been sent, in cycles."""
        return self._sent[0][0] if self._sent else None
