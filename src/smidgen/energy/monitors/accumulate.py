# SPDX-License-Identifier: Apache-2.0
"""Fast samples of power as energy of whole milliseconds, with the edges of a pin."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from smidgen.energy.monitors.recording import RATE_HZ, Mark
from smidgen.energy.windows import Samples


class Accumulator:
    """Joules of each millisecond of a stream of watts. A rest of less than a millisecond waits for what follows.

    An edge counts as lying at the border of the milliseconds that is nearest to it. ``falling``: whether edges down
    or edges up count.
    """

    def __init__(self, raw_hz: float, *, falling: bool) -> None:
        self._stride = round(raw_hz / RATE_HZ)
        self._raw_hz, self._falling = raw_hz, falling
        self._rest: Samples = np.empty(0)
        self._done: list[Samples] = []
        self._taken = 0
        self._level: int | None = None
        self.events: list[tuple[int, int]] = []

    def add(self, watts: Samples, levels: NDArray[np.int64]) -> None:
        """What came next: power, and the pin's level with each sample."""
        if len(levels):
            before = np.concatenate(([levels[0] if self._level is None else self._level], levels[:-1]))
            down = (before > 0) & (levels == 0)
            edges = np.flatnonzero(down if self._falling else (before == 0) & (levels > 0))
            for edge in edges.tolist():
                self.events.append((len(self.events), round((self._taken + edge) / self._stride)))
            self._level = int(levels[-1])
        self._taken += len(watts)
        joined = np.concatenate((self._rest, watts))
        whole = len(joined) // self._stride * self._stride
        self._done.append(joined[:whole].reshape(-1, self._stride).sum(axis=1) / self._raw_hz)
        self._rest = joined[whole:]

    def samples_j(self) -> Samples:
        """Every whole millisecond; NaN where a sample was."""
        return np.concatenate((np.empty(0), *self._done))

    def event_list(self) -> tuple[tuple[int, int], ...]:
        """The edges that lie within the whole milliseconds."""
        last = len(self.samples_j())
        return tuple((i, min(at, last)) for i, at in self.events)

    def mark(self) -> Mark:
        """How many whole milliseconds and edges there are."""
        events, done = len(self.events), self._done[:]
        return sum(map(len, done)), events

    def since(self, mark: Mark) -> tuple[Samples, tuple[tuple[int, int], ...]]:
        """What came after ``mark``; an edge is told once the milliseconds before it are whole."""
        events, samples = self.events[mark[1] :], self.samples_j()  # in this order: samples only grow
        told = tuple((i, at - mark[0]) for i, at in events if mark[0] <= at <= len(samples))
        return samples[mark[0] :], told
