# SPDX-License-Identifier: Apache-2.0
"""Prints a scheduled model's .c file: constants, addresses and calls, never logic."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.codegen.ctext import C_TYPES, INDENT, call, comment, struct_initializer, wrap
from smidgen.codegen.data import DataUnit
from smidgen.codegen.reset import reset_text
from smidgen.codegen.template import fill
from smidgen.ir import Node, TensorType, Value
from smidgen.kernels import function_name
from smidgen.kernels.kernel import Packed, ParamValue
from smidgen.schedule import Schedule, Step
from smidgen.schedule.constants import variadic
from smidgen.schedule.staging import operand_arrays, staged_offsets


@dataclass(frozen=True)
class Printer:
    """Prints one schedule. ``prefix`` is smg_<model>, the start of every public name."""

    schedule: Schedule
    prefix: str
    data: DataUnit

    @property
    def arena(self) -> str:
        return f"{self.prefix}_arena"

    @property
    def streaming(self) -> bool:
        """True for one step of a stream, which has a state."""
        return bool(self.schedule.graph.states)

    @property
    def function(self) -> str:
        """The function that calls the kernels."""
        return f"{self.prefix}_{'step' if self.streaming else 'run'}"

    @property
    def state(self) -> str:
        return f"{self.prefix}_state"

    def locate(self, offset: int) -> tuple[str, int]:
        """The C array of the arena's byte ``offset``, and which byte of it that is."""
        split = self.schedule.plan.split
        if split is None or offset < split:
            return self.arena, offset
        return f"{self.arena}2", offset - split

    def address(self, offset: int) -> str:
        """The arena's byte ``offset`` in C."""
        return "{} + {}".format(*self.locate(offset))

    def arenas(self) -> str:
        """The definitions of the arena's arrays, and the state's."""
        total, split = f"{self.macro()}_ARENA_BYTES", self.schedule.plan.split
        state = f"static _Alignas(8) uint8_t {self.state}[{self.macro()}_STATE_BYTES];"
        after = f"\n/* What is kept from step to step. */\n{state}" if self.streaming else ""
        if split is None:
            return f"static _Alignas(8) uint8_t {self.arena}[{total}];{after}"
        section = f'__attribute__((section(".bss.{self.arena}2")))'
        return (
            f"static _Alignas(8) uint8_t {self.arena}[{split}];\n"
            f"/* What the main RAM has no room for: put this section into the second one. */\n"
            f"static _Alignas(8) {section} uint8_t {self.arena}2[{total} - {split}];{after}"
        )

    def source(self, origin: str) -> str:
        """The model's .c file; fills ``data`` on the way."""
        graph = self.schedule.graph
        steps, small = self.schedule.steps, self.schedule.objective.setting == "size"
        sizes = {kind: [f"{self.macro(n)}_BYTES" for _, n in self.tensors(kind)] for kind in ("input", "output")}
        copies_in = [
            call(f"{self.prefix}_copy", (self.place(v), name, nbytes))
            for (v, name), nbytes in zip(self.tensors("input"), sizes["input"], strict=True)
        ]
        copies_out = [
            call(f"{self.prefix}_copy", (name, self.place(v), nbytes))
            for (v, name), nbytes in zip(self.tensors("output"), sizes["output"], strict=True)
        ]
        accessors = [
            f"{C_TYPES[v.type.dtype]} *{self.prefix}_{name}(void) {{\n{INDENT}return {self.place(v)};\n}}\n"
            for v, name in (*self.tensors("input"), *self.tensors("output"))
            if v.data is None
        ]
        calls = ["\n".join(copies_in), *(self.call(s) for s in steps), "\n".join(copies_out)]
        return fill(
            "model.c.in",
            prefix=self.prefix,
            guard=self.macro(),
            source=origin,
            numerics=graph.numerics,
            kernels=self.declarations(),
            arenas=self.arenas(),
            map=self.memory_map(),
            params="\n".join(self.params(s) for s in steps),
            signature=self.signature(),
            copy=fill("copy_small.c.in" if small else "copy.c.in", prefix=self.prefix),
            stage=fill("stage.c.in", prefix=self.prefix) if any(s.staged for s in steps) else "",
            reset=reset_text(self) if self.streaming else "",
            calls="\n\n".join(calls),
            accessors="\n".join(accessors),
        )

    def macro(self, name: str = "") -> str:
        """SMG_<MODEL>, or SMG_<MODEL>_<NAME>: the start of a group of macros."""
        return f"{self.prefix}_{name}".strip("_").upper()

    def tensors(self, kind: str) -> list[tuple[Value, str]]:
        """The graph's inputs or outputs with their C names: input, or input_0, input_1, ... where there are several.

        Of a step of a stream: frame and scores.
        """
        values = self.schedule.graph.inputs if kind == "input" else self.schedule.graph.outputs
        name = {"input": "frame", "output": "scores"}[kind] if self.streaming else kind
        return [(v, name if len(values) == 1 else f"{name}_{i}") for i, v in enumerate(values)]

    def signature(self) -> str:
        ins = [f"const {C_TYPES[v.type.dtype]} *{name}" for v, name in self.tensors("input")]
        outs = [f"{C_TYPES[v.type.dtype]} *{name}" for v, name in self.tensors("output")]
        *most, last = [*ins, *outs]
        start = f"void {self.function}("
        return start + wrap([*(f"{a}," for a in most), f"{last})"], " " * len(start)).lstrip()

    def place(self, v: Value) -> str:
        """A value as an operand: a constant's array, or the macro of its place in the arena."""
        if v.data is None:
            return f"at_{v.name}"
        return self.data.add(v.name, v.data)

    def memory_map(self) -> str:
        """One macro a tensor and scratch buffer, in the order of use."""
        life = {p.buffer.name: p.buffer for p in self.schedule.plan.placements}
        rows: list[tuple[str, str, str]] = []
        for v in self._placed():
            ctype = C_TYPES[v.type.dtype]
            address = f"(({ctype} *)({self._home(v)}))"
            rows.append((f"at_{v.name}", address, _shape(v.type)))
        for s in self.schedule.steps:
            if s.scratch is not None:
                address = f"({self.address(self.schedule.plan.offset(s.scratch))})"
                rows.append((f"scratch_{s.name}", address, f"{life[s.scratch].nbytes} bytes"))
            rows += self._staged_rows(s)
        names, addresses = (max((len(r[i]) for r in rows), default=0) for i in (0, 1))
        return "\n".join(f"#define {n:{names}} {a:{addresses}} /* {c} */" for n, a, c in rows)

    def _home(self, v: Value) -> str:
        """A value's first byte: in the arena, or in the state."""
        kept = self.schedule.state_slots.get(v)
        return self.address(self.schedule.slots[v].offset) if kept is None else f"{self.state} + {kept.offset}"

    def _staged_rows(self, step: Step) -> Iterable[tuple[str, str, str]]:
        """Where a step's constants are copied to: macro, address, comment."""
        if step.staged is None:
            return
        start = self.schedule.plan.offset(step.staged)
        arrays = operand_arrays(step.choice.kernel, step.node)
        offsets = staged_offsets(arrays)
        for operand, data in arrays:
            ctype = "int8_t" if data.dtype == np.uint8 else C_TYPES[data.dtype.name]  # as in _byte_pointer
            address = f"(({ctype} *)({self.address(start + offsets[operand])}))"
            yield f"staged_{step.name}_{operand}", address, f"{data.nbytes} bytes of constants"

    def _placed(self) -> Iterable[Value]:
        """Every value that the run function names, once."""
        graph = self.schedule.graph
        used = [
            *graph.inputs,
            *(s.before for s in graph.states),
            *(v for s in self.schedule.steps for v in (*s.node.inputs, *s.node.outputs)),
        ]
        return (v for v in dict.fromkeys([*used, *graph.outputs]) if v.data is None)

    def declarations(self) -> str:
        """One declaration a kernel, by its contract's function type: a wrong signature does not compile."""
        used = {function_name(s.choice.kernel, s.node): s.choice.kernel.contract for s in self.schedule.steps}
        lines = [f"extern smg_{contract}_kernel {symbol};" for symbol, contract in sorted(used.items())]
        if (library := self.schedule.library) is not None:
            reason = f"{library.name} needs other buffers on this core: compile the model for it again"
            lines = [f"#if {library.unfit}", f'#error "{reason}"', "#endif", *lines]
        return "\n".join(lines)

    def params(self, step: Step) -> str:
        """The parameter struct of a step; arrays that it points to go to the weights unit."""
        kernel = step.choice.kernel
        fields: dict[str, ParamValue | str] = {}
        for key, v in kernel.params(step.node).items():
            fields[key] = self.data.add(f"{step.name}_{key}", v) if isinstance(v, np.ndarray) else v
        body = wrap((f"{item}," for item in struct_initializer(fields)), INDENT)
        text = f"static const smg_{kernel.contract}_params params_{step.name} = {{\n{body}\n}};\n"
        if variadic(step.node):
            pointers = wrap((f"{p}," for p in (self._byte_pointer(v) for v in step.node.inputs)), INDENT)
            dtype = step.node.inputs[0].type.dtype
            element = "int8_t" if dtype == "uint8" else C_TYPES[dtype]  # as in _byte_pointer
            text += f"static const {element} *const inputs_{step.name}[] = {{\n{pointers}\n}};\n"
        return text

    def call(self, step: Step) -> str:
        """The call of a step's kernel, under a comment with its source node, shapes and kernel."""
        node, kernel = step.node, step.choice.kernel
        arguments = [f"&params_{step.name}"]
        if variadic(node):
            arguments.append(f"inputs_{step.name}")
        else:
            packed = kernel.packed(node)
            names = [o.rstrip("?*") for o in node.op.operands]
            arguments += [self._operand(node, operand, i, packed) for i, operand in enumerate(names)]
        arguments += [self._byte_pointer(v) for v in node.outputs]
        arguments.append("NULL" if step.scratch is None else f"scratch_{step.name}")
        copies = self._stage(step, arguments)
        return "\n".join((self._banner(step), *copies, call(function_name(kernel, node), arguments)))

    def _stage(self, step: Step, arguments: list[str]) -> list[str]:
        """The copies of a step's constants to RAM; their places there replace them among the arguments."""
        if step.staged is None:
            return []
        copies: list[str] = []
        names = [o.rstrip("?") for o in step.node.op.operands]
        for operand, data in operand_arrays(step.choice.kernel, step.node):
            at = 1 + names.index(operand)  # after the parameters
            constant, arguments[at] = arguments[at], f"staged_{step.name}_{operand}"
            self.data.align(constant.removeprefix("(const int8_t *)"))
            copies.append(call(f"{self.prefix}_stage", (arguments[at], constant, str(data.nbytes))))
        return copies

    def _banner(self, step: Step) -> str:
        node = step.node
        number = f"Step {step.index} of {len(self.schedule.steps)}"
        operands = ", ".join(f"{_operand_name(node, i)} {_shape(v.type)}" for i, v in enumerate(node.inputs))
        paragraphs = (
            f"{number}: {type(node.op).__name__} from {comment(node.loc)}",
            f"{operands} -> {_shape(node.output.type)}",
            f"{step.choice.kernel.symbol}: {_macs(node)}, about {step.choice.cycles:.0f} cycles",
        )
        lines = "\n".join(wrap(p.split(), f"{INDENT} *   ") for p in paragraphs)
        return lines.replace(f"{INDENT} *   ", f"{INDENT}/* ", 1) + " */"

    def _operand(self, node: Node, operand: str, position: int, packed: Mapping[str, Packed]) -> str:
        if operand in packed:
            data = packed[operand].data
            return "NULL" if data is None else self.data.add(f"{node.output.name}_{operand}", data)
        if position >= len(node.inputs):
            return "NULL"
        return self._byte_pointer(node.inputs[position])

    def _byte_pointer(self, v: Value) -> str:
        """A value as kernels take it: they know bytes as int8_t."""
        if v.type.dtype != "uint8":
            return self.place(v)
        return f"({'int8_t' if v.data is None else 'const int8_t'} *){self.place(v)}"


def _macs(node: Node) -> str:
    narrowed = node.macs != node.nominal_macs
    return f"{node.nominal_macs} MACs, {node.macs} live" if narrowed else f"{node.macs} MACs"


def _operand_name(node: Node, index: int) -> str:
    operands = node.op.operands
    return f"{operands[-1].rstrip('*')}{index}" if variadic(node) else operands[index].rstrip("?")


def _shape(t: TensorType) -> str:
    return f"{t.dtype}[{','.join(map(str, t.shape))}]"
