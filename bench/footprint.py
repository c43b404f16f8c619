#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Measures every kernel's code and stack bytes: `--update` writes footprint.toml, otherwise a stale one gives exit 1.

code_bytes: the read-only sections of the kernel's object file, compiled alone as every build compiles it. stack_bytes:
the frames of all functions in that file (the compiler's -fstack-size-section) as if each called the next, so never too
low. The run function's figures come from the images of the synthetic zoo models.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from elftools.elf.constants import SH_FLAGS
from elftools.elf.elffile import ELFFile

from smidgen.build import Image, Zig
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.compiler import Compiled
from smidgen.compiler import compile as compile_model
from smidgen.kernels.kernel import ROOT, Kernel, source_path
from smidgen.kernels.registry import all_kernels
from smidgen.profile import profile_image
from smidgen.schedule import Step
from smidgen.sim import EmulatedMachine
from smidgen.targets import load_target
from smidgen.zoo.topologies import SYNTHETIC

TABLE = ROOT / "footprint.toml"
TARGET = "generic-cortex-m4"
HEAD = """\
# SPDX-License-Identifier: Apache-2.0
# Made by `python bench/footprint.py --update` with {version}, -O3, cortex-m4f; a test fails when it is stale.
# code_bytes: code and constants of the kernel's object file. stack_bytes: all its functions' frames together.
# [run]: a straight line over the run functions of the synthetic zoo models.
"""


def main(arguments: list[str]) -> int:
    kernels = measure_kernels()
    text = render(kernels, measure_run(kernels))
    if arguments == ["--update"]:
        TABLE.write_text(text, encoding="utf-8")
        return 0
    if arguments:
        print("usage: footprint.py [--update]", file=sys.stderr)
        return 2
    if TABLE.read_text(encoding="utf-8") != text:
        print(f"{TABLE.name} is stale: python bench/footprint.py --update", file=sys.stderr)
        return 1
    return 0


def render(kernels: Mapping[str, tuple[int, int]], run: Mapping[str, int]) -> str:
    """The table's text."""
    parts = [HEAD.format(version=Zig().version()), "[run]\n", *(f"{k} = {v}\n" for k, v in run.items())]
    for symbol, (code, stack) in sorted(kernels.items()):
        parts.append(f"\n[{symbol}]\ncode_bytes = {code}\nstack_bytes = {stack}\n")
    return "".join(parts)


def measure_kernels() -> dict[str, tuple[int, int]]:
    """(code_bytes, stack_bytes) of every kernel in the registry."""
    with tempfile.TemporaryDirectory(prefix="smidgen-footprint-") as folder:
        root = Path(folder)
        for kernel in _measured():
            for path in _files(kernel):
                (root / path.name).write_bytes(path.read_bytes())
        zig, target = Zig(), load_target(TARGET)
        flags = (*zig.compile_flags(target, "-O3"), "-fstack-size-section")
        jobs = [CompileJob(f"{k.symbol}.c", root / f"{k.symbol}.o") for k in _measured()]
        compiler = Compiler(zig.version(), zig.command(), flags, zig.environment(root))
        compile_all(compiler, root, jobs, (".",))
        return {k.symbol: _sizes(root / f"{k.symbol}.o") for k in _measured()}


def _measured() -> list[Kernel]:
    """Kernels that are one function; the others estimate the size of each instance themselves."""
    return [k for k in all_kernels() if k.constants is None]


def _files(kernel: Kernel) -> Iterator[Path]:
    path = source_path(kernel)
    yield path
    yield from (path.parent / name for name in kernel.includes)
    yield from (ROOT / "include").glob("*.h")


def _sizes(path: Path) -> tuple[int, int]:
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        alike = SH_FLAGS.SHF_ALLOC | SH_FLAGS.SHF_WRITE
        kept = [s["sh_size"] for s in elf.iter_sections() if s["sh_flags"] & alike == SH_FLAGS.SHF_ALLOC]
        frames = [s.data() for s in elf.iter_sections() if s.name == ".stack_sizes"]
    return sum(-(-n // 4) * 4 for n in kept), sum(map(_frame_bytes, frames))


def _frame_bytes(entries: bytes) -> int:
    """The sum of a .stack_sizes section: for each function a 32-bit address and a ULEB128 number of bytes."""
    total, at = 0, 0
    while at < len(entries):
        at += 4
        shift = 0
        while True:
            total += (entries[at] & 0x7F) << shift
            shift += 7
            at += 1
            if entries[at - 1] < 0x80:
                break
    return total


def measure_run(kernels: Mapping[str, tuple[int, int]]) -> dict[str, int]:
    """Bytes of the run function: a base and a step's share, so that no zoo model needs more; and its stack."""
    rows = []
    stack = 0
    for build in SYNTHETIC.values():
        compiled = compile_model(build(), TARGET)
        image = compiled.build()
        rows.append((len(compiled.schedule.steps), image.sizes.model_code_bytes))
        stack = max(stack, _run_stack(compiled, image, kernels))
    steps, sizes = np.array(rows).T
    step = int(np.ceil(np.polyfit(steps, sizes, 1)[0]))
    return {"base_code_bytes": int((sizes - step * steps).max()), "step_code_bytes": step, "stack_bytes": stack}


def _run_stack(compiled: Compiled, image: Image, kernels: Mapping[str, tuple[int, int]]) -> int:
    """Counted stack of one inference less the largest of its kernels' frames, at least the run function's 32 bytes."""
    inputs = [bytes(v.type.nbytes) for v in compiled.graph.inputs]
    counted = profile_image(EmulatedMachine(image), inputs).stack.value
    return max(counted - max(_stack(s, kernels) for s in compiled.schedule.steps), 32)


def _stack(step: Step, kernels: Mapping[str, tuple[int, int]]) -> int:
    kernel = step.choice.kernel
    return kernel.footprint(step.node)[1] if kernel.footprint else kernels[kernel.symbol][1]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
