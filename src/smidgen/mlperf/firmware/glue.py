# SPDX-License-Identifier: Apache-2.0
"""A compiled model and a task -> which of the firmware's C files serve it, and the constants they need."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from smidgen.codegen.ctext import C_TYPES, array_definition, comment
from smidgen.codegen.header import CONVERTED, per_tensor
from smidgen.codegen.template import fill
from smidgen.compiler import Compiled
from smidgen.errors import UsageError
from smidgen.ir import Array, QuantParams, TensorType
from smidgen.mlperf.firmware.audio import wakeword
from smidgen.mlperf.tasks import Task
from smidgen.ops import Quantize

_KWS_FEATURES = QuantParams((0.5847029089927673,), (83,))
"""What the int8 of the kws files mean: the input quantisation of the benchmark's own model."""

_PIXEL_RANGES = ((0.0, 255.0), (0.0, 1.0), (-1.0, 1.0), (-128.0, 127.0))
_FLOAT_PIXELS = {"ic": (0.0, 255.0), "ic2": (0.0, 255.0), "vww": (0.0, 1.0)}
"""What the benchmark's float32 networks take for black and white."""


@dataclass(frozen=True, slots=True)
class Glue:
    """``sources``: names of files of runtime/mlperf. ``files``: generated ones. ``notes``: what a user should know."""

    sources: tuple[str, ...]
    files: Mapping[str, str]
    notes: tuple[str, ...]


def glue(compiled: Compiled, task: Task) -> Glue:
    """UsageError if the model does not fit the task."""
    if task.format == "audio":
        return Glue(*wakeword(compiled, task))
    x, y = _ends(compiled, task)
    channels, channel_first = _layout(x, task)
    _check_elements(compiled, x, y)
    _check_autoencoder(x, y, task)
    notes: list[str] = []
    files: dict[str, str] = {}
    meaning = "Not used: the input is reals."
    if task.format == "float32":
        loader = "smg_load_reals.c"
    else:
        loader = "smg_load_bytes.c"
        table, meaning, note = _meaning(x, task)
        notes += [note] if note else []
        files["smg_meaning.c"] = _table(table)
    if task.metric == "top1" and y.elements != task.outputs:
        notes.append(f"the model has {y.elements} outputs, the data of {task.name} is labelled for {task.outputs}")
    files["smg_dut_model.h"] = _model_header(compiled, x, y, (channels, channel_first), meaning)
    results = "smg_results_error.c" if task.metric == "auc" else "smg_results_scores.c"
    return Glue(("smg_model.c", "smg_no_commands.c", loader, results), files, tuple(notes))


def _ends(compiled: Compiled, task: Task) -> tuple[TensorType, TensorType]:
    """The types of the model's one input and one output."""
    graph = compiled.graph
    if len(graph.inputs) != 1 or len(graph.outputs) != 1:
        raise UsageError(
            f"{graph.name} has {len(graph.inputs)} inputs and {len(graph.outputs)} outputs: the benchmark's device "
            "takes one input and answers with one output"
        )
    return graph.inputs[0].type, graph.outputs[0].type


def _layout(x: TensorType, task: Task) -> tuple[int, bool]:
    """The channels of a file's element order (the last dimension), and whether the model wants them first."""
    wanted = math.prod(task.input_shape)
    if x.elements != wanted:
        shape = " x ".join(map(str, task.input_shape))
        raise UsageError(
            f"the model's input {list(x.shape)} has {x.elements} elements, an input of {task.name} ({task.title}) has "
            f"{wanted} ({shape}): is this another task's model? Name its own with --task"
        )
    found, meant = ([n for n in shape if n != 1] for shape in (x.shape, task.input_shape))
    if len(found) <= 1 or found == meant or task.format == "float32":
        return 1, False
    height, width, channels = task.input_shape[1:]
    if found == [n for n in (channels, height, width) if n != 1]:
        return channels, True
    raise UsageError(
        f"the model's input is {list(x.shape)}, an input of {task.name} is {list(task.input_shape)}: which element "
        "goes where cannot be told. Export the model with the benchmark's shape, or with its channels first"
    )


def _check_elements(compiled: Compiled, x: TensorType, y: TensorType) -> None:
    for kind, t in (("input", x), ("output", y)):
        if t.dtype != "float32" and not (t.dtype in CONVERTED and per_tensor(t)):
            raise UsageError(
                f"the {kind} of {compiled.graph.name} is {t.dtype}"
                f"{'' if t.quant is None else ' with a scale a channel'}: the benchmark's device needs "
                f"{', '.join(CONVERTED)} with one scale, or float32"
            )


def _check_autoencoder(x: TensorType, y: TensorType, task: Task) -> None:
    """An output that is compared with the input has to have its elements."""
    if task.metric == "auc" and x.elements != y.elements:
        raise UsageError(
            f"the model has {x.elements} inputs and {y.elements} outputs: {task.name} compares them one by one, so an "
            "autoencoder is needed"
        )


def _meaning(x: TensorType, task: Task) -> tuple[Array, str, str]:
    """What each of the 256 bytes becomes, in words for C, and a note where that was not plain."""
    byte = np.arange(256)
    if task.format == "int8":
        return _features(x, byte.astype(np.uint8).view(np.int8))
    return _pixels(x, task, byte)


def _features(x: TensorType, q: Array) -> tuple[Array, str, str]:
    scale, zero = _KWS_FEATURES.scale[0], _KWS_FEATURES.zero_point[0]
    if x.dtype == "int8":
        other = x.quant != _KWS_FEATURES
        note = (
            f"the model's input has scale {x.scale:g} and zero point {x.zero_point}, the files were made for "
            f"{scale:g} and {zero}: their bytes go in as they are"
        )
        return q, "A byte is the input's int8.", note if other else ""
    reals = (q.astype(np.float32) - np.float32(zero)) * np.float32(scale)
    text = f"A byte is an int8 feature of scale {scale:g} and zero point {zero}."
    return _converted(x, reals), text, ""


def _pixels(x: TensorType, task: Task, byte: Array) -> tuple[Array, str, str]:
    """The reference's pixel minus 128 where that is what the model's quantisation says, otherwise by its range."""
    if x.dtype == "int8" and x.zero_point == -128:
        return (byte - 128).astype(np.int8), "A byte is a pixel, the input is the pixel minus 128.", ""
    if x.dtype == "uint8" and x.zero_point == 0:
        return byte.astype(np.uint8), "A byte is a pixel, and the input as it is.", ""
    low, high = _FLOAT_PIXELS[task.name] if x.dtype == "float32" else _pixel_range(x)
    reals = (byte.astype(np.float64) * ((high - low) / 255) + low).astype(np.float32)
    text = f"A byte is a pixel; 0 stands for {low:g}, 255 for {high:g}."
    return _converted(x, reals), text, f"pixels from 0 to 255 stand for {low:g} to {high:g} in the model's input"


def _pixel_range(x: TensorType) -> tuple[float, float]:
    """The range images usually have that is nearest to what the input's integers can say."""
    limits = np.iinfo(x.dtype)
    low, high = ((q - x.zero_point) * x.scale for q in (int(limits.min), int(limits.max)))
    return min(_PIXEL_RANGES, key=lambda r: (abs(r[0] - low) + abs(r[1] - high)) / max(r[1] - r[0], high - low))


def _converted(x: TensorType, reals: Array) -> Array:
    """Reals as the model's input elements, rounded as the model itself would."""
    if x.dtype == "float32":
        return reals
    assert x.quant is not None
    op = Quantize(out_quant=x.quant, dtype=x.dtype)
    return op.evaluate((TensorType("float32", reals.shape),), (reals,))[0]


def _table(table: Array) -> str:
    return (
        "/* Generated by smidgen: what each byte of an input stands for. */\n"
        '#include "smg_dut_model.h"\n\n' + array_definition("smg_meaning", table)
    )


def _model_header(compiled: Compiled, x: TensorType, y: TensorType, layout: tuple[int, bool], meaning: str) -> str:
    prefix = f"smg_{compiled.graph.name}"
    channels, first = layout
    return fill(
        "dut_model.h.in",
        version=compiled.origin.version,
        source=comment(compiled.origin.source),
        prefix=prefix,
        guard=prefix.upper(),
        input_type=C_TYPES[x.dtype],
        output_type=C_TYPES[y.dtype],
        channels=channels,
        pixel_stride=1 if first else channels,
        channel_stride=x.elements // channels if first else 1,
        meaning=meaning,
        quantize="real" if x.dtype == "float32" else f"{prefix}_quantize_input(real)",
        dequantize="q" if y.dtype == "float32" else f"{prefix}_dequantize_output(q)",
    )
