# SPDX-License-Identifier: Apache-2.0
"""The programs worth choosing from: none is beaten by another in time, RAM and flash at once."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass

from smidgen.errors import DoesNotFit
from smidgen.schedule import SETTINGS, Objective, Search, Setting, pareto
from smidgen.schedule.choose import choose


@dataclass(frozen=True, slots=True)
class Program:
    """One choice of kernels for the whole model. ``settings`` are those that would take it."""

    settings: tuple[Setting, ...]
    cycles: float
    ram_bytes: int
    flash_bytes: int
    kernels: tuple[str, ...]


def front(search: Search) -> tuple[Program, ...]:
    """The Pareto front found, the fastest first, with each setting's choice in it."""
    taken: dict[tuple[str, ...], list[Setting]] = {}
    programs: dict[tuple[str, ...], Program] = {}
    for setting in SETTINGS:
        with suppress(DoesNotFit):  # no limits: does not happen
            chosen = choose(search, Objective(setting), "")
            picks = tuple(v.candidates.index(c) for v, c in zip(search.layers, chosen, strict=True))
            symbols = tuple(c.kernel.symbol for c in chosen)
            t = search.totals(picks)
            taken.setdefault(symbols, []).append(setting)
            programs[symbols] = Program((), t.cycles, t.ram_bytes, t.flash_bytes, symbols)
    for option in pareto(search):
        t = option.totals
        programs.setdefault(option.kernels, Program((), t.cycles, t.ram_bytes, t.flash_bytes, option.kernels))
    found = [Program(tuple(taken.get(k, ())), p.cycles, p.ram_bytes, p.flash_bytes, k) for k, p in programs.items()]
    kept = [p for p in found if p.settings or not any(_beats(q, p) for q in found)]
    return tuple(sorted(kept, key=lambda p: (p.cycles, p.ram_bytes, p.flash_bytes, p.kernels)))


def _beats(a: Program, b: Program) -> bool:
    """At least as good in everything and better in something."""
    one, other = (a.cycles, a.ram_bytes, a.flash_bytes), (b.cycles, b.ram_bytes, b.flash_bytes)
    return one != other and all(x <= y for x, y in zip(one, other, strict=True))
