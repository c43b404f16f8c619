# SPDX-License-Identifier: Apache-2.0
"""Assembly text -> an image in which every snippet stands between labels of its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smidgen.build.toolchain import run_tool
from smidgen.build.zig import Zig
from smidgen.targets import load_target

_SCRIPT = """
MEMORY { flash (rx) : ORIGIN = 0x08000000, LENGTH = 2M  ram (rwx) : ORIGIN = 0x20000000, LENGTH = 640K }
SECTIONS { .text : { *(.text*) } > flash  .bss : { *(.bss*) } > ram }
"""
_HEAD = """    .syntax unified
    .text
    .word 0x20090000
    .word reset
    .thumb_func
    .type reset, %function
    .global reset
reset:
    ldr r9, =words
    bl callee  // so that it has run, and been translated, before any counting
"""
_TAIL = """
    b .
    .pool
    .type callee, %function
    .thumb_func
    .p2align 2
callee:
    push {r4, lr}
    pop {r4, pc}
    .bss
    .p2align 3
words:
    .space 256
"""
_BETWEEN = """
    b after_{name}
    .pool
    .p2align 2
after_{name}:
    mov r0, #0
    mov r1, r9
    mov r2, #4
    mov r3, #3
    str r9, [r9]
    nop.w
    .p2align 2
    .global begin_{name}
begin_{name}:
{body}
    .global end_{name}
end_{name}:
    nop
"""


def assemble(folder: Path, snippets: Mapping[str, str]) -> Path:
    """Builds the image. Before a snippet r0 = 0, r1 = r9 = the address of a word with its own address, r2 = 4, r3 = 3,
    and its first instruction is at a multiple of 4."""
    text = _HEAD + "".join(_BETWEEN.format(name=name, body=body) for name, body in snippets.items()) + _TAIL
    (folder / "snippets.S").write_text(text)
    (folder / "snippets.ld").write_text(_SCRIPT)
    core = load_target("nucleo-l4r5zi").core
    zig = Zig()
    machine = ("-target", core.zig_target, f"-mcpu={core.zig_cpu}", "-g0", "-nostdlib")
    command = (*zig.command(), *machine, "-Wl,-T,snippets.ld", "-Wl,-e,reset", "snippets.S", "-o", "snippets.elf")
    run_tool(command, cwd=folder, what="assembling", environment=zig.environment(folder))
    return folder / "snippets.elf"
