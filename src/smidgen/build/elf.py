# SPDX-License-Identifier: Apache-2.0
"""Reads what an emulator and a report need from an Arm or RISC-V ELF file of any origin."""

from __future__ import annotations

import bisect
import difflib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from elftools.common.exceptions import ELFError
from elftools.elf.elffile import ELFFile
from elftools.elf.sections import SymbolTableSection

from smidgen.errors import ImageError
from smidgen.targets import Target
from smidgen.targets.target import Isa


@dataclass(frozen=True, slots=True)
class Segment:
    """Bytes to load. ``physical`` is where they are stored, ``virtual`` where they are used; they differ for .data."""

    virtual: int
    physical: int
    data: bytes
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class Symbol:
    """``address`` is without the Thumb bit; ``nbytes`` is 0 for a label."""

    name: str
    address: int
    nbytes: int
    is_function: bool


@dataclass(frozen=True, slots=True)
class Elf:
    """An executable. ``symbols`` are sorted by address; of several with one name the first global one counts."""

    path: Path
    isa: Isa
    segments: tuple[Segment, ...]
    symbols: tuple[Symbol, ...]
    by_name: Mapping[str, Symbol]
    functions: tuple[Symbol, ...]
    function_addresses: tuple[int, ...]

    def symbol(self, name: str) -> Symbol:
        """The symbol of this name; ImageError lists near names."""
        if name in self.by_name:
            return self.by_name[name]
        near = difflib.get_close_matches(name, self.by_name, n=3, cutoff=0.6)
        hint = f"; near: {', '.join(near)}" if near else ""
        raise ImageError(f"{self.path}: no symbol {name!r}{hint}; is it static, optimised out, or the file stripped?")

    def require(self, target: Target) -> None:
        """ImageError if the file is not for the target's instruction set."""
        if self.isa != target.core.isa:
            raise ImageError(
                f"{self.path}: built for {self.isa}, but {target.name} has {target.core.title}, which is "
                f"{target.core.isa}; build it for this target or choose another --target"
            )

    def function_at(self, address: int) -> str:
        """The function that holds ``address``, or ``?<hex>`` outside of all."""
        at = bisect.bisect_right(self.function_addresses, address) - 1
        if at >= 0:
            function = self.functions[at]
            if address < function.address + max(function.nbytes, 4):
                return function.name
        return f"?{address:08x}"


_MACHINES: Mapping[str, Isa] = {"EM_ARM": "arm", "EM_RISCV": "riscv"}


def read_elf(path: Path) -> Elf:
    """ImageError if the file is missing, damaged, stripped, or no 32-bit little-endian Arm or RISC-V executable."""
    try:
        with path.open("rb") as stream:
            return _read(path, ELFFile(stream))
    except OSError as error:
        raise ImageError(f"{path}: cannot be read: {error.strerror}") from None
    except ELFError as error:
        raise ImageError(f"{path}: not an ELF file, or a damaged one ({error or 'bad magic'})") from None
    except (UnicodeDecodeError, ValueError, KeyError, TypeError, AttributeError, IndexError, OverflowError) as error:
        raise ImageError(f"{path}: a damaged ELF file ({type(error).__name__}: {error})") from None


def _read(path: Path, elf: ELFFile) -> Elf:
    isa = _MACHINES.get(elf["e_machine"])
    if isa is None or elf.elfclass != 32 or not elf.little_endian:
        machine = f"{elf['e_machine']} ({elf.elfclass} bit)"
        raise ImageError(f"{path}: built for {machine}, not for 32-bit little-endian Arm or RISC-V")
    if elf["e_type"] != "ET_EXEC":
        raise ImageError(f"{path}: type {elf['e_type']}, not an executable: link it first, at fixed addresses")
    segments = tuple(
        Segment(s["p_vaddr"], s["p_paddr"], s.data(), s["p_memsz"])
        for s in elf.iter_segments()
        if s["p_type"] == "PT_LOAD" and s["p_memsz"]
    )
    if not any(s.data for s in segments):
        raise ImageError(f"{path}: nothing to load (no PT_LOAD segment with bytes)")
    table = elf.get_section_by_name(".symtab")
    if not isinstance(table, SymbolTableSection):
        raise ImageError(f"{path}: no symbol table; build it without stripping")
    symbols, by_name = _symbols(table)
    functions = tuple(s for s in symbols if s.is_function)
    return Elf(path, isa, segments, symbols, by_name, functions, tuple(f.address for f in functions))


def _symbols(table: SymbolTableSection) -> tuple[tuple[Symbol, ...], Mapping[str, Symbol]]:
    rows: list[tuple[int, bool, Symbol]] = []
    for entry in table.iter_symbols():
        kind = entry["st_info"]["type"]
        if not entry.name or entry.name.startswith("$") or entry["st_shndx"] == "SHN_UNDEF":
            continue  # $t, $d: mapping symbols
        if kind not in ("STT_FUNC", "STT_OBJECT", "STT_NOTYPE"):
            continue
        is_function = kind == "STT_FUNC"
        address = entry["st_value"] & (~1 if is_function else ~0)
        symbol = Symbol(entry.name, address, entry["st_size"], is_function)
        rows.append((address, entry["st_info"]["bind"] == "STB_LOCAL", symbol))
    by_name: dict[str, Symbol] = {}
    for _, _, symbol in sorted(rows, key=lambda r: (r[1], r[0])):
        by_name.setdefault(symbol.name, symbol)
    ordered = sorted(rows, key=lambda r: (r[0], r[1], r[2].name))
    return tuple(symbol for _, _, symbol in ordered), by_name
