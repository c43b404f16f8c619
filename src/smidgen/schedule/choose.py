# SPDX-License-Identifier: Apache-2.0
"""Takes the best whole program under a setting and limits, and says what is in the way where there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from math import sqrt

from smidgen.errors import DoesNotFit
from smidgen.schedule.candidates import Candidate, Layer
from smidgen.schedule.objective import (
    PREDICTION_MARGIN,
    RAM_CYCLES_FACTOR,
    RAM_SLACK,
    SIZE_CYCLES_FACTOR,
    SIZE_FLASH_SLACK,
    Objective,
    Setting,
)
from smidgen.schedule.search import Picks, Search, Totals
from smidgen.schedule.squeeze import leanest, squeeze

Key = Callable[[Totals], tuple[float, ...]]
"""What a setting minimises; never better with more RAM, so a lower bound of RAM gives a lower bound of it."""

_PLANS = 30  # planned in full, at most, to find one program
_ALL_PROGRAMS = 2000  # so many are tried one by one
_SHOWN = 3  # layers or buffers named in a message


@dataclass(frozen=True, slots=True)
class Option:
    """A program that nothing found beats in cycles, RAM and flash at once, and the symbols of its kernels."""

    totals: Totals
    kernels: tuple[str, ...]


def choose(search: Search, objective: Objective, model: str) -> tuple[Candidate, ...]:
    """The candidate of every layer. Deterministic. DoesNotFit if no choice found keeps the limits."""
    picks = _fastest(search, objective)
    if picks is None:
        raise DoesNotFit(_in_the_way(search, objective, model))
    if objective.setting != "speed":
        fast = search.estimate(picks, flash=False)
        pool = list(dict.fromkeys([picks, *_pool(search, objective)]))
        if objective.setting == "ram":
            lean = leanest(search, picks, lambda p: _quick_enough(search.estimate(p, flash=False), fast))
            slack = squeeze(search, round(RAM_SLACK * search.ram_bytes(lean or picks)))
            pool = list(dict.fromkeys([*(p for p in (slack, lean) if p is not None), *pool]))
        for key in _keys(objective.setting, fast):
            found = search.totals(picks, flash=_weighs_flash(objective))
            picks = _best(search, objective, [*pool, picks], key(found)) or picks
    return tuple(search.chosen(picks))


def _quick_enough(t: Totals, fast: Totals) -> bool:
    """No more cycles than the setting ram allows itself, with the board's flash and without it."""
    most = RAM_CYCLES_FACTOR * PREDICTION_MARGIN
    core = t.cycles - t.stall_cycles, fast.cycles - fast.stall_cycles
    return t.cycles <= most * fast.cycles and core[0] <= most * core[1]


def _keys(setting: Setting, fast: Totals) -> tuple[Callable[[Totals], Key], ...]:
    """What to minimise, first to last, each from the totals found before; ``fast`` has the speed setting's cycles."""
    if setting == "ram":

        def quick(t: Totals) -> bool:
            return _quick_enough(t, fast)

        return (
            lambda _: _within(quick, lambda t: (t.ram_bytes, t.cycles, t.flash_bytes)),
            lambda found: _within(quick, lambda t: (max(t.ram_bytes, RAM_SLACK * found.ram_bytes), t.cycles)),
        )
    if setting == "size":

        def small(t: Totals) -> bool:
            return t.cycles <= SIZE_CYCLES_FACTOR * fast.cycles

        return (
            lambda _: _within(small, lambda t: (t.flash_bytes, t.cycles, t.ram_bytes)),
            lambda found: _within(
                small, lambda t: (max(t.flash_bytes, SIZE_FLASH_SLACK * found.flash_bytes), t.cycles)
            ),
        )
    return (lambda _: _balanced_key,)


def pareto(search: Search) -> list[Option]:
    """The programs found that none beats in cycles, RAM and flash at once, the fastest first."""
    pool = dict.fromkeys(p for limit in search.few_limits() for p in search.hull(limit))
    rough = sorted(pool, key=lambda p: (search.cycles(p), search.flash_bytes(p), p))
    kept: list[tuple[Totals, Picks]] = []
    for picks in rough:
        estimate = search.estimate(picks)
        if any(t.dominates(estimate) for t, _ in kept):
            continue
        totals = search.totals(picks)
        if not any(t.dominates(totals) for t, _ in kept):
            kept.append((totals, picks))
    return [Option(t, tuple(c.kernel.symbol for c in search.chosen(p))) for t, p in kept]


def _speed_key(t: Totals) -> tuple[float, ...]:
    return (t.cycles, t.ram_bytes, t.flash_bytes)


def _ram_key(t: Totals) -> tuple[float, ...]:
    return (t.ram_bytes, t.cycles)


def _balanced_key(t: Totals) -> tuple[float, ...]:
    return (t.cycles * sqrt(t.ram_bytes * t.flash_bytes), t.cycles)


def _within(quick: Callable[[Totals], bool], key: Key) -> Key:
    """``key``, with every program that is not quick enough behind all others."""
    return lambda t: (float(not quick(t)), *key(t))


def _fastest(search: Search, objective: Objective) -> Picks | None:
    """The speed setting's program within the limits."""
    if objective.max_ram_bytes is None and objective.max_flash_bytes is None:
        return search.fastest(search.widest())
    pool = _pool(search, replace(objective, setting="speed"))
    squeezed = squeeze(search, objective.max_ram_bytes) if objective.max_ram_bytes is not None else None
    return _best(search, objective, [*([squeezed] if squeezed is not None else []), *pool], _speed_key)


def _pool(search: Search, objective: Objective) -> list[Picks]:
    """Programs worth a look, all of them if they are few; flash is only weighed where the objective does."""
    if search.programs <= _ALL_PROGRAMS:
        return list(search.all_programs())
    if not _weighs_flash(objective):
        return list(dict.fromkeys(search.fastest(limit) for limit in search.limits(objective.max_ram_bytes)))
    limits = search.few_limits(objective.max_ram_bytes)
    if objective.setting == "size" and objective.max_ram_bytes is None:
        limits = [search.widest()]
    return list(dict.fromkeys(p for limit in limits for p in search.hull(limit)))


def _weighs_flash(objective: Objective) -> bool:
    """Packing every candidate to know its flash takes time: only for those who ask."""
    return objective.max_flash_bytes is not None or objective.setting in ("size", "balanced")


def _best(search: Search, objective: Objective, pool: Iterable[Picks], key: Key) -> Picks | None:
    """The least by ``key`` that keeps the limits: of the pool, then step by step through its neighbours."""
    best = _first(search, objective, pool, key, None)
    while best is not None:
        better = _first(search, objective, search.neighbours(best), key, best)
        if better == best:
            break
        best = better
    return best


def _first(search: Search, objective: Objective, pool: Iterable[Picks], key: Key, best: Picks | None) -> Picks | None:
    """The best of the pool and ``best``: in the order of what each could be at least, until no other can be better."""
    flash = _weighs_flash(objective)
    least = key(search.totals(best, flash=flash)) if best is not None else None
    estimates = ((search.estimate(p, flash=flash), p) for p in dict.fromkeys(pool))
    ranked = sorted((key(t), p) for t, p in estimates if objective.allows(*_sizes(t)))
    for plans, (bound, picks) in enumerate(ranked):
        if plans >= _PLANS or (least is not None and bound >= least):
            break
        totals = search.totals(picks, flash=flash)
        if objective.allows(*_sizes(totals)) and (least is None or key(totals) < least):
            best, least = picks, key(totals)
    return best


def _sizes(t: Totals) -> tuple[int, int]:
    return t.ram_bytes, t.flash_bytes


def _in_the_way(search: Search, objective: Objective, model: str) -> str:
    """Why no choice keeps the limits, and what would."""
    lean = leanest(search, _best(search, Objective("ram"), _pool(search, Objective("ram")), _ram_key), lambda _: True)
    smallest = _best(search, Objective("size"), _pool(search, Objective("size")), lambda t: (t.flash_bytes, t.cycles))
    assert lean is not None
    assert smallest is not None
    ram, flash = search.ram_bytes(lean), search.flash_bytes(smallest)
    most_ram, most_flash = objective.max_ram_bytes, objective.max_flash_bytes
    if most_ram is not None and ram > most_ram:
        return (
            f"{model} cannot keep max-ram: {most_ram:,} bytes are allowed and the least possible is {ram:,}. In the "
            f"way: {_buffers(search, lean)}. Allow {ram:,} bytes, or take a smaller model"
        )
    if most_flash is not None and flash > most_flash:
        return (
            f"{model} cannot keep max-flash: {most_flash:,} bytes are allowed and the least possible is {flash:,}. In "
            f"the way: {_constants(search, smallest)}. Allow {flash:,} bytes, or take a smaller model"
        )
    within = replace(objective, setting="size", max_flash_bytes=None)
    found = _best(search, within, _pool(search, within), lambda t: (t.flash_bytes, t.cycles))
    least = search.flash_bytes(found or lean)
    return (
        f"{model} can keep max-ram {most_ram:,} and max-flash {most_flash:,} bytes each alone, but not both: with that "
        f"RAM the least flash possible is {least:,} bytes. In the way: {_buffers(search, lean)}; "
        f"{_constants(search, smallest)}. Allow more of either"
    )


def _buffers(search: Search, picks: Picks) -> str:
    """The step that needs the most RAM and what is alive there."""
    pairs = zip(search.layers, search.chosen(picks), strict=True)
    layer, c = max(pairs, key=lambda p: (p[1].step_bytes + p[1].stack_bytes, p[0].name))
    scratch = c.kernel.scratch(c.node)
    parts = [(nbytes, name) for name, nbytes in layer.alive] + ([(scratch, "scratch")] if scratch else [])
    shown = " + ".join(f"{name} {nbytes:,}" for nbytes, name in sorted(parts, reverse=True))
    less = f", {c.step_bytes:,} in all where they share bytes" if c.step_bytes < sum(n for n, _ in parts) else ""
    arena = search.arena_bytes(picks)
    around = f"; with the steps around it the arena takes {arena:,}" if arena > c.step_bytes else ""
    return (
        f"step {layer.name} ({layer.node.loc}), where {shown} bytes are alive at once with {c.kernel.symbol}"
        f"{less}{around}"
    )


def _constants(search: Search, picks: Picks) -> str:
    """The layers with the most constants, and the code."""
    pairs: Sequence[tuple[Layer, Candidate]] = list(zip(search.layers, search.chosen(picks), strict=True))
    most = sorted(pairs, key=lambda p: (-p[1].constant_bytes, p[0].name))[:_SHOWN]
    constants = sum(c.constant_bytes for _, c in pairs)
    shown = ", ".join(f"{layer.name} ({layer.node.loc}) {c.constant_bytes:,}" for layer, c in most)
    code = search.flash_bytes(picks) - constants
    return f"constants of {constants:,} bytes, most of them in {shown}, and code of {code:,}"
