# SPDX-License-Identifier: Apache-2.0
"""ST's X-NUCLEO-LPM01A (PowerShield) on its serial port.

Commands end with CR LF and are answered by ``ack <command>`` or ``error <command>``, each perhaps after the prompt
``PowerShield > ``. While it measures it sends a sample a line, ``dddd-ee`` for dddd x 10^-ee joules a period,
``TimeStamp: SSSs MMMms, buff NN%`` once a second, and ``event NN ris`` for each edge on D7. (ST's UM2269, and
benchmark/runner of github.com/mlcommons/tiny; written from those documents, not tried on an instrument.)
"""

from __future__ import annotations

import contextlib
import itertools
import math
import re
import time
from collections import deque
from collections.abc import Callable, Iterator

import numpy as np

from smidgen.energy.monitors.recording import RATE_HZ, Line, Mark, Recording
from smidgen.energy.windows import Samples
from smidgen.errors import DeviceError, NoAnswer, ProtocolError, UsageError

BAUD = 3_686_400
LEAST_V, MOST_V = 1.8, 3.3

_PROMPT = "PowerShield > "
_ANSWER_S = 3.0
_LONGEST_LINE = 4096  # of bytes without a line end: no instrument of this kind
_SAMPLES = re.compile(r"(?:\d{4}[-+]\d{2})+")
_SAMPLE = re.compile(r"(\d{4})([-+]\d{2})")
_SAMPLE_LIKE = re.compile(r"[\d+-]{2,}")
_SAMPLE_LETTERS = len("dddd-ee")
_STAMP = re.compile(r"TimeStamp:[ ><]*(\d{3})s (\d{3})ms, buff (\d{1,3})%")
_EVENT = re.compile(r"event (\d+) (?:ris|fal)")
_TROUBLE = re.compile(r"overflow|overrun|dropped|lost", re.IGNORECASE)
_FULL_PERCENT = 90


class Lpm01a:
    """The instrument on an open line. UsageError for a supply that it cannot give."""

    def __init__(self, line: Line, supply_v: float, clock: Callable[[], float] = time.monotonic) -> None:
        if not LEAST_V <= supply_v <= MOST_V:
            raise UsageError(f"the LPM01A gives {LEAST_V:g} to {MOST_V:g} V, not {supply_v:g} V")
        self._line, self._supply_v, self._clock = line, supply_v, clock
        self._pending = b""
        self._whole: deque[bytes] = deque()
        self._samples: list[float] = []
        self._events: list[tuple[int, int]] = []
        self._ticks: list[tuple[float, int]] = []  # the instrument's clock, and how many samples came before
        self._notes: list[str] = []
        self._completed = self._controlled = self._closed = False

    def start(self) -> None:
        """Configure it as the benchmark's runner does, feed the device and begin."""
        self._command("htc")
        self._controlled = True
        self._command("pwr off")
        for command in ("acqtime inf", "trigdelay 0", "trigsrc sw", "eventsrc d7 fal"):
            self._command(command)
        for command in ("output energy", "format ascii_dec", f"freq {RATE_HZ / 1000:g}k"):
            self._command(command)
        self._command(f"volt {round(self._supply_v * 1000)}m")
        self._command("pwr on nostatus")
        self._command("start")

    def poll(self, seconds: float) -> None:
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            self._take(self._line_within(left))

    def mark(self) -> Mark:
        events = len(self._events)  # before the samples, which only grow
        return len(self._samples), events

    def since(self, mark: Mark) -> tuple[Samples, tuple[tuple[int, int], ...]]:
        events = self._events[mark[1] :]
        samples = np.array(self._samples[mark[0] :], dtype=np.float64)
        return samples, tuple((i, at - mark[0]) for i, at in events)

    def stop(self) -> Recording:
        self._send("stop")
        end = self._clock() + _ANSWER_S
        while not self._completed:
            left = end - self._clock()
            if left <= 0:
                raise NoAnswer(
                    f"{self._line.name}: the instrument did not end its measurement within {_ANSWER_S:g} s of 'stop'. "
                    f"Unplug it and plug it in again"
                )
            self._take(self._line_within(left))
        if not self._samples:
            raise ProtocolError(f"{self._line.name}: the instrument measured nothing. Is the device connected to it?")
        notes = [*self.notes()]
        lost = sum(1 for s in self._samples if math.isnan(s))
        if lost:
            notes.append(f"{lost} of {len(self._samples)} samples were damaged on the line: they are no numbers")
        samples = np.array(self._samples, dtype=np.float64)
        return Recording("lpm01a", RATE_HZ, self._supply_v, samples, tuple(self._events), tuple(notes))

    def close(self) -> None:
        """Stop, cut the supply and give control back, without waiting for answers: it may be gone."""
        if self._closed:
            return
        self._closed = True
        with contextlib.suppress(DeviceError):
            if self._controlled:
                for command in ("stop", "pwr off", "hrc"):
                    self._send(command)
        self._line.close()

    def _send(self, command: str) -> None:
        self._line.write(f"{command}\r\n".encode("ascii"))

    def _command(self, command: str) -> None:
        """Send and wait for the acknowledgement; samples of an earlier measurement are passed over."""
        self._send(command)
        end = self._clock() + _ANSWER_S
        heard = ""
        while (left := end - self._clock()) > 0:
            plain = self._line_within(left).replace(_PROMPT, "").strip()
            if plain.startswith(f"ack {command}"):
                return
            if plain.startswith("error"):
                raise ProtocolError(f"{self._line.name}: the instrument refused {command!r}: {plain[:200]!r}")
            heard = plain[:60] or heard
        if heard:
            raise ProtocolError(
                f"{self._line.name}: {command!r} was answered by {heard!r} and never acknowledged. "
                f"Is this the port of an LPM01A, at {BAUD:,} baud?"
            )
        raise NoAnswer(
            f"{self._line.name}: nothing answers {command!r} within {_ANSWER_S:g} s. "
            f"Is this the port of an LPM01A, at {BAUD:,} baud, and is it on?"
        )

    def _line_within(self, timeout: float) -> str:
        """The next line that has come whole; "" if none has after one read. What follows it waits for the next call."""
        if not self._whole:
            self._pending += self._line.read(timeout)
            *whole, self._pending = self._pending.split(b"\n")
            self._whole.extend(whole)
        if len(self._pending) > _LONGEST_LINE:
            raise ProtocolError(
                f"{self._line.name}: {len(self._pending):,} bytes without a line end. "
                f"Is this the port of an LPM01A, at {BAUD:,} baud?"
            )
        return self._whole.popleft().decode("ascii", errors="replace").strip("\r\0") if self._whole else ""

    def _take(self, text: str) -> None:
        """One line of a measurement."""
        plain = text.replace(_PROMPT, "").strip()
        if _SAMPLES.fullmatch(plain):
            self._samples += [float(f"{digits}e{power}") for digits, power in _SAMPLE.findall(plain)]
        elif match := _STAMP.fullmatch(plain):
            self._ticks.append((int(match[1]) + int(match[2]) / 1000, len(self._samples)))
            if int(match[3]) >= _FULL_PERCENT:
                self._notes.append(f"at {match[1]} s the instrument's buffer was {match[3]} % full: read it faster")
        elif match := _EVENT.fullmatch(plain):
            self._events.append((int(match[1]), len(self._samples)))
        elif "Acquisition completed" in plain:
            self._completed = True
        elif _TROUBLE.search(plain):
            self._notes.append(f"after {len(self._samples)} samples the instrument said {plain[:120]!r}")
        elif plain.startswith("error"):
            raise ProtocolError(f"{self._line.name}: the instrument gave up: {plain[:200]!r}")
        elif _SAMPLE_LIKE.fullmatch(plain) or "\ufffd" in plain or _damaged(plain):
            self._samples.append(math.nan)

    def notes(self) -> tuple[str, ...]:
        """What went wrong until now; between two stamps as many samples must come as the time between them has."""
        return (*self._notes, *self._ticks_missed())

    def _ticks_missed(self) -> Iterator[str]:
        for (before, first), (after, last) in itertools.pairwise(self._ticks[:]):
            expected = round((after - before) * RATE_HZ)
            if last - first != expected:
                yield (
                    f"between {before:.3f} s and {after:.3f} s of the instrument's clock {last - first} samples came, "
                    f"not {expected}"
                )


def _damaged(plain: str) -> bool:
    """Whether a line is a sample of which a letter or two were changed on the way."""
    return len(plain) == _SAMPLE_LETTERS and sum(c.isdigit() or c in "+-" for c in plain) >= _SAMPLE_LETTERS - 2
