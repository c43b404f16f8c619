# SPDX-License-Identifier: Apache-2.0
"""Compiles and links a firmware's files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from smidgen.build.image import INCLUDES, RUNTIME, link, object_name
from smidgen.build.link import DEFAULT_STACK_BYTES
from smidgen.build.objects import CompileJob, Compiler, compile_all
from smidgen.build.toolchain import Toolchain
from smidgen.errors import OutputError
from smidgen.targets import Target

OPTIMIZE = "-O3"

__all__ = ["OPTIMIZE", "RUNTIME", "build_firmware", "category", "objects_of"]


def category(path: str) -> str:
    """Whose bytes a file's are, in the words of the linker script."""
    folder = path.partition("/")[0] if "/" in path else ""
    if path == "runtime/memory.c":
        return "support"
    return {"": "model", "kernels": "kernels"}.get(folder, "harness")


def objects_of(files: Mapping[str, str]) -> dict[str, str]:
    """The object's file name of every file to compile, by path, sorted."""
    return {path: object_name(path, category(path)) for path in sorted(files) if path.endswith((".c", ".S"))}


def build_firmware(files: Mapping[str, str], name: str, target: Target, toolchain: Toolchain, folder: Path) -> Path:
    """Compile and link ``files`` in ``folder``; returns the ELF's path there."""
    source_dir, object_dir = folder / "src", folder / "obj"
    try:
        for path, text in files.items():
            (source_dir / path).parent.mkdir(parents=True, exist_ok=True)
            (source_dir / path).write_text(text, encoding="utf-8")
        object_dir.mkdir(parents=True, exist_ok=True)
        (folder / "link.ld").write_text(files["link.ld"], encoding="utf-8")
    except OSError as error:
        raise OutputError(f"{folder}: cannot be written: {error.strerror}; choose another work folder") from None
    objects = objects_of(files)
    flags = toolchain.compile_flags(target, OPTIMIZE)
    compiler = Compiler(toolchain.version(), toolchain.command(), flags, toolchain.environment(folder))
    compile_all(compiler, source_dir, [CompileJob(p, object_dir / o) for p, o in objects.items()], INCLUDES)
    elf = folder / f"{name}.elf"
    link(toolchain, target, [f"obj/{o}" for o in objects.values()], elf, DEFAULT_STACK_BYTES)
    return elf
