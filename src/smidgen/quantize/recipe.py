# SPDX-License-Identifier: Apache-2.0
"""What the user may choose about quantisation, and what comes of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, get_args

from smidgen.errors import UsageError
from smidgen.ir import Graph

Precision = Literal["int4", "int8", "int16", "float16", "float"]
"""Of one layer. int4: int8 activations, weights kept in four bits. int8: both int8. int16: int16 activations read and
written, int8 weights. float: computed in float32; it reads and writes reals where its neighbours are float too.
float16: likewise, with weights rounded to half precision and kept so; float where one of them is out of its range."""

Scheme = Literal["affine", "power-of-two"]
"""affine: TFLite's: int8 weights per channel, symmetric; activations per tensor with a zero point. power-of-two: the
legacy CMSIS-NN q7 convention that ONNC used: per tensor, symmetric, every scale a power of two."""

Observer = Literal["minmax", "average", "percentile", "mse", "entropy"]

SCHEMES: tuple[Scheme, ...] = get_args(Scheme)
PRECISIONS: tuple[Precision, ...] = ("int4", "int8", "int16", "float16", "float")
FLOATS: tuple[Precision, ...] = ("float16", "float")
"""Layers that compute in float32."""
OBSERVERS: tuple[Observer, ...] = ("minmax", "average", "percentile", "mse", "entropy")


@dataclass(frozen=True, slots=True)
class Recipe:
    """How to quantise. Every repair is a switch. ``precisions`` overrides ``precision`` by layer: its output's name.

    UsageError for a choice that there is not.
    """

    scheme: Scheme = "affine"
    precision: Precision = "int8"
    observer: Observer = "mse"
    equalize: bool = True
    correct_bias: bool = True
    adapt_rounding: bool = True
    clip_weights: bool = True
    tie_ranges: bool = False
    group: int | None = 32
    """Consecutive weights that share a factor, of int4 layers; None: one scale a channel only."""
    seed: int = 0
    precisions: Mapping[str, Precision] = field(default_factory=dict)
    groups: Mapping[str, int] = field(default_factory=dict)
    """Overrides ``group`` by int4 layer."""

    def __post_init__(self) -> None:
        choices: tuple[tuple[str, str, Sequence[str]], ...] = (
            ("scheme", self.scheme, SCHEMES),
            ("precision", self.precision, PRECISIONS),
            ("observer", self.observer, OBSERVERS),
            *(("precision", p, PRECISIONS) for p in self.precisions.values()),
        )
        for what, given, allowed in choices:
            if given not in allowed:
                raise UsageError(f"no {what} {given!r}; there are {', '.join(allowed)}")
        for group in (self.group, *self.groups.values()):
            if group is not None and (group < 8 or group % 8):
                raise UsageError(f"group, --group is a multiple of 8, or 0 (None) for none, not {group}")
        if self.seed < 0:
            raise UsageError(f"seed, --seed is a number from 0 on, not {self.seed}")


@dataclass(frozen=True, slots=True)
class TensorRange:
    """One activation: what calibration saw and what was made of it. Reals, except ``zero_point``."""

    name: str
    dtype: str
    least: float
    most: float
    scale: float
    zero_point: int
    clipped_fraction: float
    """Of calibration values, outside what the integers can say."""
    sqnr_db: float
    """Signal to quantisation noise of this tensor in the quantised network, errors of the layers before it included."""


@dataclass(frozen=True, slots=True)
class LayerError:
    """One layer with weights: how well it was quantised, and what each repair did to its output's error.

    ``own_sqnr_db``: only this layer quantised. ``repairs``: name to the gain in dB of the layer's output.
    """

    name: str
    loc: str
    op: str
    precision: Precision
    weights: int
    weight_sqnr_db: float
    own_sqnr_db: float
    repairs: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Quantized:
    """A float graph quantised: ``qdq`` with Quantize and Dequantize nodes around float ops (what is exported), and
    ``graph``, its integer form (what is compiled)."""

    qdq: Graph
    graph: Graph
    recipe: Recipe
    tensors: tuple[TensorRange, ...]
    layers: tuple[LayerError, ...]
