# SPDX-License-Identifier: Apache-2.0
"""smidgen energy: what an inference takes from a supply, and how long a battery lasts."""

from __future__ import annotations

from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

import click

from smidgen.cli.common import choosing_options, json_option, models_option, print_json, target_option, toolchain_option
from smidgen.cli.energy_capture import MONITORS, Measurement, measure
from smidgen.cli.energy_sources import Asked, Source, source_of
from smidgen.cli.energy_text import battery_report, show_battery, show_inference, show_trace
from smidgen.energy.battery import Battery, Duty
from smidgen.energy.traces import analyse
from smidgen.energy.units import parse_quantity
from smidgen.energy.windows import TraceReport

_EPILOG = """\b
Examples:
  smidgen energy kws --every 1s --sleep-current 2uA --battery 220mAh
  smidgen energy model.tflite --state zephyr --every 10s --battery 2.4Ah --self-discharge 3%/year
  smidgen energy --result v1.2/STMicroelectronics/NUCLEO_U575ZI_Q/kws --every 1s --battery 220mAh
  smidgen energy --energy 1.2mJ --latency 30ms --every 10s --battery 220mAh --supply 3
  smidgen energy --trace results/board/kws/energy --json
  smidgen energy --monitor lpm01a --port /dev/ttyACM0 --seconds 10 --voltage 1.8 -o trace
"""


class Quantity(click.ParamType[float]):
    """A number with its unit, in SI."""

    name = "quantity"

    def __init__(self, kind: str, *, zero: bool = False) -> None:
        self.kind, self.zero = kind, zero

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:  # Any: click's
        return value if isinstance(value, float) else parse_quantity(str(value), self.kind, zero=self.zero)


_INFERENCE = (
    click.option("--energy", type=Quantity("energy"), metavar="ENERGY", help="Of an inference, instead of a MODEL."),
    click.option("--latency", type=Quantity("time"), metavar="TIME", help="Of an inference, with --energy."),
    click.option("--result", metavar="PATH", help="A published result instead: parts of its source's path."),
    click.option("--state", metavar="NAME", help="Which of the board's figures: another supply or operating system."),
    click.option(
        "--supply",
        "--voltage",
        type=Quantity("voltage"),
        metavar="VOLTAGE",
        help="Default: that of the energy figure. With --monitor: what feeds the device.",
    ),
    click.option("--clock", type=Quantity("frequency"), metavar="FREQUENCY", help="Another clock than the board's."),
)
_BATTERY = (
    click.option("--every", type=Quantity("time"), metavar="TIME", help="One inference every so often."),
    click.option(
        "--sleep-current",
        type=Quantity("current", zero=True),
        metavar="CURRENT",
        help="Between inferences. Default: the board's, if it is known.",
    ),
    click.option("--wake-time", type=Quantity("time", zero=True), metavar="TIME", help="To wake up, each time."),
    click.option(
        "--wake-energy",
        type=Quantity("energy", zero=True),
        metavar="ENERGY",
        help="To wake up. Default: --wake-time at the power of an inference.",
    ),
    click.option("--battery", type=Quantity("charge"), metavar="CHARGE", help="Its capacity."),
    click.option(
        "--self-discharge",
        type=Quantity("share a year", zero=True),
        metavar="SHARE",
        help="What the battery loses by itself: 3%/year.",
    ),
)
_TRACE = (
    click.option(
        "--trace",
        type=click.Path(path_type=Path),
        metavar="FOLDER",
        help="A recorded run: EnergyRunner's trace1-energy.bin or the Python runner's results.json.",
    ),
    click.option(
        "--inferences",
        "-n",
        multiple=True,
        type=click.IntRange(1),
        metavar="N",
        help="With --trace, --monitor: N of infer N W. One for all windows, or one each.",
    ),
)
_MONITOR = (
    click.option("--monitor", type=click.Choice(list(MONITORS)), help="Measure with this instrument."),
    click.option("--port", metavar="PORT", help="With --monitor: its serial port."),
    click.option("--seconds", type=click.FloatRange(0.1, 86_400), metavar="S", help="With --monitor: for how long."),
    click.option(
        "-o", "--output", type=click.Path(path_type=Path), metavar="DIR", help="With --monitor: where to save it."
    ),
)


@dataclass(frozen=True, slots=True)
class Use:
    """How often there is an inference, and what it costs beside it, in SI units."""

    every: float | None
    sleep_current: float | None
    wake_time: float | None
    wake_energy: float | None
    battery: float | None
    self_discharge: float | None


@dataclass(frozen=True, slots=True)
class _Live:
    """What the options say about an instrument."""

    monitor: str | None
    port: str | None
    seconds: float | None
    output: Path | None


def _with(f: Any) -> Any:  # Any: click decorators take every signature
    for option in reversed((*_INFERENCE, *_BATTERY, *_TRACE, *_MONITOR)):
        f = option(f)
    return f


@click.command("energy", epilog=_EPILOG)
@click.argument("model", metavar="[MODEL]", required=False)
@target_option
@_with
@toolchain_option
@choosing_options
@models_option
@json_option
def command(trace: Path | None, inferences: tuple[int, ...], as_json: bool, **options: Any) -> None:  # Any: click's
    """Energy of one inference, and how long a battery lasts with one every so often.

    Energy is modelled cycles times what a cycle takes on the board, which others measured for the benchmark's
    published results. Or it is that of a published result, given by hand, read from a recorded trace, or measured now.
    """
    asked = Asked(**{f.name: options[f.name] for f in fields(Asked)})
    use = Use(**{f.name: options[f.name] for f in fields(Use)})
    live = _Live(**{f.name: options[f.name] for f in fields(_Live)})
    if trace is not None or live.monitor is not None:
        _refuse_others(asked, use, supply=trace is not None)
    if live.monitor is not None:
        if trace is not None:
            raise click.UsageError("--trace reads what --monitor has saved: give one of them")
        measure(_measurement(live, asked.supply, inferences), as_json=as_json)
        return
    if live != _Live(None, None, None, None):
        raise click.UsageError("--port, --seconds and -o go with --monitor")
    if trace is not None:
        report = analyse(trace, inferences or None)
        if as_json:
            print_json(trace_json(report))
        else:
            show_trace(report)
        return
    if inferences:
        raise click.UsageError("--inferences goes with --trace and --monitor")
    _show_model(asked, use, as_json)


def _measurement(live: _Live, supply_v: float | None, inferences: tuple[int, ...]) -> Measurement:
    """What --monitor is asked for; click.UsageError for what it lacks."""
    assert live.monitor is not None, "asked for"
    if live.seconds is None or live.output is None or supply_v is None:
        raise click.UsageError("--monitor needs --seconds S, --voltage VOLTAGE and -o DIR")
    if len(inferences) > 1:
        raise click.UsageError("--monitor makes one trial: give --inferences once")
    count = inferences[0] if inferences else None
    return Measurement(live.monitor, live.port, live.seconds, supply_v, live.output, count)


def _show_model(asked: Asked, use: Use, as_json: bool) -> None:
    if use.every is None and any(value is not None for value in asdict(use).values()):
        raise click.UsageError("how often is there an inference? Give --every TIME")
    source = source_of(asked, quiet=as_json)
    if use.every is not None:
        _show_use(source, use, use.every, as_json)
    elif as_json:
        print_json({**asdict(source.consumer), "supply_v": source.supply_v, "notes": source.notes})
    else:
        show_inference(source.consumer, source.supply_v, source.notes)


def _refuse_others(asked: Asked, use: Use, *, supply: bool) -> None:
    given = (asked.model, asked.result, asked.energy, asked.latency, asked.state, asked.clock)
    if (supply and asked.supply is not None) or any(v is not None for v in (*given, *asdict(use).values())):
        raise click.UsageError("--trace and --monitor stand alone: leave MODEL and the options of batteries out")


def _show_use(source: Source, use: Use, every: float, as_json: bool) -> None:
    consumer, notes = source.consumer, list(source.notes)
    if source.supply_v is None:
        raise click.UsageError("at which supply was this energy measured? Give --supply VOLTAGE")
    asleep = use.sleep_current
    if asleep is None:
        known = None if source.board is None or source.board.energy is None else source.board.energy
        if known is None or known.sleep_nanoamperes is None:
            raise click.UsageError("what flows between inferences? Give --sleep-current CURRENT (0A for nothing)")
        asleep = known.sleep_nanoamperes * 1e-9
        notes.append(f"sleep current: {known.sleep_provenance}")
    wake_time = use.wake_time or 0.0
    woken = use.wake_energy if use.wake_energy is not None else wake_time * consumer.energy_j / consumer.latency_s
    duty = Duty(consumer.energy_j, consumer.latency_s, every, source.supply_v, asleep, woken, wake_time)
    cell = None if use.battery is None else Battery(use.battery, use.self_discharge or 0.0)
    report = battery_report(consumer, duty, cell, tuple(notes))
    if as_json:
        print_json(report)
    else:
        show_battery(report)


def trace_json(report: TraceReport) -> dict[str, Any]:  # Any: JSON
    """The report with what follows from it."""
    return {
        **asdict(report),
        "kind": "measured",
        "windows": [
            {**asdict(w), "seconds": w.seconds, "uj_per_inference": w.uj_per_inference} for w in report.windows
        ],
        "median_uj_per_inference": report.median_uj_per_inference,
        "mean_power_mw": report.mean_power_mw,
        "figures_compared": len(report.compared),
        "figures_that_differ": len(report.differences),
    }
