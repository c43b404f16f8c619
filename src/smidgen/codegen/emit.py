# SPDX-License-Identifier: Apache-2.0
"""The files of a compiled model, as text: a library anyone can build, and the emulator's harness for it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path

from smidgen.codegen.ctext import C_TYPES, comment
from smidgen.codegen.data import DataUnit
from smidgen.codegen.documents import Origin, extras
from smidgen.codegen.header import header
from smidgen.codegen.memory import Memory, memory_of
from smidgen.codegen.model import Printer
from smidgen.codegen.sources import Interface, Sources, TensorSlot
from smidgen.codegen.sources import Step as TracedStep
from smidgen.codegen.template import fill
from smidgen.ir import Value
from smidgen.kernels import function_file, function_name, source_path
from smidgen.kernels.kernel import ROOT as KERNELS_ROOT
from smidgen.schedule import Schedule

_BUFFER = "smg_harness_IO_"  # upper case: no model's name has it


def emit(schedule: Schedule, origin: Origin) -> tuple[Sources, Memory]:
    """The program of a schedule and the memory it needs. The same schedule and origin give the same bytes."""
    prefix = f"smg_{schedule.graph.name}"
    data = DataUnit(prefix, in_ram=schedule.weights == "sram", by_lines=schedule.objective.setting != "size")
    printer = Printer(schedule, prefix, data)
    source = printer.source(comment(origin.source))  # fills printer.data
    memory = memory_of(schedule, printer.data.nbytes)
    files = {
        f"{prefix}.c": source,
        f"{prefix}.h": header(printer, memory, origin.source, origin.version),
        f"{prefix}_weights.c": printer.data.source(),
        f"{prefix}_weights.h": printer.data.header(),
        **_kernel_files(schedule),
    }
    others = extras(printer, origin, memory, sorted(files))
    digest = hashlib.sha256()
    for path, text in sorted({**files, **others}.items()):
        digest.update(f"{path}\0{len(text)}\0{text}".encode())
    harness = {"harness_model.c": _harness(printer)}
    library = schedule.library
    if library is not None:
        digest.update(library.digest.encode())
    sources = Sources(schedule.graph.name, files, harness, _interface(printer), digest.hexdigest(), others, library)
    return sources, memory


def _kernel_files(schedule: Schedule) -> dict[str, str]:
    """Sources of the kernels in use, with the headers they include."""
    paths: dict[str, Path] = {p.name: p for p in (KERNELS_ROOT / "include").glob("*.h")}
    functions: dict[str, str] = {}
    for kernel, node in ((s.choice.kernel, s.node) for s in schedule.steps):
        name, text = function_file(kernel, node)
        functions[name] = text
        path = source_path(kernel)
        paths.update((h, path.parent / h) for h in (path.name, *kernel.includes) if h.endswith(".h"))
    texts = {**{name: path.read_text(encoding="utf-8") for name, path in paths.items()}, **functions}
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


def _harness(printer: Printer) -> str:
    tensors = [*printer.tensors("input"), *printer.tensors("output")]
    buffers = [f"{C_TYPES[v.type.dtype]} {_BUFFER}{name}[{v.type.elements}];" for v, name in tensors]
    run = f"{printer.function}({', '.join(_BUFFER + name for _, name in tensors)});"
    start = f"{printer.prefix}_reset();" if printer.streaming else ""
    declared = [f"extern {line}\n{line}" for line in buffers]
    return fill("harness_model.c.in", prefix=printer.prefix, buffers="\n".join(declared), run=run, start=start)


def _interface(printer: Printer) -> Interface:
    """Where the emulator finds the program's tensors."""
    schedule = printer.schedule

    kept = schedule.state_slots

    def placed(v: Value) -> TensorSlot:
        if v in kept:
            return TensorSlot(v.name, printer.state, kept[v].offset, kept[v].nbytes)
        slot = schedule.slots[v]
        return TensorSlot(v.name, *printer.locate(slot.offset), slot.nbytes)

    def scratch(name: str | None, nbytes: int) -> tuple[TensorSlot, ...]:
        return () if name is None else (TensorSlot(name, *printer.locate(schedule.plan.offset(name)), nbytes),)

    # what is copied for the next kernel lands before that is entered: in this step, as the emulator sees it
    staged = [*(scratch(s.staged, s.staged_bytes) for s in schedule.steps[1:]), ()]
    steps = [
        TracedStep(
            s.index,
            function_name(s.choice.kernel, s.node),
            s.node.loc,
            tuple(placed(v) for v in s.node.outputs),
            (*scratch(s.scratch, s.choice.kernel.scratch(s.node)), *next_constants),
        )
        for s, next_constants in zip(schedule.steps, staged, strict=False)
    ]
    inputs, outputs = (
        tuple(TensorSlot(v.name, _BUFFER + name, 0, v.type.nbytes) for v, name in printer.tensors(kind))
        for kind in ("input", "output")
    )
    second = f"{printer.arena}2" if schedule.plan.split is not None else ""
    state = printer.state if printer.streaming else ""
    return Interface(inputs, outputs, tuple(steps), printer.arena, printer.function, schedule.ram_code, second, state)
