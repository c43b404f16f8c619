# SPDX-License-Identifier: Apache-2.0
"""A program that puts a simulated core through its paces, or through a fault, as told before it runs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from smidgen.build import Image, build
from smidgen.build.elf import Elf, read_elf
from smidgen.codegen.sources import Interface, Sources
from smidgen.errors import ToolNotFound
from smidgen.sim import open_port
from smidgen.sim.core import EmulatedCore
from smidgen.sim.machine import BEGIN, END
from smidgen.sim.port import Port
from smidgen.targets import Target, load_target

BEGIN_AND_END = BEGIN, END
FAULTS = {"trap": 1, "store": 2, "load": 3, "flash": 4, "jump": 5}
ENDLESS = 6
NOWHERE = 0x0600_0000

_SOURCE = """#include <stdint.h>
volatile uint32_t probe_mode, probe_result;
volatile uint32_t probe_initial = 0x1234abcdu;
uint8_t probe_bytes[256];
uint32_t probe_words[16];

static uint32_t constants[4] = {0x9e3779b1u, 0x85ebca6bu, 0xc2b2ae35u, 0x27d4eb2fu};

/* Loads and stores of every width at every place in a word, multiplications of both halves. */
__attribute__((noinline)) uint32_t probe_mix(uint8_t *x, uint32_t n) {
    uint32_t h = 1;
    for (uint32_t i = 0; i < n; i++) {
        h = (h ^ x[i]) * constants[i & 3u];
        h ^= (uint32_t)((uint64_t)h * constants[1] >> 32);
        h += (uint32_t)((int64_t)(int32_t)h * (int8_t)x[i] >> 32);
        x[(i * 7u) & 255u] = (uint8_t)h;
        *(volatile uint16_t *)(x + ((i * 6u) & 254u)) ^= (uint16_t)(h >> 8);
        h += (uint32_t) * (volatile int16_t *)(x + ((i * 10u) & 254u));
    }
    return h;
}

__attribute__((noinline)) uint32_t probe_divide(uint32_t a, uint32_t n) {
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i++) {
        sum += a / (i + 1u) + a % (i + 3u) + (uint32_t)((int32_t)a / -(int32_t)(i + 2u));
    }
    return sum;
}

__attribute__((noinline)) uint32_t probe_recurse(uint32_t n) {
    return n < 2u ? n : probe_recurse(n - 1u) + probe_recurse(n - 2u) + probe_words[n & 15u];
}

/* Its first instruction is a store, its second a load of what was there. */
__attribute__((noinline)) uint32_t probe_store(uint32_t value, uint32_t *at, const uint32_t *from) {
    *(volatile uint32_t *)at = value;
    return *(const volatile uint32_t *)from;
}

__attribute__((noinline)) void probe_fault(uint32_t mode) {
    switch (mode) {
    case 1: __builtin_trap(); break;
    case 2: *(volatile uint32_t *)0x06000000u = mode; break;
    case 3: probe_result = *(volatile uint32_t *)0x06000000u; break;
    case 4: *(volatile uint32_t *)((uintptr_t)&probe_fault & ~(uintptr_t)3) = mode; break;
    case 5: ((void (*)(void))0x06000001u)(); break;
    case 6: for (;;) { __asm__ volatile(""); }
    default: break;
    }
    __asm__ volatile("");
}

void probe_run(void);
void probe_run(void) {
    probe_fault(probe_mode);
    uint32_t h = probe_mix(probe_bytes, sizeof probe_bytes);
    h += probe_divide(h, 12);
    for (uint32_t i = 0; i < 16u; i++) {
        h += probe_store(h, probe_words + i, probe_words + (15u - i));
    }
    probe_result = h + probe_recurse(9) + probe_initial;
    probe_initial = probe_result;
}
"""
_DECLARED = """
uint32_t probe_mix(uint8_t *x, uint32_t n);
uint32_t probe_divide(uint32_t a, uint32_t n);
uint32_t probe_recurse(uint32_t n);
uint32_t probe_store(uint32_t value, uint32_t *at, const uint32_t *from);
void probe_fault(uint32_t mode);
"""
_HARNESS = "void probe_run(void);\nvoid smg_harness_infer(void);\nvoid smg_harness_infer(void) { probe_run(); }\n"


def probe() -> Sources:
    text = _SOURCE.replace("#include <stdint.h>\n", f"#include <stdint.h>{_DECLARED}", 1)
    return Sources(
        "probe", {"probe.c": text}, {"harness_probe.c": _HARNESS}, Interface((), (), (), "", "probe_run"), ""
    )


@contextmanager
def opened(elf: Elf, target: Target) -> Iterator[Port]:
    """A core that has come through reset, closed at the end; the test is skipped where its simulator is absent."""
    try:
        port = open_port(elf, target)
    except ToolNotFound as error:
        pytest.skip(str(error))
    try:
        if isinstance(port, EmulatedCore):
            port.count_instructions()
        port.reset()
        yield port
    finally:
        port.close()


def plain(target: Target) -> Target:
    """The target without compressed and custom instructions: what all RISC-V cores here have in common."""
    core = replace(
        target.core,
        features=frozenset({"rv32i", "rv32m"}),
        zig_cpu="generic_rv32+m",
        zig_flags=(),
        gcc_flags=("-march=rv32im_zicsr", "-mabi=ilp32"),
    )
    return replace(target, core=core)


class Builder:
    """Builds the program for a target, once a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.image = cache(self._image)

    def _image(self, name: str, *, common: bool = False) -> Image:
        target = load_target(name)
        folder = self._folder / f"{name}{'-plain' if common else ''}"
        return build(probe(), plain(target) if common else target, optimize="-O2", work_dir=folder)

    def elf(self, name: str, *, common: bool = False) -> Elf:
        return read_elf(self.image(name, common=common).elf_path)
