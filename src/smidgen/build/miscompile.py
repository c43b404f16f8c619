# SPDX-License-Identifier: Apache-2.0
"""Finds the addresses that clang 22 (zig 0.17.1) gets wrong in Thumb code without saying so.

``adr.w`` reaches 4095 bytes. Where a constant lies further away, clang's assembler keeps the low twelve bits of the
distance, so the code reads something else. It happens where the compiler takes a function for shorter than it is: it
counts the lines of inline assembly, and ``.rept`` makes more of them. Every other PC-relative instruction out of reach
is an error of the assembler's.
"""

from __future__ import annotations

import bisect
import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from elftools.elf.elffile import ELFFile
from elftools.elf.relocation import RelocationSection
from elftools.elf.sections import Section, SymbolTableSection

from smidgen.errors import BuildFailed

REACH_BYTES = 4096
"""No address is wrong in a section that is not longer."""

KEEP_LABELS = ("-Xclang", "-msave-temp-labels")
"""clang's flags for objects whose symbols include the labels that instructions refer to; the code is the same."""

_EXECUTABLE = 4  # SHF_EXECINSTR


@dataclass(frozen=True, slots=True)
class Reference:
    """An instruction that takes its operand's place from the program counter. Addresses in the section or image."""

    address: int
    target: int
    is_adr: bool


@dataclass(frozen=True, slots=True)
class _Code:
    """An executable section: ``parts`` are (start, end, is code), from Arm's mapping symbols."""

    name: str
    base: int
    data: bytes
    parts: tuple[tuple[int, int, bool], ...]
    labels: frozenset[int]
    functions: tuple[tuple[int, str], ...]
    relocated: frozenset[int]

    def references(self) -> Iterator[Reference]:
        for start, end, is_code in self.parts:
            if is_code:
                code = self.data[start - self.base : end - self.base]
                yield from (r for r in references(code, start) if r.address not in self.relocated)

    def is_data(self, address: int) -> bool:
        at = bisect.bisect_right(self.parts, (address, 1 << 32, True)) - 1
        return at >= 0 and address < self.parts[at][1] and not self.parts[at][2]

    def function_at(self, address: int) -> str:
        at = bisect.bisect_right(self.functions, (address, "\U0010ffff")) - 1
        return self.functions[at][1] if at >= 0 else self.name


def suspicious(path: Path) -> bool:
    """Whether an Arm object has an ``adr.w`` in a section long enough for it to be wrong."""
    return any(
        len(code.data) > REACH_BYTES and any(r.is_adr for r in code.references()) for code in _read(path, labels=False)
    )


def check_object(path: Path, what: str) -> None:
    """BuildFailed if an ``adr.w`` of an Arm object compiled with KEEP_LABELS misses its label; ``what`` is the source.

    An ``adr.w`` is right if it refers to a label, unless there is another one, which nothing refers to, a multiple of
    4096 bytes further on: then its distance was cut and the label it meets is there by chance.
    """
    for code in _read(path, labels=True):
        found = list(code.references())
        used = {r.target for r in found}
        for reference in found:
            if reference.is_adr and (reference.target not in code.labels or _cut(code, reference, used)):
                raise _error(code, reference, what)


def _cut(code: _Code, reference: Reference, used: set[int]) -> bool:
    step = REACH_BYTES if reference.target > reference.address else -REACH_BYTES
    places = range(reference.target + step, code.base + len(code.data) if step > 0 else code.base - 1, step)
    return any(p in code.labels and code.is_data(p) and p not in used for p in places)


def check_elf(path: Path) -> None:
    """BuildFailed if an instruction of a linked Arm image takes a constant from a place where code is."""
    for code in _read(path, labels=False):
        for reference in code.references():
            if not code.is_data(reference.target):
                raise _error(code, reference, path.name)


def _error(code: _Code, reference: Reference, what: str) -> BuildFailed:
    return BuildFailed(
        f"{what}: the compiler made a wrong address: the instruction at {reference.address:#x} in "
        f"{code.function_at(reference.address)} refers to {reference.target:#x}, where no constant is (zig's clang "
        "cuts the distance of adr.w at 4096 bytes). Take the toolchain gcc-arm, or a shorter kernel for this step "
        "(--kernel), and report it"
    )


def references(code: bytes, address: int) -> Iterator[Reference]:
    """The PC-relative ADR and LDR of Thumb code that lies at ``address`` (Armv7-M ARM, A7.7: ADR, LDR (literal))."""
    halves = struct.unpack(f"<{len(code) // 2}H", code[: len(code) & ~1])
    at = 0
    while at < len(halves):
        first, place = halves[at], address + 2 * at
        pc = (place + 4) & ~3
        if first >> 11 not in (0b11101, 0b11110, 0b11111):
            if first >> 11 in (0b01001, 0b10100):  # ldr r, [pc, #8 bits], adr r, #8 bits
                yield Reference(place, pc + 4 * (first & 0xFF), False)
            at += 1
            continue
        second = halves[at + 1] if at + 1 < len(halves) else 0
        offset = _wide(first, second)
        if offset is not None:
            yield Reference(place, pc + offset, first & 0xF800 == 0xF000)
        at += 2


def _wide(first: int, second: int) -> int | None:
    """The offset from the PC of a 32-bit ADR or load of a literal; None of any other instruction."""
    if first & 0xFB5F == 0xF20F and second >> 15 == 0 and (first >> 5 & 1) == (first >> 7 & 1):  # addw, subw r, pc
        offset = (first >> 10 & 1) << 11 | (second >> 12 & 7) << 8 | second & 0xFF
        return -offset if first & 0x80 else offset
    if first & 0xFE1F == 0xF81F and second >> 12 != 15 and first >> 5 & 3 != 3:  # ldr, ldrh, ldrb and signed; no pld
        return _signed(first, second & 0xFFF)
    if first & 0xFF7F in (0xE95F,) or (first & 0xFF3F == 0xED1F and second & 0xE00 == 0xA00):  # ldrd; vldr
        return _signed(first, 4 * (second & 0xFF))
    return None


def _signed(first: int, offset: int) -> int:
    return offset if first & 0x80 else -offset


def _read(path: Path, *, labels: bool) -> list[_Code]:
    with path.open("rb") as stream:
        elf = ELFFile(stream)
        table = elf.get_section_by_name(".symtab")
        if elf["e_machine"] != "EM_ARM" or not isinstance(table, SymbolTableSection):
            return []
        symbols: dict[int, list[tuple[int, str, bool]]] = {}
        for symbol in table.iter_symbols():
            index = symbol["st_shndx"]
            if isinstance(index, int) and symbol.name:
                is_function = symbol["st_info"]["type"] == "STT_FUNC"
                symbols.setdefault(index, []).append((symbol["st_value"], symbol.name, is_function))
        relocated = _relocated(elf)
        return [
            _section(section, symbols.get(index, []), relocated.get(index, frozenset()), labels)
            for index, section in enumerate(elf.iter_sections())
            if section["sh_flags"] & _EXECUTABLE and section["sh_type"] == "SHT_PROGBITS"
        ]


def _relocated(elf: ELFFile) -> dict[int, frozenset[int]]:
    """The places that the linker fills in, by section."""
    return {
        section["sh_info"]: frozenset(r["r_offset"] for r in section.iter_relocations())
        for section in elf.iter_sections()
        if isinstance(section, RelocationSection)
    }


def _section(section: Section, symbols: list[tuple[int, str, bool]], relocated: frozenset[int], labels: bool) -> _Code:
    base = section["sh_addr"]
    end = base + section["sh_size"]
    marks = sorted((value, name.startswith("$t")) for value, name, _ in symbols if name[:2] in ("$t", "$d"))
    spans = itertools.pairwise((*marks, (end, False)))
    parts = tuple((start, stop, is_code) for (start, is_code), (stop, _) in spans if stop > start)
    functions = tuple(sorted((value & ~1, name) for value, name, is_function in symbols if is_function))
    places = frozenset(value for value, name, _ in symbols if not name.startswith("$")) if labels else frozenset()
    return _Code(section.name, base, section.data(), parts, places, functions, relocated)
