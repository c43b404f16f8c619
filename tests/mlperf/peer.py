# SPDX-License-Identifier: Apache-2.0
"""A device under test in Python, with faults that can be switched on: what runners are tested against.

It keeps its own clock, so that ten seconds of inferences take no time; what it answers depends on the input only.
"""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from smidgen.errors import LinkLost
from smidgen.mlperf.formats.results_types import Power
from smidgen.mlperf.runner.workers import Opened
from smidgen.mlperf.tasks import TASKS, Task

_COUNTER = 1 << 32


@dataclass
class Faults:
    """What goes wrong. Positions count bytes (or commands) since the peer was made; 0 of anything means never."""

    noise: tuple[str, ...] = ()
    """Lines put before every m-ready."""
    garbage: bytes = b""
    """Bytes put before every line."""
    drop_received: frozenset[int] = frozenset()
    double_received: frozenset[int] = frozenset()
    drop_sent: frozenset[int] = frozenset()
    double_sent: frozenset[int] = frozenset()
    flip_received: frozenset[int] = frozenset()
    reset_at_command: frozenset[int] = frozenset()
    """Starts anew instead of answering."""
    hang_at_command: int = 0
    vanish_at_command: int = 0
    wrong_baud: bool = False
    boot_text: bool = True
    slow_inferences: int = 0
    """After so many inferences each takes half as long, so that planned windows come out short."""
    drift: float = 1.0
    """Each infer command's inferences take this times as long as the last one's."""
    energy: bool = False
    fragment_bytes: int = 0
    """Deliver at most so many bytes a read."""


@dataclass
class Peer:
    """State: the device behind the line. ``us`` is what an inference takes on its clock."""

    task: Task
    us: float = 40_000.0
    faults: Faults = field(default_factory=Faults)
    model_id: str = ""
    vendor: str = "peer"
    clock_us: float = float(_COUNTER - 3_000_000)  # wraps within the first windows
    answer: Callable[[bytes], tuple[float, ...]] | None = None
    name: str = "peer"

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.loads = 0
        self.inferences = 0
        self.closed = False
        self.edges_us: list[float] = []
        self._in = bytearray()
        self._out: deque[int] = deque()
        self._received = self._sent = 0
        self._buffer = bytearray()
        self._expected: int | None = None
        self._hung = self._gone = False
        self._results: tuple[float, ...] = ()
        if self.faults.boot_text:
            self._boot()

    def write(self, data: bytes) -> None:
        self._alive()
        for byte in data:
            self._received += 1
            at = self._received
            if at in self.faults.drop_received:
                continue
            if at in self.faults.flip_received:
                byte = ord("0") if byte != ord("0") else ord("1")
            self._receive(byte)
            if at in self.faults.double_received:
                self._receive(byte)

    def read(self, timeout: float) -> bytes:
        self._alive()
        count = min(len(self._out), self.faults.fragment_bytes or len(self._out))
        return bytes(self._out.popleft() for _ in range(count))

    def close(self) -> None:
        self.closed = True

    def _alive(self) -> None:
        if self._gone or self.closed:
            raise LinkLost(f"{self.name} is gone")

    def _receive(self, byte: int) -> None:
        if self._hung:
            return
        if byte != ord("%"):
            self._in.append(byte)
            return
        command = self._in.decode("ascii", errors="replace")
        self._in.clear()
        self.commands.append(command)
        number = len(self.commands)
        self._hung = number == self.faults.hang_at_command
        self._gone = number == self.faults.vanish_at_command
        if number in self.faults.reset_at_command:
            self._boot()
        elif not self._hung and not self._gone:
            self._execute(command)
            for line in self.faults.noise:
                self._say(line)
            self._say("m-ready")

    def _say(self, line: str) -> None:
        data = self.faults.garbage + line.encode("latin-1") + b"\r\n"
        if self.faults.wrong_baud:
            data = hashlib.sha256(data).digest() * 2
        for byte in data:
            self._sent += 1
            if self._sent in self.faults.drop_sent:
                continue
            self._out += [byte] * (2 if self._sent in self.faults.double_sent else 1)

    def _boot(self) -> None:
        self._buffer.clear()
        self._expected = None
        self._in.clear()
        self._say(f"m-timestamp-mode-{'energy' if self.faults.energy else 'performance'}")
        self._stamp()
        self._say("m-init-done")
        self._say("m-ready")

    def _stamp(self) -> None:
        if self.faults.energy:
            self.edges_us.append(self.clock_us)
        else:
            self._say(f"m-lap-us-{int(self.clock_us) % _COUNTER}")

    def _execute(self, command: str) -> None:
        words = command.split(" ")
        simple: dict[str, Callable[[], None]] = {
            "name": lambda: self._say(f"m-name-dut-[{self.vendor}]"),
            "timestamp": self._stamp,
            "profile": self._profile,
            "results": self._say_results,
        }
        if command in simple:
            simple[command]()
        elif words[0] == "db" and len(words) > 1:
            self._db(words[1:])
        elif words[0] == "infer" and len(words) == 3 and words[1].isdecimal() and words[2].isdecimal():
            self._infer(int(words[1]), int(words[2]))
        else:
            self._say(f"e-[Unknown command: {command}]")

    def _profile(self) -> None:
        self._say("m-profile-[ULPMark for tinyML Firmware V0.0.1]")
        self._say(f"m-model-[{self.model_id or self.task.model_id}]")

    def _db(self, words: list[str]) -> None:
        if words[0] == "load" and len(words) == 2 and words[1].isdecimal():
            self._expected, self._buffer = int(words[1]), bytearray()
            self.loads += 1
            self._say(f"m-[Expecting {self._expected} bytes]")
        elif words[0] == "print":
            for i in range(0, len(self._buffer), 8):
                self._say("m-buffer-" + "-".join(f"{b:02x}" for b in self._buffer[i : i + 8]))
        elif self._expected is None:
            self._say("e-[No db load]")
        elif len(words[0]) % 2:
            self._say("e-[Insufficent number of hex digits]")
        else:
            self._hex(words[0])

    def _hex(self, digits: str) -> None:
        try:
            data = bytes.fromhex(digits)
        except ValueError:
            self._say("e-[Invalid hex digit 'xx']")
            return
        assert self._expected is not None
        before = len(self._buffer)
        self._buffer += data[: self._expected - before]
        if before < self._expected <= len(self._buffer):
            self._say("m-load-done")

    def _infer(self, count: int, warmups: int) -> None:
        self._say(f"m-warmup-start-{warmups}")
        self._pass(warmups)
        self._say("m-warmup-done")
        self._say(f"m-infer-start-{count}")
        self._stamp()
        self._pass(count)
        self._stamp()
        self._say("m-infer-done")
        self._results = (self.answer or (lambda data: answer(self.task, data)))(bytes(self._buffer))
        self._say_results()
        self.us *= self.faults.drift

    def _pass(self, count: int) -> None:
        for _ in range(min(count, 2)):  # the first may be slow, the others are alike
            pass
        fast = self.faults.slow_inferences and self.inferences >= self.faults.slow_inferences
        self.clock_us += count * self.us * (0.5 if fast else 1.0)
        self.inferences += count

    def _say_results(self) -> None:
        self._say(f"m-results-[{','.join(f'{v:.3f}' for v in self._results)}]")


def answer(task: Task, data: bytes) -> tuple[float, ...]:
    """What a peer answers to an input: scores (or an error) that depend on every byte of it."""
    source = np.random.default_rng(list(hashlib.sha256(data).digest()[:8]))
    if task.outputs == 1:
        return (float(np.float32(source.uniform(5, 15))),)
    scores = source.dirichlet(np.full(task.outputs, 0.3))
    return tuple(round(float(s), 3) for s in scores)


@dataclass
class PeerMonitor:
    """Energy samples at one constant power, and the edges that the peer's pin made."""

    peer: Peer
    watts: float = 0.04

    def begin(self) -> None:
        self._start_us = self.peer.clock_us
        self._edges = len(self.peer.edges_us)

    def end(self) -> Power:
        edges = [int((e - self._start_us) / 1000) for e in self.peer.edges_us[self._edges :]]
        count = int((self.peer.clock_us - self._start_us) / 1000) + 1
        return Power((self.watts / 1000,) * count, tuple(enumerate(edges)), 3.0)


@dataclass(frozen=True)
class PeerOpener:
    """Opens peers; picklable, for runs over several processes."""

    task: str = "kws"
    us: float = 40_000.0
    faults: Faults = field(default_factory=Faults)
    model_id: str = ""
    vendor: str = "peer"

    def __call__(self) -> Opened:
        peer = Peer(TASKS[self.task], self.us, self.faults, self.model_id, self.vendor)
        return Opened(peer, PeerMonitor(peer) if self.faults.energy else None)
