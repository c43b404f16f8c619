# SPDX-License-Identifier: Apache-2.0
"""Runs images on emulated cores."""

from smidgen.sim.simulator import Counts, Limits, Simulator
from smidgen.sim.unicorn import Machine

__all__ = ["Counts", "Limits", "Machine", "Simulator"]
