# SPDX-License-Identifier: Apache-2.0
"""The virtual board: benchmark firmware on an emulated core, with a serial line and a modelled clock."""

from smidgen.mlperf.board.board import BoardSettings, VirtualBoard
from smidgen.mlperf.board.link import BoardLink
from smidgen.mlperf.board.meter import InferenceCost
from smidgen.mlperf.board.pins import PinEvent
from smidgen.mlperf.board.stand_in import Price, emulated, price_of, require_time, stand_in, untimed

__all__ = [
    "BoardLink",
    "BoardSettings",
    "InferenceCost",
    "PinEvent",
    "Price",
    "VirtualBoard",
    "emulated",
    "price_of",
    "require_time",
    "stand_in",
    "untimed",
]
