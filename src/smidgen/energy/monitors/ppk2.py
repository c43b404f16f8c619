# SPDX-License-Identifier: Apache-2.0
"""Nordic's Power Profiler Kit II through the ``ppk2-api`` package, an extra: 100,000 samples of current a second.

It feeds the device as a source meter; energy is current x the voltage that was set. The timestamp pin is on logic input
D0, whose falling edge counts. (Written from the package's documentation, not tried on an instrument.)
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from importlib import import_module
from typing import Any

import numpy as np

from smidgen.energy.monitors.accumulate import Accumulator
from smidgen.energy.monitors.recording import RATE_HZ, Mark, Recording
from smidgen.energy.windows import Samples
from smidgen.errors import DeviceError, LinkLost, ProtocolError, ToolNotFound, UsageError

RAW_HZ = 100_000
LEAST_V, MOST_V = 0.8, 5.0
_PAUSE_S = 0.01
_SILENT_S = 2.0


def open_ppk2(port: str | None, supply_v: float) -> Ppk2:
    """The kit on ``port``, or the only one. ToolNotFound without the package, DeviceError without the instrument."""
    if not LEAST_V <= supply_v <= MOST_V:
        raise UsageError(f"the PPK2 gives {LEAST_V:g} to {MOST_V:g} V, not {supply_v:g} V")
    try:
        api = import_module("ppk2_api.ppk2_api").PPK2_API
    except ImportError:
        raise ToolNotFound("a PPK2 needs its package: pip install 'smidgen[ppk2]'") from None
    with _told("be opened"):
        found = [port] if port is not None else [d if isinstance(d, str) else d[0] for d in api.list_devices()]
        if len(found) != 1:
            raise DeviceError(f"{len(found)} PPK2 are plugged in: name one's port with --port")
        kit = api(found[0], timeout=1, write_timeout=1, exclusive=True)
    return Ppk2(kit, supply_v)


class Ppk2:
    """An open PPK2_API of the package."""

    def __init__(self, kit: Any, supply_v: float) -> None:  # Any: the package is optional and not typed
        self._kit, self._supply_v = kit, supply_v
        self._sums = Accumulator(RAW_HZ, falling=True)
        self._heard: float | None = None
        self._closed = False

    def start(self) -> None:
        with _told("be configured"):
            self._kit.get_modifiers()
            self._kit.set_source_voltage(round(self._supply_v * 1000))
            self._kit.use_source_meter()
            self._kit.toggle_DUT_power("ON")
            self._kit.start_measuring()
        self._heard = time.monotonic()

    def poll(self, seconds: float) -> None:
        """Everything that the kit sends until ``seconds`` are over; LinkLost if it stays silent."""
        end = time.monotonic() + seconds
        while (now := time.monotonic()) < end:
            with _told("be read"):
                taken = self._take()
            if taken:
                self._heard = now
            elif self._heard is not None and now - self._heard > _SILENT_S:
                raise LinkLost("the PPK2 sends nothing any more. Was it unplugged?")
            time.sleep(min(_PAUSE_S, max(end - now, 0.0)))

    def _take(self) -> bool:
        data = self._kit.get_data()
        if not data:
            return False
        found = self._kit.get_samples(data)
        if not isinstance(found, tuple) or len(found) != 2:
            raise ProtocolError("this ppk2-api gives no logic inputs: pip install 'ppk2-api>=0.9.2'")
        microamperes, digital = (np.asarray(values) for values in found)
        if len(microamperes) != len(digital):
            raise ProtocolError("ppk2-api gives currents and logic inputs of different lengths. Is it too new?")
        self._sums.add(microamperes * (1e-6 * self._supply_v), digital.astype(np.int64) & 1)
        return len(microamperes) > 0

    def mark(self) -> Mark:
        return self._sums.mark()

    def since(self, mark: Mark) -> tuple[Samples, tuple[tuple[int, int], ...]]:
        return self._sums.since(mark)

    def notes(self) -> tuple[str, ...]:
        return ()

    def stop(self) -> Recording:
        with _told("be read"):
            self._take()
            self._kit.stop_measuring()
        samples = self._sums.samples_j()
        if not len(samples):
            raise ProtocolError("the PPK2 measured nothing. Is the device connected to it?")
        notes = [f"energy is current x the {self._supply_v:g} V that were set; the PPK2 does not measure voltage"]
        return Recording("ppk2", RATE_HZ, self._supply_v, samples, self._sums.event_list(), tuple(notes))

    def close(self) -> None:
        if self._closed:
            return
        self._closed = True
        for let_go in (self._kit.stop_measuring, lambda: self._kit.toggle_DUT_power("OFF")):
            with contextlib.suppress(Exception):  # it may be gone, and there is nothing left to lose
                let_go()
        with contextlib.suppress(Exception):
            self._kit.ser.close()


@contextlib.contextmanager
def _told(what: str) -> Iterator[None]:
    """The package's errors as ours."""
    try:
        yield
    except DeviceError:
        raise
    except Exception as e:  # the package passes on what pyserial raises, and its own
        raise LinkLost(f"the PPK2 cannot {what}: {e}. Is it plugged in, free, and not unplugged meanwhile?") from e
