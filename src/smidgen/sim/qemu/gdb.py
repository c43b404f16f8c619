# SPDX-License-Identifier: Apache-2.0
"""A client of GDB's remote serial protocol, as much of it as QEMU's stub needs."""

from __future__ import annotations

import socket
import time

from smidgen.sim.qemu.lines import receive_more

ANSWER_S = 10.0
CHUNK_BYTES = 1024  # QEMU's packets hold 4096 characters, two for a byte
_INTERRUPT = b"\x03"
_STOPS = (b"S", b"T")


class Refused(Exception):
    """QEMU answered with an error: what was asked for does not exist."""


class GdbClient:
    """Speaks with a core that stands still, but for the time between ``resume`` and its answer.

    Raises EOFError when the line is closed, TimeoutError when no answer comes, Refused, OSError.
    """

    def __init__(self, line: socket.socket) -> None:
        self._line = line
        self._received = bytearray()
        # register numbers work only for clients that can read the description of registers
        self._ask("qSupported:xmlRegisters=i386;hwbreak+")
        self._ask("qXfer:features:read:target.xml:0,ffb")

    def read_register(self, number: int) -> int:
        return int.from_bytes(bytes.fromhex(self._ask(f"p{number:x}")), "little")

    def write_register(self, number: int, value: int) -> None:
        self._ask(f"P{number:x}={value.to_bytes(4, 'little').hex()}")

    def read(self, address: int, nbytes: int) -> bytes:
        chunks = []
        for at in range(address, address + nbytes, CHUNK_BYTES):
            length = min(CHUNK_BYTES, address + nbytes - at)
            chunks.append(bytes.fromhex(self._ask(f"m{at:x},{length:x}")))
        return b"".join(chunks)

    def write(self, address: int, data: bytes) -> None:
        for at in range(0, len(data), CHUNK_BYTES):
            chunk = data[at : at + CHUNK_BYTES]
            self._ask(f"M{address + at:x},{len(chunk):x}:{chunk.hex()}")

    def stop_at(self, address: int) -> None:
        """From now on the core stops when it is about to execute ``address``."""
        self._ask(f"Z1,{address:x},2")

    def run_past(self, address: int) -> None:
        """No longer."""
        self._ask(f"z1,{address:x},2")

    def step(self) -> None:
        """One instruction, whether or not the core is to stop at it; as after ``resume``, ``wait`` for its end."""
        self._send("vCont;s:1")

    def resume(self) -> None:
        """The core runs; nothing but ``wait`` and ``interrupt`` may follow."""
        self._send("vCont;c")

    def wait(self, seconds: float) -> bool:
        """Whether the core has stopped within this time."""
        try:
            self._stopped(seconds)
        except TimeoutError:
            return False
        return True

    def interrupt(self) -> None:
        """Stops a core that runs, or has stopped by itself just now."""
        self._line.sendall(_INTERRUPT)
        self._stopped(ANSWER_S)

    def _stopped(self, seconds: float) -> None:
        answer = self._receive(seconds)
        if answer[:1] not in _STOPS:
            raise EOFError  # W, X: the machine was switched off

    def _ask(self, text: str) -> str:
        self._send(text)
        answer = self._receive(ANSWER_S).decode("latin-1")
        if len(answer) == 3 and answer[0] == "E":
            raise Refused
        return answer

    def _send(self, text: str) -> None:
        body = text.encode("ascii")
        self._line.sendall(b"$" + body + b"#%02x" % (sum(body) & 0xFF))

    def _receive(self, seconds: float) -> bytes:
        """The next packet. No acknowledgement: QEMU needs none, and takes any byte as a wish to stop."""
        deadline = time.monotonic() + seconds
        while True:
            end = self._received.find(b"#")
            if end >= 0 and len(self._received) >= end + 3:
                start = self._received.index(b"$") + 1
                packet = bytes(self._received[start:end])
                del self._received[: end + 3]
                return packet
            receive_more(self._line, self._received, deadline)
