# SPDX-License-Identifier: Apache-2.0
"""A simulator's process and the requests it obeys; host/server.cpp is the other side."""

from __future__ import annotations

import contextlib
import os
import select
import struct
import subprocess
import time
import weakref
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import IO

from smidgen.errors import SimulationError

_REQUEST = struct.Struct("<4I2Q")
_REPLY = struct.Struct("<6I2Q")
_CHUNK_BYTES = 1 << 16
_GRACE_SECONDS = 2.0  # for a process whose pipe has ended to end itself


class Request(IntEnum):
    REGIONS = 1
    IMAGE = 2
    RESET = 3
    RUN = 4
    READ = 5
    WRITE = 6
    STOPS = 7
    CHARGES = 8


class Status(IntEnum):
    """How a request ended. A run ends REACHED at a stop, PAUSED after its cycles, INSTRUCTIONS at that counter."""

    DONE = 0
    REACHED = 1
    PAUSED = 2
    INSTRUCTIONS = 3
    BAD_LOAD = 4
    BAD_STORE = 5
    BAD_JUMP = 6
    STALLED = 7
    REFUSED = 8


@dataclass(frozen=True, slots=True)
class Answer:
    """The core's state after a request. ``address`` is that of its data access, of interest after a bad one."""

    status: Status
    pc: int
    sp: int
    ra: int
    address: int
    instructions: int
    cycles: int
    data: bytes


class Server:
    """State: a process, which ends with this object. SimulationError when it does not answer in time or has died."""

    def __init__(self, program: Path, name: str) -> None:
        self._name = name
        try:
            self._process = subprocess.Popen(
                [str(program)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, bufsize=0
            )
        except OSError as error:
            raise SimulationError(
                f"the {name} simulator {program} cannot be started: {error.strerror}; is its folder on a file system "
                "that forbids programs? Then set XDG_CACHE_HOME to another"
            ) from None
        self._finish = weakref.finalize(self, _end, self._process)
        for stream in (self._process.stdin, self._process.stderr):
            os.set_blocking(self._stream(stream), False)

    @property
    def process_id(self) -> int:
        return self._process.pid

    def ask(
        self,
        request: Request,
        payload: bytes = b"",
        *,
        address: int = 0,
        instructions: int = 0,
        cycles: int = 0,
        seconds: float,
    ) -> Answer:
        """One request and its reply. After a failure, or an interrupt within it, the process is gone."""
        try:
            deadline = time.monotonic() + seconds
            head = _REQUEST.pack(request, address, len(payload), 0, instructions, cycles)
            self._send(head + payload, deadline)
            fields = _REPLY.unpack(self._receive(_REPLY.size, deadline))
            status, pc, sp, ra, at, nbytes, counted, passed = fields
            return Answer(Status(status), pc, sp, ra, at, counted, passed, self._receive(nbytes, deadline))
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        """Ends the process and waits for it. Any number of times."""
        self._finish()

    def _stream(self, stream: IO[bytes] | None) -> int:
        if stream is None or stream.closed:
            raise SimulationError(f"the {self._name} simulator has ended before; open it again")
        return stream.fileno()

    def _send(self, data: bytes, deadline: float) -> None:
        number = self._stream(self._process.stdin)
        rest = memoryview(data)
        while rest:
            self._wait(number, select.POLLOUT, deadline)
            try:
                rest = rest[os.write(number, rest[:_CHUNK_BYTES]) :]
            except OSError:
                raise self._died() from None

    def _receive(self, nbytes: int, deadline: float) -> bytes:
        number = self._stream(self._process.stdout)
        parts: list[bytes] = []
        while nbytes:
            self._wait(number, select.POLLIN, deadline)
            part = os.read(number, min(nbytes, _CHUNK_BYTES))
            if not part:
                raise self._died()
            parts.append(part)
            nbytes -= len(part)
        return b"".join(parts)

    def _wait(self, number: int, event: int, deadline: float) -> None:
        poll = select.poll()
        poll.register(number, event)
        if not poll.poll(max(0.0, deadline - time.monotonic()) * 1000):
            raise SimulationError(f"the {self._name} simulator does not answer; it was ended")

    def _died(self) -> SimulationError:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_GRACE_SECONDS)
        printed = _rest_of(self._process.stderr)
        self._finish()
        code = self._process.returncode
        how = f"was killed by signal {-code}" if code < 0 else f"ended by itself with {code}"
        said = f" and printed: {printed}" if printed else ""
        return SimulationError(
            f"the {self._name} simulator {how}{said}; run it again, and if memory was short with fewer other programs"
        )


def _rest_of(stream: IO[bytes] | None) -> str:
    """What lies in a pipe, without waiting for more."""
    printed = stream.read(_CHUNK_BYTES) if stream is not None and not stream.closed else None
    return (printed or b"").decode(errors="replace").strip()


def _end(process: subprocess.Popen[bytes]) -> None:
    for stream in (process.stdin, process.stdout, process.stderr):
        if stream is not None:
            stream.close()
    process.kill()
    process.wait()
