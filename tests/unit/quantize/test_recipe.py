# SPDX-License-Identifier: Apache-2.0
"""What cannot be meant is refused where it is said, not after the work."""

from __future__ import annotations

import warnings
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from smidgen.errors import MalformedModel, UsageError
from smidgen.precision.session import Settings
from smidgen.quantize import Recipe, calibrate, layers, quantize
from smidgen.targets import load_target
from tests.unit.quantize.networks import normal, small_network


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"scheme": "log"}, "no scheme 'log'; there are affine, power-of-two"),
        ({"precision": "int3"}, "no precision 'int3'; there are int4, int8, int16, float16, float"),
        ({"observer": "guess"}, "no observer 'guess'; there are minmax"),
        ({"precisions": {"conv": "int2"}}, "no precision 'int2'"),
        ({"group": 5}, "a multiple of 8, or 0 (None) for none, not 5"),
        ({"group": -8}, "a multiple of 8, or 0 (None) for none, not -8"),
        ({"groups": {"conv": 12}}, "not 12"),
        ({"seed": -1}, "a number from 0 on, not -1"),
    ],
)
def test_choices_that_there_are_not(choice: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError) as e:
        Recipe(**choice)
    assert text in str(e.value)


@pytest.mark.parametrize(
    ("choice", "text"),
    [
        ({"max_drop": -1.0}, "--max-drop is a number from 0 on, not -1"),
        ({"max_drop": float("nan")}, "--max-drop is a number from 0 on, not nan"),
        ({"budget_seconds": 0.0}, "budget_seconds is more than 0, not 0"),
    ],
)
def test_bounds_and_budgets_that_are_none(choice: dict[str, Any], text: str) -> None:
    with pytest.raises(UsageError, match=text):
        Settings(load_target("nucleo-l4r5zi"), **choice)


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_weights_that_are_no_numbers_are_named(value: float) -> None:
    graph = small_network()
    first = layers(graph)[0]
    data = first["w"].constant.copy()
    data[0, 1, 2, 0] = value
    broken = replace(first, inputs=(first["x"], replace(first["w"], data=data), *first.inputs[2:]))
    graph = graph.with_nodes(tuple(broken if n is first else n for n in graph.nodes))
    with pytest.raises(MalformedModel, match=f"the weights '{first['w'].name}' of .* hold NaN or infinity"):
        calibrate(graph, [normal(8, 6, 6, 3)])


def test_overflow_warns_nobody() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        quantize(small_network(), [normal(8, 6, 6, 3) * np.float32(1e30)])
