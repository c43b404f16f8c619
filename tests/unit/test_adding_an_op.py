# SPDX-License-Identifier: Apache-2.0
"""Adding an op touches only the places that CONTRIBUTING.md lists: done here to a copy of the package, and compiled."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "src/smidgen"

OP = '''# SPDX-License-Identifier: Apache-2.0
"""Negation."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from smidgen.ir import Array, Op, TensorType


@dataclass(frozen=True)
class Negate(Op):
    """y = -x about the zero point, saturated."""

    operands: ClassVar[tuple[str, ...]] = ("x",)

    def infer(self, types: Sequence[TensorType]) -> tuple[TensorType, ...]:
        return (types[0],)

    def evaluate(self, types: Sequence[TensorType], arrays: Sequence[Array]) -> tuple[Array, ...]:
        z = types[0].zero_point
        return (np.clip(2 * z - arrays[0].astype(np.int64), -128, 127).astype(np.int8),)
'''

RECORD = '''# SPDX-License-Identifier: Apache-2.0
"""Negation of int8."""

from smidgen.kernels.kernel import Kernel
from smidgen.ops.negate import Negate


def params(node):
    return {"count": node.output.type.elements, "twice_zero_point": 2 * node["x"].type.zero_point}


def cost(node, core):
    return 5.0 * node.output.type.elements


KERNELS = (Kernel("smg_negate_s8_scalar", "negate", "negate", Negate, cost, params, inplace="x"),)
'''

KERNEL = """/* SPDX-License-Identifier: Apache-2.0 */
#include "smg_kernels.h"

smg_negate_kernel smg_negate_s8_scalar;

void smg_negate_s8_scalar(const smg_negate_params *p, const int8_t *x, int8_t *y, void *scratch) {
    (void)scratch;
    for (int32_t i = 0; i < p->count; i++) {
        const int32_t v = p->twice_zero_point - x[i];
        y[i] = (int8_t)(v < -128 ? -128 : v > 127 ? 127 : v);
    }
}
"""

CONTRACT = """
typedef struct {
    int32_t count, twice_zero_point;
} smg_negate_params;
typedef void smg_negate_kernel(const smg_negate_params *p, const int8_t *x, int8_t *y, void *scratch);
#endif
"""

SCRIPT = """
import smidgen
from smidgen.cli.support import supported_ops
from smidgen.frontends.tflite.ops import IMPORTERS
from smidgen.ir import Graph, Node, QuantParams, TensorType, Value
from smidgen.ops.negate import Negate

t = TensorType("int8", (1, 4, 4, 3), QuantParams((0.5,), (-7,)))
x, y = Value("x", t), Value("y", t)
graph = Graph("tiny", "tflm-int8.v1", (x,), (y,), (Node(Negate(), (x,), (y,), "tiny:op 0 NEG"),))
compiled = smidgen.compile(graph)
found = smidgen.verify(compiled, cases=5)
assert (found.cases, found.mismatches) == (5, 0), found
row = next(r for r in supported_ops() if r.name == "Negate")
assert row.tflite == ("NEG",) and row.kernels[0].symbol == "smg_negate_s8_scalar", row
assert "NEG" in IMPORTERS
print("compiled, verified and listed")
"""


def insert(path: Path, before: str, text: str) -> None:
    source = path.read_text(encoding="utf-8")
    assert source.count(before) == 1, f"{path.name}: {before!r} occurs {source.count(before)} times"
    path.write_text(source.replace(before, text + before), encoding="utf-8")


@pytest.mark.slow
def test_a_new_op_needs_only_the_listed_places(tmp_path: Path) -> None:
    copy = tmp_path / "src/smidgen"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    # 1. the op and its name in OPS
    (copy / "ops/negate.py").write_text(OP, encoding="utf-8")
    insert(copy / "ops/__init__.py", "from smidgen.ops.pool import", "from smidgen.ops.negate import Negate\n")
    insert(copy / "ops/__init__.py", "    Pad,\n    Quantize,", "    Negate,\n")
    # 2. a function and a row in a frontend
    frontend = copy / "frontends/tflite/ops.py"
    imported = "from smidgen.ops.negate import Negate\n\n\n"
    function = "def negate(r):\n    return r.node(Negate(), r.value(0))\n\n\n"
    insert(frontend, "class Importer(NamedTuple):", imported + function)
    insert(frontend, '    "PAD": Importer', '    "NEG": Importer(negate, (Negate,)),\n')
    # 3. the kernel, its contract, its family
    family = copy / "kernels/negate"
    family.mkdir()
    (family / "__init__.py").write_text(RECORD, encoding="utf-8")
    (family / "smg_negate_s8_scalar.c").write_text(KERNEL, encoding="utf-8")
    header = copy / "kernels/include/smg_kernels.h"
    text = header.read_text(encoding="utf-8").rstrip()
    header.write_text(text.removesuffix("#endif") + CONTRACT, encoding="utf-8")
    insert(copy / "kernels/registry.py", "from smidgen.kernels.kernel import", "from smidgen.kernels import negate\n")
    insert(copy / "kernels/registry.py", ')\n"""One package a family', "    negate,\n")
    environment = {**os.environ, "PYTHONPATH": str(copy.parent)}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "compiled, verified and listed"
