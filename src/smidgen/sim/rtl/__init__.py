# SPDX-License-Identifier: Apache-2.0
"""Cores simulated cycle by cycle from their RTL: hdl/ has their surroundings, host/ the program around the model."""

from smidgen.sim.rtl.build import build_simulator
from smidgen.sim.rtl.cores import CORES, RtlCore, rtl_core
from smidgen.sim.rtl.port import RtlPort

__all__ = ["CORES", "RtlCore", "RtlPort", "build_simulator", "rtl_core"]
