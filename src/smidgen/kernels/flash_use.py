# SPDX-License-Identifier: Apache-2.0
"""What a kernel fetches from flash, and the stall cycles that are expected of it on a board.

An estimate for the choice between kernels; profile/memory.py counts the real ones. Both rest on docs/decisions/0008.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.targets import Target

_HIDDEN_BY_PREFETCH = 2.8  # cycles a word of code keeps the core busy, fitted to loops of multiply-accumulates


@dataclass(frozen=True, slots=True)
class FlashUse:
    """Constants read again after the first time, in bytes, and hot loops: (bytes from head to branch, times run)."""

    constant_bytes: int
    loops: Sequence[tuple[int, int]] = ()


def expected_stalls(use: FlashUse, target: Target) -> float:
    """Stall cycles on ``target``: constants stream past the data cache, loops larger than the code cache miss it.

    Reading every constant once is left out: no kernel can avoid it.
    """
    flash, cache = target.region("flash"), target.flash_cache
    if not flash.wait_states or cache is None:
        return 0.0
    hidden = _HIDDEN_BY_PREFETCH - 1 if cache.prefetch else 0.0
    code = sum(nbytes * times for nbytes, times in use.loops if nbytes > cache.instruction_lines * cache.line_bytes)
    return (use.constant_bytes * flash.wait_states + code * (flash.wait_states - hidden)) / cache.fetch_bytes
