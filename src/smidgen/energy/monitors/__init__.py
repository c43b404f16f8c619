# SPDX-License-Identifier: Apache-2.0
"""Instruments that measure energy while a device runs."""

from smidgen.energy.monitors.js220 import open_js220
from smidgen.energy.monitors.lpm01a import BAUD as LPM01A_BAUD
from smidgen.energy.monitors.lpm01a import Lpm01a
from smidgen.energy.monitors.ppk2 import open_ppk2
from smidgen.energy.monitors.recording import EnergyMonitor, Line, Mark, Recording, capture

__all__ = ["LPM01A_BAUD", "EnergyMonitor", "Line", "Lpm01a", "Mark", "Recording", "capture", "open_js220", "open_ppk2"]
