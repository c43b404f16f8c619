# SPDX-License-Identifier: Apache-2.0
"""What smidgen energy prints: battery life, and what traces hold."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.cli.common import facts, show, table
from smidgen.energy.battery import Battery, Duty
from smidgen.energy.units import duration_in_words, in_words
from smidgen.energy.windows import TraceReport


@dataclass(frozen=True, slots=True)
class Consumer:
    """One inference: joules and seconds, the range they are expected in, and where they come from."""

    name: str
    energy_j: float
    range_j: tuple[float, float] | None
    latency_s: float
    kind: str  # modelled, measured or given
    source: str


@dataclass(frozen=True, slots=True)
class BatteryReport:
    """Currents in amperes, charges in coulombs, lives in seconds; ranges follow from that of the energy."""

    consumer: Consumer
    duty: Duty
    battery: Battery | None
    mean_a: float
    mean_a_range: tuple[float, float] | None
    life_s: float | None
    life_s_range: tuple[float, float] | None
    notes: tuple[str, ...]


def battery_report(consumer: Consumer, duty: Duty, battery: Battery | None, notes: tuple[str, ...]) -> BatteryReport:
    """Mean current and life, and both ends of the range."""
    spans = None if consumer.range_j is None else tuple(_with_energy(duty, e).mean_a for e in consumer.range_j)
    currents = None if spans is None else (spans[0], spans[1])
    life = None if battery is None else battery.life_s(duty.mean_a)
    lives = None
    if battery is not None and currents is not None:
        lives = (battery.life_s(currents[1]), battery.life_s(currents[0]))
    return BatteryReport(consumer, duty, battery, duty.mean_a, currents, life, lives, notes)


def _with_energy(duty: Duty, energy_j: float) -> Duty:
    return Duty(energy_j, duty.latency_s, duty.period_s, duty.supply_v, duty.sleep_a, duty.wake_j, duty.wake_s)


def show_inference(consumer: Consumer, supply_v: float | None, notes: tuple[str, ...]) -> None:
    rows = [("inference", _inference_words(consumer))]
    rows.append(("power", f"{in_words(consumer.energy_j / consumer.latency_s, 'W')} while it runs"))
    if supply_v is not None:
        current = consumer.energy_j / consumer.latency_s / supply_v
        rows.append(("current", f"{in_words(current, 'A')} at {supply_v:g} V while it runs"))
    show(facts([*rows, *(("note", n) for n in notes)]))


def _inference_words(c: Consumer) -> str:
    words = f"{in_words(c.energy_j, 'J')} in {in_words(c.latency_s, 's')} ({c.kind}: {c.source})"
    return words if c.range_j is None else f"{words}, expected between {_span(c.range_j, 'J')}"


def show_battery(r: BatteryReport) -> None:
    c, d = r.consumer, r.duty
    each = d.mean_a * d.period_s
    rows = [
        ("inference", _inference_words(c)),
        ("every", f"{in_words(d.period_s, 's')}: awake {100 * d.duty_cycle:.3g} % of the time"),
        ("inferring", _share(d.inference_c, each)),
    ]
    if d.wake_c or d.wake_s:
        rows.append(("waking up", _share(d.wake_c, each)))
    rows.append(("sleeping", f"{_share(d.sleep_c, each)}, at {in_words(d.sleep_a, 'A')}"))
    spread = "" if r.mean_a_range is None else f", expected between {_span(r.mean_a_range, 'A')}"
    rows.append(("mean current", f"{in_words(r.mean_a, 'A')} at {d.supply_v:g} V{spread}"))
    if r.battery is not None and r.life_s is not None:
        rows.append(("battery", _battery_words(r.battery)))
        lasts = duration_in_words(r.life_s)
        if r.life_s_range is not None:
            least, most = (duration_in_words(s) for s in r.life_s_range)
            lasts += f", expected between {least} and {most}"
        rows.append(("lasts", lasts))
    rows += [("note", n) for n in r.notes]
    show(facts(rows))


def _span(values: tuple[float, float], unit: str) -> str:
    return f"{in_words(values[0], unit)} and {in_words(values[1], unit)}"


def _share(charge_c: float, each_c: float) -> str:
    return f"{in_words(charge_c, 'C')} each time, {100 * charge_c / each_c if each_c else 0:.1f} %"


def _battery_words(battery: Battery) -> str:
    words = f"{battery.charge_c / 3.6:,.4g} mAh"
    if not battery.self_discharge_percent:
        return f"{words}; its self-discharge is not counted (--self-discharge)"
    leak = in_words(battery.leakage_a, "A")
    return f"{words}; loses {battery.self_discharge_percent:g} % a year by itself, as if {leak} flowed"


def show_trace(r: TraceReport) -> None:
    columns = ("window", "from, s", "s", "samples", "uJ", "mW", "N", "uJ/inference")
    title = f"{r.runner}, {r.sample_rate_hz:g} samples a second (measured)"
    t = table(title, *columns, right=columns)
    for w in r.windows:
        each = w.uj_per_inference
        t.add_row(
            str(w.number),
            f"{w.begin_s:.3f}",
            f"{w.seconds:.3f}",
            f"{w.samples:,}",
            f"{w.energy_uj:,.3f}",
            f"{w.power_mw:.4f}",
            "-" if w.inferences is None else f"{w.inferences:,}",
            "-" if each is None else f"{each:,.3f}",
        )
    show(t)
    median = r.median_uj_per_inference
    rows = [("mean power", f"{r.mean_power_mw:.4f} mW{'' if r.supply_v is None else f' at {r.supply_v:g} V'}")]
    if median is not None:
        rows.insert(0, ("median", f"{median:,.3f} uJ an inference"))
    if not r.compared:
        rows.append(("results.txt", "nothing to compare with"))
    else:
        same = "all as recomputed" if not r.differences else f"{len(r.differences)} differ from what is recomputed:"
        rows.append(("results.txt", f"{len(r.compared)} figures, {same}"))
    rows += [("differs", f"{d.what}: printed {d.printed:,}, recomputed {d.recomputed:,.6f}") for d in r.differences]
    rows += [("note", n) for n in r.notes]
    show(facts(rows))
