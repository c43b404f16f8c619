# SPDX-License-Identifier: Apache-2.0
"""What a person or a build system reads beside the C: README, CMakeLists.txt, example, manifest."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass

from smidgen.codegen.ctext import C_TYPES, comment, markdown
from smidgen.codegen.header import CONVERTED, per_tensor
from smidgen.codegen.memory import Memory
from smidgen.codegen.model import Printer
from smidgen.codegen.template import fill
from smidgen.ir import TensorType
from smidgen.kernels import footprint
from smidgen.kernels.library import LIBRARY_FLAGS
from smidgen.ops import reach
from smidgen.schedule import WEIGHTS


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made from: the file's name and SHA-256, and the compiler's version."""

    source: str
    sha256: str
    version: str


def extras(printer: Printer, origin: Origin, memory: Memory, files: Sequence[str]) -> dict[str, str]:
    """The files by name; ``files`` are the program's own."""
    units = [f for f in files if f.endswith(".c")]
    return {
        "CMakeLists.txt": fill(
            "CMakeLists.txt.in", prefix=printer.prefix, files=_lines("  ", units), library=_cmake(printer)
        ),
        "README.md": _readme(printer, origin, memory),
        "main.c": _example(printer, comment(origin.source)),
        "manifest.json": json.dumps(_manifest(printer, origin, memory), indent=1) + "\n",
    }


def _lines(start: str, items: Sequence[str]) -> str:
    return "\n".join(f"{start}{item}" for item in items)


def _cmake(printer: Printer) -> str:
    """What CMake is told of the library that kernels call, if there is one."""
    library = printer.schedule.library
    if library is None:
        return ""
    return fill(
        "library.cmake.in",
        prefix=printer.prefix,
        name=library.name,
        version=library.version,
        variable=library.variable,
        include=library.include,
        sources=_lines("    ", library.sources),
        flags=";".join(LIBRARY_FLAGS),
    )


def _library_section(printer: Printer) -> str:
    """The same for the README's reader."""
    library = printer.schedule.library
    if library is None:
        return ""
    return fill(
        "library.md.in",
        name=library.name,
        version=library.version,
        variable=library.variable,
        include=library.include,
        sha=library.digest,
        target=printer.schedule.target.name,
        sources=_lines("    ", library.sources),
    )


def _library_record(printer: Printer) -> dict[str, object]:
    library = printer.schedule.library
    if library is None:
        return {}
    found = {"name": library.name, "version": library.version, "sha256": library.digest, "files": library.sources}
    return {"library": found}


def _readme(printer: Printer, origin: Origin, memory: Memory) -> str:
    schedule = printer.schedule
    tensors = [
        f"| `{name}` | `{C_TYPES[v.type.dtype]}` | {' x '.join(map(str, v.type.shape))} "
        f"| {_conversions(printer, name, v.type)} |"
        for v, name in (*printer.tensors("input"), *printer.tensors("output"))
    ]
    steps = [
        f"| {s.index} | {type(s.node.op).__name__} | {'x'.join(map(str, s.node.output.type.shape))} "
        f"| `{s.choice.kernel.symbol}` | {markdown(s.node.loc)} |"
        for s in schedule.steps
    ]
    return fill(
        "README.md.in",
        prefix=printer.prefix,
        guard=printer.macro(),
        version=origin.version,
        source=markdown(origin.source),
        sha=origin.sha256,
        target=schedule.target.name,
        numerics=schedule.graph.numerics,
        macs=f"{schedule.graph.nominal_macs:,}",
        live_macs=f"{schedule.graph.macs:,}",
        arena_bytes=f"{memory.arena:,}",
        bound_bytes=f"{schedule.plan.bound_bytes:,}",
        weights_bytes=f"{memory.weights:,}",
        weights=WEIGHTS[schedule.weights],
        code_bytes=f"{memory.code:,}",
        stack_bytes=f"{memory.stack:,}",
        size_model=footprint.PROVENANCE,
        signature=f"{printer.signature()};",
        library=_library_section(printer),
        **_streaming(printer, memory),
        tensors="\n".join(tensors),
        steps="\n".join(steps),
    )


def _streaming(printer: Printer, memory: Memory) -> dict[str, str]:
    """What the README says of a step of a stream, and nothing of a program for whole inputs."""
    if not printer.streaming:
        return {"reset": "", "state_row": "", "streaming": ""}
    frames = reach(printer.schedule.graph)
    row = f"| state | {memory.state:,} | exact: static RAM for what is kept between steps |\n"
    text = fill("streaming.md.in", prefix=printer.prefix, frames=frames, state_bytes=f"{memory.state:,}")
    return {"reset": f"void {printer.prefix}_reset(void);\n", "state_row": row, "streaming": text}


def _conversions(printer: Printer, name: str, t: TensorType) -> str:
    if t.dtype not in CONVERTED or not per_tensor(t):
        return "reals" if t.dtype == "float32" else "as it is"
    return f"`{printer.prefix}_quantize_{name}`, `{printer.prefix}_dequantize_{name}`"


def _manifest(printer: Printer, origin: Origin, memory: Memory) -> dict[str, object]:
    schedule = printer.schedule
    return {
        "smidgen": origin.version,
        "model": {"name": schedule.graph.name, "source": origin.source, "sha256": origin.sha256},
        "target": schedule.target.name,
        "numerics": schedule.graph.numerics,
        **_library_record(printer),
        "optimize": schedule.objective.setting,
        "max_ram_bytes": schedule.objective.max_ram_bytes,
        "max_flash_bytes": schedule.objective.max_flash_bytes,
        "macs": schedule.graph.nominal_macs,
        "live_macs": schedule.graph.macs,
        "weights": schedule.weights,
        "code_in_ram": schedule.ram_code,
        "bytes": {"arena": memory.arena, "arena_lower_bound": schedule.plan.bound_bytes, "weights": memory.weights}
        | ({"state": memory.state} if printer.streaming else {}),
        "bytes_modelled": {"code": memory.code, "stack": memory.stack},
        "steps": [
            {
                "name": s.name,
                "source": s.node.loc,
                "kernel": s.choice.kernel.symbol,
                "cycles_modelled": round(s.choice.cycles),
                "staged_bytes": s.staged_bytes,
                "rejected": [{"kernel": k, "reason": reason} for k, reason in s.choice.rejected],
            }
            for s in schedule.steps
        ],
    }


def _example(printer: Printer, source: str) -> str:
    inputs, outputs = printer.tensors("input"), printer.tensors("output")
    buffers = [
        f"static {C_TYPES[v.type.dtype]} {name}[{printer.macro(name)}_COUNT];" for v, name in (*inputs, *outputs)
    ]
    fills = [
        f"    for (int i = 0; i < {printer.macro(name)}_COUNT; i++) {name}[i] = ({C_TYPES[v.type.dtype]})(i % 100);"
        for v, name in inputs
    ]
    first = outputs[0][1]
    reset = f"{printer.prefix}_reset();\n    " if printer.streaming else ""
    return fill(
        "main.c.in",
        prefix=printer.prefix,
        source=source,
        buffers="\n".join(buffers),
        fills="\n".join(fills),
        run=f"{reset}{printer.function}({', '.join(name for _, name in (*inputs, *outputs))});",
        output=first,
        count=f"{printer.macro(first)}_COUNT",
    )
