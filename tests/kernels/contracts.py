# SPDX-License-Identifier: Apache-2.0
"""The parameter structs of include/smg_kernels.h as ctypes, read from the header itself."""

from __future__ import annotations

import ctypes
import re
from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np

from smidgen.kernels.kernel import ROOT

_STRUCT = re.compile(r"typedef struct \{(?P<body>[^}]*)\} (?P<name>\w+);")
_ALIAS = re.compile(r"typedef (?P<of>smg_\w+_params) (?P<name>\w+);")
_SCALARS: dict[str, type] = {"int32_t": ctypes.c_int32, "float": ctypes.c_float}


@cache
def structs() -> dict[str, type[ctypes.Structure]]:
    """Every struct of the header by its C name."""
    text = re.sub(r"/\*.*?\*/", "", (ROOT / "include" / "smg_kernels.h").read_text(), flags=re.S)
    found: dict[str, type[ctypes.Structure]] = {}
    for match in _STRUCT.finditer(text):
        fields = [f for line in match["body"].split(";") if line.strip() for f in _fields(line.strip(), found)]
        found[match["name"]] = type(match["name"], (ctypes.Structure,), {"_fields_": fields})
    for match in _ALIAS.finditer(text):
        found[match["name"]] = found[match["of"]]
    return found


def _fields(line: str, known: Mapping[str, type]) -> list[tuple[str, Any]]:
    base, _, names = line.removeprefix("const ").partition(" ")
    fields: list[tuple[str, Any]] = []
    for name in (n.strip() for n in names.split(",")):
        if name.startswith("*"):
            fields.append((name[1:].strip(), ctypes.c_void_p))
        elif "[" in name:
            stem, length = re.fullmatch(r"(\w+)\[(\d+)\]", name).groups()  # type: ignore[union-attr]  # or the header is wrong
            fields.append((stem, _SCALARS[base] * int(length)))
        else:
            fields.append((name, known.get(base) or _SCALARS[base]))
    return fields


def fill(kind: type[ctypes.Structure], values: Mapping[str, Any], keep: list[Any]) -> ctypes.Structure:
    """The struct with these values, which must be exactly its fields; what it points to is appended to ``keep``."""
    names = [f[0] for f in kind._fields_]
    assert set(names) == set(values), f"{kind.__name__}: {set(names) ^ set(values)}"
    filled = kind()
    for name, field_type in ((f[0], f[1]) for f in kind._fields_):
        value = values[name]
        if isinstance(value, Mapping):
            value = fill(field_type, value, keep)
        elif isinstance(value, np.ndarray):
            assert value.dtype in (np.int32, np.uint32)
            value = np.ascontiguousarray(value)
            keep.append(value)
            value = value.ctypes.data
        elif isinstance(value, tuple):
            value = field_type(*value)
        setattr(filled, name, value)
    return filled
