# SPDX-License-Identifier: Apache-2.0
"""Kernels that let a buffer share memory with their first operand compute the same with the least lead they allow."""

from __future__ import annotations

import ctypes
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels import Kernel
from tests.kernels.contracts import fill, structs
from tests.kernels.host import Guarded, _call
from tests.kernels.layout import choices, close

SPREAD = (0, 8, 24)  # bytes above the least lead


def run_overlapped(
    library: ctypes.CDLL, kernel: Kernel, node: Node, arrays: list[Array], offsets: Mapping[str, int]
) -> Array:
    """The kernel's output while its output, scratch and first operand lie at ``offsets`` of one memory."""
    keep: list[Any] = []
    params = fill(structs()[f"smg_{kernel.contract}_params"], kernel.params(node), keep)
    out, x = node.output.type, arrays[0]
    sizes = {"y": out.nbytes, "scratch": kernel.scratch(node), "x": x.nbytes}
    memory = Guarded(max(offsets[name] + n for name, n in sizes.items()))
    start = offsets["x"]
    filled = bytearray(memory.bytes())
    filled[start : start + x.nbytes] = x.tobytes()
    memory.write(bytes(filled))
    packed = kernel.packed(node)
    pointers: list[int | None] = [memory.address + start]
    for i, name in enumerate(o.rstrip("?*") for o in node.op.operands[1:]):
        data = packed[name].data if name in packed else arrays[i + 1] if i + 1 < len(arrays) else None
        keep.append(data)
        pointers.append(None if data is None else data.ctypes.data)
    y, scratch = (memory.address + offsets[name] for name in ("y", "scratch"))
    _call(library, kernel, node, params, pointers, y, scratch)
    assert memory.intact(), f"{kernel.symbol} wrote outside its buffers"
    after = memory.bytes()
    own = np.zeros(len(after), bool)
    for name in ("y", "scratch"):
        own[offsets[name] : offsets[name] + sizes[name]] = True
    changed = np.frombuffer(after, np.uint8) != np.frombuffer(bytes(filled), np.uint8)
    assert not (changed & ~own).any(), f"{kernel.symbol} wrote beside its output and scratch"
    return np.frombuffer(after, out.dtype, out.elements, offsets["y"]).reshape(out.shape)


def check_overlaps(library: ctypes.CDLL, kernel: Kernel, cases: Sequence[tuple[Node, list[Array]]]) -> None:
    """Every order of every part of the buffers, at the least lead and a little above it; many must share bytes."""
    if kernel.overlap is None:
        return
    shared = 0
    for node, arrays in cases:
        (want,) = node.op.evaluate(node.types, arrays)
        sizes = {"y": want.nbytes, "scratch": kernel.scratch(node), "x": arrays[0].nbytes}
        leads = kernel.overlap(node)
        assert all(lead >= 0 for lead in leads.values())
        for order in choices(leads):
            offsets = close(sizes, {name: leads[name] for name in order}, order)
            shared += offsets["x"] < max(offsets[name] + sizes[name] for name in order)
            for more in SPREAD:
                got = run_overlapped(library, kernel, node, arrays, {**offsets, "x": offsets["x"] + more})
                np.testing.assert_array_equal(got, want, f"{order} {leads} + {more}: {node.types}")
    assert shared >= len(cases) // 2, f"only {shared} layouts share a byte"
