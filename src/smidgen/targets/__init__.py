# SPDX-License-Identifier: Apache-2.0
"""Cores and boards as data."""

from smidgen.targets.load import list_targets, load_target
from smidgen.targets.target import Core, Energy, FlashCache, LatencyError, Region, Target

__all__ = ["Core", "Energy", "FlashCache", "LatencyError", "Region", "Target", "list_targets", "load_target"]
