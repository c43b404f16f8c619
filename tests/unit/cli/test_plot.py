# SPDX-License-Identifier: Apache-2.0
"""A plot that cannot be drawn is refused before anything is measured."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from smidgen.cli import tune_command
from smidgen.cli.plot import new_figure
from smidgen.errors import ToolNotFound, UsageError


def test_without_matplotlib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ToolNotFound, match="pip install 'smidgen\\[plot\\]', or leave the plot out"):
        new_figure(Path("a.svg"))


@pytest.mark.parametrize(("name", "missing"), [("a.txt", False), ("a.svg", True)])
def test_tune_says_so_before_any_work(name: str, missing: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    if missing:
        monkeypatch.setitem(sys.modules, "matplotlib", None)

    def never(*arguments: object, **others: object) -> None:
        raise AssertionError("it began to measure")

    monkeypatch.setattr(tune_command, "tune_model", never)
    result = CliRunner().invoke(tune_command.command, ["ad", "--plot", name])
    assert isinstance(result.exception, ToolNotFound if missing else UsageError)
