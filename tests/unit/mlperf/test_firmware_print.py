# SPDX-License-Identifier: Apache-2.0
"""The device's formatting against Python's, which rounds exactly."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smidgen.build import build_host
from smidgen.build.image import RUNTIME
from smidgen.codegen.sources import Interface, Sources

WRAPPER = r"""
#include "dut/smg_print.h"
#include <string.h>
static char text[256];
static unsigned used;
static void put(char c) { text[used++] = c; }
static void print(const char *format, ...) {
    va_list arguments;
    va_start(arguments, format);
    used = 0;
    smg_print(put, format, arguments);
    va_end(arguments);
    text[used] = 0;
}
const char *real(const char *format, float v);
const char *real(const char *format, float v) { print(format, (double)v); return text; }
const char *integers(const char *format, int d, unsigned u, unsigned long long w);
const char *integers(const char *format, int d, unsigned u, unsigned long long w) {
    print(format, d, u, w);
    return text;
}
const char *words(const char *format, const char *s, int c);
const char *words(const char *format, const char *s, int c) { print(format, s, c); return text; }
"""


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    files = {f"dut/{n}": (RUNTIME / "mlperf" / n).read_text() for n in ("smg_print.c", "smg_print.h")}
    sources = Sources("printed", {**files, "wrapper.c": WRAPPER}, {}, Interface((), (), (), "", ""), "")
    loaded = ctypes.CDLL(str(build_host(sources, "shared", work_dir=tmp_path_factory.mktemp("print"))))
    for name in ("real", "integers", "words"):
        getattr(loaded, name).restype = ctypes.c_char_p
    return loaded


@pytest.fixture(scope="module")
def real(library: ctypes.CDLL) -> Callable[[str, float], str]:
    return lambda form, v: library.real(form.encode(), ctypes.c_float(v)).decode()


@given(st.integers(0, 2**32 - 1), st.integers(0, 9))
@example(0x3D800000, 3)  # 0.0625: a tie, to even
@example(0x3F7FFFFF, 3)
@example(0x7F7FFFFF, 9)
@example(0x00000001, 9)
@example(0x80000000, 3)
def test_reals_are_rounded_exactly(real: Callable[[str, float], str], bits: int, places: int) -> None:
    (v,) = struct.unpack("<f", struct.pack("<I", bits))
    assert real(f"%0.{places}f", v) == f"{v:.{places}f}"


@given(st.integers(0, 256))
def test_scores_of_a_softmax(real: Callable[[str, float], str], q: int) -> None:
    assert real("%0.3f", q / 256) == f"{q / 256:.3f}"


@given(st.integers(-(2**31), 2**31 - 1), st.integers(0, 2**32 - 1), st.integers(0, 2**64 - 1))
def test_integers(library: ctypes.CDLL, d: int, u: int, w: int) -> None:
    text = library.integers(b"%d|%08x|%llu|%%", ctypes.c_int(d), ctypes.c_uint(u), ctypes.c_ulonglong(w)).decode()
    assert text == f"{d}|{u:08x}|{w}|%"
    assert library.integers(b"%05d|%4u|", ctypes.c_int(d), ctypes.c_uint(u)).decode() == f"{d:05d}|{u:4d}|"


def test_words(library: ctypes.CDLL) -> None:
    assert library.words(b"<%s%c>", b"text", ctypes.c_int(33)) == b"<text!>"
    assert library.words(b"%s%", b"a", ctypes.c_int(0)) == b"a"
