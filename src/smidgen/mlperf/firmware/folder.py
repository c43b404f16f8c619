# SPDX-License-Identifier: Apache-2.0
"""What a person reads and builds with beside a firmware's C: Makefile and README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from smidgen.build import Gcc, GccArm, GccRiscv, Zig
from smidgen.codegen.ctext import markdown
from smidgen.codegen.template import fill
from smidgen.compiler import Compiled
from smidgen.mlperf.firmware.build import OPTIMIZE, objects_of
from smidgen.mlperf.firmware.ports import Port
from smidgen.mlperf.tasks import Task
from smidgen.targets import Target

_NO_GCC = "$(error GCC does not know this core: make TOOLCHAIN=zig)"
_FORMATS = {
    "int8": "int8, as the model's input",
    "rgb8": "a picture: red, green and blue of each pixel, 0 to 255",
    "float32": "float32, least significant byte first",
    "audio": "audio, 16 kHz",
}


@dataclass(frozen=True, slots=True)
class Facts:
    """What a firmware's README says about it."""

    name: str
    port: Port
    task: Task
    mode: str
    baud: int
    vendor: str
    notes: tuple[str, ...]


def makefile(files: Mapping[str, str], target: Target, facts: Facts, version: str) -> str:
    """Builds ``files`` with either toolchain, exactly as Firmware.build does."""
    objects = objects_of(files)
    zig, gcc = Zig(), _gcc(target)
    known = bool(target.core.gcc_flags)
    return fill(
        "dut_makefile.in",
        version=version,
        name=facts.name,
        model_id=facts.task.model_id,
        zig_flags=" ".join(zig.compile_flags(target, OPTIMIZE)),
        zig_link=" ".join(zig.link_flags(target)),
        gcc_prefix=gcc.program.removesuffix("gcc"),
        gcc_flags=" ".join(gcc.compile_flags(target, OPTIMIZE)) if known else _NO_GCC,
        gcc_link=" ".join(gcc.link_flags(target)) if known else "",
        headers=_continued([path for path in sorted(files) if path.endswith(".h")]),
        objects=_continued([f"obj/{o}" for o in objects.values()]),
        rules="\n".join(f"obj/{o}: {path}" for path, o in objects.items()),
    )


def _gcc(target: Target) -> Gcc:
    return GccRiscv() if target.core.isa == "riscv" else GccArm()


def _continued(names: Sequence[str]) -> str:
    return " \\\n".join(f"  {name}" for name in names)


def readme(compiled: Compiled, facts: Facts) -> str:
    """README.md's text."""
    energy = facts.mode == "energy"
    notes = "".join(f"\nNote: {note}.\n" for note in facts.notes)
    return fill(
        "dut_readme.md.in",
        version=compiled.origin.version,
        source=markdown(compiled.origin.source),
        sha=compiled.origin.sha256,
        name=facts.name,
        model=compiled.graph.name,
        model_id=facts.task.model_id,
        gcc=_gcc(compiled.target).program,
        title=facts.task.title,
        mode=facts.mode,
        board=compiled.target.title,
        port=f"{facts.port.title}: {facts.port.wiring}{_audio(facts)}",
        baud=f"{facts.baud:,}".replace(",", ""),
        timestamp=f"a pulse of 10 us or more, low, on {facts.port.pin}" if energy else "a line `m-lap-us-N`",
        stamp="pulses the pin" if energy else "the time",
        vendor=facts.vendor,
        status=facts.port.status,
        notes=notes,
        flashing=facts.port.flashing.replace("@", facts.name),
        input_bytes=f"{facts.task.input_bytes:,}",
        format=_FORMATS[facts.task.format],
    )


def _audio(facts: Facts) -> str:
    return f"; {facts.port.audio}" if facts.task.format == "audio" and facts.port.audio else ""
