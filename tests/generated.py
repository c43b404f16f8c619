# SPDX-License-Identifier: Apache-2.0
"""Generated C as a program of this machine: inputs on stdin, outputs on stdout."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from smidgen.build.host import Sanitizer, build_host
from smidgen.codegen import Sources
from smidgen.codegen.ctext import C_TYPES
from smidgen.compiler import Compiled
from smidgen.ir import Array

ROOT = Path(__file__).resolve().parent.parent
_MAIN = """#include <stdio.h>
#include "smg_{name}.h"
{buffers}
int main(void) {{
    while ({read}) {{
        smg_{name}_run({arguments});
        {write}
    }}
    return 0;
}}
"""


def shared() -> Path | None:
    """The folder with official models and data sets, beside the repository or named by SMIDGEN_SHARED."""
    named = os.environ.get("SMIDGEN_SHARED")
    path = Path(named) if named else ROOT.parent / "shared"
    return path if path.is_dir() else None


def main_program(compiled: Compiled) -> str:
    """A C program that runs one inference after the other until its input ends."""
    graph = compiled.graph
    ins = [(f"x{i}", v.type) for i, v in enumerate(graph.inputs)]
    outs = [(f"y{i}", v.type) for i, v in enumerate(graph.outputs)]
    return _MAIN.format(
        name=graph.name,
        buffers="\n".join(f"static {C_TYPES[t.dtype]} {n}[{t.elements}];" for n, t in (*ins, *outs)),
        read=" && ".join(f"fread({n}, 1, sizeof {n}, stdin) == sizeof {n}" for n, _ in ins),
        arguments=", ".join(n for n, _ in (*ins, *outs)),
        write="\n        ".join(f"if (fwrite({n}, 1, sizeof {n}, stdout) != sizeof {n}) return 1;" for n, _ in outs),
    )


def build_program(compiled: Compiled, folder: Path, sanitize: Sanitizer, sources: Sources | None = None) -> Path:
    extra = {"host_main.c": main_program(compiled)}
    return build_host(sources or compiled.sources, "executable", work_dir=folder, sanitize=sanitize, extra=extra)


def run_program(program: Path, compiled: Compiled, cases: Sequence[Sequence[Array]]) -> list[list[Array]]:
    """Each case's outputs; a sanitizer's finding fails with its text."""
    data = b"".join(np.ascontiguousarray(a).tobytes() for case in cases for a in case)
    done = subprocess.run([str(program)], input=data, capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode(errors="replace")[-4000:]
    outputs, at = [], 0
    for _ in cases:
        row = []
        for v in compiled.graph.outputs:
            row.append(np.frombuffer(done.stdout, v.type.dtype, v.type.elements, at).reshape(v.type.shape))
            at += v.type.nbytes
        outputs.append(row)
    assert at == len(done.stdout)
    return outputs
