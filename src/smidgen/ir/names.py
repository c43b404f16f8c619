# SPDX-License-Identifier: Apache-2.0
"""Unique C identifiers for values."""

from __future__ import annotations

import re
from collections.abc import Iterable

_LONGEST = 48  # characters; leaves room for suffixes below C11's 63 significant ones


class Names:
    """Hands out each name once. Deterministic: the same requests in the same order give the same names."""

    def __init__(self, taken: Iterable[str] = ()) -> None:
        self._taken = set(taken)
        self._next: dict[str, int] = {}

    def fresh(self, wanted: str) -> str:
        """``wanted`` as a C identifier, with _2, _3, ... appended where it is taken."""
        base = re.sub(r"[^A-Za-z0-9]+", "_", wanted)[:_LONGEST].strip("_") or "value"
        if base[0].isdigit():
            base = f"v{base}"
        name = base
        while name in self._taken:
            self._next[base] = self._next.get(base, 1) + 1
            name = f"{base}_{self._next[base]}"
        self._taken.add(name)
        return name
