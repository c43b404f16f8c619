# SPDX-License-Identifier: Apache-2.0
"""Prints a model's public header: sizes, tensors, functions, conversions between reals and integers."""

from __future__ import annotations

from smidgen.codegen.ctext import C_TYPES, comment, float_literal
from smidgen.codegen.memory import Memory
from smidgen.codegen.model import Printer
from smidgen.codegen.template import fill
from smidgen.ir import TensorType, Value
from smidgen.kernels import footprint
from smidgen.ops import reach
from smidgen.ops.arithmetic import RANGES

CONVERTED = ("int8", "uint8", "int16")
"""The element types that the header has conversions from and to reals for."""


def header(printer: Printer, memory: Memory, source: str, version: str) -> str:
    """The text of smg_<model>.h."""
    graph = printer.schedule.graph
    tensors = [*printer.tensors("input"), *printer.tensors("output")]
    accessors = [f"{C_TYPES[v.type.dtype]} *{printer.prefix}_{name}(void);" for v, name in tensors if v.data is None]
    helpers = [_helpers(printer, v, name) for v, name in tensors if v.type.dtype in CONVERTED and per_tensor(v.type)]
    return fill(
        "model.h.in",
        version=version,
        source=comment(source),
        target=comment(printer.schedule.target.name),
        macs=graph.nominal_macs,
        live_macs=graph.macs,
        numerics=graph.numerics,
        name=printer.prefix.removeprefix("smg_").upper(),
        guard=printer.macro(),
        arena_bytes=memory.arena,
        weights_bytes=memory.weights,
        static_bytes=memory.static,
        code_bytes=memory.code,
        stack_bytes=memory.stack,
        size_model=footprint.PROVENANCE,
        **_streaming(printer, memory),
        tensors="\n\n".join(_tensor_macros(printer.macro(name), name, v.type) for v, name in tensors),
        accessors="\n".join(accessors),
        helpers="\n".join(helpers),
    )


def _streaming(printer: Printer, memory: Memory) -> dict[str, str]:
    """The fields that differ between a program for whole inputs and one step of a stream."""
    prefix, guard, signature = printer.prefix, printer.macro(), printer.signature()
    if not printer.streaming:
        functions = fill("run.h.in", signature=signature)
        return {"start": "no initialisation call", "state": "", "state_term": "", "functions": functions}
    frames = reach(printer.schedule.graph)
    state = (
        f"\n/* STATE: the static RAM for what is kept between steps, beside the arena; exact. WINDOW_FRAMES: how many "
        f"of the\n * newest frames a step's result depends on. */\n#define {guard}_STATE_BYTES {memory.state}\n"
        f"#define {guard}_WINDOW_FRAMES {frames}\n"
    )
    functions = fill("step.h.in", prefix=prefix, guard=guard, signature=signature)
    return {
        "start": "one call of reset to start with",
        "state": state,
        "state_term": f" + {guard}_STATE_BYTES",
        "functions": functions,
    }


def per_tensor(t: TensorType) -> bool:
    """True if one scale and zero point hold for all elements."""
    return t.quant is not None and t.quant.axis is None


def _tensor_macros(macro: str, name: str, t: TensorType) -> str:
    """The macros that describe one input or output."""
    shape = " x ".join(map(str, t.shape)) or "scalar"
    quantized = per_tensor(t)
    meaning = ", real = (q - ZERO_POINT) * SCALE" if quantized else ", reals" if t.dtype == "float32" else ""
    lines = [
        f"/* {name}: {C_TYPES[t.dtype]}, {shape}{meaning} */",
        f"#define {macro}_COUNT {t.elements}",
        f"#define {macro}_BYTES {t.nbytes}",
    ]
    if quantized:
        lines.append(f"#define {macro}_SCALE {float_literal(t.scale)}")
        lines.append(f"#define {macro}_ZERO_POINT ({t.zero_point})")
    return "\n".join(lines)


def _helpers(printer: Printer, v: Value, name: str) -> str:
    """quantize and dequantize for one tensor; the rounding is the numeric profile's, as in ops/quant.py."""
    even = printer.schedule.graph.numerics == "onnx-qdq.v1"
    lowest, highest = RANGES[v.type.dtype]
    to_even = "magnitude > 0.5f || (magnitude == 0.5f && (whole & 1) != 0)"
    return fill(
        "helpers.h.in",
        prefix=printer.prefix,
        name=name,
        guard=printer.macro(name),
        type=C_TYPES[v.type.dtype],
        ties="to even" if even else "away from zero",
        away=to_even if even else "magnitude >= 0.5f",
        lowest=lowest,
        highest=highest,
        limit=f"{2 * (highest - lowest + 1)}.0f",
    )
