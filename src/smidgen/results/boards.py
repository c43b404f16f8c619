# SPDX-License-Identifier: Apache-2.0
"""The boards of published results under one name each, and what users may call them (boards.toml)."""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import MappingProxyType

from smidgen.errors import UsageError

_FILE = Path(__file__).parent / "boards.toml"


@dataclass(frozen=True, slots=True)
class Board:
    """``spellings`` are those of submitters, ``aliases`` what users may say; a variant differs in its supply only."""

    name: str
    title: str
    spellings: tuple[str, ...]
    aliases: tuple[str, ...]
    variant_of: str | None


@cache
def boards() -> Mapping[str, Board]:
    """By name, as boards.toml lists them."""
    table = tomllib.loads(_FILE.read_text(encoding="utf-8"))
    found = {
        name: Board(name, b["title"], tuple(b["spellings"]), tuple(b["aliases"]), b.get("variant_of"))
        for name, b in table.items()
    }
    return MappingProxyType(found)


@cache
def board_spelt(spelling: str) -> Board:
    """The board of a result's description; KeyError for one that boards.toml lacks."""
    return {s: b for b in boards().values() for s in b.spellings}[spelling]


def find_board(text: str) -> Board:
    """The board that a user means, whatever the case and the signs between words; UsageError with the nearest names."""
    wanted = _folded(text)
    words = {_folded(w): b for b in boards().values() for w in (b.name, b.title, *b.spellings, *b.aliases)}
    if wanted in words:
        return words[wanted]
    inside = {b.name: b for w, b in words.items() if len(wanted) >= 3 and wanted in w}
    if len(inside) == 1:
        return next(iter(inside.values()))
    near = [words[w].name for w in difflib.get_close_matches(wanted, words, n=6, cutoff=0.5)]
    near = list(dict.fromkeys([*inside, *near]))[:4]
    hint = f"did you mean {' or '.join(near)}?" if near else f"there are {', '.join(boards())}"
    raise UsageError(f"no published result is of a board {text!r}: {hint}")


def family(board: Board) -> frozenset[str]:
    """The names of ``board`` and of its variants."""
    return frozenset(b.name for b in boards().values() if board.name in (b.name, b.variant_of))


def _folded(text: str) -> str:
    return "".join(c for c in text.lower() if c.isalnum())
