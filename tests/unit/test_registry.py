# SPDX-License-Identifier: Apache-2.0
"""Nothing is left over: every op comes from somewhere and can run, every C file belongs to a kernel."""

from __future__ import annotations

import re
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import get_args

import pytest

from smidgen.frontends.tflite.ops import IMPORTERS
from smidgen.ir import Op, Rounding
from smidgen.kernels import Kernel, source_path
from smidgen.kernels.kernel import ROOT
from smidgen.kernels.registry import FAMILIES, all_kernels
from smidgen.ops import (
    OPS,
    AveragePool2D,
    ByteOp,
    Dequantize,
    Lookup,
    MaxPool2D,
    Quantize,
    Requantize,
    Reshape,
    SlideWindow,
)

INTERNAL = {Lookup, SlideWindow}
"""Ops that no file contains: passes make them."""

KERNELS = all_kernels()


def roundings(op: type[Op]) -> tuple[str, ...]:
    """The values that the op's rounding attribute can have; one empty string for ops without one."""
    assert is_dataclass(op)
    return get_args(Rounding) if any(f.name == "rounding" for f in fields(op)) else ("",)


ISA = {
    "scalar": [set()],
    "portable": [set(), {"rv32m"}, {"thumb"}, {"thumb2"}],
    "dsp": [{"dsp"}],
    "fpu": [{"fpu"}],
    "m4": [{"dsp", "fpu"}],
    "corev": [{"xcv"}],
    "rvv": [{"rvv"}],
    "mve": [{"mve"}],
}
"""The last part of a symbol, and the features that cores need for it: portable C may be for one family of cores."""
LIBRARY = "cmsis_nn"
"""The folder of kernels that call another library: no candidates unless asked for (tests/unit/test_cmsis_nn.py)."""


NEVER_FLOAT = {Lookup, Requantize}
"""Ops that neither read nor write float32."""


def _of_floats(kernel: Kernel) -> bool:
    return "_f32_" in kernel.symbol


def suits(kernel: Kernel, rounding: str) -> bool:
    """Kernels with rounding name theirs in the symbol; those with constants serve both."""
    if kernel.constants is not None or (issubclass(kernel.op, ByteOp) and _of_floats(kernel)):
        return True
    return not rounding or ("rne" in kernel.symbol) == (rounding == "even")


def test_every_op_is_read_or_internal() -> None:
    made = {op for importer in IMPORTERS.values() for op in importer.makes}
    assert made | INTERNAL == set(OPS)
    assert not made & INTERNAL
    assert Reshape in made


def test_ops_are_listed_by_name() -> None:
    assert [op.__name__ for op in OPS] == sorted(op.__name__ for op in OPS)


def test_importers_make_ops() -> None:
    for kind, importer in IMPORTERS.items():
        assert kind == kind.upper()
        assert importer.makes
        assert set(importer.makes) <= set(OPS)


@pytest.mark.parametrize("op", [op for op in OPS if "lowered" in op.forms and not op.view], ids=lambda op: op.__name__)
def test_every_lowered_op_has_a_scalar_kernel(op: type[Op]) -> None:
    for rounding in roundings(op):
        able = [k for k in KERNELS if k.op is op and not k.isa and not k.unless and suits(k, rounding)]
        able = [k for k in able if issubclass(op, ByteOp) or not _of_floats(k)]
        assert able, f"{op.__name__} {rounding} has no kernel for every core"
        assert all(k.symbol.endswith("_scalar") for k in able)


@pytest.mark.parametrize("op", [op for op in OPS if op not in NEVER_FLOAT and not op.view], ids=lambda op: op.__name__)
def test_every_op_has_a_scalar_kernel_for_floats(op: type[Op]) -> None:
    able = [k for k in KERNELS if k.op is op and not k.isa and (_of_floats(k) or op in (Dequantize, Quantize))]
    assert able, f"{op.__name__} on float32 has no kernel for every core"


@pytest.mark.parametrize("op", [op for op in OPS if "lowered" not in op.forms or op.view], ids=lambda op: op.__name__)
def test_other_ops_have_no_kernel(op: type[Op]) -> None:
    assert op.view or issubclass(op, ByteOp)
    assert not [k.symbol for k in KERNELS if k.op is op]


def test_symbols_are_unique_and_name_their_isa() -> None:
    symbols = [k.symbol for k in KERNELS]
    assert len(symbols) == len(set(symbols))
    for k in KERNELS:
        assert re.fullmatch(rf"smg_[a-z0-9]+(_[a-z0-9]+)*_({'|'.join(ISA)})", k.symbol), k.symbol
        assert k.isa in ISA[k.symbol.rsplit("_", 1)[-1]], k.symbol


def test_every_family_is_a_folder_with_records() -> None:
    folders = {p.parent.name for p in ROOT.glob("*/__init__.py")} - {LIBRARY}
    assert {f.__name__.rsplit(".", 1)[-1] for f in FAMILIES} == folders
    for family in FAMILIES:
        assert family.KERNELS
        assert {k.family for k in family.KERNELS} == {family.__name__.rsplit(".", 1)[-1]}


def test_every_c_file_belongs_to_a_kernel() -> None:
    whole = [k for k in KERNELS if k.constants is None]
    assert {source_path(k) for k in whole} == set(ROOT.glob("*/*.c")) - set((ROOT / LIBRARY).glob("*"))
    for k in whole:
        assert re.search(
            rf"^(SMG_SMALL )?void {k.symbol}\(", source_path(k).read_text(encoding="utf-8"), re.MULTILINE
        ), k.symbol


def test_every_body_defines_the_function_of_its_instances() -> None:
    for k in KERNELS:
        if k.constants is not None:
            path = source_path(k)
            reached = [path, *(path.parent / name for name in k.includes)]
            assert any("void SMG_FUNCTION(" in p.read_text(encoding="utf-8") for p in reached), k.symbol


def test_every_header_is_included_where_it_is_declared() -> None:
    """``includes`` lists exactly what the source reaches beside include/, so that no generated folder lacks a file."""
    used = set()
    for k in KERNELS:
        source = source_path(k)
        reached = _reached(source.parent, source.name)
        assert set(k.includes) == reached, k.symbol
        used |= {source.parent / name for name in reached} | ({source} if k.constants else set())
    elsewhere = {*(ROOT / "include").glob("*.h"), *(ROOT / LIBRARY).glob("*.h")}
    assert used == set(ROOT.glob("*/*.h")) - elsewhere


def _reached(folder: Path, name: str) -> set[str]:
    """Headers of its own folder that a file includes, directly or through them."""
    text = (folder / name).read_text(encoding="utf-8")
    found: set[str] = set()
    for header in re.findall(r'#include "([^"]+)"', text):
        if (folder / header).is_file():
            found |= {header, *_reached(folder, header)}
    return found


def test_no_two_files_share_a_name() -> None:
    """A generated folder holds the files of all families side by side."""
    names = [p.name for p in ROOT.glob("*/*.[ch]")]
    assert sorted(names) == sorted(set(names))


def test_shared_headers_are_used() -> None:
    sources = "\n".join(p.read_text(encoding="utf-8") for p in ROOT.rglob("*.[ch]"))
    for header in (ROOT / "include").glob("*.h"):
        assert f'#include "{header.name}"' in sources, header.name


def test_windowed_pools_are_distinct() -> None:
    """MaxPool2D has no rounding: one kernel serves both profiles."""
    assert roundings(MaxPool2D) == ("",)
    assert roundings(AveragePool2D) == ("double", "even")


def test_no_two_headers_share_a_name() -> None:
    """A program's kernels lie in one folder: of two headers with one name only one would be there."""
    names = [p.name for p in ROOT.rglob("*.h")]
    assert sorted(names) == sorted(set(names))
