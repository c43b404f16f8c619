# SPDX-License-Identifier: Apache-2.0
"""The Python API takes what a reader of its signatures would give it, and says what is wrong otherwise."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import smidgen
from smidgen.errors import InvalidInput, UsageError
from tests.graphs import everything


@pytest.fixture(scope="module")
def compiled() -> smidgen.Compiled:
    return smidgen.compile("ad")


@pytest.mark.slow
def test_run_takes_the_array_of_the_only_input(compiled: smidgen.Compiled) -> None:
    x = np.zeros(compiled.graph.inputs[0].type.shape, np.int8)
    alone, listed = smidgen.run(compiled, x), smidgen.run(compiled, [x])
    assert alone.mismatches == listed.mismatches == 0
    np.testing.assert_array_equal(alone.outputs[0][0], listed.outputs[0][0])


def test_run_refuses_what_is_no_input(compiled: smidgen.Compiled) -> None:
    with pytest.raises(InvalidInput, match=r"input 'input' of ad is int8\[1, 640\], got int8\[640\]"):
        smidgen.run(compiled, np.zeros(640, np.int8))
    with pytest.raises(InvalidInput, match="is a str, not a numpy array"):
        smidgen.run(compiled, {"input": np.zeros((1, 640), np.int8)})  # type: ignore[arg-type]  # on purpose


@pytest.mark.parametrize("call", [smidgen.verify, smidgen.profile])
def test_a_model_has_to_be_compiled_first(call: object) -> None:
    assert callable(call)
    with pytest.raises(UsageError, match=r"takes what smidgen\.compile returns, not a str"):
        call("model.tflite")


def test_a_graph_gets_a_name_that_c_can_spell() -> None:
    graph = everything("everything")
    compiled = smidgen.compile(replace(graph, name="My Net"))
    assert compiled.graph.name == "my_net"
    assert "smg_my_net.h" in compiled.sources.files
    other = smidgen.compile(replace(graph, name="My Net"), name="other")
    assert other.graph.name == "other"
    assert other.origin.sha256 == compiled.origin.sha256, "the digest is of the graph, not of its new name"
