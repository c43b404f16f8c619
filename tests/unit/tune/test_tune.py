# SPDX-License-Identifier: Apache-2.0
"""Tuning: what is measured, kept, believed and chosen by."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

import smidgen
from smidgen.compiler import Tuned, tune
from smidgen.errors import UsageError
from smidgen.ir import Graph, TensorType, Value
from smidgen.ops import Add, FullyConnected, Reshape, Softmax
from smidgen.targets import load_target
from smidgen.tune import Cache, Measurement, measure, read_result, result_text, write_result
from smidgen.tune.cache import SCHEMA, checksum
from smidgen.tune.measure import plan_runs
from tests.graphs import Net, Q, int8, quant

TARGET = "nucleo-l4r5zi"

pytestmark = pytest.mark.slow


def net(name: str = "small", wide: int = 24) -> Graph:
    """Two equal dense layers, an odd one, an addition and a softmax."""
    n = Net(name)
    x = Value("x", int8(1, wide))
    w = n.constant("w", int8(wide, wide, q=quant(0.01)))
    bias = Value("b", TensorType("int32", (wide,), quant(0.0005)), np.arange(wide, dtype=np.int32))
    dense = FullyConnected(out_quant=Q)
    y = n.apply(dense, x, w, bias)
    z = n.apply(dense, y, w, bias)
    z = n.apply(Add(out_quant=Q), z, y)
    return n.graph([x], [n.apply(Softmax(out_quant=quant(1 / 256, -128)), n.apply(Reshape((1, wide)), z))])


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A tune cache of its own, in a working folder of its own; objects come from the usual one."""
    monkeypatch.chdir(tmp_path)
    path = tmp_path / "tune"
    for place in ("smidgen.compiler", "smidgen.tune.result"):
        monkeypatch.setattr(f"{place}.user_cache", lambda: path)
    return path


def files(folder: Path) -> list[Path]:
    return sorted(p for p in folder.rglob("*.json") if p.parent.name != "results")


@pytest.fixture
def tuned(folder: Path) -> Tuned:
    return tune(net(), TARGET)


def most_candidates() -> int:
    """The kernels of the layer that has most: so many programs measure them all."""
    return max(len(v.candidates) for v in smidgen.compiler.make_search(net(), load_target(TARGET)).layers)


def test_a_second_run_measures_nothing_and_says_the_same(tuned: Tuned, folder: Path) -> None:
    assert tuned.tuning.reused == 0
    assert 1 < tuned.tuning.runs <= most_candidates() + 1
    again = tune(net(), TARGET)
    assert (again.tuning.runs, again.tuning.reused) == (0, len(tuned.tuning.measured))
    assert result_text(again.result) == result_text(tuned.result)
    assert again.programs == tuned.programs


def test_fresh_measurements_repeat(tuned: Tuned, folder: Path) -> None:
    for path in files(folder):
        path.unlink()
    assert result_text(tune(net(), TARGET).result) == result_text(tuned.result)


def test_measured_is_what_a_profile_of_the_program_counts(tuned: Tuned) -> None:
    report = smidgen.profile(smidgen.compile(net(), TARGET, tuned=tuned.result), memory_system=False)
    for layer in report.layers:
        found = tuned.tuning.measured[layer.name, layer.kernel]
        assert abs(found.instructions - layer.instructions) <= 8  # of the run function, between two kernels
        assert abs(found.cycles - layer.cycles) <= 16


def test_equal_layers_are_measured_once(folder: Path) -> None:
    graph, board = net(), load_target(TARGET)
    layers = smidgen.compiler.make_search(graph, board).layers
    keys = {
        (v.name, c.kernel.symbol): c.kernel.symbol + v.name.replace("y1", "y0") for v in layers for c in v.candidates
    }
    runs = plan_runs(layers, keys)
    taken = [(v.name, c.kernel.symbol) for r in runs for v, c in zip(layers, r.candidates, strict=True)]
    assert len(runs) <= most_candidates()
    dense = {c.kernel.symbol for c in layers[0].candidates}
    twice = [k for k in dense if ("y0", k) in taken and ("y1", k) in taken]
    assert len(runs) < len(dense) + 2, "each of them once in either layer"
    assert len(twice) < len(dense), "equal layers share what is measured"


def damage(path: Path, how: str) -> None:
    text = path.read_text()
    fields = {k: v for k, v in json.loads(text).items() if k != "sha256"}
    if how == "truncated":
        path.write_text(text[: len(text) // 2])
    elif how == "empty":
        path.write_text("")
    elif how == "binary":
        path.write_bytes(b"\xff\xfe\x00" * 9)
    elif how == "alien":
        path.write_text('["something else"]')
    elif how == "changed":
        path.write_text(json.dumps({**json.loads(text), "cycles": 1}))
    elif how == "other version":
        fields |= {"schema": SCHEMA + 1, "cycles": 1}
        path.write_text(json.dumps({**fields, "sha256": checksum(fields)}))
    else:
        fields |= {"key": "0" * 64, "cycles": 1}
        path.write_text(json.dumps({**fields, "sha256": checksum(fields)}))


HOW = ("truncated", "empty", "binary", "alien", "changed", "other version", "of another key")


@pytest.mark.parametrize("how", HOW)
def test_what_cannot_be_believed_is_measured_anew(how: str, tuned: Tuned, folder: Path) -> None:
    path = files(folder)[0]
    before = path.read_text()
    damage(path, how)
    again = tune(net(), TARGET)
    assert again.tuning.damaged == (path.name,)
    assert again.tuning.runs == 1
    assert again.tuning.measured == tuned.tuning.measured
    assert path.read_text() == before
    assert tune(net(), TARGET).tuning.damaged == ()


def test_an_interruption_keeps_what_was_measured(folder: Path) -> None:
    def stop(done: int, total: int) -> None:
        if done == 1:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        tune(net(), TARGET, progress=stop)
    kept = len(files(folder))
    assert kept >= 3
    assert not list(folder.rglob("*.tmp"))
    seen: list[tuple[int, int]] = []
    again = tune(net(), TARGET, progress=lambda *at: seen.append(at))
    left = again.tuning.runs
    assert 1 <= left < most_candidates()
    assert again.tuning.reused >= kept
    assert seen == [(done, left) for done in range(left + 1)]


def test_a_folder_that_cannot_be_written_costs_only_time(monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("smidgen.compiler", "smidgen.tune.result"):
        monkeypatch.setattr(f"{place}.user_cache", lambda: None)
    assert tune(net(), TARGET).tuning.measured
    with pytest.raises(UsageError, match="Run smidgen tune first"):
        smidgen.compile(net(), TARGET, tuned=True)


def test_the_choice_follows_what_was_measured(tuned: Tuned) -> None:
    """Make-believe: the kernel predicted to be the faster one was measured as the slower one."""
    predicted = smidgen.compile(net(), TARGET).schedule
    fastest = predicted.steps[0].choice.kernel.symbol
    layer = smidgen.compiler.make_search(net(), load_target(TARGET)).layers[0]
    fields = json.loads(result_text(tuned.result))
    for kernel in fields["steps"][0]["kernels"]:
        kernel["cycles"] = {fastest: 9e6}.get(kernel["kernel"], kernel["cycles"])
    del fields["sha256"]
    path = Path("made.json")
    path.write_text(json.dumps({**fields, "sha256": checksum(fields)}))
    chosen = smidgen.compile(net(), TARGET, tuned=path).schedule
    assert chosen.steps[0].choice.kernel.symbol != fastest
    assert chosen.steps[0].choice.kernel.symbol in {c.kernel.symbol for c in layer.candidates}


def test_tuned_takes_what_was_kept(tuned: Tuned) -> None:
    schedule = smidgen.compile(net(), TARGET, tuned=True, optimize="size").schedule
    size = next(p for p in tuned.programs if "size" in p.settings)
    assert tuple(s.choice.kernel.symbol for s in schedule.steps) == size.kernels
    for other in (net(wide=28), net("other")):
        with pytest.raises(UsageError, match="was not tuned for nucleo-l4r5zi with this version of smidgen"):
            smidgen.compile(other, TARGET, tuned=True)
    with pytest.raises(UsageError, match="Run smidgen tune first, with the same --target"):
        smidgen.compile(net(), "numaker-m467hj", tuned=True)


def test_a_damaged_result_in_the_cache_is_no_result(tuned: Tuned, folder: Path) -> None:
    (path,) = (folder / "results").iterdir()
    path.write_text(path.read_text()[:-40])
    with pytest.raises(UsageError, match="Run smidgen tune first"):
        smidgen.compile(net(), TARGET, tuned=True)
    tune(net(), TARGET)
    smidgen.compile(net(), TARGET, tuned=True)


RESULT_ERRORS: dict[str, tuple[Callable[[str], str], str]] = {
    "truncated": (lambda t: t[:100], "is not a tune result, or a truncated one"),
    "alien": (lambda t: "{}", "is not a tune result"),
    "another version": (lambda t: t.replace("smidgen tune 1", "smidgen tune 0"), "is of another version"),
    "changed": (lambda t: t.replace('"measured": true', '"measured": false'), "its checksum does not match"),
}


@pytest.mark.parametrize("how", sorted(RESULT_ERRORS))
def test_messages_about_result_files(how: str, tuned: Tuned, tmp_path: Path) -> None:
    change, message = RESULT_ERRORS[how]
    path = tmp_path / "r.json"
    write_result(path, tuned.result)
    assert read_result(path) == tuned.result
    path.write_text(change(path.read_text()))
    with pytest.raises(UsageError, match=message):
        smidgen.compile(net(), TARGET, tuned=path)
    with pytest.raises(UsageError, match=r"cannot be read: No such file"):
        read_result(tmp_path / "none.json")


def test_a_result_of_another_model_is_refused(tuned: Tuned) -> None:
    with pytest.raises(UsageError, match=r"is of small for nucleo-l4r5zi with zig .* and does not hold for other"):
        smidgen.compile(net("other"), TARGET, tuned=tuned.result)


def test_keys_follow_kernels_compiler_and_timing(folder: Path) -> None:
    """Another timing rule, and everything is measured anew; results of the two do not mix."""
    graph, board = net(), load_target(TARGET)
    layers = smidgen.compiler.make_search(graph, board).layers
    zig = smidgen.compiler.TOOLCHAINS["zig"]()
    first = measure(graph, layers, board, zig, Cache(folder))
    core = board.core.__class__(
        **{f: getattr(board.core, f) for f in board.core.__slots__} | {"cycles": {**board.core.cycles, "load": 3}}
    )
    slower = board.__class__(**{f: getattr(board, f) for f in board.__slots__} | {"core": core})
    second = measure(graph, layers, slower, zig, Cache(folder))
    assert second.reused == 0
    at = ("y0", "smg_fully_connected_s8_dsp")
    assert second.measured[at].cycles > first.measured[at].cycles


def test_a_measurement_survives_the_disk(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    cache.put("ab" * 32, Measurement(1, 2, 3))
    assert cache.get("ab" * 32) == Measurement(1, 2, 3)
    assert cache.get("cd" * 32) is None
    assert cache.damaged == []
