# SPDX-License-Identifier: Apache-2.0
"""Submission trees damaged at random: the checker finds fault with them and never fails itself."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from smidgen.mlperf.submission.checker import check
from smidgen.mlperf.submission.rounds import ROUNDS
from smidgen.mlperf.submission.summary import summary_csv
from tests.submission_trees import Files, energyrunner_tree, small_python_tree, write_tree

_JUNK = (
    b"", b"\0" * 100, b"\xff\xfe\x00", b"x" * 300_000, b"[" * 100_000, b'{"a":' * 50_000, b"null", b"[null, 1, []]",
    b"NaN", b"[1e999]", b'{"Status": {}}', b'[{"infer": 3}]', b'[{"infer": {"results": "x"}, "class": -1}]',
    b"\xed\xa0\x80" * 50, b"-" * 20 + b"\n", b"1" * 5000, b'{"error": 1}', b'[{"error": []}]', b" " * 100_000,
    b"Performance results for window 999999999999999999:\n", b"Median throughput is . inf./sec.\n",
    b"00001.0 ulp-mlperf: Top-1: 9.9.9%\n", b"[" + b"9" * 6000 + b"]", b'[[1,2],[3,"x"]]',
)  # fmt: skip
_NAMES = (
    "ic",
    "kws",
    "accuracy",
    "performance",
    "energy",
    "log.txt",
    "results.json",
    "EEMBC_RUNNER",
    "x\udcff",
    "a\nb",
)


def _mutate(rng: random.Random, root: Path) -> None:
    """One thing done to a tree that nobody should do."""
    everything = sorted(root.rglob("*"))
    if not everything:
        return
    victim = rng.choice(everything)
    kind = rng.randrange(9)
    if victim.is_symlink() or not victim.exists():
        victim.unlink(missing_ok=True)
    elif kind == 0:
        victim.rename(victim.parent / rng.choice(_NAMES)) if not (victim.parent / "x").exists() else None
    elif victim.is_dir():
        _mutate_folder(rng, victim, kind, root)
    elif kind < 3:
        victim.unlink()
        victim.mkdir() if kind == 1 else victim.symlink_to(rng.choice((".", "/dev/zero", "nowhere", victim.name)))
    else:
        victim.write_bytes(_changed(rng, victim.read_bytes()[:2_000_000], kind))


def _mutate_folder(rng: random.Random, victim: Path, kind: int, root: Path) -> None:
    if kind < 3:
        (victim / rng.choice(_NAMES)).mkdir(exist_ok=True, parents=True) if kind == 1 else None
    elif kind < 5:
        (victim / f"f{rng.randrange(3)}.txt").write_bytes(rng.choice(_JUNK))
    elif kind == 5 and victim.parent != root:
        for child in sorted(victim.rglob("*"), reverse=True):
            child.rmdir() if child.is_dir() and not child.is_symlink() else child.unlink()
        victim.rmdir()
        victim.write_bytes(rng.choice(_JUNK))
    else:
        (victim / "loop").symlink_to(victim) if not os.path.lexists(victim / "loop") else None


def _changed(rng: random.Random, data: bytes, kind: int) -> bytes:
    at = rng.randrange(len(data) + 1)
    if kind == 3:
        return rng.choice(_JUNK)
    if kind == 4:
        return data[:at]
    if kind == 5:
        return data[:at] + rng.choice(_JUNK) + data[at:]
    lines = data.split(b"\n")
    rng.shuffle(lines)
    if kind == 6:
        return b"\n".join(lines[: len(lines) // 2] * 2)
    changed = bytearray(data)
    for _ in range(20):
        if changed:
            changed[rng.randrange(len(changed))] = rng.choice(b'0123456789.-,:[]{}"eE \n\0\xff')
    return bytes(changed)


def _fuzz(root: Path, seeds: range) -> int:
    trees = [_small(small_python_tree()), _small(energyrunner_tree())]
    found = 0
    for seed in seeds:
        rng = random.Random(seed)
        folder = write_tree(root / str(seed), rng.choice(trees))
        for _ in range(rng.randrange(1, 8)):
            try:
                _mutate(rng, folder)
            except OSError:
                continue  # the mutation was none that the file system allows
        report = check(folder, rng.choice(list(ROUNDS)))
        json.dumps([f.what + f.place for f in report.findings]).encode()
        summary_csv(report).encode()
        found += len(report.findings)
        shutil.rmtree(folder)
    return found


def _small(files: Files) -> Files:
    """Fewer answers and samples: the mutations do not mind."""
    small = dict(files)
    for path, data in files.items():
        if path.endswith("accuracy/results.json"):
            small[path] = json.dumps(json.loads(data)[:12]).encode()
        elif path.endswith("accuracy/log.txt"):
            small[path] = b"\n".join(data.split(b"\n")[:120])
    return small


def test_no_tree_makes_it_fail(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, range(250)) > 1000


@pytest.mark.full
def test_no_tree_of_thousands_makes_it_fail(tmp_path: Path) -> None:
    assert _fuzz(tmp_path, range(1000, 4000)) > 12_000
