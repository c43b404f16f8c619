# SPDX-License-Identifier: Apache-2.0
"""ONNX Runtime's quantize_static in every sensible setting: what bench/quantization.py compares with."""

from __future__ import annotations

import contextlib
import io
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import onnxruntime
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantFormat,
    QuantType,
    quantize_static,
)
from onnxruntime.quantization.shape_inference import quant_pre_process

from smidgen.ir import Array

_BATCH = 10  # samples a calibration step; quantize_static sees the same ranges for any


@dataclass(frozen=True, slots=True)
class Setting:
    """Arguments of quantize_static; the defaults here are its defaults (1.31)."""

    method: str = "MinMax"
    activation: str = "QInt8"
    weight: str = "QInt8"
    per_channel: bool = False
    symmetric: bool = False
    qoperator: bool = False
    prepared: bool = False
    """After quant_pre_process."""
    options: tuple[tuple[str, Any], ...] = field(default=())

    def __str__(self) -> str:
        parts = [self.method, f"activations {self.activation}", f"weights {self.weight}"]
        parts += ["per channel" if self.per_channel else "per tensor", "symmetric" if self.symmetric else ""]
        parts += ["QOperator" if self.qoperator else "", "pre-processed" if self.prepared else ""]
        parts += [f"{name}={value}" for name, value in self.options]
        return ", ".join(p for p in parts if p)


DEFAULTS = Setting()
_CALIBRATIONS: tuple[tuple[str, tuple[tuple[str, Any], ...]], ...] = (
    ("MinMax", ()),
    ("MinMax", (("CalibMovingAverage", True),)),
    ("Entropy", ()),
    ("Percentile", ()),
    ("Percentile", (("CalibPercentile", 99.99),)),
    ("Percentile", (("CalibPercentile", 99.9),)),
    ("Distribution", ()),
)


def first_settings() -> Iterator[Setting]:
    """Every calibration, activation type, granularity and symmetry; quant_pre_process always, as its manual advises."""
    for method, options in _CALIBRATIONS:
        for activation in ("QInt8", "QUInt8"):
            for per_channel in (False, True):
                for symmetric in (False, True):
                    yield Setting(method, activation, "QInt8", per_channel, symmetric, False, True, options)


def variations(best: Setting) -> Iterator[Setting]:
    """What else can be changed about the best of the first settings."""
    yield replace(best, qoperator=True)
    yield replace(best, prepared=False)
    if best.activation == "QUInt8":
        yield replace(best, weight="QUInt8")
    for name, value in (("SmoothQuant", True), ("WeightSymmetric", False), ("ActivationRestrictedAsymmetric", True)):
        yield replace(best, options=(*best.options, (name, value)))
    for constant in (0.1, 0.5):
        yield replace(
            best, method="MinMax", options=(("CalibMovingAverage", True), ("CalibMovingAverageConstant", constant))
        )


class _Reader(CalibrationDataReader):  # type: ignore[misc]  # untyped base class
    def __init__(self, name: str, samples: Array) -> None:
        self.batches = iter([{name: samples[i : i + _BATCH]} for i in range(0, len(samples), _BATCH)])

    def get_next(self) -> dict[str, Array] | None:
        return next(self.batches, None)


class Quantizer:
    """quantize_static on one float model and its calibration samples; each calibration is run once and kept."""

    def __init__(self, model: Path, samples: Array, folder: Path) -> None:
        self.model, self.samples, self.folder = model, samples, folder
        self.input = onnx.load(model).graph.input[0].name
        self.prepared = folder / "prepared.onnx"
        with quiet():
            quant_pre_process(str(model), str(self.prepared), skip_symbolic_shape=True)  # that needs sympy

    def run(self, setting: Setting) -> Path:
        """The quantised file. Raises whatever quantize_static raises for what it cannot do."""
        target = self.folder / "quantized.onnx"
        calibration = "_".join(map(str, (setting.method, setting.prepared, *setting.options))).replace(" ", "")
        with quiet():
            quantize_static(
                str(self.prepared if setting.prepared else self.model),
                str(target),
                _Reader(self.input, self.samples),
                quant_format=QuantFormat.QOperator if setting.qoperator else QuantFormat.QDQ,
                per_channel=setting.per_channel,
                activation_type=QuantType[setting.activation],
                weight_type=QuantType[setting.weight],
                calibrate_method=CalibrationMethod[setting.method],
                extra_options={"ActivationSymmetric": setting.symmetric, **dict(setting.options)},
                calibration_cache_path=self.folder / f"{calibration}.json",
            )
        return target


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """No warnings, log lines or progress of ONNX Runtime's quantiser inside."""
    level = logging.getLogger().level
    logging.getLogger().setLevel(logging.CRITICAL)
    try:
        with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.getLogger().setLevel(level)


def outputs(model: Path | bytes, samples: Array, threads: int = 2) -> Array:
    """The model's first output for all samples, as the file says it: no graph optimisation, so nothing is fused.

    (Fused kernels on processors without VNNI may saturate; that would count against ONNX Runtime's quantiser.)
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
    data = model if isinstance(model, bytes) else str(model)
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    info = session.get_inputs()[0]
    batch = len(samples) if not isinstance(info.shape[0], int) else info.shape[0]
    parts = [session.run(None, {info.name: samples[i : i + batch]})[0] for i in range(0, len(samples), batch)]
    return np.concatenate(parts)
