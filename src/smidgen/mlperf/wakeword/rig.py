# SPDX-License-Identifier: Apache-2.0
"""The streaming wakeword benchmark on hardware: a device on one serial port, its interface board on another.

The interface board (STM32H573I-DK, benchmark/interface of github.com/mlcommons/tiny) plays recordings from its SD card
over I2S and records the device's pins. It was not tried on one.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

from smidgen.errors import DeviceError, NoAnswer
from smidgen.mlperf.formats.results_types import Mode
from smidgen.mlperf.link import Link
from smidgen.mlperf.runner.bench import Outcome
from smidgen.mlperf.runner.protocol import Device, DeviceReset, Identity
from smidgen.mlperf.runner.serial_link import SerialLink
from smidgen.mlperf.tasks import Task
from smidgen.mlperf.wakeword.bench import Recordings, find_recordings, outcome, write_files
from smidgen.mlperf.wakeword.run import Progress, WakewordResult, run_wakeword_rig

INTERFACE_BAUD = 115_200
"""Between host and interface board."""

_NAME = "Interface Board"
_NAME_S = 2.0
_TRIES = 3
_ALIASES = {"strww01": "sww01"}


class _Watched:
    """A link that tells how long it has been waited on; the interface board is silent while it plays."""

    def __init__(self, link: Link, tell: Callable[[float], None]) -> None:
        self._link, self._tell = link, tell
        self._since = time.monotonic()

    @property
    def name(self) -> str:
        return self._link.name

    def write(self, data: bytes) -> None:
        self._since = time.monotonic()
        self._link.write(data)

    def read(self, timeout: float) -> bytes:
        self._tell(time.monotonic() - self._since)
        return self._link.read(timeout)

    def close(self) -> None:
        self._link.close()


def bench_wakeword_rig(
    task: Task, mode: Mode, folder: Path, data: Path, ports: tuple[str, str], baud: int, progress: Progress
) -> Outcome:
    """Plays the recordings named in ``data``; ``ports``: the device's and the interface board's. DeviceError if either
    is not there or does not do its part, and InvalidInput; then no file is written."""
    found = find_recordings(data, held=False)
    with ExitStack() as stack:
        links = [SerialLink(port, rate) for port, rate in zip(ports, (baud, INTERFACE_BAUD), strict=True)]
        for link in links:
            stack.callback(link.close)
        identity, results = play_all(links[0], links[1], found, task, baud, progress)
    write_files(folder, task, mode, (ports[0], baud, identity.name, identity.profile), results)
    return outcome(task, mode, folder, found, results, identity.name, "measured")


def play_all(
    line: Link, interface: Link, found: Recordings, task: Task, baud: int, progress: Progress
) -> tuple[Identity, list[WakewordResult]]:
    """Who the device is, and what it heard."""
    total = sum(test.length_s for test in found.tests)
    results: list[WakewordResult] = []

    def tell(waited_s: float) -> None:
        done = sum(r.test.length_s for r in results)
        length_s = found.tests[min(len(results), len(found.tests) - 1)].length_s
        progress(min(done + min(waited_s, length_s), total), total)

    board = Device(_Watched(interface, tell))
    _meet(board)
    device = Device(line)
    identity = device.identify()
    model_id = _ALIASES.get(identity.model_id, identity.model_id)
    if model_id != task.model_id:
        raise DeviceError(f"{line.name} holds the model {model_id} ({identity.name}), not {task.model_id}")
    for test in found.tests:
        results.append(run_wakeword_rig(device, board, test, baud=baud))
    progress(total, total)
    return identity, results


def _meet(board: Device) -> None:
    """See that an interface board is there. NoAnswer, DeviceError."""
    problem: Exception | None = None
    for _ in range(_TRIES):
        try:
            said = " ".join(board.command("name", _NAME_S).lines)
        except (NoAnswer, DeviceReset) as e:
            problem = e
            continue
        if _NAME in said:
            return
        raise DeviceError(
            f"{board.link.name} answers 'name' with {said[:60]!r}, which is no interface board: are --port and "
            "--interface exchanged?"
        )
    raise NoAnswer(
        f"{board.link.name}: no interface board answers at {INTERFACE_BAUD} baud. Is it plugged in (the USB port of "
        "its ST-LINK) and running benchmark/interface of github.com/mlcommons/tiny?"
    ) from problem
