# SPDX-License-Identifier: Apache-2.0
"""--kernels cmsis-nn without CMSIS-NN: emission, errors and build with a made-up library of the same API."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from smidgen import compile, verify
from smidgen.errors import UsageError
from smidgen.ir import Graph
from smidgen.kernels.cmsis_nn.checkout import API, read_checkout
from smidgen.ops import FullyConnected, Softmax
from tests.op_graphs import Builder, int8_type, quant

_TYPES = """/* $Revision: V.99.1 */
#ifndef ARM_NNFUNCTIONS_H
#define ARM_NNFUNCTIONS_H
#include <stdint.h>
#include <string.h>
typedef enum { ARM_CMSIS_NN_SUCCESS = 0, ARM_CMSIS_NN_NO_IMPL_ERROR = -3 } arm_cmsis_nn_status;
typedef struct { int32_t w, h; } cmsis_nn_tile;
typedef struct { void *buf; int32_t size; } cmsis_nn_context;
typedef struct { int32_t n, h, w, c; } cmsis_nn_dims;
typedef struct { int32_t *multiplier, *shift; } cmsis_nn_per_channel_quant_params;
typedef struct { int32_t *multiplier, *shift; int32_t is_per_channel; } cmsis_nn_quant_params;
typedef struct { int32_t min, max; } cmsis_nn_activation;
typedef struct {
    int32_t input_offset, output_offset;
    cmsis_nn_tile stride, padding, dilation;
    cmsis_nn_activation activation;
} cmsis_nn_conv_params;
typedef struct {
    int32_t input_offset, output_offset, ch_mult;
    cmsis_nn_tile stride, padding, dilation;
    cmsis_nn_activation activation;
} cmsis_nn_dw_conv_params;
typedef struct { cmsis_nn_tile stride, padding; cmsis_nn_activation activation; } cmsis_nn_pool_params;
typedef struct {
    int32_t input_offset, filter_offset, output_offset;
    cmsis_nn_activation activation;
} cmsis_nn_fc_params;
"""
_DENSE = """#include "arm_nnfunctions.h"
static int32_t scaled(int32_t total, int32_t mult, int32_t shift) {
    const int32_t left = shift > 0 ? shift : 0, right = shift < 0 ? -shift : 0;
    const int32_t high = (int32_t)(((int64_t)total * (1 << left) * mult + (1 << 30)) >> 31);
    const int32_t mask = (int32_t)(((int64_t)1 << right) - 1), rest = high & mask;
    return (high >> right) + (rest > (mask >> 1) + (high < 0));
}
arm_cmsis_nn_status arm_fully_connected_wrapper_s8(
    const cmsis_nn_context *ctx, const cmsis_nn_fc_params *p, const cmsis_nn_quant_params *q,
    const cmsis_nn_dims *in, const int8_t *x, const cmsis_nn_dims *filter, const int8_t *w, const cmsis_nn_dims *bias,
    const int32_t *b, const cmsis_nn_dims *out, int8_t *y) {
    memset(ctx->buf, 0, 48);
    for (int32_t row = 0; row < in->n; row++) {
        for (int32_t o = 0; o < out->c; o++) {
            int32_t total = b != 0 ? b[o] : 0;
            for (int32_t i = 0; i < filter->n; i++) {
                total += (x[row * filter->n + i] + p->input_offset) * w[o * filter->n + i];
            }
            const int32_t at = q->is_per_channel ? o : 0;
            total = scaled(total, q->multiplier[at], q->shift[at]) + p->output_offset;
            total = total < p->activation.min ? p->activation.min : total;
            y[row * out->c + o] = (int8_t)(total > p->activation.max ? p->activation.max : total);
        }
    }
    return ARM_CMSIS_NN_SUCCESS;
}
"""


def _prototype(name: str) -> str:
    bytes_at = [i for i, t in enumerate(API[name]) if t == "int8_t*"]
    written = 0 if name == "arm_vector_sum_s8" else max(bytes_at, default=-1)  # the only pointer to what may change
    types = [t if i == written or "*" not in t else f"const {t}" for i, t in enumerate(API[name])]
    parameters = ", ".join(f"{t} a{i}" for i, t in enumerate(types))
    of_bytes, nothing = "get_buffer_size" in name, name == "arm_softmax_s8"
    return f"{'int32_t' if of_bytes else 'void' if nothing else 'arm_cmsis_nn_status'} {name}({parameters})"


def _stub(name: str) -> str:
    if "get_buffer_size" in name:
        return f"{_prototype(name)} {{ return {48 if 'fully_connected' in name else 0}; }}"
    result = "" if name == "arm_softmax_s8" else "return ARM_CMSIS_NN_NO_IMPL_ERROR; "
    return f"{_prototype(name)} {{ {result}}}"


def stand_in(root: Path, change: Mapping[str, str] | None = None) -> Path:
    """A library with the API of CMSIS-NN in which fully connected layers alone compute; ``change`` replaces names."""
    header = _TYPES + "".join(f"{_prototype(name)};\n" for name in API) + "#endif\n"
    for old, new in (change or {}).items():
        header = header.replace(old, new)
    real = "arm_fully_connected_wrapper_s8"
    files = {
        "Include/arm_nnfunctions.h": header,
        "Source/Dense/dense.c": _DENSE,
        **{
            f"Source/Rest/{name}.c": f'#include "arm_nnfunctions.h"\n{_stub(name)}\n'
            for name in API
            if name not in (real, "arm_softmax_s8")
        },
        "Source/Rest/arm_softmax_s8.c": '#include "arm_nnfunctions.h"\nvoid arm_softmax_s8(const int8_t *x, '
        "int32_t rows, int32_t n, int32_t m, int32_t s, int32_t d, int8_t *y)\n{\n    *y = *x;\n}\n",
        "Source/Rest/unused.c": "#error nothing reaches this\n",
    }
    for path, text in files.items():
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        (root / path).write_text(text)
    return root


def dense(classes: bool = False, rounding: str = "double") -> Graph:
    b = Builder()
    x = b.input(int8_type(2, 9, scale=0.03, zero_point=-5))
    weights = b.weights(6, 9, axis=None)
    op = FullyConnected(out_quant=quant(0.4, 3), rounding="even" if rounding == "even" else "double")
    y = b.op(op, x, weights)
    return b.graph(b.op(Softmax(out_quant=quant(1 / 256, -128)), y) if classes else y)


@pytest.mark.slow
@pytest.mark.parametrize("board", ["nucleo-l4r5zi", "rv32imc"])
def test_computes_by_the_library_and_records_it(tmp_path: Path, board: str) -> None:
    root = stand_in(tmp_path / "cmsis")
    compiled = compile(dense(), board, kernels="cmsis-nn", cmsis_nn=root)
    step = compiled.schedule.steps[0]
    assert step.choice.kernel.symbol == "smg_fully_connected_s8_cmsis_nn"
    assert step.choice.kernel.scratch(step.node) == 48  # what the library's own function says
    assert any(reason == "kernels of CMSIS-NN were asked for" for _, reason in step.choice.rejected)
    found = verify(compiled, cases=6)
    assert (found.mismatches, found.first_divergence) == (0, None)
    assert len(set(np.unique(found.outputs[5][0]))) > 3
    library = json.loads(compiled.sources.extras["manifest.json"])["library"]
    assert library["version"] == "arm_nnfunctions.h 99.1"
    assert "Source/Dense/dense.c" in library["files"]
    assert "Source/Rest/unused.c" not in library["files"]
    assert "CMSIS_NN_PATH" in compiled.sources.extras["CMakeLists.txt"]
    everything = "".join({**compiled.sources.files, **compiled.sources.extras}.values())
    assert "static int32_t scaled(" not in everything  # nothing of the library is in the folder
    assert str(root) not in everything


def test_changes_of_the_library_change_the_digest(tmp_path: Path) -> None:
    digests = set()
    for i, text in enumerate((_DENSE, _DENSE + "/* . */")):
        root = stand_in(tmp_path / str(i))
        (root / "Source/Dense/dense.c").write_text(text)
        digests.add(compile(dense(), kernels="cmsis-nn", cmsis_nn=root).sources.digest)
    assert len(digests) == 2


def test_wrong_results_of_the_library_are_seen(tmp_path: Path) -> None:
    root = stand_in(tmp_path)
    (root / "Source/Dense/dense.c").write_text(_DENSE.replace("b[o] : 0;", "b[o] + 999 : 0;"))
    assert verify(compile(dense(), kernels="cmsis-nn", cmsis_nn=root), cases=1).mismatches == 1


def test_own_kernels_where_it_is_not_exact_and_by_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CMSIS_NN_PATH", str(stand_in(tmp_path)))
    chosen = {
        (kernels, rounding): compile(dense(rounding=rounding), kernels=kernels).schedule.steps[0].choice.kernel.symbol
        for kernels in ("own", "cmsis-nn")
        for rounding in ("double", "even")
    }
    assert {key for key, symbol in chosen.items() if "cmsis_nn" in symbol} == {("cmsis-nn", "double")}
    assert compile(dense()).sources.library is None
    both = compile(dense(classes=True), kernels={"*": "cmsis-nn", "v3": "smg_softmax_s8_scalar"})
    assert [s.choice.kernel.symbol for s in both.schedule.steps] == [
        "smg_fully_connected_s8_cmsis_nn",
        "smg_softmax_s8_scalar",
    ]


def test_bad_checkouts_get_one_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CMSIS_NN_PATH", raising=False)
    with pytest.raises(UsageError, match=r"need a checkout of it.*CMSIS_NN_PATH"):
        compile(dense(), kernels="cmsis-nn")
    with pytest.raises(UsageError, match="is no folder"):
        compile(dense(), kernels="cmsis-nn", cmsis_nn=tmp_path / "absent")
    with pytest.raises(UsageError, match="is not a checkout of CMSIS-NN"):
        compile(dense(), kernels="cmsis-nn", cmsis_nn=tmp_path)
    old = stand_in(tmp_path / "old", {"arm_fully_connected_wrapper_s8": "arm_fully_connected_old_s8"})
    with pytest.raises(UsageError, match="has no arm_fully_connected_wrapper_s8"):
        compile(dense(), kernels="cmsis-nn", cmsis_nn=old)
    fewer = stand_in(tmp_path / "fewer", {"arm_vector_sum_s8(int32_t* a0, ": "arm_vector_sum_s8("})
    with pytest.raises(UsageError, match="another arm_vector_sum_s8: it takes"):
        compile(dense(), kernels="cmsis-nn", cmsis_nn=fewer)
    with pytest.raises(UsageError, match="no kernels 'cmsis'; there are own, cmsis-nn"):
        compile(dense(), kernels="cmsis")


def test_reaches_what_is_named_and_no_more(tmp_path: Path) -> None:
    checkout = read_checkout(stand_in(tmp_path))
    assert checkout.reached(("arm_fully_connected_wrapper_s8",)).sources == ("Source/Dense/dense.c",)
