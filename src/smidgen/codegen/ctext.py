# SPDX-License-Identifier: Apache-2.0
"""Small pieces of C text: arrays, structs, pointers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

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
_WIDTH = 110


def array_definition(name: str, data: Array) -> str:
    """``const T name[n] = {...};`` on lines of a readable width."""
    ctype = C_TYPES[data.dtype.name]
    return f"const {ctype} {name}[{data.size}] = {{\n{_wrapped(data)}}};\n"


def _wrapped(data: Array) -> str:
    items = [_literal(x) for x in data.ravel().tolist()]
    lines: list[str] = []
    line = "   "
    for item in items:
        if len(line) + len(item) + 2 > _WIDTH:
            lines.append(line)
            line = "   "
        line += f" {item},"
    return "\n".join([*lines, line, ""])


def _literal(x: int | float) -> str:
    if isinstance(x, float):
        return float_literal(x)
    if x == -(2**31):
        return "(-2147483647 - 1)"
    return f"{x}u" if x >= 2**31 else str(x)


def float_literal(x: float) -> str:
    """The shortest C literal that reads back as the same float32."""
    text = str(np.float32(x))
    return f"{text if any(c in text for c in '.en') else text + '.0'}f"


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
    """``text`` inside a C comment: printable ASCII, and nothing that could end the comment."""
    clean = "".join(c if 32 <= ord(c) < 127 else "?" for c in text)
    return clean.replace("*/", "* /").replace("/*", "/ *")
