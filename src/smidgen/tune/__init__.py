# SPDX-License-Identifier: Apache-2.0
"""Measures kernels on the emulated core instead of predicting them, and keeps what was measured."""

from smidgen.tune.cache import Cache, Measurement, user_cache
from smidgen.tune.front import Program, front
from smidgen.tune.measure import Tuning, costs_of, measure
from smidgen.tune.result import (
    KernelCost,
    StepCosts,
    TuneResult,
    find_result,
    read_result,
    require_match,
    result_text,
    tune_result,
    write_result,
)

__all__ = [
    "Cache",
    "KernelCost",
    "Measurement",
    "Program",
    "StepCosts",
    "TuneResult",
    "Tuning",
    "costs_of",
    "find_result",
    "front",
    "measure",
    "read_result",
    "require_match",
    "result_text",
    "tune_result",
    "user_cache",
    "write_result",
]
