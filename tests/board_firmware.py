# SPDX-License-Identifier: Apache-2.0
"""A firmware of our own for tests of the virtual board: commands of one letter, each answered by a line."""

from __future__ import annotations

from pathlib import Path

from smidgen.build.image import RUNTIME
from smidgen.build.link import linker_script
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.build.toolchain import run_tool
from smidgen.build.zig import Zig
from smidgen.targets import load_target

TARGET = "nucleo-l4r5zi"

SOURCE = r"""
#include <stdint.h>
#define REGISTER(offset) (*(volatile uint32_t *)(0x40070000u + (offset)))
int main(void);
void smg_fault(void);
void smg_dut_infer_begin(void);
void smg_dut_infer_end(void);
__attribute__((noinline, used)) void smg_dut_infer_begin(void) { __asm__ volatile("" ::: "memory"); }
__attribute__((noinline, used)) void smg_dut_infer_end(void) { __asm__ volatile("" ::: "memory"); }

static volatile uint32_t rounds = 1000, sink;
static uint8_t block[1 << 16];

static void say(const char *text) {
    while (*text != 0) {
        REGISTER(0x04) = (uint8_t)*text++;
    }
}
static void number(const char *name, uint32_t value) {
    char digits[11];
    int at = 10;
    digits[10] = 0;
    do {
        digits[--at] = (char)('0' + value % 10);
        value /= 10;
    } while (value != 0);
    say(name);
    say(&digits[at]);
    say("\r\n");
}
static uint8_t hear(void) {
    while ((REGISTER(0x00) & 1u) == 0) {
        REGISTER(0x08) = 1;
    }
    return (uint8_t)REGISTER(0x04);
}
static uint32_t operand(void) {
    uint32_t value = 0;
    for (uint8_t c = hear(); c != '%'; c = hear()) {
        value = value * 10 + c - '0';
    }
    return value;
}
static __attribute__((noinline)) void infer(void) {
    for (uint32_t i = 0, n = rounds; i < n; i++) {
        sink = sink + i;
    }
}
static void inferences(uint32_t n) {
    const uint32_t before = REGISTER(0x0C);
    for (uint32_t i = 0; i < n; i++) {
        smg_dut_infer_begin();
        infer();
        smg_dut_infer_end();
    }
    const uint32_t after = REGISTER(0x0C);
    number("before-", before);
    number("took-", after - before);
}
static void pulse(uint32_t microseconds) {
    const uint32_t start = REGISTER(0x0C);
    REGISTER(0x10) = REGISTER(0x10) & ~1u;
    while (REGISTER(0x0C) - start < microseconds) {
    }
    REGISTER(0x10) = REGISTER(0x10) | 1u;
}
static void listen(uint32_t slow) {
    uint32_t frames = 0, sum = 0;
    REGISTER(0x1C) = 1;
    for (;;) {
        REGISTER(0x20) = 1;
        const uint32_t status = REGISTER(0x14);
        if ((status & 1u) == 0) {
            break;
        }
        REGISTER(0x10) = 7;
        for (int i = 0; i < 256; i++) {
            sum += REGISTER(0x18);
        }
        rounds = slow;
        smg_dut_infer_begin();
        infer();
        smg_dut_infer_end();
        REGISTER(0x10) = 3;
        frames++;
    }
    number("frames-", frames);
    number("sum-", sum);
    number("status-", REGISTER(0x14));
}
static void count_block(void) {
    uint32_t sum = 0, got = 0;
    REGISTER(0x30) = '%';
    while (got == 0 || block[got - 1] != '%') {
        REGISTER(0x24) = (uint32_t)(uintptr_t)&block[got];
        REGISTER(0x28) = sizeof block - got;
        const uint32_t more = REGISTER(0x28);
        got += more;
        if (more == 0) {
            REGISTER(0x08) = 1;
        }
    }
    for (uint32_t i = 0; i < got; i++) {
        sum += block[i];
    }
    number("bytes-", got);
    number("sum-", sum);
    REGISTER(0x24) = (uint32_t)(uintptr_t)block;
    REGISTER(0x2C) = got > 8 ? 8 : got;
    say("\r\n");
}
int main(void) {
    say("hello\r\n");
    for (;;) {
        const uint8_t command = hear();
        if (command == 'b') {
            count_block();
        } else {
            const uint32_t n = operand();
            if (command == 't') {
                number("time-", REGISTER(0x0C));
            } else if (command == 'r') {
                rounds = n;
            } else if (command == 'i') {
                inferences(n);
            } else if (command == 'p') {
                pulse(n);
            } else if (command == 'a') {
                listen(n);
            } else if (command == 'x') {
                sink = *(volatile uint32_t *)0xF0000000u;
            } else if (command == 'f') {
                smg_fault();
            } else if (command == 'h') {
                for (;;) {
                    __asm__ volatile("");
                }
            } else if (command == 'q') {
                while ((REGISTER(0x00) & 1u) == 0) {
                }
            } else if (command == 's') {
                for (uint32_t i = 0; i < n; i++) {
                    number("flood-", i);
                }
            } else {
                say("?");
            }
        }
        say("ready\r\n");
    }
}
"""


def build_firmware(folder: Path) -> Path:
    """The ELF of ``SOURCE`` for ``TARGET``."""
    target, zig = load_target(TARGET), Zig()
    root = folder / "src"
    root.mkdir(parents=True)
    (root / "main.c").write_text(SOURCE, encoding="utf-8")
    for name in ("startup_arm.c", "memory.c"):
        (root / name).write_text((RUNTIME / name).read_text(encoding="utf-8"), encoding="utf-8")
    jobs = [CompileJob(f"{n}.c", folder / f"harness__{n}.o") for n in ("main", "startup_arm", "memory")]
    flags = zig.compile_flags(target, "-O2")
    compile_all(Compiler(zig.version(), zig.command(), flags, zig.environment(folder)), root, jobs, (".",))
    (folder / "link.ld").write_text(linker_script(target, ""), encoding="utf-8")
    names = [job.output.name for job in jobs]
    command = (*zig.command(), *zig.link_flags(target), "-Wl,-T,link.ld", *names, "-o", "board.elf")
    run_tool(command, cwd=folder, what="linking the test firmware", environment=zig.environment(folder))
    return folder / "board.elf"
