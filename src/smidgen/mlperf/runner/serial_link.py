# SPDX-License-Identifier: Apache-2.0
"""A serial port as a link, and the search for the port that a device under test is on."""

from __future__ import annotations

import errno
from dataclasses import dataclass

import serial
from serial.tools import list_ports

from smidgen.errors import DeviceError, LinkLost
from smidgen.mlperf.link import PERFORMANCE_BAUD
from smidgen.mlperf.runner.protocol import Device
from smidgen.mlperf.runner.workers import Opened

_OPEN_WRITE_S = 10.0  # a device that takes no bytes for so long is gone
_WHY = {
    errno.ENOENT: "it does not exist",
    errno.EACCES: "permission denied",
    errno.EAGAIN: "another program uses it",
    errno.EBUSY: "another program uses it",
    errno.ENOTTY: "it is no serial port",
    errno.EISDIR: "it is a folder",
}
"""What pyserial's errors say."""


def _why(e: Exception) -> str:
    """The reason in plain words; pyserial wraps termios.error, whose first argument is the number."""
    cause = e.__context__.args[:1] if e.__context__ else ()
    numbers = (getattr(e, "errno", None), *cause)
    return next((_WHY[n] for n in numbers if n in _WHY), str(e))


class SerialLink:
    """An open port, 8N1. LinkLost once it is gone; DeviceError if it cannot be opened."""

    def __init__(self, port: str, baud: int = PERFORMANCE_BAUD) -> None:
        try:
            self._port = serial.Serial(port, baud, timeout=0, write_timeout=_OPEN_WRITE_S, exclusive=True)
        except (serial.SerialException, ValueError, OSError) as e:
            raise DeviceError(
                f"cannot open {port} at {baud} baud: {_why(e)}. Is it plugged in, "
                "free, and are you allowed to use it (group dialout)? --port auto looks for a device"
            ) from e
        self._name = port

    @property
    def name(self) -> str:
        return self._name

    def write(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except (serial.SerialException, OSError, TypeError) as e:  # TypeError: pyserial on a port closed meanwhile
            raise self._lost() from e

    def read(self, timeout: float) -> bytes:
        try:
            if waiting := self._port.in_waiting:
                return bytes(self._port.read(waiting))
            if timeout <= 0.0:
                return b""
            self._port.timeout = timeout
            first = bytes(self._port.read(1))
            return first + bytes(self._port.read(self._port.in_waiting)) if first else b""
        except (serial.SerialException, OSError, TypeError) as e:
            raise self._lost() from e

    def _lost(self) -> LinkLost:
        return LinkLost(f"{self._name} is gone: unplugged, or the virtual board behind it ended")

    def close(self) -> None:
        self._port.close()


@dataclass(frozen=True, slots=True)
class SerialOpener:
    """Opens a port for the runner."""

    port: str
    baud: int

    def __call__(self) -> Opened:
        return Opened(SerialLink(self.port, self.baud))


@dataclass(frozen=True, slots=True)
class Found:
    """A port that a device answers on, or why none does."""

    port: str
    device_name: str | None
    problem: str


def port_names() -> tuple[str, ...]:
    """Every serial port of this machine, sorted."""
    return tuple(sorted(p.device for p in list_ports.comports()))


def search_ports(baud: int, ports: tuple[str, ...] | None = None) -> tuple[Found, ...]:
    """Ask every port for a device's name, two seconds each."""
    return tuple(_ask(port, baud) for port in (port_names() if ports is None else ports))


def _ask(port: str, baud: int) -> Found:
    try:
        link = SerialLink(port, baud)
    except DeviceError as e:
        return Found(port, None, str(e))
    try:
        return Found(port, Device(link).resynchronise(tries=3), "")
    except DeviceError as e:
        return Found(port, None, str(e))
    finally:
        link.close()


def find_port(baud: int, ports: tuple[str, ...] | None = None) -> str:
    """The one port a device answers on. DeviceError if there is none, or more than one."""
    found = search_ports(baud, ports)
    devices = [f for f in found if f.device_name is not None]
    if len(devices) == 1:
        return devices[0].port
    if devices:
        names = ", ".join(f"{f.port} ({f.device_name})" for f in devices)
        raise DeviceError(f"several devices answer: {names}. Name one with --port")
    tried = "".join(f"\n  {f.problem}" for f in found) or " There is no serial port at all."
    raise DeviceError(f"no device answers 'name' at {baud} baud.{tried}\nWithout --port a virtual board is used")
