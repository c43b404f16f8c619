# SPDX-License-Identifier: Apache-2.0
"""A folder that was asked for and does not help is an error, never a silent fall back to noise."""

from __future__ import annotations

from pathlib import Path

import pytest

from smidgen.errors import UsageError
from smidgen.zoo import find_model


def test_models_option_names_no_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"--models names .*, which is no folder"):
        find_model("kws", tmp_path / "missing")


def test_models_option_without_the_file(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"has no file for kws: looked for kws01_int8\.tflite, kws_ref_model\.tflite"):
        find_model("kws", tmp_path)
    assert find_model("kws", tmp_path, strict=False).synthetic


def test_variable_names_no_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SMIDGEN_ZOO", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match="SMIDGEN_ZOO names"):
        find_model("kws")
