# SPDX-License-Identifier: Apache-2.0
"""bench/targets.json, and with it README's table, is what every target does now; and its figures are the aim."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from bench.targets import FILE, MODELS, Row, count, worse

from smidgen.errors import ToolNotFound
from smidgen.targets import list_targets, load_target
from tests.shared import SHARED, needs_shared

COUNTED: dict[str, dict[str, Row]] = json.loads(Path(FILE).read_text(encoding="utf-8"))
GOALS: dict[tuple[str, str], dict[str, float]] = {
    ("ibex", "cycles"): {"ad": 3.2, "kws": 3.0, "ic": 1.4, "vww": 1.8},
    ("cv32e40p", "cycles"): {"ad": 0.9, "kws": 1.0, "ic": 0.4, "vww": 0.55},
    ("rv32imcv-qemu", "instructions"): {"ic": 0.35, "vww": 0.35},
    ("generic-cortex-m0plus", "instructions"): {"ad": 5.0, "kws": 5.0, "ic": 5.0, "vww": 5.0, "sww": 5.0},
    ("m55-reference", "instructions"): {"ic": 0.25},
}
"""Cycles or instructions of a nominal MAC, at most."""
WHOLE = ("ibex", "cv32e40p")


@pytest.mark.parametrize(
    ("target", "unit", "model", "most"),
    [(t, unit, m, most) for (t, unit), goals in GOALS.items() for m, most in goals.items()],
)
def test_goals(target: str, unit: str, model: str, most: float) -> None:
    row = COUNTED[target][model]
    assert row[unit] / row["macs"] <= most


def test_every_target_has_every_model() -> None:
    assert set(COUNTED) == set(list_targets())
    for target, rows in COUNTED.items():
        assert set(rows) == set(MODELS)
        for row in rows.values():
            if "does_not_fit" not in row:
                assert (row["cycles"] is None) == (load_target(target).core.counts == "instructions")


def equal_to_the_table(target: str, model: str) -> None:
    """Verified and counted anew; within 1 % of what the table says, better or worse."""
    if "does_not_fit" in COUNTED[target][model]:
        pytest.skip(COUNTED[target][model]["does_not_fit"])
    try:
        row: dict[str, Any] = count(model, target, SHARED / "zoo")
    except ToolNotFound as error:
        pytest.skip(str(error))
    remedy = "if on purpose: python bench/targets.py --update"
    assert worse(COUNTED, {target: {model: row}}) == [], remedy
    assert worse({target: {model: row}}, {target: {model: COUNTED[target][model]}}) == [], remedy


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("target", list_targets())
def test_a_small_model_on_every_target(target: str) -> None:
    equal_to_the_table(target, "ad" if "does_not_fit" not in COUNTED[target]["ad"] else "kws")


@needs_shared
@pytest.mark.slow
@pytest.mark.parametrize("model", [m for m in MODELS if m != "ad"])
@pytest.mark.parametrize("target", WHOLE)
def test_every_model_on_rtl(target: str, model: str) -> None:
    equal_to_the_table(target, model)


@needs_shared
@pytest.mark.full
@pytest.mark.parametrize("model", [m for m in MODELS if m != "ad"])
@pytest.mark.parametrize("target", [t for t in list_targets() if t not in WHOLE])
def test_every_model_on_every_target(target: str, model: str) -> None:
    equal_to_the_table(target, model)
