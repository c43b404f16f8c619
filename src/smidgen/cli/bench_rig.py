# SPDX-License-Identifier: Apache-2.0
"""The options of smidgen bench that say how a real device's energy is measured."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from smidgen.cli.common import console, progress
from smidgen.energy.units import parse_quantity
from smidgen.errors import UsageError
from smidgen.mlperf.formats.results_types import Mode
from smidgen.mlperf.link import PERFORMANCE_BAUD
from smidgen.mlperf.runner.bench import Outcome
from smidgen.mlperf.runner.rig import INSTRUMENTS, SUPPLIES, RigOpener
from smidgen.mlperf.runner.serial_link import find_port
from smidgen.mlperf.tasks import Task
from smidgen.mlperf.wakeword.rig import bench_wakeword_rig

_OPTIONS = (
    click.option(
        "--monitor",
        type=click.Choice(list(INSTRUMENTS)),
        help="Energy of a real device: the instrument that measures it.",
    ),
    click.option("--monitor-port", metavar="PORT", help="The instrument's serial port."),
    click.option(
        "--voltage", metavar="VOLTAGE", help="What feeds the device: set by lpm01a and ppk2, recorded with js220."
    ),
    click.option(
        "--io-manager",
        metavar="PORT",
        help="Energy of a real device behind an IO manager (Arduino): its port, instead of --port.",
    ),
    click.option(
        "--interface", metavar="PORT", help="sww on a real device: the port of the benchmark's interface board."
    ),
)


@dataclass(frozen=True, slots=True)
class Rig:
    """What the command line says of it."""

    monitor: str | None
    monitor_port: str | None
    voltage: str | None
    io_manager: str | None
    interface: str | None


def rig_options(f: Any) -> Any:  # Any: click decorators take every signature
    """Adds the options; they arrive as the fields of Rig."""
    for option in reversed(_OPTIONS):
        f = option(f)
    return f


def check_rig(rig: Rig, port: str | None, mode: str, baud: int | None) -> None:
    """UsageError for a rig that is not whole, or is not asked for, before anything is opened."""
    given = [name for name, value in _named(rig).items() if value is not None]
    if mode != "energy" or not (port or rig.io_manager):
        if given:
            raise UsageError(
                f"{given[0]} is for the energy of a real device: --mode energy with --port or --io-manager"
            )
        return
    if port and rig.io_manager:
        raise UsageError("the device is either at --port, or behind the IO manager at --io-manager: give one of them")
    if baud and rig.io_manager:
        raise UsageError("--baud is not for a device behind an IO manager, which talks to it at 9600 baud")
    if rig.monitor is None:
        raise UsageError(
            "energy of a real device needs an instrument: --monitor lpm01a --monitor-port PORT --voltage 1.8 (or "
            "js220, ppk2), and --io-manager PORT instead of --port if the device is behind one"
        )
    _check_monitor(rig, port or rig.io_manager)


def _check_monitor(rig: Rig, device: str | None) -> None:
    if rig.voltage is None:
        raise UsageError(f"--monitor {rig.monitor} needs --voltage, what feeds the device, for instance 1.8")
    supply_v = parse_quantity(rig.voltage, "voltage")
    if rig.monitor == "lpm01a" and rig.monitor_port is None:
        raise UsageError("--monitor lpm01a needs its --monitor-port: /dev/ttyACM0 or COM3")
    if rig.monitor == "js220" and rig.monitor_port is not None:
        raise UsageError("a JS220 is found on USB: leave --monitor-port away")
    if rig.monitor_port is not None and rig.monitor_port == device:
        raise UsageError(f"{device} cannot be both the device's port and the instrument's")
    if device == "auto" and rig.monitor in SUPPLIES:
        raise UsageError(f"--port auto finds no device that is off until {rig.monitor} feeds it: name its port")
    limits = SUPPLIES.get(rig.monitor or "")
    if limits and not limits[0] <= supply_v <= limits[1]:
        raise UsageError(f"--voltage {rig.voltage}: {rig.monitor} gives {limits[0]:g} to {limits[1]:g} V")


def _named(rig: Rig) -> dict[str, str | None]:
    return {
        "--monitor": rig.monitor,
        "--monitor-port": rig.monitor_port,
        "--voltage": rig.voltage,
        "--io-manager": rig.io_manager,
    }


def rig_opener(rig: Rig, port: str | None, baud: int) -> RigOpener:
    """For a rig that was checked."""
    assert rig.monitor is not None
    assert rig.voltage is not None
    where = rig.io_manager or (find_port(baud) if port == "auto" else port)
    assert where is not None
    return RigOpener(
        where,
        baud,
        rig.monitor,
        rig.monitor_port,
        parse_quantity(rig.voltage, "voltage"),
        rig.io_manager is not None,
        lambda text: console.print(f"note: {text}"),
    )


def wakeword_rig(
    task: Task, mode: Mode, folder: Path, data: Path, port: str | None, rig: Rig, baud: int | None, *, quiet: bool
) -> Outcome:
    """The streaming wakeword on hardware. UsageError for a rig that is not whole."""
    if mode == "energy":
        raise UsageError(f"energy of {task.name} on hardware is not recorded yet: use the benchmark's own runner")
    if port is None or rig.interface is None:
        raise UsageError(
            f"{task.name} on hardware needs --port, the device's, and --interface, that of the benchmark's interface "
            "board, which plays the audio"
        )
    if port in ("auto", rig.interface):
        raise UsageError(f"name the ports of device and interface board, two different ones, not {port}")
    with progress(f"{task.name} {mode}", 1, quiet=quiet) as bar:
        return bench_wakeword_rig(
            task,
            mode,
            folder,
            data,
            (port, rig.interface),
            baud or PERFORMANCE_BAUD,
            lambda done, total: bar(int(done), max(1, int(total))),
        )
