# SPDX-License-Identifier: Apache-2.0
"""Firmware of a benchmark device: a compiled model and a task -> C sources, or an image."""

from smidgen.mlperf.firmware.emit import COMMAND_BYTES, MODES, Firmware, Mode, firmware, long_command_bytes
from smidgen.mlperf.firmware.ports import PORTS

__all__ = ["COMMAND_BYTES", "MODES", "PORTS", "Firmware", "Mode", "firmware", "long_command_bytes"]
