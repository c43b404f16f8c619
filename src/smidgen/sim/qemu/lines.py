# SPDX-License-Identifier: Apache-2.0
"""Receiving from a line to QEMU, with a deadline."""

from __future__ import annotations

import select
import socket
import time


def receive_more(line: socket.socket, received: bytearray, deadline: float) -> None:
    """Waits for bytes and appends them. TimeoutError at ``deadline`` (``time.monotonic``), EOFError if it is closed."""
    if not select.select([line], [], [], max(0.0, deadline - time.monotonic()))[0]:
        raise TimeoutError
    more = line.recv(1 << 16)
    if not more:
        raise EOFError
    received += more
