# SPDX-License-Identifier: Apache-2.0
"""Collects what a runner left: which benchmarks ran in which modes, and the files that a submission takes of them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.errors import InvalidInput
from smidgen.mlperf.submission.layout import MODES
from smidgen.mlperf.submission.runs import MARKER, TRACE, VIRTUAL
from smidgen.mlperf.submission.tree import Entry, Unreadable, read_bytes, scan
from smidgen.mlperf.tasks import TASKS

_TAKEN = re.compile(r"log\.txt|results\.txt|results\.json|script\.async|energy_inf_\d{3}\.png")


@dataclass(frozen=True, slots=True)
class Collected:
    """``files``: path below results/<system>/ -> content. ``modes``: benchmark -> modes that ran. ``modelled``: the
    folders of runs on a virtual board. ``left_out``: files that no submission holds.
    """

    files: Mapping[str, bytes]
    modes: Mapping[str, tuple[str, ...]]
    modelled: tuple[str, ...]
    left_out: tuple[str, ...]


def collect(run: Path) -> Collected:
    """What `smidgen bench -o RUN` (or an official runner, sorted into RUN/<benchmark>/<mode>) left. InvalidInput."""
    files: dict[str, bytes] = {}
    modes: dict[str, tuple[str, ...]] = {}
    modelled, left_out = [], []
    for benchmark in scan(run, "TASK/MODE/results.txt, as smidgen bench -o writes it").folders:
        if benchmark.name not in TASKS:
            left_out.append(benchmark.path)
            continue
        found = tuple(mode for mode in MODES if benchmark.folder(mode) is not None)
        for mode in found:
            folder = benchmark.folder(mode)
            assert folder is not None  # it was found
            taken, others = _mode(run, folder)
            left_out += others
            files |= taken
            if VIRTUAL in taken.get(f"{folder.path}/log.txt", b"")[:10_000].decode("utf-8", "replace"):
                modelled.append(folder.path)
        if found:
            modes[benchmark.name] = found
        if any(path.startswith(f"{benchmark.path}/") and path.endswith("script.async") for path in files):
            files[f"{benchmark.path}/{MARKER}"] = b""
        left_out += [f.path for f in benchmark.files if f.name != MARKER]
    if not modes:
        raise InvalidInput(f"{run} holds no results: folders like kws/performance are expected (smidgen bench -o)")
    return Collected(files, modes, tuple(modelled), tuple(left_out))


def _mode(run: Path, folder: Entry) -> tuple[dict[str, bytes], list[str]]:
    taken, others = {}, []
    for entry in folder.children.values():
        if entry.kind != "file" or not (_TAKEN.fullmatch(entry.name) or entry.name in TRACE):
            others.append(entry.path)
            continue
        try:
            taken[entry.path] = read_bytes(run, entry)
        except Unreadable as e:
            raise InvalidInput(f"{run / entry.path} cannot be read: {e}") from e
    if "results.txt" not in {p.rpartition("/")[2] for p in taken}:
        raise InvalidInput(
            f"{run / folder.path} has no results.txt: the run was not finished. "
            "Finish it with smidgen bench --resume, or move the folder away"
        )
    return taken, others
