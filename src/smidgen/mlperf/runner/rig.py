# SPDX-License-Identifier: Apache-2.0
"""An energy rig: an instrument that feeds and measures a device, with an IO manager between host and device or not."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from smidgen.energy.monitors import LPM01A_BAUD, EnergyMonitor, Lpm01a, lpm01a, open_js220, open_ppk2, ppk2
from smidgen.energy.windows import Samples
from smidgen.errors import InternalError, SmidgenError, UsageError
from smidgen.mlperf.formats.results_log import COUNTER
from smidgen.mlperf.formats.results_types import Power
from smidgen.mlperf.link import Link
from smidgen.mlperf.runner.io_manager import MANAGER_BAUD, IoManagerLink
from smidgen.mlperf.runner.protocol import Refused
from smidgen.mlperf.runner.serial_link import SerialLink
from smidgen.mlperf.runner.workers import Opened

_SLICE_S = 0.05
_SETTLE_S = 0.1  # what the instrument still has of the time before is let in first
_EDGES_S = 3.0  # after the device's answer both edges must have come within so long
_END_S = 5.0
_BOOT_S = 5.0  # EnergyRunner waits as long for m-ready after power on
_QUIET_S = 1.0
_CLOCKS_DIFFER = 0.02  # the ceramic resonator of an Arduino Uno is good to 0.5 %
_WINDOWS_DIFFER = 0.1  # edges that came late, of another run
_CLOCKS_DIFFER_US = 10_000
_COUNTERS = 100  # an event's number is printed with two digits


def _lpm01a(port: str | None, supply_v: float) -> EnergyMonitor:
    if port is None:
        raise UsageError("an LPM01A needs the path of its serial port: /dev/ttyACM0 or COM3")
    link = SerialLink(port, LPM01A_BAUD)
    try:
        return Lpm01a(link, supply_v)
    except BaseException:
        link.close()
        raise


INSTRUMENTS: Mapping[str, Callable[[str | None, float], EnergyMonitor]] = MappingProxyType(
    {"lpm01a": _lpm01a, "js220": lambda port, supply_v: open_js220(supply_v), "ppk2": open_ppk2}
)
"""How each instrument is opened: on which port (None: there is one, or it has none), at which supply in volts."""

SUPPLIES: Mapping[str, tuple[float, float]] = MappingProxyType(
    {"lpm01a": (lpm01a.LEAST_V, lpm01a.MOST_V), "ppk2": (ppk2.LEAST_V, ppk2.MOST_V)}
)
"""Volts that those instruments can give which feed the device."""


class RigMonitor:
    """Meets ``Monitor``: an instrument that is read in a thread of its own from ``start`` to ``close``.

    ``laps_us``: stamps of the pin as another clock has them, compared with the instrument's edges; ``note`` is told if
    they differ.
    """

    def __init__(
        self, instrument: EnergyMonitor, supply_v: float, laps_us: list[int], note: Callable[[str], None]
    ) -> None:
        self._instrument, self._supply_v, self._laps_us, self._note = instrument, supply_v, laps_us, note
        self._mark, self._laps, self._told = (0, 0), 0, 0
        self._over = threading.Event()
        self._problem: SmidgenError | None = None
        self._thread = threading.Thread(target=self._poll, name="instrument", daemon=True)

    def start(self) -> None:
        """Feed the device and measure from now on. DeviceError."""
        self._instrument.start()
        self._thread.start()

    def _poll(self) -> None:
        try:
            while not self._over.is_set():
                self._instrument.poll(_SLICE_S)
        except SmidgenError as e:
            self._problem = e
        except Exception as e:
            self._problem = InternalError(f"reading the instrument: {type(e).__name__}: {e}")

    def check(self) -> None:
        """Raise what ended the measurement, if anything did."""
        if self._problem is not None:
            raise self._problem

    def begin(self) -> None:
        time.sleep(_SETTLE_S)
        self.check()
        self._mark, self._laps = self._instrument.mark(), len(self._laps_us)

    def end(self) -> Power:
        """Refused if there are not exactly two edges, or samples between them are missing."""
        end = time.monotonic() + _EDGES_S
        while True:
            self.check()
            enough = len(self._instrument.since(self._mark)[1]) >= 2
            if enough or time.monotonic() >= end:
                break
            time.sleep(_SLICE_S)
        time.sleep(_SETTLE_S)  # a third edge would come now
        samples, events = self._instrument.since(self._mark)
        for text in (notes := self._instrument.notes())[self._told :]:
            self._note(text)
        self._told = len(notes)
        self._compare(events)
        return window_power(samples, events, self._supply_v)

    def _compare(self, events: tuple[tuple[int, int], ...]) -> None:
        laps = self._laps_us[self._laps :]
        if len(laps) != 2 or len(events) != 2:
            return
        theirs, ours = (laps[1] - laps[0]) % COUNTER, 1000 * (events[1][1] - events[0][1])
        apart = abs(theirs - ours) - _CLOCKS_DIFFER_US
        said = f"the instrument saw a window of {ours / 1e6:.3f} s, the IO manager one of {theirs / 1e6:.3f} s"
        if apart > _WINDOWS_DIFFER * ours:
            raise Refused(f"{said}: not the same edges")
        if apart > _CLOCKS_DIFFER * ours:
            self._note(f"{said}: one of them lost time")

    def close(self) -> None:
        """Let go of the instrument, which cuts the supply."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(_END_S)
        self._instrument.close()


def window_power(samples: Samples, events: tuple[tuple[int, int], ...], supply_v: float) -> Power:
    """What goes into results.json. Refused without exactly two edges, or with samples between them that are missing.

    Samples that are no numbers before or after the window are cut off, never filled in.
    """
    if len(events) != 2:
        remedy = (
            "Is the device's timestamp pin wired to the instrument, and is this energy firmware?"
            if len(events) < 2
            else "Something else moves the pin: check wiring and ground"
        )
        raise Refused(f"the instrument saw {len(events)} edges of the timestamp pin during 'infer', not 2. {remedy}")
    (first, low), (second, high) = events
    if second - first != 1 and (first, second) != (_COUNTERS - 1, 0):
        raise Refused(f"events {first} and {second} of the instrument are not consecutive: it lost one")
    if high > len(samples) or not np.isfinite(samples[low:high]).all():
        raise Refused("the instrument lost samples within the window")
    odd = np.flatnonzero(~np.isfinite(samples))
    begin = int(odd[odd < low][-1]) + 1 if (odd < low).any() else 0
    end = int(odd[odd >= high][0]) if (odd >= high).any() else len(samples)
    return Power(
        tuple(float(s) for s in samples[begin:end]), ((first, low - begin), (first + 1, high - begin)), supply_v
    )


class RigLink:
    """A link that also tells what happens to the instrument, and closes both."""

    def __init__(self, link: Link, monitor: RigMonitor) -> None:
        self._link, self._monitor = link, monitor

    @property
    def name(self) -> str:
        return self._link.name

    def write(self, data: bytes) -> None:
        self._monitor.check()
        self._link.write(data)

    def read(self, timeout: float) -> bytes:
        self._monitor.check()  # without its supply the device would only be silent
        return self._link.read(timeout)

    def close(self) -> None:
        try:
            self._link.close()
        finally:
            self._monitor.close()


@dataclass(frozen=True, slots=True)
class RigOpener:
    """Opens a rig: device or IO manager first, then the instrument, which switches the device on.

    ``port``: the IO manager's if ``through_manager``, else the device's. ``note`` is told what is odd.
    """

    port: str
    baud: int
    instrument: str
    instrument_port: str | None
    supply_v: float
    through_manager: bool = False
    note: Callable[[str], None] = lambda _: None

    def __call__(self) -> Opened:
        with contextlib.ExitStack() as stack:
            serial = SerialLink(self.port, MANAGER_BAUD if self.through_manager else self.baud)
            stack.callback(serial.close)
            instrument = INSTRUMENTS[self.instrument](self.instrument_port, self.supply_v)
            opened = open_rig(serial, instrument, self.supply_v, through_manager=self.through_manager, note=self.note)
            stack.pop_all()
            return opened


def open_rig(
    line: Link, instrument: EnergyMonitor, supply_v: float, *, through_manager: bool, note: Callable[[str], None]
) -> Opened:
    """A rig on open lines, its device switched on and booted. The instrument is let go of if that fails."""
    with contextlib.ExitStack() as stack:
        stack.callback(instrument.close)
        manager = IoManagerLink(line) if through_manager else None
        monitor = RigMonitor(instrument, supply_v, manager.laps_us if manager else [], note)
        stack.callback(monitor.close)
        monitor.start()
        link = RigLink(manager or line, monitor)
        _await_boot(link)
        stack.pop_all()
        return Opened(link, monitor, through_manager)


def _await_boot(link: Link) -> None:
    """Let a device that was just switched on say what it has to say; one that was on already says nothing."""
    heard = b""
    end = time.monotonic() + _BOOT_S
    quiet = time.monotonic() + _QUIET_S
    while time.monotonic() < min(end, quiet) and b"m-ready" not in heard:
        if data := link.read(_SLICE_S):
            heard += data
            quiet = time.monotonic() + _QUIET_S
        else:
            time.sleep(_SLICE_S / 10)
