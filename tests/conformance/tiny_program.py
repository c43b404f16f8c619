# SPDX-License-Identifier: Apache-2.0
"""A three-step program small enough to read, and ways to break it."""

from __future__ import annotations

from smidgen.codegen.sources import Interface, Sources, Step, TensorSlot

N = 200
KERNEL = """#include <stdint.h>
void k_add(const int8_t *x, int8_t *y, int n, int c);
void k_add(const int8_t *x, int8_t *y, int n, int c) {
    for (int i = 0; i < n; i++) y[i] = (int8_t)(x[i] + c);
}
"""
LAST_KERNEL = """#include <stdint.h>
void k_last(const int8_t *x, int8_t *y, int n);
void k_last(const int8_t *x, int8_t *y, int n) {
    for (int i = 0; i < n; i++) y[i] = (int8_t)(x[n - 1 - i] + 5);
}
"""
MODEL = """#include <stdint.h>
#define N 200
void k_add(const int8_t *x, int8_t *y, int n, int c);
void k_last(const int8_t *x, int8_t *y, int n);
void smg_tiny_run(const int8_t *x, int8_t *y);
extern const int smg_tiny_weights[2];
_Alignas(16) uint8_t smg_tiny_arena[2 * N];
void smg_tiny_run(const int8_t *x, int8_t *y) {
    int8_t *const a = (int8_t *)smg_tiny_arena;
    k_add(x, a, N, smg_tiny_weights[0]);
    k_add(a, a + N, N, smg_tiny_weights[1]);
    k_last(a + N, y, N);
}
"""
WEIGHTS = "extern const int smg_tiny_weights[2];\nconst int smg_tiny_weights[2] = {3, 4};\n"
HARNESS = """#include <stdint.h>
void smg_tiny_run(const int8_t *x, int8_t *y);
void smg_harness_infer(void);
int8_t smg_in[200], smg_out[200];
void smg_harness_infer(void) { smg_tiny_run(smg_in, smg_out); }
"""
INTERFACE = Interface(
    inputs=(TensorSlot("x", "smg_in", 0, N),),
    outputs=(TensorSlot("y", "smg_out", 0, N),),
    steps=(
        Step(0, "k_add", "first add", (TensorSlot("a", "smg_tiny_arena", 0, N),), ()),
        Step(1, "k_add", "second add", (TensorSlot("b", "smg_tiny_arena", N, N),), ()),
        Step(2, "k_last", "reversal", (TensorSlot("y", "smg_out", 0, N),), ()),
    ),
    arena_symbol="smg_tiny_arena",
    run_symbol="smg_tiny_run",
)


def tiny(**replaced: str) -> Sources:
    """The program, with ``kernel``, ``last``, ``model``, ``weights`` or ``harness`` replaced by other C text."""
    files = {
        "kernels/k_add.c": replaced.get("kernel", KERNEL),
        "kernels/k_last.c": replaced.get("last", LAST_KERNEL),
        "smg_tiny.c": replaced.get("model", MODEL),
        "smg_tiny_weights.c": replaced.get("weights", WEIGHTS),
    }
    return Sources("tiny", files, {"harness_tiny.c": replaced.get("harness", HARNESS)}, INTERFACE, "")


def expected(x: bytes) -> bytes:
    """What the program computes."""
    return bytes((v + 12) & 255 for v in reversed(x))
