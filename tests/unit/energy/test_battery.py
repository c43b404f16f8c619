# SPDX-License-Identifier: Apache-2.0
"""Quantities as people write them, and how long batteries last."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smidgen.energy.battery import YEAR_S, Battery, Duty
from smidgen.energy.units import UNITS, duration_in_words, in_words, parse_quantity
from smidgen.errors import UsageError


@pytest.mark.parametrize(
    ("text", "kind", "value"),
    [
        ("10s", "time", 10.0),
        ("250 ms", "time", 0.25),
        ("5min", "time", 300.0),
        ("1h", "time", 3600.0),
        ("2uA", "current", 2e-6),
        ("2 µA", "current", 2e-6),
        ("2μA", "current", 2e-6),
        ("1.5MA", "current", 1.5e-3),
        ("220mAh", "charge", 792.0),
        ("220MAH", "charge", 792.0),
        ("1,000 mAh", "charge", 3600.0),
        ("1.8", "voltage", 1.8),
        ("1800mV", "voltage", 1.8),
        ("1.2mJ", "energy", 1.2e-3),
        ("1e3uJ", "energy", 1e-3),
        (".5uJ", "energy", 5e-7),
        ("120MHz", "frequency", 120e6),
        ("3%/year", "share a year", 3.0),
        ("1 %/month", "share a year", 12.0),
        ("2", "share a year", 2.0),
    ],
)
def test_quantities(text: str, kind: str, value: float) -> None:
    assert parse_quantity(text, kind) == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("", "time"),
        ("10", "time"),
        ("s", "time"),
        ("10 uA", "time"),
        ("-1s", "time"),
        ("0s", "time"),
        ("nan s", "time"),
        ("NaN", "voltage"),
        ("inf V", "voltage"),
        ("1e999V", "voltage"),
        ("1..2V", "voltage"),
        ("1.2.3V", "voltage"),
        ("1 V V", "voltage"),
        ("0mAh", "charge"),
        ("5 %", "charge"),
        ("1,5e", "energy"),
        ("1,5mJ", "energy"),
        ("1_000s", "time"),
        ("٣s", "frequency"),
    ],
)
def test_nonsense(text: str, kind: str) -> None:
    with pytest.raises(UsageError, match=rf"a {kind}"):
        parse_quantity(text, kind)


def test_zero_where_it_makes_sense() -> None:
    assert parse_quantity("0A", "current", zero=True) == 0


@given(st.text(max_size=12), st.sampled_from(sorted(UNITS)))
def test_any_text_is_a_quantity_or_refused(text: str, kind: str) -> None:
    try:
        value = parse_quantity(text, kind)
    except UsageError:
        return
    assert math.isfinite(value)
    assert value > 0


def test_words() -> None:
    assert in_words(74.5234e-6, "A") == "74.52 uA"
    assert in_words(0.00129071, "J") == "1.291 mJ"
    assert in_words(0, "A") == "0 A"
    assert in_words(0.00099999, "J") == "1 mJ"
    assert in_words(3e-15, "J") == "3e-15 J"
    assert duration_in_words(3 * YEAR_S) == "3 years"
    assert duration_in_words(86_400 * 400) == "400 days"
    assert duration_in_words(7200) == "2 hours"
    assert duration_in_words(90) == "1.5 minutes"
    assert duration_in_words(3) == "3 seconds"


def test_by_hand() -> None:
    """1.8 mJ at 1.8 V every 10 s is 1 mC; 2 uA for 9.9 s are 19.8 uC."""
    duty = Duty(1.8e-3, 0.1, 10.0, 1.8, 2e-6)
    assert duty.inference_c == pytest.approx(1e-3)
    assert duty.sleep_c == pytest.approx(19.8e-6)
    assert duty.mean_a == pytest.approx(101.98e-6)
    assert duty.duty_cycle == pytest.approx(0.01)
    assert Battery(792).life_s(duty.mean_a) == pytest.approx(792 / 101.98e-6)
    assert Battery(792, 3).leakage_a == pytest.approx(792 * 0.03 / YEAR_S)
    assert Battery(792, 100).life_s(0) == pytest.approx(YEAR_S)
    assert Battery(792).life_s(0) == math.inf
    woken = Duty(1.8e-3, 0.1, 10.0, 1.8, 2e-6, wake_j=1.8e-4, wake_s=0.1)
    assert woken.wake_c == pytest.approx(1e-4)
    assert woken.sleep_c == pytest.approx(19.6e-6)
    assert woken.duty_cycle == pytest.approx(0.02)


@given(
    st.floats(1e-9, 1), st.floats(1e-6, 1), st.floats(1.0, 1e6), st.floats(0.5, 5), st.floats(0, 1e-2), st.floats(1, 2)
)
def test_more_draws_more(
    energy: float, latency: float, period: float, supply: float, sleep: float, more: float
) -> None:
    duty = Duty(energy, latency, period, supply, sleep)
    dearer = Duty(energy * more, latency, period, supply, sleep)
    assert dearer.mean_a >= duty.mean_a > 0
    assert Battery(792).life_s(dearer.mean_a) <= Battery(792).life_s(duty.mean_a)
    assert Battery(792, 5).life_s(duty.mean_a) < Battery(792).life_s(duty.mean_a)
    assert duty.mean_a * period == pytest.approx(duty.inference_c + duty.sleep_c)


def test_a_period_shorter_than_the_inference() -> None:
    with pytest.raises(UsageError, match=r"every 0\.02 s cannot be: it takes 0\.03 s\. Ask for a longer --every"):
        Duty(1e-3, 0.03, 0.02, 1.8, 0)
    with pytest.raises(UsageError, match=r"it takes 0\.04 s, 0\.01 s of it to wake up"):
        Duty(1e-3, 0.03, 0.035, 1.8, 0, wake_s=0.01)
    assert Duty(1e-3, 0.03, 0.03, 1.8, 0).duty_cycle == 1
