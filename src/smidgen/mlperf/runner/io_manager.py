# SPDX-License-Identifier: Apache-2.0
"""The IO manager of the benchmark's energy rig (an Arduino) as a link to the device behind it.

It isolates the device: ``dut X%`` is acknowledged with ``m-dut-passthrough(X)`` and its own ``m-ready``, then the
device's lines follow, each after ``[dut]: ``. Only the device's lines are let through here. (Source: README of
github.com/eembc/energyrunner, benchmark/runner/io_manager.py of github.com/mlcommons/tiny; not tried on one.)
"""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable

from smidgen.errors import DeviceError, NoAnswer
from smidgen.mlperf.link import Link

MANAGER_BAUD = 115_200
"""Between host and IO manager; it talks to the device at 9600."""

_PREFIX = b"[dut]: "
_FIRST_S = 2.0  # an Arduino starts anew when its port is opened
_FIRST_TRIES = 3
_ANSWER_S = 3.0
_POLL_S = 0.1
_BREATH_S = 0.01
_LONGEST_LINE = 1 << 16


class IoManagerLink:
    """Meets ``Link``: what is written are the device's commands, what is read are its lines.

    ``laps_us``: what its timer saw of the timestamp pin, in microseconds, where the pin is wired to it.
    """

    def __init__(self, line: Link, clock: Callable[[], float] = time.monotonic) -> None:
        """NoAnswer if nothing answers on ``line``, DeviceError if it is a device."""
        self._line, self._clock = line, clock
        self._pending = bytearray()  # of the line
        self._command = bytearray()  # that is not whole yet
        self._out = bytearray()  # for the reader
        self._closed = False
        self.laps_us: list[int] = []
        self._meet()
        for command in ("tm 0", "enable-timer"):
            self._tell(command, _ANSWER_S)

    @property
    def name(self) -> str:
        return f"{self._line.name} (IO manager)"

    def _meet(self) -> None:
        """See that an IO manager is there."""
        problem: NoAnswer | None = None
        for _ in range(_FIRST_TRIES):
            try:
                said = self._tell("name", _FIRST_S)
            except NoAnswer as e:
                problem = e
                continue
            if any("m-name-dut-[" in line for line in said):
                raise DeviceError(f"{self._line.name} is a device, not an IO manager: give it as --port instead")
            return
        raise NoAnswer(
            f"{self._line.name}: no IO manager answers. Is it plugged in, and does it run the benchmark's sketch? "
            "Without one, give the device's own port with --port"
        ) from problem

    def write(self, data: bytes) -> None:
        """Pass commands on, each once it is whole. NoAnswer if the manager does not acknowledge it."""
        self._command += data
        while (end := self._command.find(b"%")) >= 0:
            text = self._command[:end].decode("ascii", errors="replace")
            del self._command[: end + 1]
            refusals = [line for line in self._tell(f"dut {text}", _ANSWER_S) if "e-[" in line]
            if refusals:  # then the device never got it
                self._out += f"{refusals[-1]}\r\nm-ready\r\n".encode("ascii", errors="replace")

    def read(self, timeout: float) -> bytes:
        if not self._out:
            self._take(timeout)
        data = bytes(self._out)
        self._out.clear()
        return data

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(DeviceError):
            self._line.write(b"disable-timer%")
        self._line.close()

    def _tell(self, command: str, timeout_s: float) -> list[str]:
        """The manager's own lines until its m-ready. NoAnswer without one."""
        self._line.write(f"{command}%".encode("ascii"))
        said: list[str] = []
        end = self._clock() + timeout_s
        while not any(line.endswith("m-ready") for line in said):
            left = end - self._clock()
            if left <= 0.0:
                raise NoAnswer(
                    f"{self.name}: it does not acknowledge {command[:40]!r} within {timeout_s:g} s. Is it still "
                    "plugged in? Its reset button helps if it hangs"
                )
            said += self._take(min(left, _POLL_S))
        return said

    def _take(self, timeout: float) -> list[str]:
        """Read once. The device's lines go to the reader, the manager's own are returned."""
        asked = self._clock()
        data = self._line.read(timeout)
        if not data and timeout > 0.0 and self._clock() - asked < _BREATH_S:
            time.sleep(_BREATH_S)
        self._pending += data
        own = []
        while (end := self._pending.find(b"\n")) >= 0:
            raw = bytes(self._pending[: end + 1])
            del self._pending[: end + 1]
            at = raw.find(_PREFIX)
            if at >= 0:
                self._out += raw[at + len(_PREFIX) :]
            else:
                own.append(raw.decode("ascii", errors="replace").strip("\r\n\0 \t"))
        del self._pending[:-_LONGEST_LINE]
        self.laps_us += [int(m[1]) for line in own if (m := re.search(r"m-lap-us-(\d+)$", line))]
        return own
