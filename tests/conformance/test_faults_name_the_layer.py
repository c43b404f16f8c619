# SPDX-License-Identifier: Apache-2.0
"""A fault in the middle of an inference, on every simulator: the message has pc, function, layer and why."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_program import N, tiny

from smidgen.build import build
from smidgen.errors import SimulationError, ToolNotFound
from smidgen.sim import Limits, open_machine
from smidgen.targets import load_target

TARGETS = ("rv32imc", "generic-cortex-m0plus", "rv32imc-qemu", "m55-reference", "ibex")
LAST = """#include <stdint.h>
{before}
void k_last(const int8_t *x, int8_t *y, int n);
void k_last(const int8_t *x, int8_t *y, int n) {{
    __asm__ volatile("nop");
    {fault}
    for (int i = 0; i < n; i++) y[i] = (int8_t)(x[n - 1 - i] + 5);
}}
"""
DEEP = """static int __attribute__((noinline)) deep(const int8_t *x, int n) {
    volatile int8_t taken[64];
    taken[0] = x[0];
    const int below = n ? deep((const int8_t *)taken, n - 1) : 0;
    return below + taken[0];
}"""
FAULTS = {
    "undefined": ('__asm__ volatile(".2byte {undefined}");', "", r"in k_last, .*: an (illegal|undefined) instruction"),
    "call": ('__asm__ volatile("{call}");', "", r"in k_last, .*: an (environment call \(ECALL\)|exception)"),
    "jump": (
        "((void (*)(void))(uintptr_t)0x06000001u)();",
        "",
        r"at pc 0x06000000 .*: a jump to an address that is no",
    ),
    "load": ("y[0] = (int8_t) * (volatile const uint32_t *)0x06000000u;", "", r"in k_last, .*no memory"),
    "endless": ('for (;;) __asm__ volatile("nop");', "", r"in k_last, .*: an endless loop"),
    "stack": (
        "y[0] = (int8_t)deep(x, 100000000);",
        DEEP,
        r"outside of RAM: the stack overflowed|exception that finds no",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("name", TARGETS)
def test_a_fault_in_a_layer(name: str, fault: str, tmp_path: Path) -> None:
    target = load_target(name)
    arm = target.core.isa == "arm"
    if (name, fault) == ("rv32imc-qemu", "stack"):
        pytest.skip("QEMU's flash can be written: a stack that grows into it ends in whatever its bytes then mean")
    text, before, said = FAULTS[fault]
    text = text.replace("{undefined}", "0xde01" if arm else "0").replace("{call}", "svc #0" if arm else "ecall")
    image = build(tiny(last=LAST.format(before=before, fault=text)), target, work_dir=tmp_path)
    try:
        machine = open_machine(image, Limits(0.5 if fault == "endless" else 20.0))
        machine.core().close()
    except ToolNotFound as error:
        pytest.skip(str(error))
    with machine, pytest.raises(SimulationError, match=said) as found:
        machine.infer_traced([bytes(N)], lambda index, outputs: None)
    assert "step 2 (reversal)" in str(found.value)
    assert "at pc 0x" in str(found.value)
