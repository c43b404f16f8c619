# SPDX-License-Identifier: Apache-2.0
"""Every kernel equals Op.evaluate on random nodes that its own predicates admit."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from smidgen.kernels import Kernel
from smidgen.kernels.registry import all_kernels
from tests.kernels.admitted import EVERY_FEATURE, strategy
from tests.kernels.host import run

CASES = 150


@dataclass
class Tally:
    cases: int = 0
    outputs: int = 0
    saturated: int = 0


@pytest.mark.parametrize("kernel", all_kernels(), ids=lambda k: k.symbol)
def test_equals_evaluate(kernel: Kernel, library: ctypes.CDLL) -> None:
    tally = Tally()

    @settings(max_examples=CASES, deadline=None, derandomize=True, database=None,
              suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])  # fmt: skip
    @given(strategy(kernel))
    def check(case: Any) -> None:
        node, arrays = case
        assume(kernel.rejects(node, EVERY_FEATURE) is None)
        (want,) = node.op.evaluate(node.types, arrays)
        np.testing.assert_array_equal(run(library, kernel, node, arrays), want)
        if kernel.inplace:
            np.testing.assert_array_equal(run(library, kernel, node, arrays, in_place=True), want)
        tally.cases += 1
        tally.outputs += want.size
        tally.saturated += int(((want == -128) | (want == 127)).sum())

    check()
    assert tally.cases >= CASES // 2, f"only {tally.cases} cases were admitted"
    between = tally.outputs - tally.saturated  # a wrong sum hides behind a clamp
    assert between >= 4 * tally.cases, f"only {between} of {tally.outputs} outputs lie between the ends"
