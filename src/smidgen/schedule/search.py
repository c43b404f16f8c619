# SPDX-License-Identifier: Apache-2.0
"""Searches the kernels of all layers together: cycles and flash add up, RAM is a maximum, functions share code."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import product
from math import prod

from smidgen.schedule.candidates import Candidate, Layer

Picks = tuple[int, ...]
"""The index of the candidate taken, layer by layer: a whole program."""

_SWEEPS = 4  # over all layers, at most; two are enough nearly always
_HULL_POINTS = 9  # between the fewest cycles and the least flash, at one limit of RAM
_THRESHOLDS = 6  # limits of RAM tried where each costs a hull


@dataclass(frozen=True, slots=True)
class Limit:
    """How much arena one step may need and how deep its stack may be."""

    step_bytes: int
    stack_bytes: int

    @property
    def total(self) -> int:
        return self.step_bytes + self.stack_bytes


@dataclass(frozen=True, slots=True)
class Totals:
    """Of a whole program: cycles as the candidates say, RAM as planned, flash without what all choices have alike."""

    cycles: float
    ram_bytes: int
    flash_bytes: int
    stall_cycles: float = 0.0  # of the cycles: those of the board's flash

    def dominates(self, other: Totals) -> bool:
        """At least as good in everything."""
        return (
            self.cycles <= other.cycles and self.ram_bytes <= other.ram_bytes and self.flash_bytes <= other.flash_bytes
        )


class Search:
    """All programs of one model. ``arena`` plans the memory of one: true, but slow; the rest is arithmetic."""

    def __init__(
        self,
        layers: Sequence[Layer],
        arena: Callable[[Sequence[Candidate]], int],
        *,
        run_code_bytes: int,
        run_stack_bytes: int,
    ) -> None:
        self.layers = tuple(layers)
        self._arena = arena
        self._run_code = run_code_bytes
        self.run_stack_bytes = run_stack_bytes
        self._step = [[c.step_bytes for c in layer.candidates] for layer in self.layers]
        self._stack = [[c.stack_bytes for c in layer.candidates] for layer in self.layers]
        self._totals: dict[tuple[Picks, bool], Totals] = {}

    @property
    def programs(self) -> int:
        return prod(len(layer.candidates) for layer in self.layers)

    def all_programs(self) -> Iterator[Picks]:
        return product(*(range(len(layer.candidates)) for layer in self.layers))

    def chosen(self, picks: Picks) -> list[Candidate]:
        return [layer.candidates[i] for layer, i in zip(self.layers, picks, strict=True)]

    def cycles(self, picks: Picks) -> float:
        return sum(c.cycles for c in self.chosen(picks))

    def stall_cycles(self, picks: Picks) -> float:
        return sum(c.stall_cycles for c in self.chosen(picks))

    def flash_bytes(self, picks: Picks) -> int:
        chosen = self.chosen(picks)
        code = {c.function: c.code_bytes for c in chosen}
        return self._run_code + sum(code.values()) + sum(c.constant_bytes for c in chosen)

    def estimate(self, picks: Picks, *, flash: bool = True) -> Totals:
        """The totals with the lower bound of RAM in place of a plan's. Without ``flash`` its figure is 0, and nothing
        needs packing."""
        step = max((n[i] for n, i in zip(self._step, picks, strict=True)), default=0)
        stack = max((n[i] for n, i in zip(self._stack, picks, strict=True)), default=0)
        ram = self.run_stack_bytes + step + stack
        return Totals(self.cycles(picks), ram, self.flash_bytes(picks) if flash else 0, self.stall_cycles(picks))

    def ram_bytes(self, picks: Picks) -> int:
        """Arena as planned and deepest stack."""
        stack = max((c.stack_bytes for c in self.chosen(picks)), default=0)
        return self.arena_bytes(picks) + self.run_stack_bytes + stack

    def arena_bytes(self, picks: Picks) -> int:
        """Arena as planned."""
        return self._arena(self.chosen(picks))

    def totals(self, picks: Picks, *, flash: bool = True) -> Totals:
        key = (picks, flash)
        if key not in self._totals:
            flash_bytes = self.flash_bytes(picks) if flash else 0
            stalls = self.stall_cycles(picks)
            self._totals[key] = Totals(self.cycles(picks), self.ram_bytes(picks), flash_bytes, stalls)
        return self._totals[key]

    def limits(self, max_ram_bytes: int | None = None) -> list[Limit]:
        """Every pair of limits that makes a difference, the tightest first; none needs more than ``max_ram_bytes``."""
        found: list[Limit] = []
        for stack in sorted({n for row in self._stack for n in row}):
            rows = [
                [n for n, s in zip(row, stacks, strict=True) if s <= stack]
                for row, stacks in zip(self._step, self._stack, strict=True)
            ]
            if all(rows):
                least = max(min(row) for row in rows)
                found += [Limit(n, stack) for n in sorted({n for row in rows for n in row if n >= least})]
        within = [n for n in found if max_ram_bytes is None or self.run_stack_bytes + n.total <= max_ram_bytes]
        return sorted(within, key=lambda n: (n.total, n.step_bytes)) if self.layers else [Limit(0, 0)]

    def widest(self) -> Limit:
        """The limit that excludes nothing."""
        rows = (self._step, self._stack)
        step, stack = (max((n for row in table for n in row), default=0) for table in rows)
        return Limit(step, stack)

    def few_limits(self, max_ram_bytes: int | None = None) -> list[Limit]:
        """At most _THRESHOLDS of them: the tightest, and of those with the deepest stack the widest and some more."""
        found = self.limits(max_ram_bytes)
        deepest = max((n.stack_bytes for n in found), default=0)
        wide = [n for n in found if n.stack_bytes == deepest]
        count = min(len(wide), _THRESHOLDS - 1)
        spread = [wide[-1 - i * (len(wide) - 1) // max(count - 1, 1)] for i in range(count)]
        return sorted({*found[:1], *spread}, key=lambda n: (n.total, n.step_bytes))

    def fastest(self, limit: Limit) -> Picks:
        """The fewest cycles where no step goes beyond ``limit``; of equals the one that needs the least RAM, then
        flash. ``limit`` is one of ``limits``."""
        return tuple(
            min(self.within(i, limit), key=lambda k, i=i: self._speed_key(i, k))  # type: ignore[misc]  # i: bound
            for i in range(len(self.layers))
        )

    def within(self, layer: int, limit: Limit) -> list[int]:
        """Candidates of a layer that keep ``limit``."""
        pairs = zip(self._step[layer], self._stack[layer], strict=True)
        return [k for k, (n, s) in enumerate(pairs) if n <= limit.step_bytes and s <= limit.stack_bytes]

    def _speed_key(self, layer: int, k: int) -> tuple[float, ...]:
        candidates = self.layers[layer].candidates
        c = candidates[k]
        alike = sum(o.cycles == c.cycles and o.step_bytes == c.step_bytes for o in candidates) > 1
        return (c.cycles, self._step[layer][k], c.constant_bytes + c.code_bytes if alike else 0, k)

    def hull(self, limit: Limit) -> list[Picks]:
        """From the fewest cycles to the least flash at one limit of RAM: the lower hull, as far as it is found."""
        fast = self.fastest(limit)
        small = self.cheapest(limit, None)
        found = {fast: self._point(fast), small: self._point(small)}
        todo = [(fast, small)]
        while todo and len(found) < _HULL_POINTS:
            left, right = todo.pop(0)
            (cycles_l, flash_l), (cycles_r, flash_r) = found[left], found[right]
            if flash_l <= flash_r or cycles_r <= cycles_l:
                continue
            price = (cycles_r - cycles_l) / (flash_l - flash_r)
            middle = self.cheapest(limit, price)
            cycles, flash = self._point(middle)
            if middle in found or cycles + price * flash >= cycles_l + price * flash_l - 1e-6:
                continue
            found[middle] = (cycles, flash)
            todo += [(left, middle), (middle, right)]
        return sorted(found, key=lambda p: (*found[p], p))

    def _point(self, picks: Picks) -> tuple[float, int]:
        return self.cycles(picks), self.flash_bytes(picks)

    def cheapest(self, limit: Limit, price: float | None) -> Picks:
        """The least cycles + ``price`` x flash (None: flash alone, then cycles) that a descent finds at this limit.

        Two starts (code counted in full, code counted as shared), then layer by layer and function by function.
        """
        problem = _Priced(self.layers, [self.within(i, limit) for i in range(len(self.layers))], price)
        starts = [problem.start(share) for share in (1.0, 0.0)]
        return min((problem.descend(p) for p in starts), key=lambda p: (problem.value(p), p))

    def neighbours(self, picks: Picks) -> Iterator[Picks]:
        """Every program that differs in one layer, or in all layers that leave one function for another."""
        for i, taken in enumerate(picks):
            for k in range(len(self.layers[i].candidates)):
                if k != taken:
                    yield (*picks[:i], k, *picks[i + 1 :])
        functions = [{c.function: k for k, c in enumerate(layer.candidates)} for layer in self.layers]
        used = [c.function for c in self.chosen(picks)]
        for old, count in sorted(Counter(used).items()):
            users = [i for i, f in enumerate(used) if f == old] if count > 1 else []
            for new in sorted({f for i in users for f in functions[i]} - {old}):
                yield tuple(functions[i].get(new, k) if used[i] == old else k for i, k in enumerate(picks))


class _Priced:
    """Minimises a weighted sum of cycles and flash over what each layer may use."""

    def __init__(self, layers: Sequence[Layer], allowed: Sequence[Sequence[int]], price: float | None) -> None:
        self._layers = layers
        self._allowed = allowed
        per_cycle, per_byte = (1e-9, 1.0) if price is None else (1.0, price)
        self._own = [
            {k: per_cycle * c.cycles + per_byte * c.constant_bytes for k, c in enumerate(v.candidates) if k in set(a)}
            for v, a in zip(layers, allowed, strict=True)
        ]
        self._function = [{k: v.candidates[k].function for k in a} for v, a in zip(layers, allowed, strict=True)]
        self._code = {
            v.candidates[k].function: per_byte * v.candidates[k].code_bytes
            for v, a in zip(layers, allowed, strict=True)
            for k in a
        }

        takers: dict[str, list[tuple[int, int]]] = {}
        for i, row in enumerate(self._function):
            for function, k in {f: k for k, f in sorted(row.items(), reverse=True)}.items():
                takers.setdefault(function, []).append((i, k))
        self._shared = {f: ik for f, ik in sorted(takers.items()) if len(ik) > 1}

    def value(self, picks: Picks) -> float:
        functions = {self._function[i][k] for i, k in enumerate(picks)}
        return sum(self._own[i][k] for i, k in enumerate(picks)) + sum(self._code[f] for f in sorted(functions))

    def start(self, share: float) -> Picks:
        return tuple(
            min(a, key=lambda k, i=i: (self._own[i][k] + share * self._code[self._function[i][k]], k))  # type: ignore[misc]  # i: bound
            for i, a in enumerate(self._allowed)
        )

    def descend(self, picks: Picks) -> Picks:
        best, value = picks, self.value(picks)
        for _ in range(_SWEEPS):
            before = value
            best = self._by_layer(best)
            value = self.value(best)
            for trial in (*self._without_a_function(best), *self._with_a_function(best)):
                if (at := self.value(trial)) < value:
                    best, value = trial, at
            if value >= before:
                break
        return best

    def _with_a_function(self, picks: Picks) -> Iterable[Picks]:
        """For each function that several layers could share and none uses: the same program with it, where that pays.

        The layers that use one function now move together if that saves its code, else those that gain.
        """
        used = [self._function[i][k] for i, k in enumerate(picks)]
        users = Counter(used)
        for opened, takers in self._shared.items():
            if opened in users:
                continue
            groups: dict[str, list[tuple[int, int, float]]] = {}
            for i, k in takers:
                groups.setdefault(used[i], []).append((i, k, self._own[i][picks[i]] - self._own[i][k]))
            moves: list[tuple[int, int]] = []
            gained = -self._code[opened]
            for old, group in groups.items():
                together = sum(g for _, _, g in group) + (self._code[old] if len(group) == users[old] else 0.0)
                apart = sum(g for _, _, g in group if g > 0)
                gained += max(together, apart)
                moves += [(i, k) for i, k, g in group if g > 0 or together > apart]
            if gained > 0:
                now = list(picks)
                for i, k in moves:
                    now[i] = k
                yield tuple(now)

    def _by_layer(self, picks: Picks) -> Picks:
        """Each layer in turn to what costs least with the functions that the others use."""
        now = list(picks)
        uses = Counter(self._function[i][k] for i, k in enumerate(now))
        for i, a in enumerate(self._allowed):
            uses[self._function[i][now[i]]] -= 1
            now[i] = min(a, key=lambda k, i=i: (self._marginal(i, k, uses), k))  # type: ignore[misc]  # i: bound
            uses[self._function[i][now[i]]] += 1
        return tuple(now)

    def _marginal(self, layer: int, k: int, uses: Counter[str]) -> float:
        function = self._function[layer][k]
        return self._own[layer][k] + (0.0 if uses[function] > 0 else self._code[function])

    def _without_a_function(self, picks: Picks) -> Iterable[Picks]:
        """For each function in use: the same program with its layers moved to the best of the others."""
        for closed in sorted({self._function[i][k] for i, k in enumerate(picks)}):
            now = list(picks)
            uses = Counter(f for i, k in enumerate(picks) if (f := self._function[i][k]) != closed)
            for i, k in enumerate(picks):
                others = [o for o in self._allowed[i] if self._function[i][o] != closed]
                if self._function[i][k] != closed or not others:
                    continue
                now[i] = min(others, key=lambda o, i=i: (self._marginal(i, o, uses), o))  # type: ignore[misc]  # i: bound
                uses[self._function[i][now[i]]] += 1
            yield tuple(now)
