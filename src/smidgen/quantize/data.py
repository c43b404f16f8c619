# SPDX-License-Identifier: Apache-2.0
"""Recorded inputs of a model: read from the user's files, and refused where they cannot be meant for it."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from smidgen.errors import InvalidInput
from smidgen.ir import Array, Graph, Value
from smidgen.quantize.arrays import read_arrays

LABEL_NAMES = ("y", "label", "labels")
FILE_NAMES = ("recording", "recordings", "files", "file")  # numpy.savez cannot write one called file
"""Names of arrays in a .npz that are no input: what each sample is, and which recording it comes from."""


@dataclass(frozen=True, slots=True)
class Samples:
    """``inputs``: a float32 stack (samples, *shape) for each input of the model, its batch left out where that is 1.

    ``labels``: one row a sample. ``files``: the number of the recording that each sample is a window of. ``notes``:
    what a user should know about the data although it can be used.
    """

    source: str
    inputs: tuple[Array, ...]
    labels: Array | None = None
    files: Array | None = None
    notes: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.inputs[0])

    def take(self, indices: Sequence[int] | Array) -> Samples:
        """These samples, in this order."""
        chosen = np.asarray(indices, np.int64)
        labels = None if self.labels is None else self.labels[chosen]
        files = None if self.files is None else self.files[chosen]
        return replace(self, inputs=tuple(s[chosen] for s in self.inputs), labels=labels, files=files)


@dataclass(frozen=True, slots=True)
class Affine:
    """What integers in a file stand for: real = scale * (q - zero_point)."""

    scale: float
    zero_point: float = 0.0


def load_samples(graph: Graph, path: Path, affine: Affine | None = None) -> Samples:
    """The samples in a .npz (inputs by name or in order; labels as ``y`` or ``labels``) or .npy (one input) file.

    An array is (samples, *shape of the input), a batch of 1 and other dimensions of 1 left out or not. ``affine`` says
    what integers stand for, without which they are refused. Raises InvalidInput, with what to do, for anything else:
    other shapes (a layout that would fit is named), NaN and infinity, inputs that are the same number everywhere.
    """
    return make_samples(graph, read_arrays(path, "data"), path.name, affine)


def make_samples(graph: Graph, arrays: Mapping[str, Array], source: str, affine: Affine | None = None) -> Samples:
    """``load_samples`` of arrays by name; ``source`` is what messages call them."""
    names = [v.name for v in graph.inputs]
    found = _choose(arrays, graph, source)
    notes: list[str] = []
    stacks = tuple(
        _stack(a, v, f"{source}, {_called(key, v, names)}", affine, notes)
        for v, (key, a) in zip(graph.inputs, found, strict=True)
    )
    if len({len(s) for s in stacks}) != 1:
        counts = ", ".join(f"{n}: {len(s)}" for n, s in zip(names, stacks, strict=True))
        raise InvalidInput(f"{source}: the inputs have different numbers of samples ({counts}). Save one row a sample")
    taken = {key for key, _ in found}
    labels = _first(arrays, LABEL_NAMES, taken)
    files = _first(arrays, FILE_NAMES, taken)
    samples = Samples(
        source,
        stacks,
        None if labels is None else _labels(*labels, len(stacks[0]), source),
        None if files is None else _files(*files, len(stacks[0]), source),
    )
    return replace(samples, notes=(*notes, *_constant(samples, names)))


def _called(key: str, value: Value, names: Sequence[str]) -> str:
    return f"array {key!r}" if key and key != value.name else f"input {value.name!r}" if len(names) > 1 else "the data"


def _choose(arrays: Mapping[str, Array], graph: Graph, file: str) -> list[tuple[str, Array]]:
    """The array of each graph input: by name, else in order, else the only one that fits."""
    by_name = {re.sub(r"\W+", "_", key): key for key in arrays}
    names = [v.name for v in graph.inputs]
    if all(n in by_name for n in names):
        return [(by_name[n], arrays[by_name[n]]) for n in names]
    beside = (*LABEL_NAMES, *FILE_NAMES)
    numbers = [(k, a) for k, a in arrays.items() if k not in beside and a.dtype.kind in "biuf"]
    if len(numbers) == len(names):
        return numbers
    fitting = [(k, a) for k, a in numbers if _fits(a.shape, graph.inputs[0].type.shape)]
    if len(names) == 1 and len(fitting) == 1:
        return fitting
    held = ", ".join(f"{k} {a.dtype}{list(a.shape)}" for k, a in arrays.items()) or "no arrays"
    raise InvalidInput(
        f"{file} holds {held}; {graph.name} has {len(names)} input{'s' * (len(names) > 1)}: "
        f"{', '.join(f'{v.name} {list(v.type.shape)}' for v in graph.inputs)}. Save an array of real numbers for "
        f"each, named so or in this order, and labels as 'y'"
    )


def _first(arrays: Mapping[str, Array], names: Sequence[str], taken: set[str]) -> tuple[str, Array] | None:
    return next(((n, arrays[n]) for n in names if n in arrays and n not in taken), None)


def sample_shape(shape: Sequence[int]) -> tuple[int, ...]:
    """The shape of one sample of an input: without the batch where that is 1."""
    return tuple(shape[1:] if len(shape) and shape[0] == 1 else shape)


def _squeezed(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(d for d in shape if d != 1)


def _fits(shape: Sequence[int], expected: Sequence[int]) -> bool:
    return len(shape) > 0 and _squeezed(shape[1:]) == _squeezed(expected)


def _stack(array: Array, value: Value, what: str, affine: Affine | None, notes: list[str]) -> Array:
    expected = value.type.shape
    if array.dtype.kind not in "biuf":
        raise InvalidInput(f"{what}: elements are {array.dtype}, not numbers. Save the inputs as float32")
    if not _fits(array.shape, expected):
        raise InvalidInput(_wrong_shape(array.shape, expected, what))
    if not len(array):
        raise InvalidInput(f"{what}: no samples (the array is empty)")
    if array.dtype.kind != "f" and value.type.dtype == "float32" and affine is None:
        raise InvalidInput(_wrong_dtype(array, what))
    if array.dtype.kind == "f":
        _require_finite(array, what)
        if affine is not None:
            notes.append(f"{what}: elements are {array.dtype}, taken as real values; --input-scale is for integers")
    elif affine is not None:
        array = (array.astype(np.float64) - affine.zero_point) * affine.scale
    with np.errstate(over="ignore"):
        real = np.ascontiguousarray(array.reshape(len(array), *sample_shape(expected)), np.float32)
    if not np.isfinite(real).all():
        raise InvalidInput(f"{what}: values up to {np.abs(array).max():.3g} exceed float32. Scale the data")
    return real


def _wrong_dtype(array: Array, what: str) -> str:
    return (
        f"{what}: elements are {array.dtype} ({array.min()}..{array.max()}), the model computes with real values, and "
        f"integers may stand for any. Save float32, or say what they stand for: --input-scale S --input-zero-point Z "
        f"for real = S * (q - Z); --input-scale 1 takes them as they are"
    )


def _require_finite(array: Array, what: str) -> None:
    wrong = ~np.isfinite(array)
    if count := int(wrong.sum()):
        first = [int(i) for i in np.argwhere(wrong)[0]]
        kinds = [n for n, test in (("NaN", np.isnan), ("infinite", np.isinf)) if test(array).any()]
        rows = int(wrong.reshape(len(array), -1).any(axis=1).sum())
        raise InvalidInput(
            f"{what}: {count} of {array.size} values are {' or '.join(kinds)}, in {rows} of {len(array)} samples; the "
            f"first is at index {first}. Remove those samples or repair what recorded them"
        )


def _wrong_shape(shape: Sequence[int], expected: Sequence[int], what: str) -> str:
    got = f"{what}: shape {list(shape)}, expected [{', '.join(['samples', *map(str, sample_shape(expected))])}]"
    core, data, wanted = _squeezed(expected), tuple(shape[1:]), sample_shape(expected)
    if _squeezed(shape) == core:
        return f"{got}. This is one sample: stack several of them"
    if len(data) == len(wanted) == 4:
        data, wanted = data[1:], wanted[1:]
    if len(data) == len(wanted) and (hint := _layout(data, wanted, len(shape) - len(data))):
        return f"{got}. {hint}"
    if int(np.prod(shape[1:])) == int(np.prod(expected)):
        return f"{got}. The number of values fits: reshape the data, after making sure of the order of its dimensions"
    if len(expected) and expected[0] > 1 and _squeezed(data) == _squeezed(expected[1:]):
        return f"{got}. The model computes batches of {expected[0]} at once: group the samples so"
    return f"{got}. Prepare the samples as for the training of the model"


def _layout(data: tuple[int, ...], wanted: tuple[int, ...], leading: int) -> str | None:
    """What permutation of a sample's dimensions would fit, in words."""
    if sorted(data) != sorted(wanted):
        return None
    orders = [p for p in itertools.permutations(range(len(data))) if tuple(data[i] for i in p) == wanted]
    names = {(1, 2, 0): ("NCHW", "NHWC"), (2, 0, 1): ("NHWC", "NCHW")}
    order = next((p for p in orders if p in names), orders[0])
    axes = (*range(leading), *(i + leading for i in order))
    fix = f"numpy.transpose(x, {axes})"
    if order in names:
        given, asked = names[order]
        return f"This looks like {given}; the model expects {asked} {list(wanted)}: {fix}"
    return f"Its dimensions are in another order; {fix} would fit, if that is what they mean"


def _labels(name: str, labels: Array, count: int, file: str) -> Array:
    if len(labels) != count if labels.ndim else True:
        raise InvalidInput(f"{file}: {labels.size} labels in {name!r} for {count} samples. Save one label a sample")
    if labels.dtype.kind not in "biuf":
        raise InvalidInput(
            f"{file}: labels in {name!r} are {labels.dtype} ({labels.ravel()[0]!s:.40}), not numbers. Save the number "
            f"of the class, from 0"
        )
    if labels.dtype.kind == "f":
        _require_finite(labels, f"{file}, labels {name!r}")
    return labels.reshape(count) if labels.size == count else labels


def _files(name: str, files: Array, count: int, file: str) -> Array:
    if files.shape not in ((count,), (count, 1)):
        raise InvalidInput(
            f"{file}: {name!r} has shape {list(files.shape)}, not one recording for each of {count} samples"
        )
    return np.unique(files.reshape(count), return_inverse=True)[1].reshape(count)


def _constant(samples: Samples, names: Sequence[str]) -> list[str]:
    """Notes on inputs that say little; InvalidInput where no input says anything."""
    flat = [s.reshape(len(s), -1) for s in samples.inputs]
    still = [bool((f == f[0, 0]).all()) for f in flat]
    if all(still):
        value = float(flat[0][0, 0]) + 0.0  # -0 is told as 0
        raise InvalidInput(
            f"{samples.source}: every value of every sample is {value:g}: ranges cannot be found from "
            f"{'all-zero' if value == 0 else 'constant'} data. Record real inputs"
        )
    notes = [
        f"input {n!r} is {f[0, 0]:g} everywhere: its range is a guess"
        for n, f, s in zip(names, flat, still, strict=True)
        if s
    ]
    dull = np.logical_and.reduce([(f == f[:, :1]).all(axis=1) for f in flat])
    if dull.any():
        notes.append(
            f"{int(dull.sum())} of {len(samples)} samples are constant (the first is number {int(dull.argmax())})"
        )
    if len(samples) > 1 and all((f == f[:1]).all() for f in flat):
        notes.append(f"all {len(samples)} samples are the same one: ranges of other inputs are a guess")
    return notes
