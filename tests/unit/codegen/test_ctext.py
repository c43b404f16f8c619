# SPDX-License-Identifier: Apache-2.0
"""Pieces of C text: literals that read back as the same values, comments that stay comments."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smidgen.codegen.ctext import (
    WIDTH,
    array_definition,
    call,
    comment,
    float_literal,
    markdown,
    struct_initializer,
    wrap,
)
from smidgen.errors import InvalidGraph

NASTY = st.text(st.sampled_from("*/?\\\n`|'\"a \udcff日<"), max_size=12) | st.text(max_size=12)


@given(NASTY)
@example("**//")
@example("/*/")
@example("/*/*/")
@example("???/")
@example("日本/")
@example("\\\\")
def test_comments_stay_comments(text: str) -> None:
    clean = comment(text)
    assert clean.isascii()
    assert clean.isprintable()
    assert not any(pair in clean for pair in ("*/", "/*", "??"))
    assert not clean.endswith("\\")


@given(NASTY)
def test_markdown_cells_stay_cells(text: str) -> None:
    cell = markdown(text)
    assert cell.isprintable()
    assert cell[0] == cell[-1] == "`"
    assert "`" not in cell[1:-1]
    assert "|" not in cell
    cell.encode()


def test_every_literal_reads_back(tmp_path: Path) -> None:
    info = np.finfo(np.float32)
    floats = [
        0.0,
        -0.0,
        1.0,
        0.1,
        1 / 3,
        1e20,
        16777216.0,
        info.max,
        info.tiny,
        info.smallest_subnormal,
        np.inf,
        -np.inf,
    ]
    arrays = {
        "i8": np.arange(-128, 128, dtype=np.int8),
        "u8": np.arange(256, dtype=np.uint8),
        "i32": np.array([-(2**31), -(2**31) + 1, -1, 0, 2**31 - 1], np.int32),
        "u32": np.array([0, 2**31 - 1, 2**31, 2**32 - 1], np.uint32),
        "f32": np.array([*floats, *np.random.default_rng(0).normal(0, 1, 200)], np.float32),
    }
    lines = ["#include <stdint.h>", "#include <stdio.h>", *(array_definition(n, a) for n, a in arrays.items())]
    writes = [f"fwrite({n}, sizeof {n}, 1, stdout);" for n in arrays]
    (tmp_path / "a.c").write_text("\n".join([*lines, "int main(void) {", *writes, "return 0; }"]))
    command = [sys.executable, "-m", "ziglang", "cc", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion"]
    subprocess.run([*command, "-Wno-unused-result", "a.c", "-o", "a"], cwd=tmp_path, check=True)
    raw = subprocess.run([tmp_path / "a"], capture_output=True, check=True).stdout
    assert raw == b"".join(a.tobytes() for a in arrays.values())
    assert max(map(len, "\n".join(lines).splitlines())) <= WIDTH


def test_nan_is_a_literal() -> None:
    assert "nan" in float_literal(float("nan"))


@given(st.lists(st.text("abc", min_size=1, max_size=40), min_size=1, max_size=30), st.integers(0, 20))
def test_wrap_keeps_items_and_width(items: list[str], indent: int) -> None:
    lines = wrap(items, " " * indent).splitlines()
    assert " ".join(lines).split() == items
    assert all(len(line) <= WIDTH for line in lines)
    assert all(line.startswith(" " * indent) and not line.endswith(" ") for line in lines)


def test_call_lines_up() -> None:
    text = call("f" * 20, ["a" * 60, "b" * 60, "c"])
    assert text == f"    {'f' * 20}({'a' * 60},\n{' ' * 25}{'b' * 60}, c);"


def test_initializers() -> None:
    fields = {"a": 1, "b": (1, -(2**31)), "c": {"d": 0.5}, "e": "pointer"}
    assert list(struct_initializer(fields)) == [
        ".a = 1",
        ".b = {1, (-2147483647 - 1)}",
        ".c = {.d = 0.5f}",
        ".e = pointer",
    ]
    with pytest.raises(InvalidGraph, match="weights unit"):
        list(struct_initializer({"a": np.zeros(3)}))
