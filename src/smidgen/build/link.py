# SPDX-License-Identifier: Apache-2.0
"""A target's regions -> the linker script of an emulated image."""

from __future__ import annotations

from collections.abc import Sequence

from smidgen.targets import Region, Target

GUARD_BYTES = 16
DEFAULT_STACK_BYTES = 16 * 1024
CATEGORIES = ("harness", "kernels", "model", "support")
"""Whose bytes are whose: objects are named ``<category>__<file>.o``; what else is linked in counts as support."""

_SCRIPT = """\
/* Made by smidgen for {target}. */
MEMORY
{{
  flash (rx)  : ORIGIN = {flash_base:#010x}, LENGTH = {flash_bytes}
  ram   (rwx) : ORIGIN = {ram_base:#010x}, LENGTH = {ram_bytes}
  code  (rwx) : ORIGIN = {code_base:#010x}, LENGTH = {code_bytes}
  ram2  (rwx) : ORIGIN = {second_base:#010x}, LENGTH = {second_bytes}
  upper (rwx) : ORIGIN = {upper_base:#010x}, LENGTH = {upper_bytes}
}}
SECTIONS
{{
  .vectors : {{
    KEEP(*(.smg_vectors))
  }} > flash
  .ramcode : ALIGN(8) {{
    smg_code_start = .;
{ramcode}    . = ALIGN(4);
    smg_code_end = .;
  }} > code AT> flash
  smg_code_load = LOADADDR(.ramcode);
  .text : {{
{text}  }} > flash
  .rodata : {{
{rodata}  }} > flash
  .data : ALIGN(8) {{
    smg_data_start = .;
{data}    . = ALIGN(4);
    smg_data_end = .;
  }} > {data_region} AT> flash
  smg_data_load = LOADADDR(.data);
  .arena (NOLOAD) : ALIGN(16) {{
    smg_bss_start = .;
    smg_arena_guard_low = .;
    . += {guard};
    *({arena})
    smg_arena_guard_high = .;
    . += {guard};
    . = ALIGN(8);
  }} > ram
{second}  .bss (NOLOAD) : ALIGN(8) {{
{bss}    . = ALIGN(4);
    smg_bss_end = .;
  }} > ram
  smg_stack_top = ORIGIN(ram) + LENGTH(ram);
  smg_stack_low = smg_stack_top - {stack};
  smg_stack_guard = smg_stack_low - {guard};
  ASSERT(smg_bss_end <= smg_stack_guard, "smidgen: static RAM reaches into the stack")
  ASSERT(smg_data_end <= smg_stack_guard, "smidgen: static RAM reaches into the stack")
  ASSERT(smg_code_end == smg_code_start || smg_bss_end <= {alias:#010x}, "smidgen: static RAM reaches into code's")
  /DISCARD/ : {{ *(.ARM.exidx* .ARM.extab* .note* .eh_frame* .debug*) }}
}}
"""


_SECOND = """\
  .arena2 (NOLOAD) : ALIGN(16) {{
    smg_arena2_guard_low = .;
    . += {guard};
    *(.bss.{arena})
    smg_arena2_guard_high = .;
    . += {guard};
  }} > ram2
"""


def linker_script(
    target: Target,
    arena_symbol: str,
    stack_bytes: int = DEFAULT_STACK_BYTES,
    ram_objects: Sequence[str] = (),
    second_arena_symbol: str = "",
) -> str:
    """The script's text. The code of ``ram_objects`` (file names) is stored in flash and runs from the code RAM.

    Code and constants go to the main flash, grouped by category between the symbols ``smg_<section>_<category>_start``
    and ``_end``. RAM from below: .data, a guard, the arena (input section ``.bss.<arena_symbol>``), a guard, .bss;
    at the top the stack with a guard below its lowest word. Start-up zeroes the guards; who runs the image fills them.
    If code takes bytes in the middle of the RAM (its alias), .data lies above them.
    """
    flash, ram = target.region("flash"), target.region("sram")
    code = target.code_ram or Region("none", ram.base, 0, "sram", alias=0)
    assert target.code_ram is not None or not ram_objects
    second = target.second_sram or code
    upper = _upper(ram, code) if ram_objects else Region("none", ram.base, 0, "sram")
    objects = "".join(f"    *{name}(.text .text.*)\n" for name in ram_objects)
    return _SCRIPT.format(
        target=target.name,
        flash_base=flash.base,
        flash_bytes=flash.size_bytes,
        ram_base=ram.base,
        ram_bytes=ram.size_bytes,
        second_base=second.base,
        second_bytes=second.size_bytes,
        second=_SECOND.format(arena=second_arena_symbol, guard=GUARD_BYTES) if second_arena_symbol else "",
        upper_base=upper.base,
        upper_bytes=upper.size_bytes,
        data_region="upper" if upper.size_bytes else "ram",
        code_base=code.base,
        code_bytes=code.size_bytes,
        alias=code.alias or 0,
        ramcode=f"    smg_ramcode_kernels_start = .;\n{objects}    smg_ramcode_kernels_end = .;\n",
        text=_grouped("text", ".text .text.*"),
        rodata=_grouped("rodata", ".rodata .rodata.*"),
        data=_grouped("data", ".data .data.*"),
        bss=_grouped("bss", ".bss .bss.* COMMON"),
        arena=f".bss.{arena_symbol}" if arena_symbol else ".bss.smg_no_arena",
        guard=GUARD_BYTES,
        stack=stack_bytes,
    )


def _upper(ram: Region, code: Region) -> Region:
    """What the RAM has above the bytes that code takes there: none if it takes them at its end or outside of it."""
    start, end = (code.alias or 0) + code.size_bytes, ram.base + ram.size_bytes
    return Region("upper", start, end - start if ram.base < start < end else 0, "sram")


def _grouped(section: str, patterns: str) -> str:
    lines = []
    for category in CATEGORIES:
        files = "*" if category == CATEGORIES[-1] else f"*{category}__*.o"
        lines.append(f"    smg_{section}_{category}_start = .;\n    {files}({patterns})\n")
        lines.append(f"    smg_{section}_{category}_end = .;\n")
    return "".join(lines)
