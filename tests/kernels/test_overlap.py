# SPDX-License-Identifier: Apache-2.0
"""Kernels that let a buffer share memory with their first operand compute the same with the least lead they allow."""

from __future__ import annotations

import ctypes
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from smidgen.ir import Array, Node
from smidgen.kernels import Kernel
from smidgen.kernels.registry import all_kernels
from tests.kernels.admitted import draw_nodes
from tests.kernels.contracts import fill, structs
from tests.kernels.host import Guarded, _call, build_instances, build_kernels

CASES = 16
SPREAD = (0, 8, 24)  # bytes above the least lead


def run_overlapped(
    library: ctypes.CDLL, kernel: Kernel, node: Node, arrays: list[Array], which: str, lead: int
) -> Array:
    """The kernel's output while its first operand starts ``lead`` bytes above buffer ``which``."""
    keep: list[Any] = []
    params = fill(structs()[f"smg_{kernel.contract}_params"], kernel.params(node), keep)
    out, nbytes = node.output.type, {"y": node.output.type.nbytes, "scratch": kernel.scratch(node)}
    nbytes[which] = max(nbytes[which], lead + arrays[0].nbytes)
    buffers = {name: Guarded(n) for name, n in nbytes.items()}
    shared = buffers[which]
    shared.write(bytes(lead) + arrays[0].tobytes())
    packed = kernel.packed(node)
    pointers: list[int | None] = [shared.address + lead]
    for i, name in enumerate(o.rstrip("?*") for o in node.op.operands[1:]):
        data = packed[name].data if name in packed else arrays[i + 1] if i + 1 < len(arrays) else None
        keep.append(data)
        pointers.append(None if data is None else data.ctypes.data)
    _call(library, kernel, node, params, pointers, buffers["y"].address, buffers["scratch"].address)
    assert all(b.intact() for b in buffers.values()), f"{kernel.symbol} wrote outside its buffers"
    return np.frombuffer(buffers["y"].bytes()[: out.nbytes], out.dtype).reshape(out.shape)


@pytest.mark.parametrize("kernel", [k for k in all_kernels() if k.overlap], ids=lambda k: k.symbol)
def test_equal_at_the_least_lead(kernel: Kernel, tmp_path: Path) -> None:
    cases = draw_nodes(kernel, CASES)
    instances = kernel.constants is not None
    nodes = [node for node, _ in cases]
    library = build_instances(kernel, nodes, tmp_path) if instances else build_kernels((kernel,), tmp_path)
    assert kernel.overlap
    for node, arrays in cases:
        (want,) = node.op.evaluate(node.types, arrays)
        for which, least in kernel.overlap(node).items():
            assert least >= 0
            for more in SPREAD:
                got = run_overlapped(library, kernel, node, arrays, which, least + more)
                np.testing.assert_array_equal(got, want, f"{which} {least} + {more}: {node.types}")
