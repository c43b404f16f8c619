# SPDX-License-Identifier: Apache-2.0
"""Quantises float graphs: calibration, schemes, repairs, and the integer form of what comes of them."""

from smidgen.quantize.ablation import repair_effects
from smidgen.quantize.calibrate import Calibration, calibrate
from smidgen.quantize.evaluate import evaluate_batch
from smidgen.quantize.integerize import integerize
from smidgen.quantize.plan import allows_int4, layers
from smidgen.quantize.quantizer import apply, quantize
from smidgen.quantize.recipe import (
    OBSERVERS,
    PRECISIONS,
    LayerError,
    Observer,
    Precision,
    Quantized,
    Recipe,
    Scheme,
    TensorRange,
)

__all__ = [
    "OBSERVERS",
    "PRECISIONS",
    "Calibration",
    "LayerError",
    "Observer",
    "Precision",
    "Quantized",
    "Recipe",
    "Scheme",
    "TensorRange",
    "allows_int4",
    "apply",
    "calibrate",
    "evaluate_batch",
    "integerize",
    "layers",
    "quantize",
    "repair_effects",
]
