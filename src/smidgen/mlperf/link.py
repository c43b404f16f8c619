# SPDX-License-Identifier: Apache-2.0
"""The line between a host and a device: bytes both ways."""

from __future__ import annotations

from typing import Protocol

PERFORMANCE_BAUD, ENERGY_BAUD = 115_200, 9_600
"""Both 8N1. EnergyRunner's I/O manager speaks the slower one to a device whose energy is measured."""


class Link(Protocol):
    """One open line to a device. Methods raise LinkLost once it is gone."""

    @property
    def name(self) -> str:
        """What a user knows it by: a port's path, or that of a virtual board."""

    def write(self, data: bytes) -> None:
        """Send all of ``data``."""

    def read(self, timeout: float) -> bytes:
        """What has arrived, at least one byte; ``b""`` if nothing came for ``timeout`` seconds."""

    def close(self) -> None:
        """Let go of the line; again is harmless."""
