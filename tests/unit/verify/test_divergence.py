# SPDX-License-Identifier: Apache-2.0
"""A wrong kernel is found, and exactly its layer is named: verify's own alarm test."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from smidgen.compiler import Compiled, verify
from smidgen.compiler import compile as compile_model
from smidgen.errors import SimulationError
from smidgen.ir import evaluate_all
from smidgen.verify import random_inputs
from tests.graphs import everything

SCALAR = {
    "y2": "smg_conv2d_s8_scalar",
    "y3": "smg_conv2d_1x1_s8_dsp",
    "y11": "smg_fully_connected_s8_scalar",
}


pytestmark = pytest.mark.slow  # every case builds an image


@pytest.fixture(scope="module")
def compiled() -> Compiled:
    return compile_model(everything(), kernels=SCALAR)


def with_text(compiled: Compiled, path: str, old: str, new: str) -> Compiled:
    """The same model with one place of one C file changed, and a digest of its own."""
    text = compiled.sources.files[path]
    assert text.count(old) >= 1, f"{old!r} is not in {path}"
    files = {**compiled.sources.files, path: text.replace(old, new, 1)}
    digest = compiled.sources.digest + path + new
    return replace(compiled, sources=replace(compiled.sources, files=files, digest=digest))


def test_the_right_code_passes(compiled: Compiled) -> None:
    result = verify(compiled, cases=6)
    assert (result.mismatches, result.first_divergence) == (0, None)
    assert result.cases == 6
    assert len({y.tobytes() for row in result.outputs for y in row[:1]}) > 1


BROKEN = (
    ("kernels/smg_conv2d_scalar.inc.h", "p->mult[o]", "p->mult[o] + (1 << 24)", "y2"),
    ("kernels/smg_conv2d_1x1_s8_dsp.c", "SMG_DOUBLE", "SMG_EVEN", "y3"),
    ("kernels/smg_lookup_s8_scalar.c", "p->count", "p->count - 1", "y7"),
    ("kernels/smg_fully_connected_scalar.inc.h", "p->mult[channel]", "p->mult[channel] + (1 << 24)", "y11"),
)


@pytest.mark.parametrize(("path", "old", "new", "layer"), BROKEN, ids=[b[3] for b in BROKEN])
def test_a_broken_kernel_is_named(compiled: Compiled, path: str, old: str, new: str, layer: str) -> None:
    result = verify(with_text(compiled, path, old, new), cases=40)
    d = result.first_divergence
    assert d is not None
    step = next(s for s in compiled.schedule.steps if s.name == layer)
    assert (d.name, d.step, d.source, d.kernel) == (layer, step.index, step.node.loc, step.choice.kernel.symbol)
    assert 0 < result.mismatches <= 40
    inputs = list(random_inputs(compiled.graph, 40))[d.case]
    want = evaluate_all(compiled.graph, inputs)[step.node.output].ravel()
    assert d.expected == float(want[d.element]) != d.got
    assert 1 <= d.differing_elements <= want.size


def test_a_broken_weight_is_named(compiled: Compiled) -> None:
    text = compiled.sources.files["smg_everything_weights.c"]
    line = next(x for x in text.splitlines() if "_W_table[" in x)
    broken = with_text(compiled, "smg_everything_weights.c", f"{line}\n    ", f"{line}\n    1 + ")
    d = verify(broken, cases=20).first_divergence
    assert d is not None
    assert d.name == "y7"


def test_a_wrong_copy_of_the_output_is_named(compiled: Compiled) -> None:
    call = "smg_everything_copy(output_1, at_y13, SMG_EVERYTHING_OUTPUT_1_BYTES)"
    broken = with_text(compiled, "smg_everything.c", call, call.replace("BYTES)", "BYTES - 1)"))
    d = verify(broken, cases=6).first_divergence
    assert d is not None
    assert d.step == len(compiled.schedule.steps)
    assert d.source == "the copy to the caller's output"


def test_a_write_outside_the_output_is_found(compiled: Compiled) -> None:
    broken = with_text(compiled, "kernels/smg_lookup_s8_scalar.c", "p->count", "p->count + 64")
    with pytest.raises(SimulationError):
        verify(broken, cases=2)


def test_arrays_are_compared_as_bytes(compiled: Compiled) -> None:
    """-0.0 and 0.0 are equal numbers and different outputs."""
    from smidgen.verify.compare import _Case

    step = compiled.schedule.steps[-1]
    value = step.node.output
    case = _Case(compiled.schedule, {value: np.zeros(value.type.shape, np.float32)}, 0)
    case.step(step.index, [np.full(value.type.shape, -0.0, np.float32).tobytes()])
    assert case.divergence is not None
    assert case.divergence.differing_elements == value.type.elements
