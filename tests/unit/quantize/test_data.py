# SPDX-License-Identifier: Apache-2.0
"""Calibration data: what is read, and what each kind of unusable data is told."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from smidgen.errors import InvalidInput
from smidgen.ir import Graph, TensorType, Value
from smidgen.quantize.data import Affine, load_samples
from tests.graphs import Net

Array = npt.NDArray[Any]
RNG = np.random.default_rng(3)
# ruff: noqa: E501  # messages in a table are read best on one line


def graph(*shapes: tuple[int, ...], names: tuple[str, ...] = ("x", "z")) -> Graph:
    values = [Value(n, TensorType("float32", s)) for n, s in zip(names, shapes, strict=False)]
    return Net("net").graph(values, values)


IMAGE = graph((1, 6, 5, 3))


def save(path: Path, **arrays: Array) -> Path:
    np.savez(path, **arrays)  # type: ignore[arg-type]  # the stub takes allow_pickle for one of them
    return path


def real(*shape: int) -> Array:
    return RNG.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", [(9, 6, 5, 3), (9, 1, 6, 5, 3)])
def test_stacks_with_and_without_the_batch(shape: tuple[int, ...], tmp_path: Path) -> None:
    x = real(*shape)
    got = load_samples(IMAGE, save(tmp_path / "d.npz", x=x, y=np.arange(9)))
    assert got.inputs[0].shape == (9, 6, 5, 3)
    np.testing.assert_array_equal(got.inputs[0], x.reshape(9, 6, 5, 3))
    assert got.labels is not None
    np.testing.assert_array_equal(got.labels, np.arange(9))
    assert got.notes == ()


def test_npy_float64_and_dimensions_of_one(tmp_path: Path) -> None:
    x = RNG.standard_normal((7, 49, 10))
    np.save(tmp_path / "d.npy", x)
    got = load_samples(graph((1, 49, 10, 1)), tmp_path / "d.npy")
    assert got.inputs[0].dtype == np.float32
    np.testing.assert_array_equal(got.inputs[0][..., 0], x.astype(np.float32))


def test_several_inputs_by_name_and_by_order(tmp_path: Path) -> None:
    g = graph((1, 4), (1, 2))
    a, b = real(5, 4), real(5, 2)
    for arrays in ({"z": b, "x": a, "labels": np.zeros(5)}, {"first": a, "second": b, "name": np.array(["n"] * 5)}):
        got = load_samples(g, save(tmp_path / "d.npz", **arrays))
        np.testing.assert_array_equal(got.inputs[0], a)
        np.testing.assert_array_equal(got.inputs[1], b)


def test_an_input_may_be_called_y(tmp_path: Path) -> None:
    got = load_samples(graph((1, 4), names=("y",)), save(tmp_path / "d.npz", y=real(5, 4)))
    assert got.labels is None
    assert got.inputs[0].shape == (5, 4)


def test_integers_with_a_scale(tmp_path: Path) -> None:
    q = RNG.integers(-128, 128, (5, 4)).astype(np.int8)
    got = load_samples(graph((1, 4)), save(tmp_path / "d.npz", x=q), Affine(0.5, 83))
    np.testing.assert_array_equal(got.inputs[0], (q.astype(np.float32) - 83) * 0.5)


def test_files_become_numbers(tmp_path: Path) -> None:
    names = np.array(["b.wav", "b.wav", "a.wav", "b.wav"])
    got = load_samples(graph((1, 4)), save(tmp_path / "d.npz", x=real(4, 4), files=names))
    assert got.files is not None
    assert got.files.tolist() == [1, 1, 0, 1]


def nan_at(*index: int) -> Array:
    x = real(9, 6, 5, 3)
    x[index] = np.nan
    x[8, 0, 0, 0] = np.inf
    return x


@pytest.mark.parametrize(
    ("arrays", "text"),
    [
        ({"x": real(9, 3, 6, 5)}, r"looks like NCHW; the model expects NHWC \[6, 5, 3\]: numpy.transpose\(x, \(0, 2, 3, 1\)\)"),
        ({"x": real(9, 5, 6, 3)}, r"dimensions are in another order; numpy.transpose\(x, \(0, 2, 1, 3\)\) would fit"),
        ({"x": real(9, 90)}, r"shape \[9, 90\], expected \[samples, 6, 5, 3\]. The number of values fits: reshape"),
        ({"x": real(6, 5, 3)}, "This is one sample: stack several"),
        ({"x": real(9, 7, 5, 3)}, r"shape \[9, 7, 5, 3\], expected \[samples, 6, 5, 3\]. Prepare the samples"),
        ({"x": real(0, 6, 5, 3)}, "no samples"),
        ({"x": nan_at(2, 1, 0, 2)}, r"2 of 810 values are NaN or infinite, in 2 of 9 samples; the first is at index \[2, 1, 0, 2\]"),
        ({"x": np.zeros((9, 6, 5, 3), np.float32)}, "every value of every sample is 0: .* all-zero data. Record real"),
        ({"x": np.full((9, 6, 5, 3), 7.5)}, "every value of every sample is 7.5: .* constant data"),
        ({"x": np.full((9, 6, 5, 3), 1e300)}, "exceed float32"),
        ({"x": np.arange(810).reshape(9, 6, 5, 3).astype(np.uint8)}, r"elements are uint8 \(0..255\).*--input-scale S --input"),
        ({"x": np.full((9, 6, 5, 3), "a")}, "elements are <U1, not numbers"),
        ({"x": -np.zeros((9, 6, 5, 3), np.float32)}, "every value of every sample is 0: .* all-zero data. Record real"),
        ({"a": real(9, 2), "b": real(9, 3)}, r"holds a float32\[9, 2\], b float32\[9, 3\]; net has 1 input: x \[1, 6, 5, 3\]. Save an"),
        ({"a": real(9, 6, 5, 3) * 1j}, r"holds a complex64\[9, 6, 5, 3\]; .* Save an array of real numbers"),
        ({"x": real(9, 6, 5, 3), "y": np.arange(8)}, "8 labels in 'y' for 9 samples"),
        ({"x": real(9, 6, 5, 3), "y": np.array(["cat"] * 9)}, r"labels in 'y' are <U3 \(cat\), not numbers"),
        ({"x": real(9, 6, 5, 3), "y": np.full(9, np.nan)}, "labels 'y': 9 of 9 values are NaN"),
        ({"x": real(9, 6, 5, 3), "recording": np.arange(8)}, r"'recording' has shape \[8\], not one recording for each of 9"),
    ],
)  # fmt: skip
def test_refused_with_what_to_do(arrays: dict[str, Array], text: str, tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=text):
        load_samples(IMAGE, save(tmp_path / "d.npz", **arrays))


def test_nchw_is_said_the_other_way_round_too(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"looks like NHWC; the model expects NCHW \[3, 6, 5\].*\(0, 3, 1, 2\)"):
        load_samples(graph((1, 3, 6, 5)), save(tmp_path / "d.npz", x=real(9, 6, 5, 3)))


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and nothing", b"\x93NUMPY\x01\x00", b"hello"])
def test_unreadable_files(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "d.npz").write_bytes(content)
    with pytest.raises(InvalidInput, match=r"d.npz is not a readable .npy or .npz") as e:
        load_samples(IMAGE, tmp_path / "d.npz")
    assert "allow_pickle" not in str(e.value)
    with pytest.raises(InvalidInput, match="no such file"):
        load_samples(IMAGE, tmp_path / "other.npz")
    with pytest.raises(InvalidInput, match="not a file"):
        load_samples(IMAGE, tmp_path)


def test_different_numbers_of_samples(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match=r"different numbers of samples \(x: 5, z: 4\)"):
        load_samples(graph((1, 4), (1, 2)), save(tmp_path / "d.npz", x=real(5, 4), z=real(4, 2)))


def test_dull_data_is_noted(tmp_path: Path) -> None:
    x = real(5, 4)
    x[3] = 2.0
    got = load_samples(graph((1, 4), (1, 2)), save(tmp_path / "d.npz", x=x, z=np.ones((5, 2))))
    assert got.notes == (
        "input 'z' is 1 everywhere: its range is a guess",
        "1 of 5 samples are constant (the first is number 3)",
    )
    same = load_samples(graph((1, 4)), save(tmp_path / "e.npz", x=np.tile(real(1, 4), (5, 1))))
    assert same.notes == ("all 5 samples are the same one: ranges of other inputs are a guess",)
