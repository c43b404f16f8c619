# SPDX-License-Identifier: Apache-2.0
"""The constants of a model: every array once, in a unit of its own."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from smidgen.codegen.ctext import C_TYPES, array_definition
from smidgen.codegen.template import fill
from smidgen.ir import Array

LINE_BYTES = 32  # of a flash's cache of data; kernels that read a few lines several times count on such a start
LARGE_BYTES = 1024  # arrays from here on start at a line


@dataclass
class DataUnit:
    """Collects arrays; equal bytes of the same element type are stored once under their first name.

    Names are ``<prefix>_W_<name>``. Model names have no upper case, so no name of one model is one of another's.
    """

    prefix: str
    in_ram: bool = False  # not constant for the C compiler: the linker puts them into .data
    by_lines: bool = True  # large arrays start at a line; False for the least flash
    arrays: dict[str, Array] = field(default_factory=dict)
    aligned: set[str] = field(default_factory=set)
    _seen: dict[tuple[str, bytes], str] = field(default_factory=dict)

    def add(self, name: str, data: Array) -> str:
        """The C name under which ``data`` can be read."""
        key = (data.dtype.name, np.ascontiguousarray(data).tobytes())
        if key not in self._seen:
            full = f"{self.prefix}_W_{name}"
            while full in self.arrays:
                full += "_"
            self._seen[key] = full
            self.arrays[full] = data
        return self._seen[key]

    def align(self, name: str) -> None:
        """Let the array of this C name start at a multiple of 8."""
        self.aligned.add(name)

    @property
    def nbytes(self) -> int:
        return sum(a.nbytes for a in self.arrays.values())

    def _alignment(self, name: str, data: Array) -> str:
        """Kernels read weights by the word, some by several at once, which a Cortex-M does at multiples of 4 only."""
        if self.by_lines and data.nbytes >= LARGE_BYTES:
            return f"_Alignas({LINE_BYTES}) "
        if name in self.aligned:
            return "_Alignas(8) "
        return "_Alignas(4) " if data.itemsize < 4 and data.nbytes >= 4 else ""

    def header(self) -> str:
        qualifier = "" if self.in_ram else "const "
        lines = [f"extern {qualifier}{C_TYPES[a.dtype.name]} {name}[{a.size}];" for name, a in self.arrays.items()]
        guard = self.prefix.removeprefix("smg_").upper()
        return fill("weights.h.in", prefix=self.prefix, guard=guard, arrays="\n".join(lines))

    def source(self) -> str:
        qualifier = "" if self.in_ram else "const "
        parts = [array_definition(name, a, self._alignment(name, a) + qualifier) for name, a in self.arrays.items()]
        return fill("weights.c.in", prefix=self.prefix, nbytes=self.nbytes, arrays="\n".join(parts))
