# SPDX-License-Identifier: Apache-2.0
"""What the constants of a kernel call take of flash, by kind."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.ir import Half, Node
from smidgen.kernels.kernel import Kernel, ParamValue


@dataclass(frozen=True, slots=True)
class ConstantBytes:
    """``weights``: the node's own, as they are kept (``TensorType.stored_nbytes``); ``growth``: what packing adds to
    them (less than 0: it saves); ``tables``: biases, multipliers and what else a kernel reads; ``params``: its
    parameter struct.

    Of a kernel that is not given ``w`` the largest array stands for the weights.
    """

    weights: int
    growth: int
    tables: int
    params: int

    @property
    def arrays(self) -> int:
        return self.weights + self.growth + self.tables

    @property
    def total(self) -> int:
        return self.arrays + self.params


def constant_bytes(kernel: Kernel, node: Node) -> ConstantBytes:
    """Bytes of the arrays the kernel reads (operands as packed, arrays its parameters point to) and of its struct."""
    packed = kernel.packed(node)
    names = [o.rstrip("?*") for o in node.op.operands]
    weights = stored = 0
    tables = [p.data.nbytes for name, p in packed.items() if p.data is not None and name not in names]
    for i, v in enumerate(node.inputs):
        if v.data is None:
            continue
        name = names[min(i, len(names) - 1)]
        array = packed[name].data if name in packed else v.data
        nbytes = 0 if array is None else array.nbytes
        if name == "w":
            weights, stored = v.type.stored_nbytes, nbytes
        else:
            tables.append(nbytes)
    tables += [v.nbytes for v in kernel.params(node).values() if isinstance(v, np.ndarray)]
    if weights and not stored and tables:
        stored = max(tables)
        tables.remove(stored)
    return ConstantBytes(weights, stored - weights, sum(tables), params_bytes(kernel, node))


def weight_bits(node: Node) -> int | None:
    """Bits in which each constant weight of a layer is kept; None without such weights."""
    w = node.get("w") if any(o.rstrip("?*") == "w" for o in node.op.operands) else None
    if w is None or w.data is None:
        return None
    if w.type.storage is None:
        return 8 * w.data.itemsize
    return 16 if isinstance(w.type.storage, Half) else 4


def params_bytes(kernel: Kernel, node: Node) -> int:
    """Bytes of a step's parameter struct and list of inputs on a 32-bit core: every field is four bytes wide."""

    def words(v: ParamValue) -> int:
        if isinstance(v, Mapping):
            return sum(map(words, v.values()))
        return len(v) if isinstance(v, tuple) else 1

    pointers = len(node.inputs) if variadic(node) else 0
    return 4 * (words(kernel.params(node)) + pointers)


def variadic(node: Node) -> bool:
    """True if the node's operands are a list of any length."""
    return bool(node.op.operands) and node.op.operands[-1].endswith("*")
