# SPDX-License-Identifier: Apache-2.0
"""How far a kernel's output may run into its input, when it works forward and reads before it writes."""

from __future__ import annotations

from collections.abc import Sequence


def forward_lead(steps: Sequence[tuple[int, int]]) -> int:
    """The lead of ``Kernel.overlap`` for y.

    Each step first reads all it needs of x, from byte ``steps[i][0]`` on, then writes y, below byte ``steps[i][1]``.
    """
    lead, needed = 0, None
    for read, written in reversed(steps):
        if needed is not None:
            lead = max(lead, written - needed)
        needed = read if needed is None else min(needed, read)
    return lead
