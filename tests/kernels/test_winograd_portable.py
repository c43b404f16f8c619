# SPDX-License-Identifier: Apache-2.0
"""The portable Winograd kernels' matrices compute convolutions; what transforms and requantisation rest on holds."""

from __future__ import annotations

import numpy as np
import pytest

from smidgen.kernels.winograd_portable.domain import F2, F4, S2, S4, Domain


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
