# SPDX-License-Identifier: Apache-2.0
"""What a search has measured, kept on disk so that the same command goes on where it was stopped."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, fields, replace
from pathlib import Path

from smidgen.ir import Array, Graph, format_graph
from smidgen.precision.cost import Cost
from smidgen.precision.levels import Assignment, Level
from smidgen.targets import Target
from smidgen.tune import user_cache
from smidgen.tune.cache import write_atomically

SCHEMA = 2
_LETTERS: Mapping[Level, str] = {
    "int4": "4",
    "int4/16": "g",
    "int4/8": "o",
    "int8": "8",
    "int16": "s",
    "float16": "h",
    "float": "f",
}


@dataclass(frozen=True, slots=True)
class Judged:
    """One assignment. ``noise``: at the output, as a fraction of the signal's power. None: not measured yet."""

    cost: Cost | None
    score: float | None = None
    drop: float | None = None
    noise: float | None = None


@dataclass
class State:
    """Measurements by assignment, of two kinds. ``final``: of the model as it is written, bit for bit as compiled.

    The others: repairs made layer by layer, each for the float network's activations, and floats inside may differ in
    their last bits. ``damaged``: the file there was could not be believed. ``path`` None: not kept."""

    path: Path | None
    digest: str
    known: dict[str, Judged] = field(default_factory=dict)
    damaged: bool = False
    resumed: int = 0

    def get(self, a: Assignment, *, final: bool = False) -> Judged | None:
        return self.known.get(_key(a, final))

    def put(self, a: Assignment, judged: Judged, *, final: bool = False) -> None:
        """Keeps a measurement, on disk at once; where that cannot be written, in memory only."""
        self.known[_key(a, final)] = judged
        if self.path is not None:
            write_atomically(self.path, self.text())

    def text(self) -> str:
        body = {k: asdict(v) for k, v in sorted(self.known.items())}
        return json.dumps({"schema": SCHEMA, "digest": self.digest, "judged": body, "sum": _sum(body)}, indent=1)


def state_path(digest: str) -> Path | None:
    """In the user's cache folder, by content; None where that cannot be written."""
    folder = user_cache()
    return None if folder is None else folder.parent / "precision" / f"{digest}.json"


def open_state(path: Path | None, digest: str) -> State:
    """What was measured before under this digest; an empty state where there is nothing, or nothing to believe."""
    state = State(path, digest)
    if path is None:
        return state
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return state
    except (OSError, UnicodeDecodeError):
        text = ""
    known = _parse(text, digest)
    state.damaged = known is None
    state.known = known or {}
    state.resumed = sum(j.score is not None for j in state.known.values())
    return state


def _key(a: Assignment, final: bool) -> str:
    return "".join(_LETTERS[p] for p in a) + " final" * final


def _sum(body: object) -> str:
    return hashlib.sha256(json.dumps(body, sort_keys=True).encode()).hexdigest()


def _parse(text: str, digest: str) -> dict[str, Judged] | None:
    try:
        loaded = json.loads(text)
        body = loaded["judged"]
        if (loaded["schema"], loaded["digest"], loaded["sum"]) != (SCHEMA, digest, _sum(body)):
            return None
        names = [f.name for f in fields(Judged) if f.name != "cost"]
        return {
            k: Judged(None if v["cost"] is None else Cost(**v["cost"]), **{n: v[n] for n in names})
            for k, v in body.items()
        }
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def digest_of(graph: Graph, arrays: Iterable[Array | None], words: Iterable[str]) -> str:
    """SHA-256 of a graph with its constants, of data, and of whatever else measurements depend on."""
    digest = hashlib.sha256(format_graph(graph).encode("utf-8", "surrogateescape"))
    for v in graph.values():
        if v.data is not None:
            digest.update(v.data.tobytes())
    for a in arrays:
        digest.update(b"none" if a is None else f"{a.dtype}{a.shape}".encode() + a.tobytes())
    for word in words:
        digest.update(f"\0{word}".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def target_words(target: Target) -> tuple[str, ...]:
    """A target in words that are the same in every process, which the order of a set is not."""
    plain = replace(target, core=replace(target.core, features=frozenset()))
    return (*sorted(target.core.features), repr(plain))


def finite(value: float) -> float:
    """For records: an infinite drop stays greater than any bound."""
    return math.copysign(1e300, value) if math.isinf(value) else value


def code_digest() -> str:
    """SHA-256 of the package's own sources: what they measured is true of them only."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.sha256()
    for path in sorted(p for p in package.rglob("*") if p.suffix in (".py", ".c", ".h", ".toml")):
        digest.update(path.relative_to(package).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()
