# SPDX-License-Identifier: Apache-2.0
"""Runs a kernel's C on this machine, with guards round everything it may touch."""

from __future__ import annotations

import ctypes
import mmap
import subprocess
import sys
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np

from smidgen.ir import Array, Node
from smidgen.kernels import Kernel, function_file, function_name, source_path
from smidgen.kernels.kernel import ROOT
from tests.kernels.contracts import fill, structs

FLAGS = (
    "-std=c11", "-ffreestanding", "-ffp-contract=off", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-Wshadow",
    "-Wpedantic", "-O1",
    "-fsanitize=undefined", "-fsanitize-trap=undefined", f"-I{ROOT / 'include'}",
)  # fmt: skip
_GUARD = 64
_POISON = 0xA5
_LIBC = ctypes.CDLL(None, use_errno=True)


def build(sources: list[Path], library: Path, *flags: str) -> ctypes.CDLL:
    """One shared library from C sources. Undefined behaviour traps."""
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, *flags, "-shared", "-fPIC", "-o", str(library)]
    done = subprocess.run([*command, *map(str, sources)], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, done.stderr
    return ctypes.CDLL(str(library))


def build_kernels(kernels: tuple[Kernel, ...], folder: Path) -> ctypes.CDLL:
    """The kernels that are one function each."""
    return build([source_path(k) for k in kernels if k.constants is None], folder / "kernels.so")


def build_instances(kernel: Kernel, nodes: Iterable[Node], folder: Path) -> ctypes.CDLL:
    """The functions of one kernel with constants for these nodes."""
    files = dict(function_file(kernel, node) for node in nodes)
    for name, text in files.items():
        (folder / name).write_text(text)
    half = [sorted(files)[i::2] for i in range(2)]
    flags = [f"-I{source_path(kernel).parent}", "-c"]
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda names: compile_objects([folder / n for n in names], folder, *flags), half))
    return build(sorted(folder.glob("*.o")), folder / "instances.so")


def compile_objects(sources: list[Path], folder: Path, *flags: str) -> None:
    """Objects beside the sources. Undefined behaviour traps."""
    if not sources:
        return
    command = [sys.executable, "-m", "ziglang", "cc", *FLAGS, "-fPIC", *flags, *map(str, sources)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder)
    assert done.returncode == 0, done.stderr


class Fenced:
    """Bytes that end where an inaccessible page begins: reading or writing past them faults."""

    def __init__(self, data: bytes) -> None:
        page = mmap.PAGESIZE
        room = -(-max(len(data), 1) // page) * page
        self._map = mmap.mmap(-1, room + page)
        base = ctypes.addressof(ctypes.c_char.from_buffer(self._map))
        assert _LIBC.mprotect(ctypes.c_void_p(base + room), page, 0) == 0
        self._map[room - len(data) : room] = data
        self._room, self._page, self._base, self._data = room, page, base, data
        self.address = base + room - len(data)

    def unchanged(self) -> bool:
        return self._map[self._room - len(self._data) : self._room] == self._data

    def close(self) -> None:
        _LIBC.mprotect(ctypes.c_void_p(self._base + self._room), self._page, 3)


class Guarded:
    """A poisoned, 8-byte aligned buffer between two guard zones."""

    def __init__(self, nbytes: int) -> None:
        self.nbytes = nbytes
        self._all = np.full(nbytes + 2 * _GUARD + 8, _POISON, np.uint8)
        self._start = _GUARD + -(self._all.ctypes.data + _GUARD) % 8
        self.address = self._all.ctypes.data + self._start

    def bytes(self) -> bytes:
        return self._all[self._start : self._start + self.nbytes].tobytes()

    def write(self, data: bytes) -> None:
        self._all[self._start : self._start + len(data)] = np.frombuffer(data, np.uint8)

    def intact(self) -> bool:
        outside = np.concatenate([self._all[: self._start], self._all[self._start + self.nbytes :]])
        return bool((outside == _POISON).all())


def run(library: ctypes.CDLL, kernel: Kernel, node: Node, arrays: list[Array], *, in_place: bool = False) -> Array:
    """The kernel's output for these operands; checks guards, inputs and, in place, the named operand's buffer."""
    keep: list[Any] = []
    params = fill(structs()[f"smg_{kernel.contract}_params"], kernel.params(node), keep)
    out = node.output.type
    taken = node[kernel.inplace].type.nbytes if in_place and kernel.inplace else 0
    y, scratch = Guarded(max(out.nbytes, taken)), Guarded(kernel.scratch(node))
    names = [o.rstrip("?*") for o in node.op.operands]
    packed = kernel.packed(node)
    fences: list[Fenced] = []
    pointers: list[int | None] = []
    for i, array in enumerate(arrays):
        name = names[min(i, len(names) - 1)]
        data: Array | None = packed[name].data if name in packed else array
        if in_place and name == kernel.inplace:
            y.write(array.tobytes())
            pointers.append(y.address)
        elif data is None:
            pointers.append(None)
        else:
            fences.append(Fenced(np.ascontiguousarray(data).tobytes()))
            pointers.append(fences[-1].address)
    pointers += [packed[n].data.ctypes.data if n in packed and packed[n].data is not None else None  # type: ignore[union-attr]
                 for n in names[len(arrays):]]  # fmt: skip
    _call(library, kernel, node, params, pointers, y.address, scratch.address)
    assert y.intact(), f"{kernel.symbol} wrote outside its output"
    assert scratch.intact(), f"{kernel.symbol} wrote outside its scratch"
    assert all(f.unchanged() for f in fences), f"{kernel.symbol} wrote into an operand"
    for f in fences:
        f.close()
    return np.frombuffer(y.bytes()[: out.nbytes], out.dtype).reshape(out.shape)


def _call(library: ctypes.CDLL, kernel: Kernel, node: Node, params: ctypes.Structure, pointers: list[int | None],
          y: int, scratch: int) -> None:  # fmt: skip
    arguments: list[Any] = [ctypes.c_void_p(p) for p in pointers]
    if node.op.operands[-1].endswith("*"):  # a variable number of inputs goes in as an array of pointers
        arguments = [(ctypes.c_void_p * len(pointers))(*pointers)]
    function = library[function_name(kernel, node)]
    function.restype = None
    function(ctypes.byref(params), *arguments, ctypes.c_void_p(y), ctypes.c_void_p(scratch))
