# SPDX-License-Identifier: Apache-2.0
"""Small pieces of C text: literals, arrays, initializers, comments, wrapped lines."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from smidgen.errors import InvalidGraph
from smidgen.ir import Array
from smidgen.kernels.kernel import ParamValue

C_TYPES = {
    "int8": "int8_t",
    "uint8": "uint8_t",
    "int16": "int16_t",
    "uint16": "uint16_t",
    "int32": "int32_t",
    "uint32": "uint32_t",
    "float32": "float",
}
WIDTH = 110
INDENT = "    "


def array_definition(name: str, data: Array, qualifiers: str = "const ") -> str:
    """``const T name[n] = {...};`` on lines of a readable width."""
    ctype = C_TYPES[data.dtype.name]
    return f"{qualifiers}{ctype} {name}[{data.size}] = {{\n{_lines_of(_literals(data))}\n}};\n"


def _literals(data: Array) -> str:
    """All elements, each with a comma behind it. Millions of weights are common: no Python runs for each."""
    plain = data.dtype.kind in "iu" and data.size and int(data.min()) > -(2**31) and int(data.max()) < 2**31
    return ", ".join(map(str if plain else _literal, data.ravel().tolist())) + "," * (data.size > 0)


def _lines_of(text: str) -> str:
    """What ``wrap`` makes of items that end with commas, joined by spaces."""
    lines, start, room = [], 0, WIDTH - len(INDENT)
    while len(text) - start > room:
        end = text.rfind(", ", start, start + room + 1)
        end = end if end >= 0 else text.find(", ", start)
        if end < 0:
            break
        lines.append(INDENT + text[start : end + 1])
        start = end + 2
    return "\n".join([*lines, INDENT + text[start:]])


def wrap(items: Iterable[str], indent: str) -> str:
    """Items with spaces between them, on lines that start with ``indent`` and stay within the width if they can."""
    lines: list[list[str]] = [[]]
    used = len(indent)
    for item in items:
        if lines[-1] and used + 1 + len(item) > WIDTH:
            lines.append([])
            used = len(indent)
        used += len(item) + (1 if lines[-1] else 0)
        lines[-1].append(item)
    return "\n".join(indent + " ".join(line) for line in lines)


def call(function: str, arguments: Iterable[str], indent: str = INDENT) -> str:
    """A call statement; arguments that do not fit go on lines below the first one."""
    start = f"{indent}{function}("
    *most, last = arguments
    body = wrap([*(f"{a}," for a in most), f"{last});"], " " * len(start))
    return start + body.lstrip()


def _literal(x: int | float) -> str:
    if isinstance(x, float):
        return float_literal(x)
    if x == -(2**31):
        return "(-2147483647 - 1)"
    return f"{x}u" if x >= 2**31 else str(x)


def float_literal(x: float) -> str:
    """The shortest C literal that reads back as the same float32."""
    if math.isnan(x):
        return '__builtin_nanf("")'
    if math.isinf(x):
        return f"{'-' if x < 0 else ''}__builtin_inff()"
    text = str(np.float32(x))
    return f"{text if any(c in text for c in '.e') else text + '.0'}f"


def struct_initializer(fields: Mapping[str, ParamValue] | Mapping[str, ParamValue | str]) -> Iterator[str]:
    """Designated initializers, so that the C compiler checks every name. Strings are C expressions."""
    for key, v in fields.items():
        if isinstance(v, Mapping):
            yield f".{key} = {{{', '.join(struct_initializer(v))}}}"
        elif isinstance(v, tuple):
            yield f".{key} = {{{', '.join(map(_literal, v))}}}"
        elif isinstance(v, str):
            yield f".{key} = {v}"
        elif isinstance(v, int | float):
            yield f".{key} = {_literal(v)}"
        else:
            raise InvalidGraph(f"parameter {key} is an array: it belongs into the weights unit")


def comment(text: str) -> str:
    """``text`` inside a C comment: printable ASCII, and nothing that ends or nests a comment or makes a trigraph."""
    clean = "".join(c if 32 <= ord(c) < 127 else "?" for c in text)
    for pair in ("*/", "/*", "??"):
        while pair in clean:
            clean = clean.replace(pair, f"{pair[0]} {pair[1]}")
    return clean.rstrip("\\")


def markdown(text: str) -> str:
    """``text`` as code in a Markdown table cell: one line, nothing that ends the code or the cell."""
    clean = "".join(c if c.isprintable() and not 0xD800 <= ord(c) < 0xE000 else "?" for c in text)
    return "`" + clean.replace("`", "'").replace("|", "/") + "`"
