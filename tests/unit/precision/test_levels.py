# SPDX-License-Identifier: Apache-2.0
"""Levels of layers: which there are, and that a group reaches the weights that are written."""

from __future__ import annotations

from pathlib import Path

import pytest

from smidgen.ir import FourBit
from smidgen.precision.levels import LEVELS, group_of, levels_of, precision_of, with_levels
from smidgen.quantize import Recipe, apply, calibrate, layers
from tests.float_classifier import samples, save_classifier


def test_levels_by_layer(tmp_path: Path) -> None:
    """Of a convolution of 18 weights a channel, depthwise ones, a pointwise of 16 and a dense layer of 32."""
    graph = save_classifier(tmp_path / "net.onnx")
    nodes = {n.output.name: n for n in layers(graph)}
    found = {n["w"].type.elements // n["w"].type.shape[0]: levels_of(n, Recipe()) for n in nodes.values()}
    wide = next(n for n in nodes.values() if "int4" in levels_of(n, Recipe()) and _weights(n) == 32)
    assert levels_of(wide, Recipe()) == LEVELS
    assert levels_of(wide, Recipe(group=16)) == ("int4", "int4/8", "int8", "int16", "float16", "float")
    assert levels_of(wide, Recipe(group=None)) == LEVELS
    assert levels_of(wide, Recipe(scheme="power-of-two")) == ("int4", "int8", "int16", "float16", "float")
    assert found[16] == ("int4", "int4/8", "int8", "int16", "float16", "float"), "16 weights are no groups of 16"
    assert [group_of(level, wide, Recipe()) for level in LEVELS] == [None, 16, 8, None, None, None, None]
    assert group_of("int4", wide, Recipe(group=24)) == 24
    assert precision_of("int4/8") == "int4"
    assert precision_of("int16") == "int16"


def _weights(node: object) -> int:
    t = node["w"].type  # type: ignore[index]
    return int(t.elements // t.shape[0])


@pytest.mark.parametrize("fast", [False, True])
def test_each_layer_has_its_own_group(fast: bool, tmp_path: Path) -> None:
    graph = save_classifier(tmp_path / "net.onnx")
    recipe = Recipe()
    names = [n.output.name for n in layers(graph)]
    able = [n for n in layers(graph) if "int4/8" in levels_of(n, recipe)]
    assert len(able) >= 2
    calibration = calibrate(graph, (samples(graph, 12),), recipe)
    stored = []
    for levels in (("int4/8", "int4"), ("int4", "int4/8")):  # the second would meet what was kept of the first
        given = dict(zip((n.output.name for n in able), levels, strict=False))
        chosen = with_levels(recipe, names, tuple(given.get(n, "int8") for n in names))
        made = apply(calibration, chosen.precisions, groups=chosen.groups, fast=fast)
        by_name = {n.output.name: n for n in made.graph.nodes}
        kinds = [n["w"].type.storage for n in by_name.values() if "w" in n.op.operands]
        stored.append([s for s in kinds if s is not None])
    assert FourBit(8) in stored[0]
    assert len(stored[0]) == len(stored[1]) == 2
    assert stored[0] != stored[1]
