# SPDX-License-Identifier: Apache-2.0
"""Runs images on simulated cores."""

from smidgen.sim.machine import Machine, Measured
from smidgen.sim.open import open_machine, open_port
from smidgen.sim.simulator import Counts, Limits, Simulator
from smidgen.sim.unicorn import EmulatedMachine

__all__ = ["Counts", "EmulatedMachine", "Limits", "Machine", "Measured", "Simulator", "open_machine", "open_port"]
