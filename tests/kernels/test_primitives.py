# SPDX-License-Identifier: Apache-2.0
"""The headers' primitives against exact arithmetic at ties, signs and ends; struct layouts; no library calls."""

from __future__ import annotations

import ctypes
import math
import subprocess
import sys
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from elftools.elf.elffile import ELFFile

from smidgen.kernels import function_file, function_name, source_path
from smidgen.kernels.kernel import ROOT
from smidgen.kernels.registry import all_kernels
from smidgen.ops.arithmetic import int_bounds
from smidgen.targets import load_target
from tests.kernels.admitted import draw_nodes
from tests.kernels.contracts import structs
from tests.kernels.host import FLAGS, build

INT32_MIN, INT32_MAX = -(2**31), 2**31 - 1
WRAPPERS = """
#include "smg_dsp_products.h"
#include "smg_dsp_requantize.h"
#include "smg_memory.h"
int32_t high_mul(int32_t a, int32_t b) { return smg_doubling_high_mul(a, b); }
int32_t shift_right(int32_t v, int32_t n) { return smg_rounding_shift_right(v, n); }
int32_t rne(int64_t v, int32_t n) { return smg_rne_shift_right(v, n); }
int32_t requantize(int32_t v, int32_t m, int32_t s) { return smg_requantize(v, m, s); }
int32_t requantize_rne(int32_t v, int32_t m, int32_t s) { return smg_requantize_rne(v, m, s); }
static smg_channel channel(int32_t m, int32_t s, int32_t tie) {
    const int32_t right = s > 0 ? 0 : -s;
    const smg_channel c = {0, m, (s > 0 ? s : 0) + 1, right, (int32_t)(1U << right >> 1), tie};
    return c;
}
int32_t doubled(int32_t v, int32_t m, int32_t s) { return smg_requantize_doubled(v, channel(m, s, -(s < 0))); }
int32_t even(int32_t v, int32_t m, int32_t s) { return smg_requantize_even(v, channel(m, s, s < 0 ? 0 : INT32_MIN)); }
int32_t if_negative(int32_t v, int32_t mask) { return smg_if_negative(v, mask); }
uint32_t uqadd8(uint32_t a, uint32_t b) { return smg_uqadd8(a, b); }
uint32_t uqsub8(uint32_t a, uint32_t b) { return smg_uqsub8(a, b); }
uint32_t uadd8(uint32_t a, uint32_t b) { return smg_uadd8(a, b); }
uint32_t usat8(int32_t v) { return smg_usat8(v); }
uint32_t clamp_bytes(uint32_t b, int32_t lo, int32_t hi) {
    const smg_byte_range range = smg_output_bytes(0, lo, hi);
    return smg_clamp_bytes(b & 255, b >> 8 & 255, b >> 16 & 255, b >> 24, range);
}
uint32_t sxtb16(uint32_t v) { return smg_sxtb16(v); }
uint32_t sxtb16_odd(uint32_t v) { return smg_sxtb16_odd(v); }
uint32_t sxtab16(uint32_t acc, uint32_t v) { return smg_sxtab16(acc, v); }
uint32_t sxtab16_odd(uint32_t acc, uint32_t v) { return smg_sxtab16_odd(acc, v); }
uint32_t max8(uint32_t a, uint32_t b) { return smg_max8(a, b); }
uint32_t min8(uint32_t a, uint32_t b) { return smg_min8(a, b); }
uint32_t sadd16(uint32_t a, uint32_t b) { return smg_sadd16(a, b); }
int32_t smlad(uint32_t a, uint32_t b, int32_t c) { return smg_smlad(a, b, c); }
int32_t smmlar(int32_t a, int32_t b, int32_t c) { return smg_smmlar(a, b, c); }
uint32_t low_halves(uint32_t a, uint32_t b) { return smg_low_halves(a, b); }
uint32_t high_halves(uint32_t a, uint32_t b) { return smg_high_halves(a, b); }
void copy(int8_t *to, const int8_t *from, int32_t count) { smg_copy(to, from, count); }
void fill(int8_t *to, int8_t value, int32_t count) { smg_fill(to, value, count); }
"""


@pytest.fixture(scope="module")
def primitives(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder = tmp_path_factory.mktemp("primitives")
    (folder / "wrappers.c").write_text(WRAPPERS)
    return build([folder / "wrappers.c"], folder / "primitives.so")


def away(v: Fraction) -> int:
    """To the nearest integer, ties away from zero."""
    magnitude = int(abs(v) + Fraction(1, 2))
    return magnitude if v >= 0 else -magnitude


def up(v: Fraction) -> int:
    """To the nearest integer, ties towards plus infinity."""
    return (v + Fraction(1, 2)).__floor__()


def double(v: int, mult: int, shift: int) -> int:
    high = up(Fraction((v << max(shift, 0)) * mult, 1 << 31))
    return away(Fraction(min(high, INT32_MAX), 1 << max(-shift, 0)))


def even(v: int, mult: int, shift: int) -> int:
    return min(max(round(Fraction(v * mult, 1 << (31 - shift))), INT32_MIN), INT32_MAX)


def accumulators(limit: int) -> list[int]:
    """Values round which things go wrong, and random ones."""
    rng = np.random.default_rng(3)
    near = [s * (1 << e) + d for e in range(limit) for d in (-1, 0, 1) for s in (-1, 1)]
    return [*near, *range(-40, 41), *rng.integers(-(1 << limit), 1 << limit, 300).tolist()]


MULTIPLIERS = (1 << 30, (1 << 30) + 1, 3 << 29, INT32_MAX, 0, 1518500250)


def test_shifts_round_ties_as_named(primitives: ctypes.CDLL) -> None:
    for v in [*accumulators(30), INT32_MIN, INT32_MAX]:
        for exponent in (0, 1, 2, 5, 15, 30, 31):
            assert primitives.shift_right(v, exponent) == away(Fraction(v, 1 << exponent)), (v, exponent)
        for exponent in (1, 2, 7, 31, 32, 40, 62):
            got = primitives.rne(ctypes.c_int64(v << 8), exponent)
            assert got == min(max(round(Fraction(v << 8, 1 << exponent)), INT32_MIN), INT32_MAX), (v, exponent)


def test_high_multiplication_rounds_ties_up(primitives: ctypes.CDLL) -> None:
    for v in [*accumulators(31), INT32_MIN, INT32_MAX]:
        if not INT32_MIN <= v <= INT32_MAX:
            continue
        for mult in (*MULTIPLIERS, -(1 << 30), INT32_MIN + 1):
            assert primitives.high_mul(v, mult) == min(up(Fraction(v * mult, 1 << 31)), INT32_MAX), (v, mult)


@pytest.mark.parametrize(
    ("name", "reference"),
    [("requantize", double), ("doubled", double), ("requantize_rne", even), ("even", even)],
)
def test_requantisation(name: str, reference: Callable[[int, int, int], int], primitives: ctypes.CDLL) -> None:
    function, ties = getattr(primitives, name), 0
    for shift in (-31, -30, -20, -8, -7, -3, -2, -1, 0, 1, 4):
        for v in accumulators(29 - max(shift, 0)):
            for mult in MULTIPLIERS:
                want = reference(v, mult, shift)
                ties += (2 * v * mult) % (1 << (31 - shift)) == 0 and (v * mult) % (1 << (31 - shift)) != 0
                assert function(v, mult, shift) == want, (v, mult, shift)
    assert ties > 500


def test_shims_are_their_instructions(primitives: ctypes.CDLL) -> None:
    rng = np.random.default_rng(5)
    ends = [0, 0x80008000, 0x7FFF7FFF, 0xFFFFFFFF, 0x80808080, 0x7F7F7F7F, 0x7FFF8000]
    words = np.array([*ends, *rng.integers(0, 1 << 32, 200)], np.uint32)
    for name in (
        "sxtb16",
        "max8",
        "min8",
        "sxtb16_odd",
        "sxtab16",
        "sxtab16_odd",
        "sadd16",
        "low_halves",
        "high_halves",
    ):
        getattr(primitives, name).restype = ctypes.c_uint32
    for a, b, c in zip(words, np.roll(words, 3), np.roll(words, 7), strict=True):
        (a_bytes, a_lanes, b_lanes) = (
            a.reshape(1).view(np.int8),
            a.reshape(1).view(np.int16),
            b.reshape(1).view(np.int16),
        )
        signed = int(c.view(np.int32))
        pair = [ctypes.c_uint32(int(a)), ctypes.c_uint32(int(b))]
        assert primitives.sxtb16(pair[0]) == int(a_bytes[::2].astype(np.int16).view(np.uint32)[0])
        assert primitives.sxtb16_odd(pair[0]) == int(a_bytes[1::2].astype(np.int16).view(np.uint32)[0])
        b_bytes = b.reshape(1).view(np.int8)
        assert primitives.max8(*pair) == int(np.maximum(a_bytes, b_bytes).view(np.uint32)[0])
        assert primitives.min8(*pair) == int(np.minimum(a_bytes, b_bytes).view(np.uint32)[0])
        assert primitives.sxtab16(pair[1], pair[0]) == int((b_lanes + a_bytes[::2]).view(np.uint32)[0])
        assert primitives.sxtab16_odd(pair[1], pair[0]) == int((b_lanes + a_bytes[1::2]).view(np.uint32)[0])
        assert primitives.sadd16(*pair) == int((a_lanes + b_lanes).view(np.uint32)[0])
        assert primitives.low_halves(*pair) == int(np.array([a_lanes[0], b_lanes[0]]).view(np.uint32)[0])
        assert primitives.high_halves(*pair) == int(np.array([a_lanes[1], b_lanes[1]]).view(np.uint32)[0])
        dot = int(np.dot(a_lanes.astype(np.int64), b_lanes.astype(np.int64))) + signed
        assert primitives.smlad(*pair, signed) == (dot + 2**31) % 2**32 - 2**31
        x, y = int(a.view(np.int32)), int(b.view(np.int32)) >> 2
        total = (x * y + ((signed >> 1) << 32) + (1 << 31)) >> 32
        assert primitives.smmlar(x, y, signed >> 1) == total


def test_byte_shims_are_their_instructions(primitives: ctypes.CDLL) -> None:
    words = np.random.default_rng(6).integers(0, 1 << 32, 300).astype(np.uint32)
    for name in ("uqadd8", "uqsub8", "uadd8", "usat8"):
        getattr(primitives, name).restype = ctypes.c_uint32
    for a, b in zip(words, np.roll(words, 1), strict=True):
        pair = [ctypes.c_uint32(int(a)), ctypes.c_uint32(int(b))]
        total, difference = (f(_bytes(a).astype(int), _bytes(b).astype(int)) for f in (np.add, np.subtract))
        assert primitives.uqadd8(*pair) == _word(np.minimum(total, 255))
        assert primitives.uqsub8(*pair) == _word(np.maximum(difference, 0))
        assert primitives.uadd8(*pair) == _word(total & 255)
    for v in (*range(-300, 600), INT32_MIN, INT32_MAX):
        assert primitives.usat8(v) == min(max(v, 0), 255)
        assert primitives.if_negative(v, 77) == (77 if v < 0 else 0)


def test_four_outputs_are_clamped_as_one_is(primitives: ctypes.CDLL) -> None:
    primitives.clamp_bytes.restype = ctypes.c_uint32
    every = np.arange(256).reshape(-1, 4)
    for lo, hi in ((-128, 127), (-128, -128), (127, 127), (0, 127), (-128, 0), (-100, 90), (5, 5), (-1, 1)):
        got = [primitives.clamp_bytes(ctypes.c_uint32(_word(four)), lo, hi) for four in every]
        want = [_word(np.clip(four - 128, lo, hi)) for four in every]
        assert got == want, (lo, hi)


def _bytes(word: np.uint32) -> np.ndarray:
    return word.reshape(1).view(np.uint8)


def _word(four: np.ndarray) -> int:
    return int(four.astype(np.uint8).view(np.uint32)[0])


def test_copies_and_fills_every_length(primitives: ctypes.CDLL) -> None:
    source = np.arange(-60, 60, dtype=np.int8)
    for count in range(40):
        for offset in range(4):
            to = np.full(64, 99, np.int8)
            primitives.copy(ctypes.c_void_p(to.ctypes.data + offset), ctypes.c_void_p(source.ctypes.data), count)
            want = np.full(64, 99, np.int8)
            want[offset : offset + count] = source[:count]
            np.testing.assert_array_equal(to, want)
            primitives.fill(ctypes.c_void_p(to.ctypes.data + offset), ctypes.c_int8(-7), count)
            want[offset : offset + count] = -7
            np.testing.assert_array_equal(to, want)


def test_structs_are_laid_out_as_in_c(tmp_path: Path) -> None:
    entries = [(name, f[0]) for name, kind in structs().items() for f in kind._fields_]
    table = ", ".join(f"offsetof({s}, {f})" for s, f in entries)
    sizes = ", ".join(f"sizeof({s})" for s in structs())
    code = (
        f'#include <stddef.h>\n#include "smg_kernels.h"\nconst size_t offsets[] = {{{table}}}, sizes[] = {{{sizes}}};\n'
    )
    (tmp_path / "layout.c").write_text(code)
    library = build([tmp_path / "layout.c"], tmp_path / "layout.so")
    got = list((ctypes.c_size_t * len(entries)).in_dll(library, "offsets"))
    assert got == [getattr(structs()[s], f).offset for s, f in entries]
    assert list((ctypes.c_size_t * len(structs())).in_dll(library, "sizes")) == [
        ctypes.sizeof(s) for s in structs().values()
    ]
    assert {f"smg_{k.contract}_params" for k in all_kernels()} <= set(structs())


M4 = load_target("nucleo-l4r5zi").core.features


def test_cortex_m4_objects_call_nothing(tmp_path: Path) -> None:
    """Compiled for the core with warnings as errors, no kernel needs a C library or a compiler's run-time library."""
    flags = [f for f in FLAGS if not f.startswith(("-fsanitize", "-O"))]
    target = ["-target", "thumb-freestanding-eabihf", "-mcpu=cortex_m4+vfp4d16sp", "-O3", "-fno-sanitize=undefined",
              "-fno-unwind-tables", "-fno-asynchronous-unwind-tables"]  # fmt: skip
    able = [k for k in all_kernels() if k.isa <= M4 and not k.unless & M4]
    assert len(able) > 80
    for kernel in able:
        (node, _), *_ = draw_nodes(kernel, 1)
        name, text = function_file(kernel, node)
        (tmp_path / name).write_text(text)
        output = tmp_path / f"{kernel.symbol}.o"
        folder = f"-I{source_path(kernel).parent}"
        command = [sys.executable, "-m", "ziglang", "cc", *flags, *target, folder, "-c", str(tmp_path / name)]
        done = subprocess.run([*command, "-o", str(output)], capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        with output.open("rb") as f:
            symbols = list(ELFFile(f).get_section_by_name(".symtab").iter_symbols())
        undefined = {s.name for s in symbols if s["st_shndx"] == "SHN_UNDEF" and s.name} - {"__aeabi_unwind_cpp_pr0"}
        assert not undefined, (kernel.symbol, undefined)
        defined = {s.name for s in symbols if s["st_info"]["bind"] == "STB_GLOBAL" and s["st_shndx"] != "SHN_UNDEF"}
        assert defined == {function_name(kernel, node)}


def test_bounds_of_a_clamp_are_int8() -> None:
    assert int_bounds((-math.inf, math.inf)) == (-128, 127)
    assert int_bounds((-3, 90)) == (-3, 90)
    assert int_bounds((150, 300)) == (127, 127)
    assert int_bounds((-300, -150)) == (-128, -128)


def test_records_are_complete() -> None:
    kernels = all_kernels()
    assert len({k.symbol for k in kernels}) == len(kernels)
    sources = {source_path(k) for k in kernels}
    assert all(p.is_file() for p in sources)
    apart = set((ROOT / "cmsis_nn").glob("*.c"))  # records that need a checkout: tests/kernels/test_cmsis_nn.py
    assert set(ROOT.rglob("*.c")) - apart <= sources
    for kernel in kernels:
        assert all(p.__doc__ for p in kernel.requires), f"{kernel.symbol} has a predicate without a sentence"
        text = source_path(kernel).read_text()
        function = "SMG_FUNCTION" if kernel.constants else kernel.symbol
        everything = text + "".join((source_path(kernel).parent / i).read_text() for i in kernel.includes)
        assert f"smg_{kernel.contract}_kernel {function};" in everything
        included = {i for i in kernel.includes}
        assert all((source_path(kernel).parent / i).is_file() for i in included)
        assert _local_includes(source_path(kernel)) == included, f"{kernel.symbol} lists other headers than it includes"


def _local_includes(path: Path) -> set[str]:
    names = {line.split('"')[1] for line in path.read_text().splitlines() if line.startswith('#include "')}
    local = {n for n in names if (path.parent / n).is_file()}
    return local.union(*(_local_includes(path.parent / n) for n in local))


def test_every_dsp_kernel_has_a_scalar_twin() -> None:
    scalar = {k.op for k in all_kernels() if not k.isa}
    assert {k.op for k in all_kernels() if k.isa} <= scalar
