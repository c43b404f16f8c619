# SPDX-License-Identifier: Apache-2.0
"""Advice follows from figures: each sentence where its figure is bad, none where all are good."""

from __future__ import annotations

from dataclasses import replace

from smidgen.quantize.recipe import Recipe, TensorRange
from smidgen.report.advice import advice, guilty, number
from smidgen.report.quantization import (
    ConfidenceReport,
    LayerReport,
    MetricReport,
    QuantizationReport,
    SearchReport,
    Sensitivity,
    SplitReport,
)

METRIC = MetricReport(
    "top1", "top-1", "points", True, 100.0, 0.91, 0.91, 0.0, None, None, 0.25, 30.0,
    ConfidenceReport("paired", -0.5, 0.5, 1, 1),
)  # fmt: skip
LAYER = LayerReport("conv", "relu", "net:op 1", "Conv2D", "int8", 100, 40.0, 35.0, 2.0, {}, ())
TENSOR = TensorRange("relu", "int8", 0.0, 2.55, 0.01, -128, 0.0, 40.0)
GOOD = QuantizationReport(
    1, "net", "net.onnx", "q.onnx", "board", "size", Recipe(), SplitReport("at random", 0, "d", 100, "d", 400),
    METRIC, (), (LAYER,), (TENSOR,), None, None, (), (),
)  # fmt: skip
SEARCH = SearchReport("flash", "int8", True, 9, 0, 600.0)


def said(report: QuantizationReport, **unequalized: str) -> str:
    return "\n".join(advice(report, unequalized))


def test_nothing_to_say() -> None:
    assert said(GOOD) == ""


def test_clipping_beyond_a_step() -> None:
    clipped = replace(TENSOR, clipped_fraction=0.03, most=9.0)
    assert "relu clips 3.0 % of its calibration values: --observer minmax" in said(replace(GOOD, tensors=(clipped,)))
    minmax = replace(GOOD, tensors=(clipped,), recipe=Recipe(observer="minmax"))
    assert "another scheme or int16 has more steps" in said(minmax)
    probabilities = replace(TENSOR, clipped_fraction=0.03, most=2.555)
    assert said(replace(GOOD, tensors=(probabilities,))) == ""


def test_unequal_channels() -> None:
    wide = replace(GOOD, layers=(replace(LAYER, channel_spread=200.4),))
    text = "layer conv's channel ranges differ 200x (largest to median)"
    assert said(wide, conv="2 layers read its output") == (
        f"{text}: equalisation could not help because 2 layers read its output"
    )
    assert said(wide) == ""
    assert said(replace(wide, recipe=Recipe(equalize=False))) == f"{text}: leave --no-equalize out"


def test_poor_layers_and_few_samples() -> None:
    poor = replace(GOOD, layers=(replace(LAYER, own_sqnr_db=9.0), replace(LAYER, name="none", own_sqnr_db=None)))
    assert said(poor) == "layer conv (Conv2D) has 9.0 dB in int8: --layer conv=int16 raises it"
    few = replace(GOOD, split=replace(GOOD.split, calibration_samples=9))
    assert said(few).startswith("ranges come from 9 samples only")


def test_the_bound() -> None:
    fallen = replace(GOOD, metric=replace(METRIC, drop=3.0))
    assert said(fallen).startswith("top-1 falls by 3.00 points: --max-drop 1.5 looks for")
    unsure = replace(GOOD, metric=replace(METRIC, max_drop=0.4, met=True))
    assert said(unsure) == (
        "the bound is kept on these 400 samples; on others the drop may reach 0.50 points (95 %). Judge by more "
        "samples to be surer"
    )
    coarse = replace(GOOD, metric=replace(METRIC, max_drop=0.1, met=True, confidence=None))
    assert said(coarse).startswith("one of 400 samples is 0.25 points, more than the bound of 0.10 points")


def test_the_search() -> None:
    cut = replace(GOOD, search=replace(SEARCH, finished=False))
    assert said(cut).startswith("the search was cut off after 9 trials: the same command goes on")
    raised = replace(LAYER, name="b", precision="int16")
    met = replace(METRIC, max_drop=2.0, met=True)
    assert said(replace(GOOD, metric=met, search=SEARCH, layers=(LAYER, raised))).startswith(
        "1 of 2 layers in int16 (b): with all in int8 the bound was broken"
    )
    stayed = replace(LAYER, sensitivity=(Sensitivity("int8", 30.0, 0.0), Sensitivity("int4", 12.0, 4.0)))
    four = replace(GOOD, metric=met, search=SEARCH, layers=(stayed, replace(LAYER, name="b", precision="int4")))
    assert "1 layer stays int8 though four bits would be smaller (conv)" in said(four)
    assert "conv alone in int4 leaves 12.0 dB" in said(four)


def test_guilty_layers_gain_most_when_raised() -> None:
    def layer(name: str, db: float) -> LayerReport:
        tries = (Sensitivity("int8", 20.0, 3.0), Sensitivity("int16", db, 2.0), Sensitivity("float", db - 1, 2.0))
        return replace(LAYER, name=name, sensitivity=tries)

    report = replace(
        GOOD, metric=replace(METRIC, drop=3.0, max_drop=1.0, met=False), layers=(layer("a", 21.0), layer("b", 28.0))
    )
    assert [(x.name, s.precision) for x, s in guilty(report)] == [("b", "int16"), ("a", "int16")]
    assert said(report).startswith("layer b (Conv2D) costs most: with it alone in int16 the outputs have 28.0 dB")
    unsensed = replace(report, layers=(replace(LAYER, own_sqnr_db=8.0),))
    assert said(unsensed).startswith("layer conv (Conv2D) costs most: 8.0 dB with it alone quantised")


def test_numbers_are_short() -> None:
    assert [number(v) for v in (0.0, 1.234, 0.00123, -0.5)] == ["0.00", "1.23", "0.0012", "-0.50"]
