# SPDX-License-Identifier: Apache-2.0
"""Programs that fit into so many bytes of RAM as planned, where what neighbouring steps need together decides."""

from __future__ import annotations

from collections.abc import Callable

from smidgen.schedule.candidates import Candidate, Layer
from smidgen.schedule.search import Limit, Picks, Search

_CLOSE = 0.001  # of the RAM: a bisection stops there


def squeeze(search: Search, max_ram_bytes: int) -> Picks | None:
    """The fewest cycles found in at most ``max_ram_bytes``, arena as planned and stack; None if nothing is found.

    For each depth of the stack: the fastest kernels that could fit; if their plan does not, the leanest ones of the
    steps at which the arena is crowded, then of all, and from there one by one back to what is faster and still fits.
    """
    best: Picks | None = None
    deepest = {limit.stack_bytes: limit for limit in search.limits(max_ram_bytes)}  # the widest of each
    starts = [(search.cycles(p), limit.stack_bytes, p) for limit in deepest.values() for p in [search.fastest(limit)]]
    for cycles, stack, fast in sorted(starts):
        limit = Limit(max_ram_bytes - search.run_stack_bytes - stack, stack)
        if best is not None and cycles >= search.cycles(best):
            break
        found = _fitting(search, fast, limit)
        if found is not None and (best is None or search.cycles(found) < search.cycles(best)):
            best = found
    return best


def leanest(search: Search, start: Picks | None, allowed: Callable[[Picks], bool]) -> Picks | None:
    """The least RAM that bisection finds with programs that are ``allowed``, from ``start``, which is."""
    limits = search.limits()
    best, low = start, limits[0].total + search.run_stack_bytes
    high = search.ram_bytes(start) if start is not None else limits[-1].total + search.run_stack_bytes
    while high - low > _CLOSE * high:
        middle = (low + high) // 2
        found = squeeze(search, middle)
        if found is not None and allowed(found):
            best, high = found, search.ram_bytes(found)
        else:
            low = middle + 1
    return best


def _fitting(search: Search, fast: Picks, limit: Limit) -> Picks | None:
    if search.arena_bytes(fast) <= limit.step_bytes:
        return fast
    crowded = [
        _apart(layer, layer.candidates[k])[0] > limit.step_bytes for layer, k in zip(search.layers, fast, strict=True)
    ]
    for key, moved in ((_shared, crowded), (_apart, crowded), (_shared, [True] * len(fast))):
        lean = tuple(_leanest(search, i, limit, key) if moved[i] else k for i, k in enumerate(fast))
        if search.arena_bytes(lean) <= limit.step_bytes:
            return _relaxed(search, fast, lean, limit)
    return None


def _shared(layer: Layer, c: Candidate) -> tuple[float, ...]:
    """The least that the step can need, then what it needs if nothing shares bytes, then cycles."""
    return (c.step_bytes, *_apart(layer, c))


def _apart(layer: Layer, c: Candidate) -> tuple[float, ...]:
    """What the step needs if nothing shares bytes, then cycles."""
    return (sum(nbytes for _, nbytes in layer.alive) + c.kernel.scratch(c.node), c.cycles)


def _leanest(search: Search, i: int, limit: Limit, key: Callable[[Layer, Candidate], tuple[float, ...]]) -> int:
    layer = search.layers[i]
    return min(search.within(i, limit), key=lambda k: (*key(layer, layer.candidates[k]), k))


def _relaxed(search: Search, fast: Picks, lean: Picks, limit: Limit) -> Picks:
    """``lean`` with each layer, those that lose most first, moved towards its fast kernel as long as the plan fits."""
    now = list(lean)
    rows = [layer.candidates for layer in search.layers]
    for i in sorted(range(len(now)), key=lambda i: (rows[i][fast[i]].cycles - rows[i][lean[i]].cycles, i)):
        for k in search.within(i, limit):  # by cycles
            if k >= now[i]:
                break
            if search.arena_bytes((*now[:i], k, *now[i + 1 :])) <= limit.step_bytes:
                now[i] = k
                break
    return tuple(now)
