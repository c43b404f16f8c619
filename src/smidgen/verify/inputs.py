# SPDX-License-Identifier: Apache-2.0
"""Input data: drawn at random, or read from the user's .npy and .npz files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir import Array, Graph, TensorType
from smidgen.ops import Quantize
from smidgen.quantize.arrays import read_arrays

_FLOATS = {0: -100.0, 1: 100.0, 2: 0.0}  # far beyond what models are trained on, and nothing at all
_LABELS = ("y", "labels")  # what data sets keep beside their inputs


def random_inputs(graph: Graph, cases: int, seed: int = 0) -> Iterator[list[Array]]:
    """``cases`` sets of inputs: all lowest, all highest, all zero point, then uniformly random ones. Deterministic.

    Of float32: all -100, all 100, all 0, then normally distributed ones.
    """
    rng = np.random.default_rng(seed)
    for case in range(cases):
        yield [_draw(v.type, case, rng) for v in graph.inputs]


def _draw(t: TensorType, case: int, rng: np.random.Generator) -> Array:
    if t.dtype == "float32":
        if case in _FLOATS:
            return np.full(t.shape, _FLOATS[case], np.float32)
        return rng.standard_normal(t.shape).astype(np.float32)
    lo, hi = np.iinfo(t.dtype).min, np.iinfo(t.dtype).max
    zero = t.zero_point if t.quant is not None else 0
    fixed = {0: lo, 1: hi, 2: zero}
    if case in fixed:
        return np.full(t.shape, fixed[case], t.dtype)
    return rng.integers(lo, hi, t.shape, endpoint=True).astype(t.dtype)


def load_inputs(graph: Graph, path: Path) -> list[list[Array]]:
    """The cases in a .npy (graphs of one input) or .npz file (an array an input, by name or in order).

    An array has an input's shape, or that with the number of cases in front (or in place of a batch of 1). float32
    data for an integer input is quantized with the input's parameters. Raises InvalidInput with the shapes at fault,
    and for uint8 data where the input is int8 or the other way round.
    """
    arrays = _read(path)
    names = [v.name for v in graph.inputs]
    if set(names) <= set(arrays):
        chosen = [arrays[n] for n in names]
    elif len(arrays) == len(names):
        chosen = list(arrays.values())
    else:
        raise InvalidInput(
            f"{path.name} holds {', '.join(arrays) or 'no arrays of numbers'}; {graph.name} has {len(names)} inputs: "
            f"{', '.join(names)}. Save an array for each, named so or in this order"
        )
    stacks = [_cases(a, v.type, f"{path.name}, input {v.name!r}") for a, v in zip(chosen, graph.inputs, strict=True)]
    if len({len(s) for s in stacks}) != 1:
        raise InvalidInput(f"{path.name}: the inputs have different numbers of cases: {[len(s) for s in stacks]}")
    return [list(case) for case in zip(*stacks, strict=True)]


def _read(path: Path) -> dict[str, Array]:
    """The numeric arrays of a .npz file by name, without labels, or whatever a .npy file holds, by the name ""."""
    return {k: a for k, a in read_arrays(path, skip=_LABELS).items() if a.dtype.kind in "iuf" or not k}


def _cases(array: Array, t: TensorType, what: str) -> Sequence[Array]:
    shape = t.shape
    if array.size == t.elements:
        stacked = array.reshape(1, *shape)
    elif array.ndim >= 1 and array.size == len(array) * t.elements:
        stacked = array.reshape(-1, *shape)
    else:
        raise InvalidInput(
            f"{what}: shape {list(array.shape)} is not {list(shape)}, nor a stack of them. Reshape the data"
        )
    if not len(stacked):
        raise InvalidInput(f"{what}: no cases (the array is empty)")
    return [_converted(a, t, what) for a in stacked]


def _converted(array: Array, t: TensorType, what: str) -> Array:
    if array.dtype == np.dtype(t.dtype):
        return np.ascontiguousarray(array)
    if {str(array.dtype), t.dtype} == {"int8", "uint8"}:
        change = "subtract 128" if t.dtype == "int8" else "add 128"
        raise InvalidInput(
            f"{what}: elements are {array.dtype}, the input is {t.dtype}, and the same bytes may mean other values. "
            f"If they are quantised, {change} and save them as {t.dtype}; if they are real values, save them as float32"
        )
    if array.dtype.kind == "f" and t.dtype in ("int8", "uint8", "int16") and t.quant is not None:
        real = TensorType("float32", t.shape)
        return Quantize(t.quant, t.dtype).evaluate([real], [array.astype(np.float32)])[0]
    if array.dtype.kind == "f" and t.dtype == "float32":
        return array.astype(np.float32)
    if array.dtype.kind in "iu" and t.dtype in ("int8", "uint8", "int16"):
        bounds = np.iinfo(t.dtype)
        if array.min(initial=0) >= bounds.min and array.max(initial=0) <= bounds.max:
            return array.astype(t.dtype)
    values = f" (values {array.min()}..{array.max()})" if array.dtype.kind in "iuf" else ""
    raise InvalidInput(f"{what}: elements are {array.dtype}{values}, not {t.dtype}. Convert them first")
