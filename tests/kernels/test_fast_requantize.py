# SPDX-License-Identifier: Apache-2.0
"""Requantisation in three or four instructions equals the definition wherever its predicate holds, ties included."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from smidgen.ir import Node, Rounding
from smidgen.kernels import fast_requantize as fast
from smidgen.kernels.common import fitted_bias, out_quant
from smidgen.ops.accumulators import largest_sum, multipliers
from smidgen.ops.arithmetic import int_bounds, requantize
from tests.kernels import nodes
from tests.kernels.host import build

SOURCE = """
#define SMG_ROUNDING_MODE {mode}
#define SMG_ACT_MIN {lo}
#define SMG_ACT_MAX {hi}
#include "smg_fast_requantize.h"
int32_t fast(int32_t acc2, int32_t mult, int32_t addend, int32_t shift);
int32_t fast(int32_t acc2, int32_t mult, int32_t addend, int32_t shift) {{
    return smg_requantize_fast(acc2, mult, addend, shift);
}}
"""


def sums(node: Node) -> np.ndarray:
    """Sums of products of every channel (cases, out_c): ends, small ones and random ones."""
    reach = largest_sum(node)
    rng = np.random.default_rng(int(reach.sum()))
    near_zero = -fast.fast_bias(node) + np.arange(-150, 151)[:, None]
    spread = rng.integers(-reach, reach + 1, (400, len(reach)))
    return np.clip(np.concatenate([near_zero, spread, [-reach], [reach]]), -reach, reach)


def modelled(node: Node, total: np.ndarray) -> np.ndarray:
    """The header's arithmetic on exact integers, its bounds checked."""
    lo, hi = int_bounds(node.op.clamp)
    _, mult, addend, shift = fast.requantize_columns(node).astype(np.int64).T
    acc2 = 2 * (total + fast.fast_bias(node))
    assert (np.abs(acc2) < 1 << 31).all()
    mode = fast.rounding_mode(node)
    rounded = (acc2 * mult + (0 if mode == fast.EVEN else 1 << 31)) >> 32
    high = rounded + addend + (acc2 >> 63 if mode == fast.DOUBLE else 0)
    assert (np.abs(high) < 1 << 31).all()
    return np.clip(high >> shift, lo, hi)


def wanted(node: Node, total: np.ndarray) -> np.ndarray:
    op = node.op
    y = requantize(total + fitted_bias(node), *multipliers(node), op.rounding) + out_quant(node).zero_point[0]
    return np.clip(y, *int_bounds(op.clamp))


@pytest.mark.parametrize("rounding", ["double", "even"])
def test_equals_the_definition(rounding: Rounding) -> None:
    seen = Counter[str]()

    @settings(max_examples=250, deadline=None, derandomize=True, database=None,
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(st.one_of(nodes.conv2d(rounding, "one group"), nodes.fully_connected(rounding)))
    def check(case: Any) -> None:
        node = case[0]
        able = fast.fast_requantize(node)
        seen["able" if able else "refused"] += 1
        assume(able)
        total = sums(node)
        np.testing.assert_array_equal(modelled(node, total), wanted(node, total))
        seen[f"mode {fast.rounding_mode(node)}"] += 1
        seen["constant"] += int((fast.requantize_columns(node)[:, 1] == 0).any())

    check()
    modes = ["mode 2"] if rounding == "even" else ["mode 0", "mode 1"]
    assert all(seen[k] >= 5 for k in ("able", "refused", "constant", *modes)), seen


@pytest.mark.parametrize("mode", [fast.DOUBLE, fast.CLAMPED_AT_ZERO_POINT, fast.EVEN])
@pytest.mark.parametrize("bounds", [(-128, 127), (-5, 90)])
def test_c_is_the_model(mode: int, bounds: tuple[int, int], tmp_path: Path) -> None:
    source = tmp_path / "fast.c"
    source.write_text(SOURCE.format(mode=mode, lo=bounds[0], hi=bounds[1]))
    function = build([source], tmp_path / "fast.so").fast
    rng = np.random.default_rng(mode)
    for _ in range(3000):
        shift = int(rng.integers(1, 23))
        acc2 = 2 * int(rng.integers(-(2 ** int(rng.integers(1, 30))), 2 ** int(rng.integers(1, 30))))
        mult = int(rng.choice([1 << 30, (1 << 31) - 1, int(rng.integers(1 << 30, 1 << 31)), 0]))
        addend = (1 << shift >> 1) + (int(rng.integers(-128, 128)) << shift)
        high = ((acc2 * mult + (0 if mode == fast.EVEN else 1 << 31)) >> 32) + addend
        high -= mode == fast.DOUBLE and acc2 < 0
        assert function(acc2, mult, addend, shift) == min(max(high >> shift, bounds[0]), bounds[1])
