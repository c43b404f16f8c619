# SPDX-License-Identifier: Apache-2.0
"""From bytes to a simulated, proven answer in seconds: the whole path on a model that one can read."""

from __future__ import annotations

from pathlib import Path

import numpy as np

import smidgen.compiler as smidgen
from smidgen.codegen.folder import write_folder
from smidgen.ir import evaluate
from smidgen.verify import random_inputs
from tests.graphs import everything


def test_compile_build_run_verify_profile(tmp_path: Path) -> None:
    compiled = smidgen.compile(everything("tiny"), probe=True)
    written = write_folder(tmp_path / "tiny", {**compiled.sources.files, **compiled.sources.extras})
    assert {"smg_tiny.c", "smg_tiny.h", "smg_tiny_weights.c", "main.c", "CMakeLists.txt", "README.md"} <= set(written)

    case = list(random_inputs(compiled.graph, 4))[3]
    answer = smidgen.run(compiled, case)
    assert answer.mismatches == 0
    for got, want in zip(answer.outputs[0], evaluate(everything(), case), strict=True):
        np.testing.assert_array_equal(got, want)

    proof = smidgen.verify(compiled, cases=8)
    assert (proof.cases, proof.mismatches, proof.first_divergence) == (8, 0, None)
    assert proof.steps == len(compiled.schedule.steps)

    report = smidgen.profile(compiled)
    assert report.macs == compiled.graph.macs > 0
    assert report.cycles > report.macs / 2
    assert [x.name for x in report.layers] == [s.name for s in compiled.schedule.steps]
    assert report.unknown_instructions == {}
