# SPDX-License-Identifier: Apache-2.0
"""The files of a compiled model, as text: a library anyone can build, and the emulator's harness for it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from smidgen.codegen.ctext import C_TYPES, comment
from smidgen.codegen.data import DataUnit
from smidgen.codegen.model import Printer, quantization_macros
from smidgen.codegen.sources import Interface, Sources, TensorSlot
from smidgen.codegen.sources import Step as TracedStep
from smidgen.codegen.template import fill
from smidgen.ir import Value
from smidgen.kernels import footprint, source_path
from smidgen.kernels.kernel import ROOT as KERNELS_ROOT
from smidgen.schedule import Schedule


@dataclass(frozen=True, slots=True)
class Origin:
    """What a model was made from: the file's name and SHA-256, and the compiler's version."""

    source: str
    sha256: str
    version: str


@dataclass(frozen=True, slots=True)
class Memory:
    """Bytes a program needs. Arena and weights are exact; code and stack modelled until the program is built."""

    arena: int
    weights: int
    code: int
    stack: int


def emit(schedule: Schedule, origin: Origin) -> tuple[Sources, Memory]:
    """The program of a schedule and the memory it needs. The same schedule and origin give the same bytes."""
    prefix = f"smg_{schedule.graph.name}"
    printer = Printer(schedule, prefix, DataUnit(prefix))
    source = printer.source()  # fills printer.data
    files = {
        f"{prefix}.c": source,
        f"{prefix}.h": _header(printer, origin),
        f"{prefix}_weights.c": printer.data.source(),
        f"{prefix}_weights.h": printer.data.header(),
        **_kernel_files(schedule),
    }
    memory = memory_of(schedule, printer.data.nbytes)
    extras = _extras(printer, origin, memory, sorted(f for f in files if f.endswith(".c")))
    digest = hashlib.sha256()
    for path, text in sorted({**files, **extras}.items()):
        digest.update(f"{path}\0{len(text)}\0{text}".encode())
    harness = {"harness_model.c": _harness(printer)}
    sources = Sources(schedule.graph.name, files, harness, _interface(printer), digest.hexdigest(), extras)
    return sources, memory


def memory_of(schedule: Schedule, weights_bytes: int) -> Memory:
    """What the header promises and ``check`` compares with the board."""
    symbols = {s.choice.kernel.symbol for s in schedule.steps}
    code = sum(footprint.code_bytes(s) for s in symbols) + footprint.run_code_bytes(len(schedule.steps))
    stack = footprint.run_stack_bytes() + max((footprint.stack_bytes(s) for s in symbols), default=0)
    return Memory(max(schedule.plan.nbytes, 8), weights_bytes, code, stack)


def _kernel_files(schedule: Schedule) -> dict[str, str]:
    """Sources of the kernels in use, with the headers they include."""
    paths: dict[str, Path] = {}
    for kernel in {s.choice.kernel.symbol: s.choice.kernel for s in schedule.steps}.values():
        path = source_path(kernel)
        paths[path.name] = path
        paths.update((name, path.parent / name) for name in kernel.includes)
    paths.update((p.name, p) for p in (KERNELS_ROOT / "include").glob("*.h"))
    texts = {name: path.read_text(encoding="utf-8") for name, path in sorted(paths.items())}
    return {f"kernels/{name}": texts[name] for name in _needed(texts)}


def _needed(texts: Mapping[str, str]) -> list[str]:
    """The .c files and every header that they reach."""
    todo = [name for name in texts if name.endswith(".c")]
    todo.append("smg_kernels.h")
    found: set[str] = set()
    while todo:
        name = todo.pop()
        if name in found:
            continue
        found.add(name)
        todo += [h for h in texts if f'#include "{h}"' in texts[name]]
    return sorted(found)


def _header(printer: Printer, origin: Origin) -> str:
    schedule, graph = printer.schedule, printer.schedule.graph
    memory = memory_of(schedule, printer.data.nbytes)
    tensors = [(v, printer.argument(v, i, kind), kind) for kind, vs in _sides(printer) for i, v in enumerate(vs)]
    guard = printer.prefix.upper()
    accessors = [f"{C_TYPES[v.type.dtype]} *{printer.prefix}_{name}(void);" for v, name, _ in tensors if v.data is None]
    helpers = [
        fill("helpers.h.in", prefix=printer.prefix, name=name, guard=f"{guard}_{name.upper()}")
        for v, name, _ in tensors
        if v.type.dtype == "int8" and v.type.quant is not None
    ]
    return fill(
        "model.h.in",
        version=origin.version,
        source=comment(origin.source),
        target=schedule.target.name,
        macs=graph.macs,
        numerics=graph.numerics,
        guard=guard,
        arena_bytes=memory.arena,
        weights_bytes=memory.weights,
        code_bytes=memory.code,
        stack_bytes=memory.stack,
        size_model=footprint.PROVENANCE,
        tensors="\n\n".join(quantization_macros(f"{guard}_{name.upper()}", v.type) for v, name, _ in tensors),
        signature=printer.signature(),
        accessors="\n".join(accessors),
        helpers="\n".join(helpers),
    )


def _sides(printer: Printer) -> list[tuple[str, tuple[Value, ...]]]:
    graph = printer.schedule.graph
    return [("input", graph.inputs), ("output", graph.outputs)]


def _extras(printer: Printer, origin: Origin, memory: Memory, units: list[str]) -> dict[str, str]:
    """What a person or a build system reads; the emulator's build does not need it."""
    schedule, prefix = printer.schedule, printer.prefix
    cmake = fill("CMakeLists.txt.in", prefix=prefix, files="\n".join(f"  {u}" for u in units))
    rows = [f"| {s.index} {s.name} | `{s.choice.kernel.symbol}` | {comment(s.node.loc)} |" for s in schedule.steps]
    readme = fill(
        "README.md.in",
        prefix=prefix,
        version=origin.version,
        source=comment(origin.source),
        sha=origin.sha256,
        target=schedule.target.name,
        numerics=schedule.graph.numerics,
        macs=schedule.graph.macs,
        arena_bytes=memory.arena,
        weights_bytes=memory.weights,
        code_bytes=memory.code,
        size_model=footprint.PROVENANCE,
        steps="\n".join(rows),
    )
    return {
        "CMakeLists.txt": cmake,
        "README.md": readme,
        "main.c": _example(printer),
        "manifest.json": json.dumps(_manifest(printer, origin, memory), indent=1) + "\n",
    }


def _manifest(printer: Printer, origin: Origin, memory: Memory) -> dict[str, object]:
    schedule = printer.schedule
    return {
        "smidgen": origin.version,
        "model": {"name": schedule.graph.name, "source": origin.source, "sha256": origin.sha256},
        "target": schedule.target.name,
        "numerics": schedule.graph.numerics,
        "macs": schedule.graph.macs,
        "bytes": {"arena": memory.arena, "arena_lower_bound": schedule.plan.bound_bytes, "weights": memory.weights},
        "steps": [
            {
                "name": s.name,
                "source": s.node.loc,
                "kernel": s.choice.kernel.symbol,
                "cycles_modelled": round(s.choice.cycles),
                "rejected": [{"kernel": k, "reason": reason} for k, reason in s.choice.rejected],
            }
            for s in schedule.steps
        ],
    }


def _buffers(printer: Printer, prefix: str, storage: str) -> tuple[list[str], list[str], str]:
    """(input definitions, output definitions, the call) for static buffers named <prefix><argument>."""
    inputs, outputs = (
        [
            f"{storage}{C_TYPES[v.type.dtype]} {prefix}{printer.argument(v, i, kind)}[{v.type.elements}];"
            for i, v in enumerate(values)
        ]
        for kind, values in _sides(printer)
    )
    names = [f"{prefix}{printer.argument(v, i, kind)}" for kind, vs in _sides(printer) for i, v in enumerate(vs)]
    return inputs, outputs, f"{printer.prefix}_run({', '.join(names)});"


def _example(printer: Printer) -> str:
    inputs, outputs, run = _buffers(printer, "", "static ")
    first = printer.schedule.graph.inputs[0]
    name = printer.argument(first, 0, "input")
    value = f"({C_TYPES[first.type.dtype]})i" if first.type.dtype != "float32" else "(float)i"
    output = printer.argument(printer.schedule.graph.outputs[0], 0, "output")
    return fill(
        "main.c.in",
        prefix=printer.prefix,
        input_buffers="\n".join(inputs),
        output_buffers="\n".join(outputs),
        fill=f"    for (int i = 0; i < {first.type.elements}; i++) {name}[i] = {value};",
        run=run,
        check=f"return {output}[0] == {output}[0] ? 0 : 1;",
    )


def _harness(printer: Printer) -> str:
    inputs, outputs, run = _buffers(printer, "smg_harness_", "")
    declared = [f"extern {line}\n{line}" for line in (*inputs, *outputs)]
    return fill("harness_model.c.in", prefix=printer.prefix, buffers="\n".join(declared), run=run)


def _interface(printer: Printer) -> Interface:
    schedule = printer.schedule

    def buffer(v: Value, i: int, kind: str) -> TensorSlot:
        return TensorSlot(v.name, f"smg_harness_{printer.argument(v, i, kind)}", 0, v.type.nbytes)

    def placed(v: Value) -> TensorSlot:
        slot = schedule.slots[v]
        return TensorSlot(v.name, printer.arena, slot.offset, slot.nbytes)

    steps = [
        TracedStep(
            s.index,
            s.choice.kernel.symbol,
            s.node.loc,
            tuple(placed(v) for v in s.node.outputs),
            ()
            if s.scratch is None
            else (
                TensorSlot(s.scratch, printer.arena, schedule.plan.offset(s.scratch), s.choice.kernel.scratch(s.node)),
            ),
        )
        for s in schedule.steps
    ]
    inputs, outputs = (tuple(buffer(v, i, kind) for i, v in enumerate(vs)) for kind, vs in _sides(printer))
    return Interface(inputs, outputs, tuple(steps), printer.arena, f"{printer.prefix}_run")
