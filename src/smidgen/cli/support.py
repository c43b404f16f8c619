# SPDX-License-Identifier: Apache-2.0
"""The table of supported operators, made from the importers' and kernels' own records."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from smidgen.frontends.onnx.ops import BY_NAME as ONNX
from smidgen.frontends.tflite.ops import IMPORTERS as TFLITE
from smidgen.ir import Op
from smidgen.kernels.registry import all_kernels
from smidgen.ops import OPS, ByteOp


@dataclass(frozen=True, slots=True)
class KernelRow:
    symbol: str
    isa: tuple[str, ...]
    limits: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class OpRow:
    """One operator: how files spell it, and what computes it."""

    name: str
    tflite: tuple[str, ...]
    onnx: tuple[str, ...]
    kernels: tuple[KernelRow, ...]
    note: str


def supported_ops() -> list[OpRow]:
    """A row an operator, by name."""
    return [OpRow(op.__name__, _spelled(TFLITE, op), _spelled(ONNX, op), _kernels(op), _note(op)) for op in OPS]


def _spelled(importers: Mapping[str, object], op: type[Op]) -> tuple[str, ...]:
    return tuple(sorted(name for name, i in importers.items() if op in getattr(i, "makes", ())))


def _kernels(op: type[Op]) -> tuple[KernelRow, ...]:
    return tuple(
        KernelRow(k.symbol, tuple(sorted(k.isa)), tuple(str(p.__doc__) for p in k.requires))
        for k in all_kernels()
        if k.op is op
    )


def _note(op: type[Op]) -> str:
    if op.view:
        return "no code: the same bytes under another shape"
    return "becomes a 256-entry table (Lookup)" if issubclass(op, ByteOp) else ""
