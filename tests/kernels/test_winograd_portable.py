# SPDX-License-Identifier: Apache-2.0
"""The portable Winograd kernels equal Op.evaluate on this machine, and their matrices compute convolutions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, Phase, assume, given, settings

from smidgen.ir import Array, Node
from smidgen.kernels import Kernel
from smidgen.kernels.winograd_portable import KERNELS
from smidgen.kernels.winograd_portable.domain import F2, F4, S2, S4, Domain
from smidgen.targets import load_target
from tests.kernels.host import build_instances, run
from tests.kernels.overlap import check_overlaps
from tests.kernels.winograd_nodes import any_channels

CORE = load_target("rv32imc").core
COUNTS = (8, pytest.param(32, marks=pytest.mark.full))


def drawn(kernel: Kernel, count: int) -> list[tuple[Node, list[Array]]]:
    """Nodes that the kernel admits, always the same."""
    found: list[tuple[Node, list[Array]]] = []
    nodes = any_channels(2 if "stride2" in kernel.symbol else 1)

    @settings(max_examples=count, deadline=None, derandomize=True, database=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(nodes)
    def collect(case: Any) -> None:
        assume(kernel.rejects(case[0], CORE) is None)
        found.append(case)

    collect()
    assert len(found) >= count
    return found[:count]


@pytest.mark.parametrize("count", COUNTS)
@pytest.mark.parametrize("kernel", KERNELS, ids=lambda k: k.symbol)
def test_equals_evaluate(kernel: Kernel, count: int, tmp_path: Path) -> None:
    cases = drawn(kernel, count)
    library = build_instances(kernel, (node for node, _ in cases), tmp_path)
    for node, arrays in cases:
        (want,) = node.op.evaluate(node.types, arrays)
        np.testing.assert_array_equal(run(library, kernel, node, arrays), want, str(node.types))
    check_overlaps(library, kernel, cases)


@pytest.mark.parametrize("domain", [F4, F2, S4, S2])
def test_transforms_are_correlations(domain: Domain) -> None:
    """A'[(G g) * (B' d)], a sum's products added, is the correlation times its scale, in both dimensions."""
    rng = np.random.default_rng(1)
    scheme, side = domain.scheme, domain.side
    g = rng.integers(-128, 128, (3, 3))
    d = rng.integers(0, 256, (side, side))
    weights, inputs = (np.array(m) for m in (scheme.weight_rows, scheme.input_rows))
    products = ((weights @ g @ weights.T) * (inputs @ d @ inputs.T)).reshape(-1)
    sums = np.array([products[place].sum() for place in domain.places()]).reshape(domain.sums, domain.sums)
    out = np.array(scheme.output_rows)
    y = out @ sums @ out.T
    at = [domain.stride * i for i in range(scheme.tile)]
    want = [[(g * d[r : r + 3, c : c + 3]).sum() for c in at] for r in at]
    assert (y == np.array(want) * (scheme.odd << scheme.scale_bits)).all()


@pytest.mark.parametrize("domain", [F4, F2, S4, S2])
def test_transformed_inputs_fit_their_half(domain: Domain) -> None:
    assert domain.largest_input() < 1 << 16
