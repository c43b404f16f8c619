# SPDX-License-Identifier: Apache-2.0
"""How deep the stack went, by painting it before and looking after."""

from __future__ import annotations

import numpy as np

from smidgen.sim.port import Port

_PAINT = bytes.fromhex("a55ac33c")


def paint(core: Port, low: int, high: int) -> None:
    """Fills the words from ``low`` up to ``high`` (both multiples of 4)."""
    core.write(low, _PAINT * ((high - low) // 4))


def depth_bytes(core: Port, low: int, high: int) -> int:
    """Bytes below ``high`` down to the lowest word that is no longer painted; all of them if the lowest one is not."""
    words = np.frombuffer(core.read(low, (high - low) // 4 * 4), dtype="<u4")
    touched = np.flatnonzero(words != np.frombuffer(_PAINT, dtype="<u4")[0])
    return high - (low + 4 * int(touched[0])) if touched.size else 0
