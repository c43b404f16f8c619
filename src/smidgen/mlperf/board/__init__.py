# SPDX-License-Identifier: Apache-2.0
"""The virtual board: benchmark firmware on an emulated core, with a serial line and a modelled clock."""

from smidgen.mlperf.board.board import BoardSettings, VirtualBoard
from smidgen.mlperf.board.link import BoardLink
from smidgen.mlperf.board.pins import PinEvent

__all__ = ["BoardLink", "BoardSettings", "PinEvent", "VirtualBoard"]
