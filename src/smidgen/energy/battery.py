# SPDX-License-Identifier: Apache-2.0
"""How long a battery lasts a device that infers every so often and sleeps in between."""

from __future__ import annotations

from dataclasses import dataclass

from smidgen.errors import UsageError

YEAR_S = 365.25 * 86_400


@dataclass(frozen=True, slots=True)
class Duty:
    """What a device does, in SI units. ``wake`` is what it costs to come out of sleep and go back, each time.

    A linear regulator, or none, is taken: the battery gives the current that the supply draws.
    """

    energy_j: float
    latency_s: float
    period_s: float
    supply_v: float
    sleep_a: float
    wake_j: float = 0.0
    wake_s: float = 0.0

    def __post_init__(self) -> None:
        busy = self.latency_s + self.wake_s
        if self.period_s < busy:
            raise UsageError(
                f"one inference every {self.period_s:g} s cannot be: it takes {busy:g} s"
                f"{f', {self.wake_s:g} s of it to wake up' if self.wake_s else ''}. Ask for a longer --every"
            )

    @property
    def duty_cycle(self) -> float:
        """The share of time awake."""
        return (self.latency_s + self.wake_s) / self.period_s

    @property
    def inference_c(self) -> float:
        """Coulombs of one inference."""
        return self.energy_j / self.supply_v

    @property
    def wake_c(self) -> float:
        return self.wake_j / self.supply_v

    @property
    def sleep_c(self) -> float:
        """Coulombs of the sleep in one period."""
        return self.sleep_a * (self.period_s - self.latency_s - self.wake_s)

    @property
    def mean_a(self) -> float:
        """Mean current in amperes."""
        return (self.inference_c + self.wake_c + self.sleep_c) / self.period_s


@dataclass(frozen=True, slots=True)
class Battery:
    """``charge_c`` coulombs, of which ``self_discharge_percent`` of the full charge are lost a year by standing."""

    charge_c: float
    self_discharge_percent: float = 0.0

    @property
    def leakage_a(self) -> float:
        """Self-discharge as a current."""
        return self.charge_c * self.self_discharge_percent / 100 / YEAR_S

    def life_s(self, mean_a: float) -> float:
        """Seconds until it is empty; infinite if nothing draws from it."""
        total = mean_a + self.leakage_a
        return self.charge_c / total if total else float("inf")
