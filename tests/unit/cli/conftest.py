# SPDX-License-Identifier: Apache-2.0
"""The command line in this process, with what must hold of every call checked each time."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from smidgen.cli import main as cli_main


@dataclass(frozen=True)
class Result:
    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        return json.loads(self.out)


Smidgen = Callable[..., Result]


@pytest.fixture
def smidgen(capsys: pytest.CaptureFixture[str]) -> Smidgen:
    """Runs a command; with --json, stdout must be one JSON object. No traceback, ever."""

    def call(*arguments: object) -> Result:
        capsys.readouterr()
        code = cli_main._run([str(a) for a in arguments])
        captured = capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        if "--json" in arguments:
            assert isinstance(json.loads(captured.out), dict)
        return Result(code, captured.out, captured.err)

    return call


@pytest.fixture(autouse=True)
def own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working folder, and no official models."""
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.delenv("SMIDGEN_ZOO", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    return folder


def everything_in(folder: Path) -> list[str]:
    return sorted(str(p.relative_to(folder)) for p in folder.rglob("*"))


def start(*arguments: str, **options: Any) -> subprocess.Popen[str]:
    """The command as a process of its own."""
    command = [sys.executable, "-m", "smidgen.cli.main", *arguments]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True, **options)
