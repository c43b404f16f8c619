# SPDX-License-Identifier: Apache-2.0
"""smidgen quantize from file to file on a small classifier, and what each kind of bad input is told."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import onnxruntime
import pytest

from smidgen.compiler import compile as compile_model
from smidgen.compiler import load
from smidgen.ir import Graph
from smidgen.precision import judge
from smidgen.precision.evaluate import exact_outputs, outputs_of
from smidgen.quantize import layers
from smidgen.quantize.data import load_samples
from smidgen.quantize.split import split_samples
from tests.float_classifier import input_shape, samples, save_classifier
from tests.unit.cli.conftest import Smidgen

Array = npt.NDArray[Any]
COUNT = 80


@pytest.fixture
def net(own_folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Graph:
    """net_fp32.onnx, and data.npz with labels that the float model gives, a tenth of them changed."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    graph = save_classifier(own_folder / "net_fp32.onnx")
    x = samples(graph, COUNT)
    np.savez("unlabelled.npz", x=x)
    (scores,) = outputs_of(graph, load_samples(graph, Path("unlabelled.npz")))
    labels = scores.argmax(axis=1)
    labels[::10] = (labels[::10] + 1) % scores.shape[1]
    np.savez("data.npz", x=x, y=labels)
    return graph


def test_quantises_judges_and_writes(net: Graph, smidgen: Smidgen) -> None:
    result = smidgen(
        "quantize", "net_fp32.onnx", "--data", "data.npz", "--json", "--report", "r.json", "--plot", "e.svg"
    )
    assert result.code == 0, result.err
    report = result.json
    assert report == json.loads(Path("r.json").read_text(encoding="utf-8"))
    assert Path("e.svg").read_text(encoding="utf-8").startswith("<?xml")
    assert report["split"] == {
        "how": "in proportion to the classes",
        "seed": 0,
        "calibration_source": "data.npz",
        "calibration_samples": 40,
        "evaluation_source": "data.npz",
        "evaluation_samples": 40,
    }
    metric = report["metric"]
    assert metric["name"] == "top1"
    assert 0.8 < metric["float_score"] < 1
    assert metric["drop"] == pytest.approx(100 * (metric["float_score"] - metric["score"]))
    assert metric["confidence"]["least"] <= metric["drop"] <= metric["confidence"]["most"]
    assert metric["output_sqnr_db"] > 20
    costs = {c["name"]: c for c in report["costs"]}
    assert costs["chosen"] == {**costs["int8"], "name": "chosen"}
    assert costs["chosen"]["weights_bytes"] == 16 * 2 * 9 + 16 * 9 + 32 * 16 + 3 * 32
    assert report["search"] is None
    assert len(report["layers"]) == 4
    assert all(layer["precision"] == "int8" for layer in report["layers"])


def test_what_is_written_is_what_was_judged(net: Graph, smidgen: Smidgen) -> None:
    """The file, read again, compiles to the integer graph whose score was reported; ONNX Runtime agrees on top-1."""
    report = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "-o", "q.onnx", "--json").json
    graph = load("q.onnx")
    assert {v.type.dtype for n in graph.nodes for v in n.outputs} == {"int8"}
    with np.load("data.npz") as data:
        x = data["x"]
    rest = split_samples(load_samples(net, Path("data.npz")), None, 0).evaluation
    (scores,) = exact_outputs(graph, rest)
    assert (scores.argmax(1) == rest.labels).mean() == report["metric"]["score"]
    runtime = onnxruntime.InferenceSession("q.onnx", providers=["CPUExecutionProvider"])
    name, shape = runtime.get_inputs()[0].name, runtime.get_inputs()[0].shape
    theirs = np.concatenate([runtime.run(None, {name: s.reshape(shape)})[0] for s in x])
    (ours,) = exact_outputs(graph, load_samples(net, Path("data.npz")))
    assert (theirs.argmax(1) == ours.argmax(1)).mean() >= 1 - 1 / COUNT


def test_readable(net: Graph, smidgen: Smidgen) -> None:
    result = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz")
    assert result.code == 0
    for text in (
        "Cost on nucleo-l4r5zi",
        "net_fp32.onnx -> net_int8.onnx",
        "40 samples of data.npz calibrate",
        "top-1",
        "95 %",
    ):
        assert text in result.out
    assert Path("net_int8.onnx").is_file()
    assert sorted(p.name for p in Path().iterdir()) == ["data.npz", "net_fp32.onnx", "net_int8.onnx", "unlabelled.npz"]


def test_a_search_keeps_the_bound_and_saves_flash(net: Graph, smidgen: Smidgen) -> None:
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "5", "--json")
    first = smidgen(*call)
    assert first.code == 0, first.err
    report = first.json
    assert report["metric"]["met"] is True
    assert report["metric"]["drop"] <= 5
    costs = {c["name"]: c for c in report["costs"]}
    assert costs["chosen"]["flash_bytes"] <= costs["int8"]["flash_bytes"]
    assert report["search"]["finished"] is True
    written = Path("net_int8.onnx").read_bytes()
    second = smidgen(*call).json
    assert second["search"]["resumed"] >= report["search"]["judged"] > 0
    assert second["layers"] == report["layers"]
    assert Path("net_int8.onnx").read_bytes() == written


def test_an_interrupted_search_goes_on(net: Graph, smidgen: Smidgen, monkeypatch: pytest.MonkeyPatch) -> None:
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "5")
    made = judge.cost_of
    count = 0

    def interrupted(*arguments: Any) -> Any:
        nonlocal count
        count += 1
        if count == 4:
            raise KeyboardInterrupt
        return made(*arguments)

    monkeypatch.setattr(judge, "cost_of", interrupted)
    first = smidgen(*call)
    assert first.code == 130
    assert "the same command goes on from there" in first.err
    assert not Path("net_int8.onnx").exists()
    second = smidgen(*call, "--json").json
    assert second["search"]["resumed"] >= 1
    assert second["metric"]["met"] is True


def test_nothing_meets_the_bound(net: Graph, smidgen: Smidgen) -> None:
    """Equal to the float model's outputs: no quantised model is."""
    Path("m.py").write_text(
        "import numpy as np\nkept = []\ndef same(outputs, labels):\n"
        "    kept.append(outputs)\n    return -float(np.abs(outputs - kept[0]).max())\n",
        encoding="utf-8",
    )
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "0", "--metric", "m.py:same")
    result = smidgen(*call)
    assert result.code == 1
    assert "no precisions keep same (m.py) within 0.00 of the float model's" in result.err
    assert "net_int8.best-attempt.onnx; net_int8.onnx is not written. Costing most: " in result.err
    assert "dB with it alone in" in result.err
    assert Path("net_int8.best-attempt.onnx").is_file()
    assert not Path("net_int8.onnx").exists()
    as_json = smidgen(*call, "--json")
    assert as_json.code == 1
    assert as_json.json["metric"]["met"] is False


def test_a_budget_that_is_too_short(net: Graph, smidgen: Smidgen) -> None:
    report = smidgen(
        "quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "50", "--budget", "0.001s", "--json"
    ).json
    assert report["search"] == {**report["search"], "finished": False, "judged": 1}
    assert any("the search was cut off after 1 trials" in a for a in report["advice"])
    assert report["metric"]["met"] is True  # int8 is judged whatever the budget


def test_what_each_repair_is_worth(net: Graph, smidgen: Smidgen) -> None:
    arguments = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--measure-repairs", "--no-weight-clipping")
    report = smidgen(*arguments, "--tie-ranges", "--json").json
    named = {"equalize", "correct_bias", "adapt_rounding", "clip_outliers", "tie_ranges"}
    assert set(report["repair_effects"]) == named
    shown = smidgen(*arguments).out
    assert "measured at the outputs, with each repair against without it, dB: equalize" in " ".join(shown.split())
    assert smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--json").json["repair_effects"] is None


def test_options_of_a_search_without_one_are_noted(net: Graph, smidgen: Smidgen) -> None:
    result = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--minimize", "ram", "--budget", "1m")
    assert result.code == 0
    assert "nothing is searched without --max-drop, so --minimize, --budget has no effect" in result.err
    assert "nothing is searched" not in smidgen("quantize", "net_fp32.onnx", "--data", "data.npz").err


def test_a_layer_is_fixed(net: Graph, smidgen: Smidgen) -> None:
    name = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--json").json["layers"][1]["name"]
    fixed = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--layer", f"{name}=float", "--json").json
    assert [x["precision"] for x in fixed["layers"]] == ["int8", "float", "int8", "int8"]
    wrong = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--layer", f"{name}=int4")
    assert wrong.code == 2
    assert "(DepthwiseConv2D) cannot have int4 weights" in wrong.err
    unknown = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--layer", "nobody=int4")
    assert "has no layer 'nobody' with weights; there are" in unknown.err


def test_other_data_judges(net: Graph, smidgen: Smidgen) -> None:
    np.savez("test.npz", x=samples(net, 9, seed=7), y=np.zeros(9, np.int64))
    report = smidgen("quantize", "net_fp32.onnx", "--data", "unlabelled.npz", "--eval", "test.npz", "--json").json
    assert report["split"]["evaluation_samples"] == 9
    assert report["split"]["calibration_samples"] == COUNT
    assert report["metric"]["name"] == "top1"
    unlabelled = smidgen("quantize", "net_fp32.onnx", "--data", "unlabelled.npz", "--json").json
    assert unlabelled["metric"]["name"] == "agreement"


def test_labels_of_other_samples_are_noted(net: Graph, smidgen: Smidgen) -> None:
    with np.load("data.npz") as data:
        np.savez("shifted.npz", x=data["x"], y=(data["y"] + 1) % 3)
    result = smidgen("quantize", "net_fp32.onnx", "--data", "shifted.npz", "--json")
    assert result.code == 0
    (note,) = [n for n in result.json["notes"] if n.startswith("the float model")]
    assert note.endswith("Do the labels belong to these samples, and are these prepared as for the training?")
    good = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--json")
    assert not any(n.startswith("the float model") for n in good.json["notes"])


def test_nothing_left_to_search(net: Graph, smidgen: Smidgen) -> None:
    fixed = [f"--layer={n.output.name}=float" for n in layers(net)]
    result = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "1", *fixed)
    assert result.code == 2
    assert "--layer keeps every layer in float" in result.err


@pytest.mark.parametrize(
    ("arguments", "code", "text"),
    [
        (["--data", "absent.npz"], 1, "data absent.npz: no such file"),
        (["--data", "unlabelled.npz", "--metric", "top1"], 1, "unlabelled.npz holds no labels, which top1 needs"),
        (["--data", "data.npz", "--metric", "accuracy"], 2, "no metric 'accuracy'; there are top1"),
        (["--data", "data.npz", "--max-drop", "-1"], 2, "--max-drop is a number from 0 on, not -1"),
        (["--data", "data.npz", "--max-drop", "nan"], 2, "--max-drop is a number from 0 on, not nan"),
        (["--data", "data.npz", "--budget", "soon"], 2, "--budget takes a length of time like 90s"),
        (
            ["--data", "data.npz", "--minimize", "energy", "-t", "generic-cortex-m4"],
            2,
            "generic-cortex-m4 has no figure for energy: add [energy]",
        ),
        (["--data", "data.npz", "--layer", "x"], 2, "--layer takes NAME=PRECISION with one of int4"),
        (["--data", "data.npz", "--group", "12"], 2, "--group is a multiple of 8"),
        (["--data", "data.npz", "--input-zero-point", "3"], 2, "--input-zero-point needs --input-scale"),
        (["--data", "data.npz", "--input-scale", "0"], 2, "--input-scale is a positive number"),
        (["--data", "data.npz", "-o", "model.tflite"], 2, "-o takes the name of an .onnx file"),
        (["--data", "data.npz", "-o", "net_fp32.onnx"], 2, "is the model itself, which is never replaced"),
        (["--data", "data.npz", "--input-scale", "1", "--input-zero-point", "nan"], 2, "is a finite number, not nan"),
        (["--data", "unlabelled.npz", "--metric", "sqnr", "--max-drop", "1"], 2, "of the float model is inf: no drop"),
        (["--data", "data.npz", "-o", "data.npz/a.onnx"], 1, "data.npz is no folder that can be written to"),
        (["--data", "data.npz", "--report", "data.npz"], 2, "data.npz is data itself, which is never replaced"),
        (["--data", "data.npz", "-o", "a.onnx", "--report", "a.best-attempt.onnx"], 2, "need different files"),
        (["--data", "data.npz", "--plot", "e.txt"], 2, "a plot is one of .svg"),
        (["--data", "data.npz", "-o", "a.onnx", "--report", "a.onnx"], 2, "need different files"),
        (["--data", "data.npz", "--calibration-samples", "79"], 1, "80 samples are too few: at least 83 are needed"),
        (["--data", "data.npz", "--metric", "bad.py:metric"], 1, "failed: line 2 (return 1 / 0): ZeroDivisionError"),
        (["--data", "swapped.npz"], 1, "the model expects"),
        (["--data", "nan.npz"], 1, "values are NaN, in 1 of 80 samples"),
        (["--data", "zero.npz"], 1, "all-zero data"),
        (["--data", "bytes.npz"], 1, "--input-scale S --input-zero-point Z"),
        (["--data", "classes.npz"], 1, "labels are no class of this model, which has 3 (0 to 2)"),
        (["--data", "few.npz"], 1, "3 samples are too few: at least 8 are needed"),
    ],
)
def test_bad_input(net: Graph, smidgen: Smidgen, arguments: list[str], code: int, text: str) -> None:
    x = samples(net, COUNT)
    broken = x.copy()
    broken[3, 1, 0, 0] = np.nan
    np.savez("swapped.npz", x=np.moveaxis(x, -1, 1) if input_shape(net)[-1] == 2 else np.moveaxis(x, 1, -1))
    np.savez("nan.npz", x=broken)
    np.savez("zero.npz", x=np.zeros_like(x))
    np.savez("bytes.npz", x=(x * 20).astype(np.int8))
    np.savez("classes.npz", x=x, y=np.full(COUNT, 3))
    np.savez("few.npz", x=x[:3])
    Path("bad.py").write_text("def metric(outputs, labels):\n    return 1 / 0\n", encoding="utf-8")
    result = smidgen("quantize", "net_fp32.onnx", *arguments)
    assert result.code == code
    assert text in " ".join(result.err.split())
    assert not list(Path().glob("*int8*"))


def test_a_quantised_model_is_refused(net: Graph, smidgen: Smidgen) -> None:
    assert smidgen("quantize", "net_fp32.onnx", "--data", "data.npz").code == 0
    again = smidgen("quantize", "net_int8.onnx", "--data", "data.npz", "-o", "twice.onnx")
    assert again.code == 2
    assert "is quantised already" in again.err
    assert not Path("twice.onnx").exists()


def test_help_has_examples(smidgen: Smidgen) -> None:
    text = smidgen("quantize", "--help").out
    assert "--max-drop 0.5 --minimize flash" in text
    assert "top1, auc, f1, ad-auc, mse, sqnr, agreement" in " ".join(text.split())


def test_the_command_that_compiles_what_was_judged(net: Graph, smidgen: Smidgen) -> None:
    """Its costs are those that were reported."""
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "5", "-o", "k.onnx", "--report", "r.json")
    found = smidgen(*call)
    assert found.code == 0, found.err
    assert "compile with: smidgen compile k.onnx --optimize size (the costs above are of kernels chosen for size)" in (
        " ".join(found.out.split())
    )
    chosen = {c["name"]: c for c in json.loads(Path("r.json").read_text(encoding="utf-8"))["costs"]}["chosen"]
    compiled = compile_model("k.onnx", optimize="size")
    assert compiled.memory.weights == chosen["constants_bytes"]
    assert compiled.memory.ram == chosen["ram_bytes"]
    plain = smidgen("quantize", "net_fp32.onnx", "--data", "data.npz", "-t", "generic-cortex-m4")
    assert (
        "compile with: smidgen compile net_int8.onnx --target generic-cortex-m4 " in f"{' '.join(plain.out.split())} "
    )


def test_samples_held_back_judge_in_the_end(net: Graph, smidgen: Smidgen) -> None:
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "10", "--hold-back", "10")
    report = smidgen(*call, "--json").json
    assert report["split"]["evaluation_samples"] == 30
    unseen = report["metric"]["unseen"]
    assert unseen["samples"] == 10
    assert unseen["drop"] == pytest.approx(100 * (unseen["float_score"] - unseen["score"]))
    assert "10 samples the search did not see: float " in " ".join(smidgen(*call).out.split())
    few = smidgen(*call[:-1], "38")
    assert few.code == 1
    assert "38 of them cannot be held back" in " ".join(few.err.split())


@pytest.mark.full
@pytest.mark.parametrize("what", ["weights", "ram", "cycles", "energy"])
def test_other_costs(net: Graph, smidgen: Smidgen, what: str) -> None:
    call = ("quantize", "net_fp32.onnx", "--data", "data.npz", "--max-drop", "10", "--json", "--minimize", what)
    report = smidgen(*call).json
    assert report["metric"]["met"] is True
    field = {"weights": "constants_bytes", "ram": "ram_bytes", "cycles": "cycles", "energy": "energy_uj"}[what]
    costs = {c["name"]: c[field] for c in report["costs"]}
    assert costs["chosen"] <= costs["int8"]
    if what == "weights":
        assert costs["chosen"] < costs["int8"]
