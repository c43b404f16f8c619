# SPDX-License-Identifier: Apache-2.0
"""Every kernel equals Op.evaluate on random nodes that its own predicates admit."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings

from smidgen.ir import Array, Node
from smidgen.kernels import Kernel
from smidgen.kernels.common import even_rounding
from smidgen.kernels.registry import all_kernels
from tests.kernels.admitted import core_of, draw_nodes, runs_on_host, strategy
from tests.kernels.host import build_instances, run
from tests.kernels.overlap import check_overlaps

CASES = 150
INSTANCES, PLAINER_INSTANCES, MANY_INSTANCES = 12, 2, 32
"""Functions a kernel: of those for cores without SIMD fewer, which run on such cores besides (test_emulated.py)."""
ON_HOST = [k for k in all_kernels() if runs_on_host(k)]
WITH_CONSTANTS = [k for k in ON_HOST if k.constants is not None]


@dataclass
class Tally:
    cases: int = 0
    outputs: int = 0
    saturated: int = 0

    def add(self, want: Array) -> None:
        self.cases += 1
        self.outputs += want.size
        if want.dtype == np.float32:
            ends = ~np.isfinite(want) | (want == 0)
        else:
            bounds = np.iinfo(want.dtype)
            ends = (want == bounds.min) | (want == bounds.max)
        self.saturated += int(ends.sum())

    def check(self, least: int) -> None:
        assert self.cases >= least, f"only {self.cases} cases were admitted"
        between = self.outputs - self.saturated  # a wrong sum hides behind a clamp
        assert between >= 4 * self.cases, f"only {between} of {self.outputs} outputs lie between the ends"


def assert_same_bits(got: Array, want: Array, what: str) -> None:
    """Equal bit for bit, zeros' signs included; of NaN only that they are in the same places."""
    np.testing.assert_array_equal(got, want, what)
    if want.dtype == np.float32:
        numbers = ~np.isnan(want)
        np.testing.assert_array_equal(got[numbers].view(np.uint32), want[numbers].view(np.uint32), what)


def check_case(library: ctypes.CDLL, kernel: Kernel, node: Node, arrays: list[Array], tally: Tally) -> None:
    (want,) = node.op.evaluate(node.types, arrays)
    assert_same_bits(run(library, kernel, node, arrays), want, str(node.types))
    if kernel.inplace:
        assert_same_bits(run(library, kernel, node, arrays, in_place=True), want, "in place")
    tally.add(want)


@pytest.mark.parametrize("kernel", [k for k in ON_HOST if k.constants is None], ids=lambda k: k.symbol)
def test_equals_evaluate(kernel: Kernel, library: ctypes.CDLL) -> None:
    tally = Tally()

    @settings(max_examples=CASES, deadline=None, derandomize=True, database=None,
              suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow])  # fmt: skip
    @given(strategy(kernel))
    def check(case: Any) -> None:
        node, arrays = case
        assume(kernel.rejects(node, core_of(kernel)) is None)
        check_case(library, kernel, node, arrays, tally)

    check()
    tally.check(CASES // 2)


@pytest.mark.parametrize("many", [False, pytest.param(True, marks=pytest.mark.full)])
@pytest.mark.parametrize("kernel", WITH_CONSTANTS, ids=lambda k: k.symbol)
def test_instances_equal_evaluate(kernel: Kernel, many: bool, tmp_path: Path) -> None:
    """Kernels with constants: a function a shape, so fewer cases. With operands apart, and as near as they allow."""
    tally = Tally()
    count = MANY_INSTANCES if many else PLAINER_INSTANCES if kernel.unless else INSTANCES
    cases = draw_nodes(kernel, count)
    library = build_instances(kernel, (node for node, _ in cases), tmp_path)
    for node, arrays in cases:
        check_case(library, kernel, node, arrays, tally)
    tally.check(count)
    check_overlaps(library, kernel, cases)


@pytest.mark.parametrize("kernel", WITH_CONSTANTS, ids=lambda k: k.symbol)
def test_instances_are_drawn_with_each_rounding(kernel: Kernel) -> None:
    """The fewest that any test takes."""
    roundings = {getattr(node.op, "rounding", None) for node, _ in draw_nodes(kernel, 4)}
    every = {"even"} if even_rounding in kernel.requires else {"double", "even"}
    assert roundings == (every if hasattr(kernel.op, "rounding") else {None})


def test_overlaps_are_of_instances() -> None:
    """The test above covers every kernel that allows any."""
    assert not [k.symbol for k in all_kernels() if k.overlap and k.constants is None]
