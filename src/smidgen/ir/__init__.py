# SPDX-License-Identifier: Apache-2.0
"""The graph that every stage speaks; imports nothing of files, targets or C."""

from smidgen.ir.evaluate import check_inputs, evaluate, evaluate_all, next_states
from smidgen.ir.graph import Graph, Node, State, Value
from smidgen.ir.op import ALL_FORMS, Form, Op
from smidgen.ir.text import format_graph
from smidgen.ir.types import (
    DTYPES,
    Array,
    DType,
    FourBit,
    Half,
    Numerics,
    QuantParams,
    Rounding,
    TensorType,
    four_bit_parts,
    in_half_precision,
)
from smidgen.ir.verify import verify

__all__ = [
    "ALL_FORMS",
    "DTYPES",
    "Array",
    "DType",
    "Form",
    "FourBit",
    "Graph",
    "Half",
    "Node",
    "Numerics",
    "Op",
    "QuantParams",
    "Rounding",
    "State",
    "TensorType",
    "Value",
    "check_inputs",
    "evaluate",
    "evaluate_all",
    "format_graph",
    "four_bit_parts",
    "in_half_precision",
    "next_states",
    "verify",
]
