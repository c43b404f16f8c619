# SPDX-License-Identifier: Apache-2.0
"""Where a kernel's result, scratch and first operand may lie at the closest: apart, or as near as overlaps allow."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

ALIGN = 8


def aligned(n: int, to: int = ALIGN) -> int:
    return -(-n // to) * to


def close(sizes: Mapping[str, int], leads: Mapping[str, int], order: Sequence[str], align: int = 1) -> dict[str, int]:
    """Offsets of "y", "scratch" and "x". Those not in ``leads`` lie first, then those in it as ``order`` has them, each
    apart from the others; x starts as low as the leads allow, rounded up to ``align``."""
    offsets: dict[str, int] = {}
    at = x = 0
    for name in (*(n for n in ("y", "scratch") if n not in leads), *order):
        offsets[name] = at
        at += aligned(sizes[name])
        x = max(x, offsets[name] + leads[name] if name in leads else at)
    return {**offsets, "x": aligned(x, align)}


def choices(leads: Mapping[str, int]) -> Iterator[tuple[str, ...]]:
    """Every order of every part of the buffers that x may overlap."""
    for count in range(1, len(leads) + 1):
        yield from permutations(sorted(leads), count)
