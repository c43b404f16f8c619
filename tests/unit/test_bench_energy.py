# SPDX-License-Identifier: Apache-2.0
"""The figures of energy predictions, in bench/energy.json and docs/energy.md, are those of the results."""

from __future__ import annotations

import json

from bench.energy import FIGURES, PAGE, as_text, figures, page, tables


def test_figures_are_current() -> None:
    assert FIGURES.read_text(encoding="utf-8") == as_text(figures())


def test_the_page_is_current() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text, tables(json.loads(FIGURES.read_text(encoding="utf-8")))) == text
    assert text.count("| NUCLEO-L4R5ZI | ") >= 3


def test_goals() -> None:
    found = json.loads(FIGURES.read_text(encoding="utf-8"))["benchmark_from_its_systems_others"]
    assert found["nucleo-l4r5zi"]["median"]["mean_percent"] <= 4.5
    assert found["nucleo-u575zi-q"]["median"]["mean_percent"] <= 2.5
