# SPDX-License-Identifier: Apache-2.0
"""Names to models: official files first, synthetic ones otherwise, downloads only when they are the pinned bytes."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import OutputError, ToolError, UsageError
from smidgen.frontends import load
from smidgen.ir import evaluate_all, verify
from smidgen.verify import random_inputs
from smidgen.zoo import ZOO, find_model, pull, zoo
from smidgen.zoo.topologies import SYNTHETIC
from tests.generated import shared

MACS = {"kws": 2_656_768, "ic": 12_501_632, "vww": 7_489_664, "ad": 264_192}
"""Of the official models: the synthetic ones have the same layers."""


@pytest.fixture(autouse=True)
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SMIDGEN_ZOO", raising=False)
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))


@pytest.mark.parametrize("name", sorted(SYNTHETIC))
def test_synthetic_models_are_valid_alive_and_the_same_every_time(name: str) -> None:
    graph = SYNTHETIC[name]()
    verify(graph, "integer")
    again = SYNTHETIC[name]()
    for a, b in zip(graph.values(), again.values(), strict=True):
        assert a.type == b.type
        assert a.data is None or np.array_equal(a.data, b.constant)
    case = list(random_inputs(graph, 4))[3]
    for value, y in evaluate_all(graph, case).items():
        if value not in graph.inputs and y.size >= 64:
            saturated = np.isin(y, (-128, 127)).mean()
            assert saturated < 0.8, f"{value.name}: {saturated:.0%} saturated"
            assert len(np.unique(y)) > 12, value.name
    if name in MACS:
        assert graph.macs == MACS[name]


@pytest.mark.parametrize("entry", ZOO, ids=lambda e: e.name)
def test_synthetic_models_have_the_official_layers(entry: zoo.ZooModel) -> None:
    folder = shared()
    if folder is None:
        pytest.skip("no official models beside the repository (../shared, or SMIDGEN_SHARED)")
    official = load(folder / "zoo" / entry.stem / f"{entry.stem}_int8.tflite")
    synthetic = SYNTHETIC[entry.name]()
    assert official.inputs[0].type.elements == synthetic.inputs[0].type.elements
    assert official.outputs[0].type.elements == synthetic.outputs[0].type.elements
    assert official.macs == synthetic.macs


def test_names_and_paths(tmp_path: Path) -> None:
    found = find_model("kws")
    assert found.synthetic
    assert found.label == "kws (synthetic weights: latency and memory only)"
    path = tmp_path / "m.tflite"
    path.write_bytes(b"x")
    assert find_model(str(path)).path == path
    with pytest.raises(UsageError, match=r"neither a file nor a zoo name \(kws, ic, vww, ad, sww\)"):
        find_model("kvs")
    with pytest.raises(UsageError, match="is a folder"):
        find_model(str(tmp_path))


@pytest.mark.parametrize("place", ["kws01/kws01_int8.tflite", "kws01_int8.tflite", "kws_ref_model.tflite",
                                   "keyword_spotting/trained_models/kws_ref_model.tflite"])  # fmt: skip
def test_where_official_files_are_looked_for(place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "models" / place
    file.parent.mkdir(parents=True)
    file.write_bytes(b"x")
    assert find_model("kws").synthetic
    assert find_model("kws", tmp_path / "models").path == file
    monkeypatch.setenv("SMIDGEN_ZOO", str(tmp_path / "models"))
    assert find_model("kws").path == file


def pretend(monkeypatch: pytest.MonkeyPatch, data: bytes) -> list[str]:
    """The internet, as one file."""
    asked: list[str] = []

    def urlopen(url: str, timeout: float) -> io.BytesIO:
        asked.append(url)
        return io.BytesIO(data)

    monkeypatch.setattr(urllib.request, "urlopen", urlopen)
    digest = hashlib.sha256(b"model").hexdigest()
    monkeypatch.setattr(zoo, "ZOO", tuple(replace(e, sha256=digest) for e in ZOO))
    return asked


def test_pull(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = pretend(monkeypatch, b"model")
    paths = pull()
    assert [p.read_bytes() for p in paths] == [b"model"] * 5
    assert all(url.startswith("https://raw.githubusercontent.com/mlcommons/tiny/") for url in asked)
    assert find_model("vww").path in paths
    pull()
    assert len(asked) == 5, "what is there and right is not fetched again"
    paths[0].write_bytes(b"damaged")
    pull()
    assert len(asked) == 6
    assert paths[0].read_bytes() == b"model"


def test_pull_keeps_nothing_but_the_pinned_bytes(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, b"other")
    with pytest.raises(ToolError, match="not the official file"):
        pull()
    assert not list((tmp_path / "data").rglob("*.tflite"))


def test_pull_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(url: str, timeout: float) -> io.BytesIO:
        raise urllib.error.URLError("no route")

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    with pytest.raises(ToolError, match=r"cannot download kws .*--models or SMIDGEN_ZOO"):
        pull()


def test_pull_to_a_place_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    pretend(monkeypatch, b"model")
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(OutputError, match="XDG_DATA_HOME"):
        pull()
