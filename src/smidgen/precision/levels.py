# SPDX-License-Identifier: Apache-2.0
"""What a search may give a layer: a precision, and for four-bit weights how many share a factor."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Literal

from smidgen.ir import Node
from smidgen.quantize import allows_int4
from smidgen.quantize.recipe import Precision, Recipe

Level = Literal["int4", "int4/16", "int4/8", "int8", "int16", "float16", "float"]
"""int4: four-bit weights with the recipe's group; int4/16, int4/8: in smaller groups; the others are precisions."""

LEVELS: tuple[Level, ...] = ("int4", "int4/16", "int4/8", "int8", "int16", "float16", "float")
"""The least precise first."""

FINER: Mapping[Level, int] = {"int4/16": 16, "int4/8": 8}

Assignment = tuple[Level, ...]
"""The level of each layer, in the graph's order."""

_PRECISION: Mapping[Level, Precision] = {
    "int4": "int4",
    "int8": "int8",
    "int16": "int16",
    "float16": "float16",
    "float": "float",
}


def rank(level: Level) -> int:
    return LEVELS.index(level)


def precision_of(level: Level) -> Precision:
    return _PRECISION.get(level, "int4")


def levels_of(node: Node, recipe: Recipe) -> tuple[Level, ...]:
    """All that a layer may have, the least precise first. Smaller groups than the recipe's, where they are any."""
    if not allows_int4(node):
        return ("int8", "int16", "float16", "float")
    weights = node["w"].type.elements // node["w"].type.shape[0]
    largest = min(recipe.group or weights, weights)
    finer = [f for f, group in FINER.items() if group < largest and recipe.scheme == "affine"]
    return ("int4", *finer, "int8", "int16", "float16", "float")


def with_levels(recipe: Recipe, layers: Sequence[str], assignment: Assignment) -> Recipe:
    """The recipe with these layers' precisions and groups; those of other ops stay."""
    precisions = {name: precision_of(level) for name, level in zip(layers, assignment, strict=True)}
    groups = {name: FINER[level] for name, level in zip(layers, assignment, strict=True) if level in FINER}
    return replace(recipe, precisions={**recipe.precisions, **precisions}, groups=groups)


def group_of(level: Level, node: Node, recipe: Recipe) -> int | None:
    """How many consecutive weights of the layer share a factor; None where none do."""
    if precision_of(level) != "int4" or recipe.scheme != "affine":
        return None
    group = FINER.get(level, recipe.group)
    weights = node["w"].type.elements // node["w"].type.shape[0]
    return group if group is not None and group < weights else None
