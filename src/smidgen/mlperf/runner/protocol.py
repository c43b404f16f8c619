# SPDX-License-Identifier: Apache-2.0
"""The host's side of the serial protocol: commands to a device under test, and what its answers mean.

Source: benchmark/api/internally_implemented.cpp and benchmark/runner/device_under_test.py of github.com/mlcommons/tiny.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from dataclasses import dataclass

from smidgen.errors import NoAnswer, ProtocolError
from smidgen.mlperf.formats.results_log import COUNTER
from smidgen.mlperf.formats.results_text import finite
from smidgen.mlperf.link import Link

DIRECT_BYTES = 31
"""Bytes a ``db`` command carries: with ``db ``, two digits each and ``%`` they fit the device's 80 characters."""

THROUGH_MANAGER_BYTES = 26
"""The same, if an IO manager puts ``dut `` before it."""

_ANSWER_S = 5.0
_TRIES = 3
_NAME_S = 2.0  # EnergyRunner waits as long for the reply to name on detection
_POLL_S = 0.25
_BREATH_S = 0.02
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_BOOT = re.compile(r"m-(?:init-done|timestamp-mode-(performance|energy))$")
_MOST_TEXT = 1 << 20  # an answer without end is noise
_GARBAGE_SHARE = 0.3  # of bytes that are not printable: noise on a line stays far below, a wrong baud rate far above
_GARBAGE_BYTES = 16


class DeviceReset(ProtocolError):
    """It started anew in the middle: what was downloaded is gone."""


class Refused(ProtocolError):
    """It answered with an error, or without what the command asks for: worth another try."""


@dataclass(frozen=True, slots=True)
class Reply:
    """The lines of one answer, without the final m-ready."""

    lines: tuple[str, ...]

    @property
    def errors(self) -> tuple[str, ...]:
        return tuple(m[1] for line in self.lines if (m := re.search(r"(?<![a-z])e-\[(.*)\]$", line)))

    def find(self, pattern: str) -> tuple[str, ...]:
        """What the pattern's group matches, in each line that ends with it (noise may precede it)."""
        return tuple(m[1] for line in self.lines if (m := re.search(rf"{pattern}$", line)))


@dataclass(frozen=True, slots=True)
class Identity:
    """What a device says about itself."""

    name: str
    profile: str
    model_id: str


@dataclass(frozen=True, slots=True)
class Inference:
    """What ``infer`` answered: stamps in microseconds (none in energy mode), results, and how long the host waited."""

    stamps_us: tuple[int, ...]
    results: tuple[float, ...]
    wall_s: float

    @property
    def elapsed_us(self) -> int | None:
        """Between the stamps, across a wrap of the counter."""
        return (self.stamps_us[1] - self.stamps_us[0]) % COUNTER if len(self.stamps_us) == 2 else None


class Device:
    """A device under test behind a link; one command at a time. ``on_line`` is told every line that arrives.

    ``queues``: the line loses nothing that is sent while the device works (a virtual one), so that the commands of a
    download may be sent at once; they are the same commands, answered one by one.
    """

    def __init__(
        self,
        link: Link,
        *,
        chunk_bytes: int = DIRECT_BYTES,
        queues: bool = False,
        on_line: Callable[[str], None] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.link = link
        self.mode: str | None = None
        self.stamp_us: int | None = None  # what it last answered to timestamp
        self._chunk_bytes = chunk_bytes
        self._queues = queues
        self._on_line = on_line
        self._clock = clock
        self._pending = bytearray()
        self._seen = bytearray()

    def command(self, text: str, timeout_s: float = _ANSWER_S) -> Reply:
        """Send a command and read until m-ready. NoAnswer, DeviceReset, LinkLost."""
        self._drain()
        self.link.write(f"{text}%".encode("ascii"))
        return self._answer(text, timeout_s)

    def _drain(self) -> None:
        """Forget what arrived unasked (a second m-ready, noise); DeviceReset if it is the text of a boot."""
        while data := self.link.read(0.0):
            self._pending += data
            del self._pending[:-_MOST_TEXT]
        lines = []
        while (line := self._line()) is not None:
            lines.append(line)
        self._pending.clear()
        self._reply("the next command", lines)

    def _answer(self, text: str, timeout_s: float) -> Reply:
        self._seen.clear()
        lines: list[str] = []
        end = self._clock() + timeout_s
        while True:
            while (line := self._line()) is not None:
                if line.endswith("m-ready"):
                    return self._reply(text, lines)
                lines.append(line)
            left = end - self._clock()
            if left <= 0.0 or len(self._seen) > _MOST_TEXT:
                raise NoAnswer(self._silence(text, timeout_s, lines))
            asked = self._clock()
            data = self.link.read(min(left, _POLL_S))
            if not data and self._clock() - asked < _BREATH_S:
                time.sleep(_BREATH_S)  # a sleeping virtual board says at once that nothing will come
            self._pending += data
            self._seen += data

    def _line(self) -> str | None:
        """The next whole line, cleaned of colours and bytes that are no text; empty ones are passed over."""
        while (end := self._pending.find(b"\n")) >= 0:
            raw = bytes(self._pending[:end])
            del self._pending[: end + 1]
            line = _ANSI.sub("", raw.decode("ascii", errors="replace")).strip("\r\0 \t")
            if line:
                if self._on_line is not None:
                    self._on_line(line)
                return line
        return None

    def _reply(self, text: str, lines: list[str]) -> Reply:
        boots = [m for line in lines if (m := _BOOT.search(line))]
        for m in boots:
            self.mode = m[1] or self.mode
        if boots:
            raise DeviceReset(f"{self.link.name}: the device started anew while it should have answered {text[:40]!r}")
        return Reply(tuple(lines))

    def _silence(self, text: str, timeout_s: float, lines: list[str]) -> str:
        where = f"{self.link.name}: no answer to {text[:40]!r} within {timeout_s:.3g} s"
        odd = sum(not (32 <= b < 127 or b in b"\r\n\t\x1b") for b in self._seen)
        if len(self._seen) >= _GARBAGE_BYTES and odd > _GARBAGE_SHARE * len(self._seen):
            return f"{where}, only bytes that are no text: is it the wrong baud rate? (--baud)"
        if not self._seen:
            return f"{where}: nothing arrived. Is the firmware running, and the baud rate right (--baud)?"
        last = lines[-1] if lines else self._seen[-60:].decode("ascii", errors="replace")
        return f"{where}: {len(self._seen)} bytes arrived without m-ready, last {last!r}"

    def resynchronise(self, tries: int = 4) -> str:
        """Bring a device whose state is unknown back to waiting for a command; returns its name.

        A first command may be eaten by the rest of a broken one, so ``name`` is sent until it is answered as such.
        """
        problem: Exception | None = None
        for _ in range(tries):
            try:
                reply = self.command("name", _NAME_S)
            except (NoAnswer, DeviceReset) as e:
                problem = e
                continue
            if names := reply.find(r"m-name-dut-\[([^\]]+)\]"):
                return names[-1]
            problem = ProtocolError(f"{self.link.name}: the answer to 'name' has no m-name-dut-[...]: {reply.lines}")
        assert problem is not None
        raise problem

    def identify(self) -> Identity:
        """Name, profile and model. ProtocolError if they are not told."""
        name = self.resynchronise()
        for last in (False, False, True):
            reply = self._retried("profile")
            profiles, models = reply.find(r"m-profile-\[([^\]]+)\]"), reply.find(r"m-model-\[([^\]]+)\]")
            if models and (profiles or last):
                return Identity(name, profiles[-1] if profiles else "", models[-1])
        raise ProtocolError(f"{self.link.name}: 'profile' is answered without m-model-[...]: {reply.lines}")

    def _retried(self, text: str, tries: int = _TRIES) -> Reply:
        for _ in range(tries - 1):
            try:
                reply = self.command(text)
            except (NoAnswer, DeviceReset):
                self.resynchronise()
                continue
            if not reply.errors:
                return reply
        return self.command(text)

    def timestamps(self) -> bool:
        """True if the device prints its stamps (performance firmware), False if it pulses a pin (energy)."""
        for _ in range(2):  # the first may be lost
            if found := self._retried("timestamp").find(r"m-lap-us-(\d+)"):
                self.stamp_us = int(found[-1]) % COUNTER
                return True
        return False

    def load(self, data: bytes, *, verify: bool = False) -> None:
        """Download an input. Refused if the device's count of bytes or (``verify``) its buffer differs."""
        reply = self.command(f"db load {len(data)}")
        if reply.find(r"m-\[Expecting (\d+) bytes\]") != (str(len(data)),):
            raise Refused(f"{self.link.name}: 'db load {len(data)}' is answered with {_shown(reply)}")
        commands = [f"db {chunk.hex()}" for chunk in self._chunks(data)]
        if self._queues:
            self.link.write("".join(f"{c}%" for c in commands).encode("ascii"))
        for i, command in enumerate(commands, 1):
            reply = self._answer(command, _ANSWER_S) if self._queues else self.command(command)
            done = bool(reply.find(r"(m-load-done)"))
            if reply.errors or done != (i == len(commands)):
                what = (
                    f"e-[{reply.errors[0]}]" if reply.errors else "m-load-done " + ("too early" if done else "missing")
                )
                raise Refused(
                    f"{self.link.name}: {what} in the download of {len(data)} bytes: some were lost or doubled"
                )
        if verify:
            self._verify(data)

    def _chunks(self, data: bytes) -> list[bytes]:
        """What each ``db`` carries. The last byte goes alone: a byte doubled before it makes m-load-done come early."""
        whole = data if self._queues else data[:-1]
        chunks = [whole[i : i + self._chunk_bytes] for i in range(0, len(whole), self._chunk_bytes)]
        return chunks if self._queues else [*chunks, data[-1:]]

    def _verify(self, data: bytes) -> None:
        reply = self.command("db print", _ANSWER_S + len(data) / 1000)
        held = "".join(reply.find(r"m-buffer-([0-9a-f-]+)")).replace("-", "")
        if not held:
            return  # it has no such command
        if held != data.hex():
            same = next((i for i in range(len(data)) if held[2 * i : 2 * i + 2] != data[i : i + 1].hex()), len(data))
            raise Refused(f"{self.link.name}: the device's buffer differs from what was sent, from byte {same}")

    def infer(self, iterations: int, warmups: int, timeout_s: float) -> Inference:
        """Run the loaded input. Refused if the answer is not that to this command."""
        begin = self._clock()
        reply = self.command(f"infer {iterations} {warmups}", timeout_s)
        wall_s = self._clock() - begin
        started = reply.find(r"m-infer-start-(\d+)")
        if reply.errors or started != (str(iterations),) or reply.find(r"m-warmup-start-(\d+)") != (str(warmups),):
            raise Refused(f"{self.link.name}: 'infer {iterations} {warmups}' is answered with {_shown(reply)}")
        results = _numbers(reply)
        if not results:
            raise Refused(f"{self.link.name}: 'infer' is answered without numbers in m-results-[...]: {_shown(reply)}")
        stamps = tuple(int(t) % COUNTER for t in reply.find(r"m-lap-us-(\d+)"))
        if len(stamps) not in (0, 2):
            raise Refused(f"{self.link.name}: {len(stamps)} lap stamps in the answer to 'infer', not two")
        return Inference(stamps, results, wall_s)

    def results(self) -> tuple[float, ...]:
        """The results of the last inference again; () if the device has no such command."""
        return _numbers(self.command("results"))


def _shown(reply: Reply) -> str:
    """An answer in a message: its errors, or its last lines."""
    if reply.errors:
        return f"e-[{reply.errors[0]}]"
    return " | ".join(reply.lines[-4:]) or "m-ready only"


def _numbers(reply: Reply) -> tuple[float, ...]:
    """What is in m-results-[...]; () if it is not there or not all numbers."""
    texts = reply.find(r"m-results-\[([^\]]*)\]")
    values = [finite(t) for t in texts[-1].split(",") if t.strip()] if texts else []
    return () if None in values else tuple(v for v in values if v is not None)
