# SPDX-License-Identifier: Apache-2.0
"""The recorded MLPerf Tiny runs meet their goals, and made-up data give no accuracy."""

from __future__ import annotations

import json

from bench.mlperf import FIGURES, figures


def test_goals() -> None:
    found = json.loads(FIGURES.read_text(encoding="utf-8"))
    assert float(found["tasks"]["kws"]["top1"]) >= 90.0
    assert found["took"]["cpu_seconds_total"] <= 600


def test_made_up_data_give_no_accuracy() -> None:
    outcome = {"task": "ic", "mode": "accuracy", "inputs": 200, "top1": "10.0", "auc": "0.5"}
    assert figures([outcome], ["ic"])["ic"] == {}
    assert figures([outcome], [])["ic"] == {"inputs": 200, "top1": "10.0", "auc": "0.5"}
