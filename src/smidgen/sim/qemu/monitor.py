# SPDX-License-Identifier: Apache-2.0
"""A client of QEMU's machine protocol (QMP), for the exact count of instructions."""

from __future__ import annotations

import json
import select
import socket
import time
from typing import Any

from smidgen.sim.qemu.lines import receive_more

ANSWER_S = 10.0


class Monitor:
    """Raises EOFError when the line is closed, TimeoutError when no answer comes, ValueError for no JSON, OSError."""

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._received = bytearray()
        greeting = self._receive()["QMP"]["version"]
        numbers = greeting["qemu"]
        package = f" ({greeting['package']})" if greeting.get("package") else ""
        self.version = f"QEMU {numbers['major']}.{numbers['minor']}.{numbers['micro']}{package}"
        self._ask("qmp_capabilities")

    def instructions(self) -> int:
        """Executed since the machine was made, as ``-icount`` counts them: to the instruction while the core stands."""
        return int(self._ask("query-replay")["icount"])

    def drain(self) -> None:
        """Takes what has been reported unasked (every stop is), so that it does not pile up."""
        while select.select([self._line], [], [], 0.0)[0]:
            received = self._line.recv(1 << 16)
            if not received:
                raise EOFError
            self._received += received
        del self._received[: self._received.rfind(b"\n") + 1]

    def _ask(self, command: str) -> Any:  # Any: what the command returns
        self._line.sendall(json.dumps({"execute": command}).encode() + b"\n")
        while True:
            answer = self._receive()
            if "return" in answer:
                return answer["return"]
            if "error" in answer:
                raise ValueError(f"{command}: {answer['error'].get('desc')}")

    def _receive(self) -> Any:  # Any: one JSON object
        deadline = time.monotonic() + ANSWER_S
        while True:
            end = self._received.find(b"\n")
            if end >= 0:
                text = bytes(self._received[:end])
                del self._received[: end + 1]
                return json.loads(text)
            receive_more(self._line, self._received, deadline)
