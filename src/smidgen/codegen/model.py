# SPDX-License-Identifier: Apache-2.0
"""Prints the run function and the header of a scheduled model: calls and constants, never logic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.codegen.ctext import C_TYPES, comment, float_literal, struct_initializer
from smidgen.codegen.data import DataUnit
from smidgen.codegen.template import fill
from smidgen.ir import Node, TensorType, Value
from smidgen.kernels.kernel import Packed, ParamValue
from smidgen.schedule import Schedule, Step


@dataclass(frozen=True)
class Printer:
    """Prints one schedule. ``prefix`` is smg_<model>, the start of every public name."""

    schedule: Schedule
    prefix: str
    data: DataUnit

    @property
    def arena(self) -> str:
        return f"{self.prefix}_arena"

    def pointer(self, v: Value, const: bool) -> str:
        """A typed pointer to a value: a constant's array or a place in the arena."""
        ctype = C_TYPES[v.type.dtype]
        if v.data is not None:
            return self.data.add(v.name, v.data)
        ctype = "int8_t" if ctype == "uint8_t" else ctype
        slot = self.schedule.slots[v]
        return f"({'const ' if const else ''}{ctype} *)({self.arena} + {slot.offset})"

    def call(self, step: Step) -> str:
        """The call of a step's kernel, under a comment with its source node, shapes and kernel."""
        node, kernel = step.node, step.choice.kernel
        packed = kernel.packed(node)
        arguments = [f"&{self._params_name(step)}"]
        names = [o.rstrip("?*") for o in node.op.operands]
        if node.op.operands and node.op.operands[-1].endswith("*"):
            pointers = ", ".join(self.pointer(v, True) for v in node.inputs)
            arguments.append(f"(const int8_t *const[]){{{pointers}}}")
            names = []
        for position, operand in enumerate(names):
            arguments.append(self._operand(node, operand, position, packed))
        arguments += [self.pointer(v, False) for v in node.outputs]
        scratch = "0" if step.scratch is None else f"{self.arena} + {self.schedule.plan.offset(step.scratch)}"
        shapes = " * ".join(_shape(v.type) for v in node.inputs[:2]) + f" -> {_shape(node.output.type)}"
        return (
            f"    /* {step.index}: {comment(node.loc)}\n"
            f"     * {comment(shapes)}, {node.macs} MACs, about {step.choice.cycles:.0f} cycles */\n"
            f"    {kernel.symbol}({', '.join(arguments)}, {scratch});\n"
        )

    def _operand(self, node: Node, operand: str, position: int, packed: Mapping[str, Packed]) -> str:
        if operand in packed:
            data = packed[operand].data
            return "0" if data is None else self.data.add(f"{node.output.name}_{operand}", data)
        if position >= len(node.inputs):
            return "0"
        return self.pointer(node.inputs[position], True)

    def _params_name(self, step: Step) -> str:
        return f"p{step.index}_{step.name}"

    def params(self, step: Step) -> str:
        """The parameter struct of a step; its arrays go to the weights unit when the struct holds pointers to them."""
        kernel = step.choice.kernel
        fields: dict[str, ParamValue | str] = {}
        for key, v in kernel.params(step.node).items():
            if isinstance(v, np.ndarray):
                fields[key] = self.data.add(f"{step.name}_{key}", v)
            else:
                fields[key] = v
        body = ", ".join(struct_initializer(fields))
        return f"static const smg_{kernel.contract}_params {self._params_name(step)} = {{{body}}};\n"

    def declarations(self) -> str:
        """One declaration a kernel, by its contract's function type: a wrong signature does not compile."""
        used = {s.choice.kernel.symbol: s.choice.kernel.contract for s in self.schedule.steps}
        return "".join(f"extern smg_{contract}_kernel {symbol};\n" for symbol, contract in sorted(used.items()))

    def source(self) -> str:
        """The model's .c file."""
        graph = self.schedule.graph
        copies_in = [
            f"    copy(({self._slot(v)}), {self.argument(v, i, 'input')}, {v.type.nbytes}u);\n"
            for i, v in enumerate(graph.inputs)
        ]
        copies_out = [
            f"    copy({self.argument(v, i, 'output')}, {self._slot(v)}, {v.type.nbytes}u);\n"
            for i, v in enumerate(graph.outputs)
        ]
        accessors = [
            f"{C_TYPES[v.type.dtype]} *{self.prefix}_{self.argument(v, i, kind)}(void) {{\n"
            f"    return ({C_TYPES[v.type.dtype]} *){self._slot(v)};\n}}\n"
            for kind, values in (("input", graph.inputs), ("output", graph.outputs))
            for i, v in enumerate(values)
            if v.data is None
        ]
        return fill(
            "model.c.in",
            prefix=self.prefix,
            source=comment(graph.name),
            numerics=graph.numerics,
            arena_bytes=max(self.schedule.plan.nbytes, 8),
            kernels=self.declarations(),
            params="".join(self.params(s) for s in self.schedule.steps),
            signature=self.signature(),
            calls="\n".join(["".join(copies_in), *(self.call(s) for s in self.schedule.steps), "".join(copies_out)]),
            accessors="\n".join(accessors),
        )

    def _slot(self, v: Value) -> str:
        if v.data is not None:
            return self.data.add(v.name, v.data)
        return f"{self.arena} + {self.schedule.slots[v].offset}"

    def argument(self, v: Value, index: int, kind: str) -> str:
        """input, or input_0, input_1, ... where there are several; likewise outputs."""
        values = self.schedule.graph.inputs if kind == "input" else self.schedule.graph.outputs
        return kind if len(values) == 1 else f"{kind}_{index}"

    def signature(self) -> str:
        graph = self.schedule.graph
        ins = [f"const {C_TYPES[v.type.dtype]} *{self.argument(v, i, 'input')}" for i, v in enumerate(graph.inputs)]
        outs = [f"{C_TYPES[v.type.dtype]} *{self.argument(v, i, 'output')}" for i, v in enumerate(graph.outputs)]
        return f"void {self.prefix}_run({', '.join([*ins, *outs])})"


def _shape(t: TensorType) -> str:
    return f"{t.dtype}[{','.join(map(str, t.shape))}]"


def quantization_macros(name: str, t: TensorType) -> str:
    """The macros that describe one input or output."""
    lines = [
        f"#define {name}_COUNT {t.elements}",
        f"#define {name}_BYTES {t.nbytes}",
        f"/* {name}: {t.dtype}, shape {list(t.shape)} */",
    ]
    if t.quant is not None:
        lines.append(f"#define {name}_SCALE {float_literal(t.scale)}")
        lines.append(f"#define {name}_ZERO_POINT ({t.zero_point})")
    return "\n".join(lines)
