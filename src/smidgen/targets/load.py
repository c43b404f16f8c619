# SPDX-License-Identifier: Apache-2.0
"""Reads boards and cores from TOML; a number without provenance does not load."""

from __future__ import annotations

import difflib
import itertools
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smidgen.errors import TargetError, UsageError
from smidgen.targets.isa import BASE, FEATURES, close
from smidgen.targets.machines import COUNTING, check_core
from smidgen.targets.target import Core, Energy, EnergyState, FlashCache, Isa, LatencyError, Region, Target

_HERE = Path(__file__).parent
_Table = Mapping[str, Any]  # Any: a TOML value, checked field by field below


def list_targets() -> tuple[str, ...]:
    """The names of the boards that come with smidgen, sorted."""
    return tuple(sorted(p.stem for p in (_HERE / "boards").glob("*.toml")))


def load_target(name_or_path: str | Path) -> Target:
    """A board by name, or from the user's own TOML file (anything with a ``.toml`` suffix or a path separator).

    Such a file names a built-in core, or a core's TOML file beside it. Raises UsageError for an unknown name or a
    missing file and TargetError for one that does not load.
    """
    text = str(name_or_path)
    if text in list_targets():
        return _target(_HERE / "boards" / f"{text}.toml")
    path = Path(name_or_path)
    if path.suffix == ".toml" or len(path.parts) > 1:
        if not path.is_file():
            raise UsageError(f"target file {path} does not exist")
        return _target(path)
    near = difflib.get_close_matches(text, list_targets(), n=3, cutoff=0.4)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    raise UsageError(f"unknown target {text!r}: {hint}known are {', '.join(list_targets())}, or give a .toml file")


def load_core(name: str, board: Path | None = None) -> Core:
    """A core by name: from ``<name>.toml`` beside a user's ``board`` file if that exists, otherwise built in."""
    built_in = _HERE / "cores" / f"{name}.toml"
    own = [board.parent / f"{name}.toml"] if board is not None and board.parent != _HERE / "boards" else []
    path = next((p for p in (*own, built_in) if p.is_file() and p != board), None)
    if path is None:
        known = ", ".join(sorted(p.stem for p in (_HERE / "cores").glob("*.toml")))
        raise TargetError(f"no core {name!r}: known are {known}, or put {name}.toml beside the board's file")
    return _core(path)


_CORE_KEYS = frozenset(
    (
        "name",
        "title",
        "architecture",
        "features",
        "simulator",
        "machine",
        "counts",
        "zig_cpu",
        "zig_flags",
        "gcc_flags",
        "cycles",
    )
)
_MACHINES: Mapping[Isa, str] = {"arm": "cortex-m4", "riscv": "rv32imc"}
"""What unicorn simulates where the file does not say."""


def _core(path: Path) -> Core:
    table = _read(path)
    _refuse_unknown(path, table, _CORE_KEYS, "the core")
    isa, features = _features(path, table)
    cycles: dict[str, float] = {}
    provenance: dict[str, str] = {}
    for rule, entry in _field(path, table, "cycles", dict).items():
        where = f"cycles.{rule}"
        if not isinstance(entry, dict):
            raise TargetError(f"{path}: {where} is not a table with value and provenance")
        cycles[rule] = _natural(path, entry, "value", where)
        provenance[rule] = _provenance(path, entry, where)
    name, title, zig_cpu = (_field(path, table, key, str) for key in ("name", "title", "zig_cpu"))
    simulator = _one_of(path, table, "simulator", tuple(COUNTING), "unicorn")
    counted = tuple(c for c in COUNTING[simulator] if isa == "arm" or c != "model")  # a model reads Thumb code
    counts = _one_of(path, table, "counts", counted, counted[0])
    default = {"machine": _MACHINES[isa], "zig_flags": []} if simulator == "unicorn" else {"zig_flags": []}
    machine = _field(path, default | dict(table), "machine", str)
    zig_flags, gcc_flags = (_strings(path, default | dict(table), key) for key in ("zig_flags", "gcc_flags"))
    core = Core(
        name, title, isa, features, simulator, machine, counts, zig_cpu, zig_flags, gcc_flags, cycles, provenance,
        _field(path, {"architecture": "", **table}, "architecture", str),
    )  # fmt: skip
    check_core(path, core)
    return core


def _features(path: Path, table: _Table) -> tuple[Isa, frozenset[str]]:
    """The instruction set and its features, closed under implication; TargetError unless they are of one set alone."""
    try:
        closed = close(_strings(path, table, "features"))
    except KeyError as error:
        raise TargetError(f"{path}: unknown feature {error}; known are {', '.join(FEATURES)}") from None
    sets = [isa for isa, base in BASE.items() if base in closed]
    if len(sets) != 1:
        what = " and ".join(BASE[isa] for isa in sets) or "none of them"
        wanted = " or ".join(BASE.values())
        raise TargetError(f"{path}: a core has either {wanted} among its features; this one has {what}")
    return sets[0], closed


def _one_of(path: Path, table: _Table, key: str, known: tuple[str, ...], default: str) -> Any:  # Any: one of known
    value = _field(path, {key: default, **table}, key, str)
    if value not in known:
        raise TargetError(f"{path}: {key} is {value!r}; use {' or '.join(repr(k) for k in known)} here")
    return value


def _strings(path: Path, table: _Table, key: str) -> tuple[str, ...]:
    values = _field(path, table, key, list)
    if not all(isinstance(v, str) for v in values):
        raise TargetError(f"{path}: {key} is {values!r}; a list of strings")
    return tuple(values)


_BOARD_KEYS = frozenset(
    ("name", "title", "core", "clock_hz", "provenance", "regions", "flash_cache", "latency_error", "energy")
)
_REGION_KEYS = frozenset(("name", "kind", "base", "size_bytes", "wait_states", "provenance", "alias"))
_CACHE_KEYS = frozenset(("instruction_lines", "data_lines", "line_bytes", "fetch_bytes", "prefetch", "provenance"))


def _refuse_unknown(path: Path, table: _Table, known: frozenset[str], where: str) -> None:
    """A misspelt key would silently give a wrong figure."""
    if unknown := sorted(set(table) - known):
        raise TargetError(f"{path}: {where}: unknown {', '.join(unknown)}; the keys are {', '.join(sorted(known))}")


def _target(path: Path) -> Target:
    table = _read(path)
    _refuse_unknown(path, table, _BOARD_KEYS, "the board")
    regions = tuple(_region(path, entry, i) for i, entry in enumerate(_field(path, table, "regions", list)))
    for kind in ("flash", "sram"):
        if not any(r.kind == kind for r in regions):
            raise TargetError(f"{path}: no region of kind {kind!r}; a board needs one flash and one sram at least")
    _check_overlap(path, regions)
    clock = _natural(path, table, "clock_hz", "the board")
    if clock == 0:
        raise TargetError(f"{path}: clock_hz is 0")
    cache = _flash_cache(path, table["flash_cache"]) if "flash_cache" in table else None
    error = _latency_error(path, table["latency_error"]) if "latency_error" in table else None
    energy = _energy(path, table["energy"]) if "energy" in table else None
    core = load_core(_field(path, table, "core", str), path)
    if core.simulator == "rtl":
        _check_at_once(path, regions, cache)
    name, title = (_field(path, table, key, str) for key in ("name", "title"))
    return Target(name, title, core, clock, regions, cache, _provenance(path, table, "the board"), error, energy)


def _region(path: Path, entry: _Table, index: int) -> Region:
    where = f"regions[{index}]"
    if isinstance(entry, dict):
        _refuse_unknown(path, entry, _REGION_KEYS, where)
    kind = _field(path, entry, "kind", str, where)
    if kind not in ("flash", "sram"):
        raise TargetError(f"{path}: {where}: kind is {kind!r}; use 'flash' or 'sram'")
    base, size, waits = (_natural(path, entry, key, where) for key in ("base", "size_bytes", "wait_states"))
    if size == 0 or base % 4096 or size % 4096 or base + size > 1 << 32:
        raise TargetError(f"{path}: {where}: base and size are multiples of 4096 bytes within 32 bits, size not 0")
    name = _field(path, entry, "name", str, where)
    alias = _natural(path, entry, "alias", where) if "alias" in entry else None
    if alias is not None and kind != "sram":
        raise TargetError(f"{path}: {where}: alias is for sram, where code can run; this is {kind}")
    return Region(name, base, size, kind, waits, _provenance(path, entry, where), alias)


def _check_overlap(path: Path, regions: tuple[Region, ...]) -> None:
    ordered = sorted(regions, key=lambda r: r.base)
    for low, high in itertools.pairwise(ordered):
        if low.base + low.size_bytes > high.base:
            raise TargetError(f"{path}: regions {low.name!r} and {high.name!r} overlap")


def _check_at_once(path: Path, regions: tuple[Region, ...], cache: FlashCache | None) -> None:
    """The RTL's memories answer at once: other figures of a board would be ignored."""
    slow = next((r.name for r in regions if r.wait_states), None)
    if slow is not None or cache is not None:
        what = "flash_cache is given" if slow is None else f"region {slow!r} has wait states"
        raise TargetError(
            f"{path}: {what}, but the memory beside a core simulated from its RTL answers at once: leave out "
            "flash_cache and set wait_states = 0"
        )


def _flash_cache(path: Path, entry: _Table) -> FlashCache:
    where = "flash_cache"
    if isinstance(entry, dict):
        _refuse_unknown(path, entry, _CACHE_KEYS, where)
    keys = ("instruction_lines", "data_lines", "line_bytes", "fetch_bytes")
    instruction_lines, data_lines, line_bytes, fetch_bytes = (_natural(path, entry, key, where) for key in keys)
    if fetch_bytes not in (4, 8, 16, 32) or line_bytes < fetch_bytes or line_bytes % fetch_bytes:
        raise TargetError(f"{path}: {where}: fetch_bytes is 4, 8, 16 or 32, and line_bytes a multiple of it")
    prefetch = _field(path, entry, "prefetch", bool, where)
    source = _provenance(path, entry, where)
    return FlashCache(instruction_lines, data_lines, line_bytes, fetch_bytes, prefetch, source)


def _latency_error(path: Path, entry: _Table) -> LatencyError:
    where = "latency_error"
    if isinstance(entry, dict):
        _refuse_unknown(path, entry, frozenset(("zero_wait_percent", "board_percent", "provenance")), where)
    zero_wait, board = (_percentages(path, entry, key, where) for key in ("zero_wait_percent", "board_percent"))
    return LatencyError(zero_wait, board, _provenance(path, entry, where))


_ENERGY_KEYS = frozenset(
    ("picojoules_per_cycle", "supply_mv", "error_percent", "mean_error_percent", "sleep", "states", "provenance")
)
_STATE_KEYS = frozenset(
    ("name", "picojoules_per_cycle", "supply_mv", "error_percent", "mean_error_percent", "provenance")
)


def _energy(path: Path, entry: _Table) -> Energy:
    where = "energy"
    if isinstance(entry, dict):
        _refuse_unknown(path, entry, _ENERGY_KEYS, where)
    picojoules = _picojoules(path, entry, where)
    supply = _natural(path, entry, "supply_mv", where) if "supply_mv" in entry else None
    sleep, sleep_source = None, ""
    if "sleep" in entry:
        asleep = _field(path, entry, "sleep", dict, where)
        sleep = _natural(path, asleep, "nanoamperes", "energy.sleep")
        sleep_source = _provenance(path, asleep, "energy.sleep")
    listed = _field(path, entry, "states", list, where) if "states" in entry else []
    states = tuple(_energy_state(path, state, i) for i, state in enumerate(listed))
    span, mean = _energy_errors(path, entry, where)
    source = _provenance(path, entry, where)
    return Energy(picojoules, source, supply, span, mean, sleep, sleep_source, states)


def _energy_state(path: Path, entry: _Table, index: int) -> EnergyState:
    where = f"energy.states[{index}]"
    if isinstance(entry, dict):
        _refuse_unknown(path, entry, _STATE_KEYS, where)
    name, supply = _field(path, entry, "name", str, where), _natural(path, entry, "supply_mv", where)
    span, mean = _energy_errors(path, entry, where)
    return EnergyState(name, _picojoules(path, entry, where), supply, span, mean, _provenance(path, entry, where))


def _picojoules(path: Path, entry: _Table, where: str) -> int:
    picojoules = _natural(path, entry, "picojoules_per_cycle", where)
    if picojoules == 0:
        raise TargetError(f"{path}: {where}: picojoules_per_cycle is 0")
    return picojoules


def _energy_errors(path: Path, entry: _Table, where: str) -> tuple[tuple[int, int] | None, float | None]:
    span = _percentages(path, entry, "error_percent", where) if "error_percent" in entry else None
    mean = entry.get("mean_error_percent")
    if mean is not None and (isinstance(mean, bool) or not isinstance(mean, int | float) or not 0 <= mean < 1000):
        raise TargetError(f"{path}: {where}: mean_error_percent is {mean!r}; a percentage, 0 or more")
    return span, None if mean is None else float(mean)


def _percentages(path: Path, entry: _Table, key: str, where: str) -> tuple[int, int]:
    span = _field(path, entry, key, list, where)
    if len(span) != 2 or not all(isinstance(v, int) for v in span) or not -100 < span[0] <= span[1]:
        raise TargetError(f"{path}: {where}: {key} is {span!r}; two whole percentages, the lower first")
    return span[0], span[1]


def _read(path: Path) -> _Table:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise TargetError(f"{path}: not TOML: {error}") from None
    except OSError as error:
        raise TargetError(f"{path}: cannot be read: {error.strerror}") from None


def _field(path: Path, table: _Table, key: str, kind: type, where: str = "the file") -> Any:  # Any: of type ``kind``
    if key not in table:
        raise TargetError(f"{path}: {where}: {key} is missing")
    value = table[key]
    if not isinstance(value, kind) or (kind is int and isinstance(value, bool)):
        raise TargetError(f"{path}: {where}: {key} is {value!r}, not of type {kind.__name__}")
    return value


def _natural(path: Path, table: _Table, key: str, where: str) -> int:
    value: int = _field(path, table, key, int, where)
    if value < 0:
        raise TargetError(f"{path}: {where}: {key} is {value}, below 0")
    return value


def _provenance(path: Path, table: _Table, where: str) -> str:
    text = table.get("provenance")
    if not isinstance(text, str) or not text.strip():
        raise TargetError(f"{path}: {where}: provenance is missing; say where its numbers come from")
    return text
