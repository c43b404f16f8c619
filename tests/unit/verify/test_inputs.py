# SPDX-License-Identifier: Apache-2.0
"""Input data: drawn the same every time, and read from the user's files."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smidgen.errors import InvalidInput
from smidgen.ir import DType, Graph, QuantParams, TensorType, Value
from smidgen.ops import Add
from smidgen.quantize import arrays
from smidgen.verify import load_inputs, random_inputs
from tests.graphs import Net, Q, int8


def graph(*types: TensorType) -> Graph:
    values = [Value(f"in{i}", t) for i, t in enumerate(types)]
    return Net("g").graph(values, values)


ONE, TWO = graph(int8(1, 2, 3)), graph(int8(1, 4), int8(1, 2))


def save(path: Path, array: object) -> Path:
    np.save(path, array)
    return path


def test_random_inputs_hit_the_ends_and_repeat() -> None:
    g = graph(int8(1, 40), TensorType("float32", (3,)))
    cases, again = list(random_inputs(g, 6)), list(random_inputs(g, 6))
    for case, same in zip(cases, again, strict=True):
        for v, a, b in zip(g.inputs, case, same, strict=True):
            assert (a.shape, a.dtype) == (v.type.shape, np.dtype(v.type.dtype))
            np.testing.assert_array_equal(a, b)
    assert [set(c[0].ravel()) for c in cases[:3]] == [{-128}, {127}, {-3}]
    assert [set(c[1].ravel()) for c in cases[:3]] == [{-100.0}, {100.0}, {0.0}]
    assert len(set(cases[3][1].ravel())) == 3
    assert len(set(cases[3][0].ravel())) > 20
    assert not np.array_equal(cases[3][0], cases[4][0])
    assert not np.array_equal(cases[3][0], list(random_inputs(g, 6, seed=1))[3][0])


@pytest.mark.parametrize("shape", [(1, 2, 3), (2, 3), (6,)])
def test_one_case_in_any_shape(shape: tuple[int, ...], tmp_path: Path) -> None:
    data = np.arange(6, dtype=np.int8).reshape(shape)
    ((got,),) = load_inputs(ONE, save(tmp_path / "x.npy", data))
    np.testing.assert_array_equal(got, data.reshape(1, 2, 3))


@pytest.mark.parametrize("shape", [(5, 1, 2, 3), (5, 2, 3), (5, 6)])
def test_a_stack_of_cases(shape: tuple[int, ...], tmp_path: Path) -> None:
    data = np.arange(30, dtype=np.int8).reshape(shape)
    cases = load_inputs(ONE, save(tmp_path / "x.npy", data))
    assert len(cases) == 5
    np.testing.assert_array_equal(np.concatenate([c[0].ravel() for c in cases]), data.ravel())


def test_floats_are_quantized_and_small_integers_converted(tmp_path: Path) -> None:
    real = np.array([0, 0.05, 0.075, -0.075, 100, np.nan], np.float64).reshape(1, 2, 3)
    ((got,),) = load_inputs(ONE, save(tmp_path / "x.npy", real))
    assert got.dtype == np.int8
    assert got.ravel().tolist()[:2] + got.ravel().tolist()[4:] == [-3, -2, 127, -3]
    ((got,),) = load_inputs(ONE, save(tmp_path / "y.npy", np.full((1, 2, 3), -128, np.int64)))
    assert got.dtype == np.int8
    assert set(got.ravel()) == {-128}


def test_floats_are_quantized_for_uint8_too(tmp_path: Path) -> None:
    g = graph(TensorType("uint8", (1, 3), QuantParams((0.5,), (100,))))
    ((got,),) = load_inputs(g, save(tmp_path / "x.npy", np.array([-80, 1, 80], np.float32)))
    assert (got.dtype, got.ravel().tolist()) == (np.uint8, [0, 102, 255])


@pytest.mark.parametrize(("given", "wanted", "change"), [("uint8", "int8", "subtract"), ("int8", "uint8", "add")])
def test_bytes_of_the_other_signedness(given: str, wanted: DType, change: str, tmp_path: Path) -> None:
    """100 as uint8 is -28 where the same data is kept as int8, so small values are no reason to take them."""
    g = graph(TensorType(wanted, (1, 3), QuantParams((0.5,), (7,))))
    with pytest.raises(InvalidInput, match=f"elements are {given}, the input is {wanted}.*{change} 128"):
        load_inputs(g, save(tmp_path / "x.npy", np.array([0, 1, 100], given)))


def test_npz_by_name_or_in_order(tmp_path: Path) -> None:
    a, b = np.arange(4, dtype=np.int8), np.arange(2, dtype=np.int8)
    np.savez(tmp_path / "named.npz", in1=b, in0=a, y=np.zeros(3))
    np.savez(tmp_path / "ordered.npz", first=a, second=b, labels=np.zeros(3))
    for name in ("named.npz", "ordered.npz"):
        ((x, y),) = load_inputs(TWO, tmp_path / name)
        np.testing.assert_array_equal(x.ravel(), a)
        np.testing.assert_array_equal(y.ravel(), b)


def test_unequal_numbers_of_cases(tmp_path: Path) -> None:
    np.savez(tmp_path / "x.npz", in0=np.zeros((2, 4), np.int8), in1=np.zeros((3, 2), np.int8))
    with pytest.raises(InvalidInput, match=r"different numbers of cases: \[2, 3\]"):
        load_inputs(TWO, tmp_path / "x.npz")


def test_one_array_for_two_inputs(tmp_path: Path) -> None:
    with pytest.raises(InvalidInput, match="g has 2 inputs: in0, in1"):
        load_inputs(TWO, save(tmp_path / "x.npy", np.zeros(4, np.int8)))


def test_zip_bomb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    np.savez_compressed(tmp_path / "bomb.npz", x=np.zeros(100_000, np.int8))
    assert (tmp_path / "bomb.npz").stat().st_size < 10_000
    monkeypatch.setattr(arrays, "_LARGEST_FILE_BYTES", 50_000)
    with pytest.raises(InvalidInput, match="unpacks to more than"):
        load_inputs(ONE, tmp_path / "bomb.npz")
    with pytest.raises(InvalidInput, match="is larger than"):
        load_inputs(ONE, save(tmp_path / "big.npy", np.zeros(60_000, np.int8)))


def test_inputs_feed_the_reference(tmp_path: Path) -> None:
    n = Net()
    x = Value("x", int8(1, 4))
    g = n.graph([x], [n.apply(Add(out_quant=Q), x, x)])
    assert len(load_inputs(g, save(tmp_path / "x.npy", np.zeros((7, 4), np.int8)))) == 7
