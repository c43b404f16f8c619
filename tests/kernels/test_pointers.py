# SPDX-License-Identifier: Apache-2.0
"""No pointer is formed outside its array, though nothing were read through it (C11 6.5.6): such steps trap here."""

from __future__ import annotations

import ctypes
import multiprocessing
from pathlib import Path

import pytest

from smidgen.kernels.kernel import ROOT
from tests.kernels.host import build

TAPS = """
#include "smg_conv2d_im2col_dsp.inc.h"
int32_t taps(uintptr_t row, int32_t ix);
int32_t taps(uintptr_t row, int32_t ix) { /* eight columns from ix on of a row of five, none of which is inside */
    const smg_conv2d_params p = {.in_w = 5, .in_c = 4, .in_offset = -3};
    int8_t to[32];
    int32_t sum = 0;
    smg_conv2d_copy_taps(&p, to, (const int8_t *)row, ix, 8);
    for (int32_t i = 0; i < 32; i++) sum += to[i];
    return sum;
}
"""


@pytest.fixture(scope="module")
def taps(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    folder: Path = tmp_path_factory.mktemp("pointers")
    (folder / "taps.c").write_text(TAPS)
    return build([folder / "taps.c"], folder / "taps.so", f"-I{ROOT / 'conv2d'}")


def _sums_zero_points(library: ctypes.CDLL, row: int, ix: int) -> None:
    assert library.taps(ctypes.c_size_t(row), ctypes.c_int32(ix)) == 32 * 3


@pytest.mark.parametrize(("row", "ix"), [(16, -13), (16, -8), (-20 - 16, 10), (-20 - 16, 5)])
def test_columns_outside_a_row_at_an_end_of_memory(taps: ctypes.CDLL, row: int, ix: int) -> None:
    child = multiprocessing.get_context("fork").Process(target=_sums_zero_points, args=(taps, row, ix))
    child.start()
    child.join(60)
    assert child.exitcode == 0  # a trap would end it by a signal
