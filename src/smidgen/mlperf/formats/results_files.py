# SPDX-License-Identifier: Apache-2.0
"""The files of one benchmark in one mode: log.txt, results.txt and results.json (or script.async), read as a whole."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from smidgen.mlperf.formats.results_json import parse_results_json
from smidgen.mlperf.formats.results_log import parse_log
from smidgen.mlperf.formats.results_text import parse_results
from smidgen.mlperf.formats.results_types import Log, Remark, ResultsJson, ResultsText

MOST_BYTES = 500_000_000
"""A longer file is not read (nor may it be submitted)."""

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class ResultsFolder:
    """What a folder of results holds; None for a file that is not there. ``remarks``: (file name, remark)."""

    path: Path
    results: ResultsText | None
    log: Log | None
    json: ResultsJson | None
    remarks: tuple[tuple[str, Remark], ...]


def read_folder(path: Path) -> ResultsFolder:
    """Reads what is there of the three files; nothing malformed, missing or unreadable raises."""
    remarks: list[tuple[str, Remark]] = []

    def read(name: str, parse: Callable[[str], T]) -> T | None:
        file = path / name
        try:
            if not file.is_file():
                return None
            if file.stat().st_size > MOST_BYTES:
                remarks.append((name, Remark(0, f"longer than {MOST_BYTES:,} bytes: not read")))
                return None
            text = file.read_bytes().decode("utf-8", errors="replace")
        except OSError as e:
            remarks.append((name, Remark(0, f"cannot be read: {e.strerror}")))
            return None
        return parse(text)

    results, log, entries = (
        read("results.txt", parse_results),
        read("log.txt", parse_log),
        read("results.json", parse_results_json),
    )
    for name, found in (("results.txt", results), ("log.txt", log), ("results.json", entries)):
        remarks += [(name, r) for r in (found.remarks if found is not None else ())]
    return ResultsFolder(path, results, log, entries, tuple(remarks))
