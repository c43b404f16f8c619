# SPDX-License-Identifier: Apache-2.0
"""An energy rig around a peer: an IO manager before it and an LPM01A that feeds it, with faults of their own.

Time is the device's: the instrument has as many samples as milliseconds have passed on the device's clock.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
import tty
from collections.abc import Iterator
from dataclasses import dataclass, field

from smidgen.errors import LinkLost
from smidgen.mlperf.link import Link
from tests.mlperf.peer import Peer


@dataclass
class RigFaults:
    """What goes wrong with instrument and IO manager; 0 and empty mean never."""

    vanish_after_samples: int = 0
    vanish_at_infer: bool = False
    """With the device's supply, so that it never answers."""
    lose_edges: frozenset[int] = frozenset()
    """Numbers of edges that the instrument does not tell."""
    double_edges: frozenset[int] = frozenset()
    skip_event_numbers: frozenset[int] = frozenset()
    damage_samples: frozenset[int] = frozenset()
    drop_samples: frozenset[int] = frozenset()
    manager_silent: bool = False
    manager_silent_at: int = 0
    """From this pass-through on it says nothing."""
    manager_is_device: bool = False
    manager_sleeps_for: int = 0
    """So many first commands are lost, as while an Arduino starts."""
    refuse_at: frozenset[int] = frozenset()
    """Pass-throughs that come as another command, which it does not know."""
    chatter: bytes = b""
    """Put before every line that the manager passes on."""
    manager_lap_scale: float = 1.0


class IoManagerPeer:
    """The host's side of the Arduino."""

    name = "manager"

    def __init__(self, peer: Peer, faults: RigFaults) -> None:
        self.peer, self.faults = peer, faults
        self.commands: list[str] = []
        self.passed = 0
        self.timer = self.closed = False
        self._in, self._out = bytearray(), bytearray()
        self._edges = 0

    def write(self, data: bytes) -> None:
        if self.closed:
            raise LinkLost("manager is gone")
        self._in += data
        while (end := self._in.find(b"%")) >= 0:
            command = self._in[:end].decode()
            del self._in[: end + 1]
            self.commands.append(command)
            if not self.faults.manager_silent and len(self.commands) > self.faults.manager_sleeps_for:
                self._execute(command)

    def _execute(self, command: str) -> None:
        if command == "name":
            self._say("m-name-dut-[x]" if self.faults.manager_is_device else "m-name-ioman-[uno]")
        elif command == "tm 0":
            self._say("m-timestmp-mode-FALLING")
            self._say("m-[Timer disabled after mode change]")
        elif command in ("enable-timer", "disable-timer"):
            self.timer = command == "enable-timer"
            self._say(f"m-timer-{command[: command.index('-')]}d")
        elif command.startswith("dut "):
            self._pass(command[4:])
            return
        self._say("m-ready")

    def _pass(self, command: str) -> None:
        self.passed += 1
        if 0 < self.faults.manager_silent_at <= self.passed:
            return
        if self.passed in self.faults.refuse_at:
            self._say(f"e-[Unknown command: dt {command}]")
            self._say("m-ready")
            return
        self._say(f"m-dut-passthrough({command})")
        self._say("m-ready")
        self.peer.write(f"{command}%".encode())
        self._relay()

    def _relay(self) -> None:
        """What the device said meanwhile, and what the timer saw."""
        for line in self.peer.read(0.0).splitlines(keepends=True):
            self._out += self.faults.chatter + b"[dut]: " + line
        for edge in self.peer.edges_us[self._edges :]:
            if self.timer:
                self._say(f"m-lap-us-{int(edge * self.faults.manager_lap_scale) % (1 << 32)}")
        self._edges = len(self.peer.edges_us)

    def _say(self, line: str) -> None:
        self._out += line.encode() + b"\r\n"

    def read(self, timeout: float) -> bytes:
        if self.closed:
            raise LinkLost("manager is gone")
        self._relay()
        data = bytes(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        self.closed = True


@dataclass
class Lpm01aPeer:
    """The host's side of the instrument. It answers every command, and measures between start and stop."""

    peer: Peer
    faults: RigFaults = field(default_factory=RigFaults)
    joules: str = "4000-08"
    name: str = "lpm01a"

    def __post_init__(self) -> None:
        self.commands: list[str] = []
        self.fed = self.closed = False
        self._running = False
        self._out = bytearray()
        self._in = bytearray()
        self._start_us = 0.0
        self._samples = self._edges = self._number = 0

    def write(self, data: bytes) -> None:
        if self.closed:
            raise LinkLost("lpm01a is gone")
        self._in += data
        while (end := self._in.find(b"\r\n")) >= 0:
            command = self._in[:end].decode()
            del self._in[: end + 2]
            self._execute(command)

    def _execute(self, command: str) -> None:
        self.commands.append(command)
        self._measure()
        self._say(f"PowerShield > ack {command}")
        if command.startswith("pwr"):
            self.fed = command.startswith("pwr on")
        elif command == "start":
            self._running, self._start_us = True, self.peer.clock_us
            self._edges = len(self.peer.edges_us)
        elif command == "stop" and self._running:
            self._running = False
            self._say("Acquisition completed")

    def _say(self, line: str) -> None:
        self._out += line.encode() + b"\r\n"

    def _measure(self) -> None:
        if not self._running:
            return
        edges = list(self.peer.edges_us)
        until = int((self.peer.clock_us - self._start_us) / 1000)
        for edge in edges[self._edges :]:
            self._until(int((edge - self._start_us) / 1000))
            self._edge()
        self._until(until)

    def _edge(self) -> None:
        self._edges += 1
        if self._edges in self.faults.lose_edges:
            return
        for _ in range(2 if self._edges in self.faults.double_edges else 1):
            if self._edges in self.faults.skip_event_numbers:
                self._number += 1
            self._say(f"event {self._number:02d} ris")
            self._number += 1

    def _until(self, count: int) -> None:
        for _ in range(self._samples, count):
            self._samples += 1
            if self._samples % 1000 == 1:
                self._say(f"TimeStamp: {self._samples // 1000 % 1000:03d}s 000ms, buff 00%")
            if self._samples not in self.faults.drop_samples:
                self._say("40?0-08" if self._samples in self.faults.damage_samples else self.joules)

    def read(self, timeout: float) -> bytes:
        if self.closed or 0 < self.faults.vanish_after_samples <= self._samples:
            raise LinkLost("lpm01a is gone")
        if self.faults.vanish_at_infer and self.peer.commands[-1:] and self.peer.commands[-1].startswith("infer"):
            raise LinkLost("lpm01a is gone")
        self._measure()
        data = bytes(self._out)
        self._out.clear()
        if not data:
            time.sleep(min(timeout, 0.005))
        return data

    def close(self) -> None:
        self.closed = True


@contextlib.contextmanager
def serial_port(peer: Link) -> Iterator[str]:
    """A peer behind a pseudo-terminal, served until the context ends or it vanishes."""
    ours, theirs = os.openpty()
    tty.setraw(theirs)
    os.set_blocking(ours, False)
    over = threading.Event()

    def serve() -> None:
        held = b""
        with contextlib.suppress(LinkLost, OSError):
            while not over.is_set():
                with contextlib.suppress(BlockingIOError):
                    peer.write(os.read(ours, 4096))
                held += peer.read(0.0)
                with contextlib.suppress(BlockingIOError):
                    held = held[os.write(ours, held[:2048]) :] if held else b""
                time.sleep(0.0005)
            while data := os.read(ours, 4096):  # what came last, until there is nothing
                peer.write(data)

    thread = threading.Thread(target=serve)
    thread.start()
    try:
        yield os.ttyname(theirs)
    finally:
        over.set()
        thread.join(5)
        os.close(theirs)
        os.close(ours)
